"""Filters of numbers and dates, filters that make identifiers, and tests."""

from __future__ import annotations

import re
import uuid as uuids
from collections.abc import Callable
from datetime import date, datetime
from hashlib import sha1, sha256

import polars as pl

from etlrunner.expressions import distinct, operations, text_filters
from etlrunner.expressions.catalogue import (
    DATE,
    LIST,
    NUMBER,
    TEXT,
    TRUTH,
    Arguments,
    BadArgument,
    Example,
    Operator,
    Parameter,
)
from etlrunner.expressions.typed import MOST, Value, derived

DIRECTIVES = "YmdybBjaAHMS%"
"""Letters after % in a date format."""

NAMESPACE = uuids.uuid5(uuids.NAMESPACE_URL, "https://etlrunner.invalid/uuid")
"""Under which `uuid` makes a namespace of its argument. Changing it would re-key every roster."""

PLAIN_NUMBER = "^-?[0-9]{1,15}$"


def integer(value: Value, arguments: Arguments) -> Value:
    fallback = arguments["default"]
    if value.type is NUMBER:
        return value
    expr = distinct.by_pattern(
        value.expr,
        PLAIN_NUMBER,
        lambda texts: texts.cast(pl.Int64, strict=False),
        lambda text: to_integer(text, fallback),
        NUMBER,
    )
    return derived(NUMBER, expr, value, bound=MOST)


def to_integer(text: str, fallback: int) -> int:
    """A number as Jinja2 reads one, of at most 15 digits; else the fallback."""
    if len(text) > 100:
        return fallback
    try:
        number = int(text)
    except ValueError:
        try:
            number = int(float(text))
        except (ValueError, OverflowError):
            return fallback
    return number if -MOST <= number <= MOST else fallback


def to_date(value: Value, arguments: Arguments) -> Value:
    form = _form(arguments["format"])
    return derived(DATE, distinct.by_python(value.expr, _reader(form), DATE), value)


def format_date(value: Value, arguments: Arguments) -> Value:
    form = _form(arguments["format"])

    def compute(days: pl.Series) -> pl.Series:
        distinct_days = days.drop_nulls().unique()
        texts = pl.Series([written(day, form) for day in distinct_days], dtype=pl.String())
        return days.replace_strict(distinct_days, texts, default="", return_dtype=pl.String())

    expr = value.expr.map_batches(compute, pl.String(), is_elementwise=True)
    return derived(TEXT, expr, value)


def written(day: date, form: str) -> str:
    """A date in a format; years have four digits on every system."""
    return day.strftime(
        form.replace("%%", "%%%%").replace("%Y", f"{day.year:04d}").replace("%%%%", "%%")
    )


def uuid(value: Value, arguments: Arguments) -> Value:
    """RFC 9562 version 5. Python hashes; the hyphens and the version are put in by Polars, which is quicker."""
    namespace = uuids.uuid5(NAMESPACE, arguments["namespace"]).bytes

    def compute(texts: pl.Series) -> pl.Series:
        hashes = [sha1(namespace + text.encode()).hexdigest() for text in texts.fill_null("")]  # noqa: S324
        frame = pl.DataFrame(
            {"text": texts, "hash": hashes}, schema={"text": pl.String, "hash": pl.String}
        )
        return frame.select(_hyphened(pl.col("text"), pl.col("hash"))).to_series()

    return derived(TEXT, value.expr.map_batches(compute, pl.String(), is_elementwise=True), value)


def hashed(value: Value, arguments: Arguments) -> Value:
    length, namespace = arguments["length"], arguments["namespace"]
    if not 8 <= length <= 64:
        raise BadArgument("`length` is from 8 to 64")
    # a zero byte keeps ("ab", "c") and ("a", "bc") apart
    lead = namespace.encode() + b"\0" if namespace else b""

    def compute(text: str) -> str:
        return sha256(lead + text.encode()).hexdigest()[:length] if text else ""

    return derived(TEXT, distinct.by_python(value.expr, compute, TEXT), value)


def empty(value: Value, arguments: Arguments) -> Value:
    return operations.is_empty(value)


def is_date(value: Value, arguments: Arguments) -> Value:
    read = _reader(_form(arguments["format"]))
    expr = distinct.by_python(value.expr, lambda text: read(text) is not None, TRUTH)
    return derived(TRUTH, expr, value)


def is_integer(value: Value, arguments: Arguments) -> Value:
    return derived(TRUTH, value.expr.str.contains(PLAIN_NUMBER.replace("$", r"\z")), value)


def _hyphened(text: pl.Expr, digest: pl.Expr) -> pl.Expr:
    """xxxxxxxx-xxxx-5xxx-Vxxx-xxxxxxxxxxxx, where V carries the variant; of the empty text, nothing."""
    variant = digest.str.slice(16, 1).replace_strict(
        list("0123456789abcdef"), list("89ab" * 4), return_dtype=pl.String
    )
    parts = [
        digest.str.slice(0, 8), pl.lit("-"), digest.str.slice(8, 4), pl.lit("-5"), digest.str.slice(13, 3),
        pl.lit("-"), variant, digest.str.slice(17, 3), pl.lit("-"), digest.str.slice(20, 12),
    ]  # fmt: skip
    return pl.when(text == "").then(pl.lit("")).otherwise(pl.concat_str(parts))


def _form(form: str) -> str:
    """A date format with nothing in it that depends on the machine; raises BadArgument."""
    for letter in re.findall("%(.?)", form.replace("%%", "")):
        if letter not in DIRECTIVES or not letter:
            known = " ".join(f"%{one}" for one in DIRECTIVES)
            raise BadArgument(
                f"%{letter} is not part of a date format",
                position=0,
                hint=f"there are: {known}",
                code="E359",
            )
    if "%" not in form.replace("%%", ""):
        hint = "like '%m/%d/%Y' for 08/15/2027"
        raise BadArgument("this date format has no % in it", position=0, hint=hint, code="E359")
    return form


def _reader(form: str) -> Callable[[str], date | None]:
    def read(text: str) -> date | None:
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007
        except ValueError:
            return None

    return read


def _e(expression: str, cell: str, result: str, column: str = "day") -> Example:
    return Example(expression, {column: cell}, result)


FORMAT = Parameter("format", TEXT, "%Y-%m-%d")
YES = "'yes' if {} else 'no'"

OTHER_FILTERS = (
    Operator("int", "Reads a whole number of at most 15 digits; text that is none gives `default`.", (TEXT, NUMBER), NUMBER, "0, or `default`",
             [_e("grade | int", "07", "7", "grade"), _e("grade | int", "PK", "0", "grade"), _e("grade | int(-1)", "", "-1", "grade")], integer,
             (Parameter("default", NUMBER, 0),), difference="beyond 15 digits it is `default`."),
    Operator("date", "Reads a date; text that is none gives no date, and comparing no date is false.", (TEXT,), DATE, "no date",
             [_e("day | date('%m/%d/%Y')", "8/15/2027", "2027-08-15"), _e(YES.format("day | date < today"), "2000-01-01", "yes"), _e("day | date", "soon", "")], to_date, (FORMAT,), jinja=False),
    Operator("format_date", "Writes a date; no date is the empty text.", (DATE,), TEXT, "no date gives the empty text",
             [_e("day | date | format_date('%m/%d/%Y')", "2027-08-15", "08/15/2027")], format_date, (FORMAT,), jinja=False),
    Operator("uuid", "An identifier made from the text: the same text and namespace give the same one, always (UUID version 5).", (TEXT,), TEXT, "stays empty",
             [_e("id | uuid('roster')", "c1|u1", "98f50aeb-70a1-57c4-a81b-74ca2712c2db", "id"), _e("id | uuid", "", "", "id")], uuid, (Parameter("namespace", TEXT, ""),), jinja=False),
    Operator("hash", "SHA-256 in hexadecimal, or its first `length` characters.", (TEXT,), TEXT, "stays empty",
             [_e("id | hash(12)", "4711", "de650d61f5bd", "id")], hashed, (Parameter("length", NUMBER, 64), Parameter("namespace", TEXT, "")), jinja=False),
)  # fmt: skip

TEST_LIST = (
    Operator("empty", "Whether there is nothing: the empty text, an empty list, no date.", (TEXT, LIST, DATE), TRUTH, "yes",
             [_e(YES.format("email is empty"), "", "yes", "email"), Example(YES.format("grades is not empty"), {"grades": ["01"]}, "yes")], empty, kind="test", jinja=False),
    Operator("date", "Whether the text is a date in this format.", (TEXT,), TRUTH, "no", [_e(YES.format("day is date('%m/%d/%Y')"), "13/45/2027", "no")],
             is_date, (FORMAT,), kind="test", jinja=False),
    Operator("integer", "Whether the text is a whole number of at most 15 digits.", (TEXT,), TRUTH, "no", [_e(YES.format("grade is integer"), "07", "yes", "grade")],
             is_integer, kind="test", jinja=False, difference="Jinja2's asks for the type of a value, and cells are all text."),
    Operator("matching", "Whether the whole text matches a pattern, like the filter `regex_match`.", (TEXT,), TRUTH, "is matched like any text",
             [_e(YES.format("id is matching('[0-9]+')"), "4711", "yes", "id")], text_filters.regex_match, (Parameter("pattern", TEXT),), kind="test", jinja=False),
)  # fmt: skip
