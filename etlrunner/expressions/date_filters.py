"""Filters that read, move and write dates, and the test for them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime

import polars as pl

from etlrunner.expressions import distinct
from etlrunner.expressions.catalogue import (
    DATE,
    NUMBER,
    TEXT,
    TRUTH,
    Arguments,
    BadArgument,
    Example,
    Operator,
    Parameter,
)
from etlrunner.expressions.typed import Value, derived

DIRECTIVES = "YmdybBjaAHMS%"
"""Letters after % in a date format."""

FARTHEST_DAYS = 36_525
"""A hundred years: the most that `add_days` moves a date."""


def to_date(value: Value, arguments: Arguments) -> Value:
    form = _form(arguments["format"])
    return derived(DATE, distinct.by_python(value.expr, _reader(form), DATE), value)


def format_date(value: Value, arguments: Arguments) -> Value:
    form = _form(arguments["format"])

    texts = distinct.by_python(value.expr, lambda day: written(day, form), TEXT).fill_null("")
    return derived(TEXT, texts, value)


def written(day: date, form: str) -> str:
    """A date in a format; years have four digits on every system."""
    return day.strftime(
        form.replace("%%", "%%%%").replace("%Y", f"{day.year:04d}").replace("%%%%", "%%")
    )


def add_days(value: Value, arguments: Arguments) -> Value:
    days = arguments["days"]
    if abs(days) > FARTHEST_DAYS:
        raise BadArgument(f"`days` is at most {FARTHEST_DAYS:,}, a hundred years", parameter="days")
    moved = value.expr.dt.offset_by(f"{days}d")
    # Python's dates end with the year 9999
    there = moved.dt.year().is_between(1, 9999)
    nothing = pl.lit(None, dtype=pl.Date())
    return derived(DATE, pl.when(there).then(moved).otherwise(nothing), value, references=2)


def school_year(value: Value, arguments: Arguments) -> Value:
    first = arguments["first_month"]
    if not 1 <= first <= 12:
        raise BadArgument("`first_month` is a month, from 1 to 12", parameter="first_month")
    year = value.expr.dt.year().cast(pl.Int64)
    begun = (value.expr.dt.month() >= first).cast(pl.Int64) if first > 1 else pl.lit(0)
    return derived(NUMBER, (year + begun).fill_null(0), value, references=2, bound=10_000)


def is_date(value: Value, arguments: Arguments) -> Value:
    read = _reader(_form(arguments["format"]))
    expr = distinct.by_python(value.expr, lambda text: read(text) is not None, TRUTH)
    return derived(TRUTH, expr, value)


def _form(form: str) -> str:
    """A date format with nothing in it that depends on the machine; raises BadArgument."""
    for letter in re.findall("%(.?)", form.replace("%%", "")):
        if letter not in DIRECTIVES or not letter:
            known = " ".join(f"%{one}" for one in DIRECTIVES)
            raise BadArgument(
                f"%{letter} is not part of a date format",
                parameter="format",
                hint=f"there are: {known}",
                code="E359",
            )
    if "%" not in form.replace("%%", ""):
        hint = "like '%m/%d/%Y' for 08/15/2027"
        raise BadArgument(
            "this date format has no % in it", parameter="format", hint=hint, code="E359"
        )
    return form


def _reader(form: str) -> Callable[[str], date | None]:
    def read(text: str) -> date | None:
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007
        except ValueError:
            return None

    return read


def _e(expression: str, cell: str, result: str) -> Example:
    return Example(expression, {"day": cell}, result)


FORMAT = Parameter("format", TEXT, "%Y-%m-%d")
DATE_FILTERS = (
    Operator("date", "Reads a date; text that is none gives no date, and comparing no date is false.", (TEXT,), DATE, "no date",
             [_e("day | date('%m/%d/%Y')", "8/15/2027", "2027-08-15"), _e("'yes' if day | date < today else 'no'", "2000-01-01", "yes"), _e("day | date", "soon", "")], to_date, (FORMAT,), jinja=False),
    Operator("format_date", "Writes a date; no date is the empty text.", (DATE,), TEXT, "no date gives the empty text",
             [_e("day | date | format_date('%m/%d/%Y')", "2027-08-15", "08/15/2027")], format_date, (FORMAT,), jinja=False),
    Operator("add_days", "So many days later, or earlier with a number below zero; before the year 1 or after 9999 there is no date.", (DATE,), DATE, "no date stays no date",
             [_e("day | date | add_days(14)", "2026-12-20", "2027-01-03"), _e("'yes' if day | date <= today | add_days(14) else 'no'", "2027-01-20", "yes")], add_days,
             (Parameter("days", NUMBER),), jinja=False),
    Operator("school_year", "The year in which the school year of a date ends; it begins in July, or in `first_month`. With a grade: the year of graduation.", (DATE,), NUMBER, "0 of no date",
             [_e("today | school_year", "", "2027"), _e("day | date | school_year(8)", "2026-07-31", "2026"),
              Example("(today | school_year) + 12 - (grade | int)", {"grade": "09"}, "2030")], school_year, (Parameter("first_month", NUMBER, 7),), jinja=False),
)  # fmt: skip

DATE_TESTS = (
    Operator("date", "Whether the text is a date in this format.", (TEXT,), TRUTH, "no", [_e("'yes' if day is date('%m/%d/%Y') else 'no'", "13/45/2027", "no")],
             is_date, (FORMAT,), kind="test", jinja=False),
)  # fmt: skip
