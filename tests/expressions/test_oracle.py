"""Compiled expressions give the cells that Jinja2 gives, row by row, but for the published differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from etlrunner.expressions import Type, compile_value, compile_where
from etlrunner.model import Located
from tests.support import oracle

TODAY = date(2027, 1, 15)
TEXTS, LISTS = ("given", "family", "role"), ("grades", "tags")
COLUMNS = dict.fromkeys(TEXTS, Type.TEXT) | dict.fromkeys(LISTS, Type.LIST)
SCHEMA = dict.fromkeys(TEXTS, pl.String()) | dict.fromkeys(LISTS, pl.List(pl.String()))
ODD = (
    "", " ", "a", "Ada", "ADA", "ada  lovelace", " \tx\u00a0", "O'NEIL-SMITH", "éva", "E\u0301VA", "Straße", "İstanbul", "ΣΑΣ", "ŉ", "ǆ",
    "😀", "👩‍👩‍👧", "\u200bz", "\x1f", "a,b,,c", "12", "-7", "007", "+3", " 4 ", "1_000", "1e3", "12.9", "nan", "٣", "9" * 15, "9" * 16, "2027-01-15",
    "2026-12-31", "02/29/2024", "2027-02-30", "teacher", "student", "false", "None", "$1", "a\nb", "(x) [y] <z", "word " * 60, "x" * 300,
)  # fmt: skip

texts = st.one_of(st.sampled_from(ODD), st.text(st.characters(codec="utf-8"), max_size=12))
rows = st.fixed_dictionaries(
    dict.fromkeys(TEXTS, texts) | dict.fromkeys(LISTS, st.lists(texts, max_size=4))
)
quoted = st.sampled_from(
    ["''", "'a'", "'Ada'", "' '", "','", "'é'", "'😀'", "'12'", "'false'", "'teacher'", "'$0'"]
)
numbers = st.sampled_from(["0", "1", "2", "3", "12", "-1", "100"])
index = st.sampled_from(["0", "1", "2", "5", "-1", "-2", "-4", "40"])
slices = st.builds("[{}:{}]".format, st.just("") | index, st.just("") | index)


def filtered(inner: st.SearchStrategy[str], *filters: str) -> st.SearchStrategy[str]:
    return st.builds("({}) | {}".format, inner, st.sampled_from(filters))


TEXT_FILTERS = (
    "trim", "trim('a ')", "lower", "upper", "title", "capitalize", "replace('a', 'b')", "replace(' ', '')", "replace('a', '$1x', 2)", "truncate(9)",
    "truncate(7, true, '', 0)", "truncate(5, false, '…', 2)", "default('Ada')", "default(family)", "first", "last", "pad_left(4)", "pad_left(6, 'é')",
    "strip_accents", "digits", "initials", "regex_replace('[a-c]+', '<${0}>')", "regex_replace('(a)(b)', '${2}${1}')", "uuid('roster')", "uuid",
    "hash(12)", "text",
)  # fmt: skip


def text_of(t: Any, lists: Any, truth: Any, number: Any, day: Any) -> st.SearchStrategy[str]:
    return st.one_of(
        filtered(t, *TEXT_FILTERS),
        filtered(lists, "first", "last", "join", "join('; ')"),
        filtered(day, "format_date", "format_date('%m/%d/%Y')", "text"),
        st.builds("({}) ~ ({})".format, t, st.one_of(t, number, day)),
        st.builds("({} if {} else {})".format, t, truth, t),
        st.builds("({} if {})".format, t, truth),
        st.builds("({} or {})".format, t, t),
        st.builds("({}){}".format, t, slices),
        st.builds("({})[{}]".format, t | lists, index),
    )


def list_of(t: Any, lists: Any, truth: Any) -> st.SearchStrategy[str]:
    return st.one_of(
        filtered(
            lists, "sort", "unique", "sort(true)", "sort(case_sensitive=true)", "unique(true)"
        ),
        filtered(t, "split(',')", "split"),
        st.builds("({}){}".format, lists, slices),
        st.builds("[{}, {}]".format, t, t),
        st.builds("({} if {} else {})".format, lists, truth, lists),
        st.builds("({} if {})".format, lists, truth),
        st.builds("({} or {})".format, lists, lists),
    )


def truth_of(t: Any, lists: Any, truth: Any, number: Any, day: Any) -> st.SearchStrategy[str]:
    signs = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
    return st.one_of(
        st.builds("({} {} {})".format, t, signs, t),
        st.builds("({} {} {})".format, number, signs, number),
        st.builds("({} {} {})".format, day, signs, day),
        st.builds("({} < {} <= {})".format, t, t, t),
        st.builds("({} {} {})".format, t, st.sampled_from(["in", "not in"]), t | lists),
        st.builds("({} {} ['Ada', 'teacher', ''])".format, t, st.sampled_from(["in", "not in"])),
        st.builds("({} in ({}, {}))".format, t, t, t),
        st.builds("(({}) is {}empty)".format, t | lists | day, st.sampled_from(["", "not "])),
        st.builds(
            "(({}) is {})".format, t, st.sampled_from(["integer", "date", "matching('[a-z]+')"])
        ),
        st.builds("({}) | regex_match('.*[0-9]')".format, t),
        st.builds("(not {})".format, truth),
        st.builds("({} {} {})".format, truth, st.sampled_from(["and", "or"]), truth),
        st.builds("({} == {})".format, truth, truth),
    )


def expressions(depth: int) -> dict[str, st.SearchStrategy[str]]:
    """Strategies for each type, nested so deep."""
    base = {
        "text": st.sampled_from(TEXTS) | quoted,
        "list": st.sampled_from(LISTS),
        "truth": st.sampled_from(["(given == 'Ada')", "(role in ['teacher', 'aide'])", "true"]),
        "number": numbers,
        "date": st.sampled_from(["today", "given | date", "'2027-01-15' | date"]),
    }
    for _ in range(depth):
        t, lists, truth, number, day = (
            base[kind] for kind in ("text", "list", "truth", "number", "date")
        )
        base = {
            "text": t | text_of(t, lists, truth, number, day),
            "list": lists | list_of(t, lists, truth),
            "truth": truth | truth_of(t, lists, truth, number, day),
            "number": st.one_of(
                number,
                filtered(t, "int", "int(-1)", "length"),
                filtered(lists, "length"),
                st.builds("({} {} {})".format, number, st.sampled_from(["+", "-"]), number),
                st.builds("({} if {} else {})".format, number, truth, number),
            ),
            "date": st.one_of(
                day,
                filtered(t, "date", "date('%m/%d/%Y')"),
                st.builds("({} if {} else {})".format, day, truth, day),
                st.builds("({} if {})".format, day, truth),
                st.builds("({}) | default(today)".format, day),
            ),
        }
    return base


DEEP = expressions(3)
cells = st.one_of(
    DEEP["text"], DEEP["list"], DEEP["number"], DEEP["date"],
    st.builds("S-{{{{ {} }}}}/{{{{ {} }}}}".format, DEEP["text"], DEEP["number"] | DEEP["date"]),
)  # fmt: skip


def frame_of(given_rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(list(given_rows), schema=SCHEMA, orient="row")


def agrees(expression: str, given_rows: Sequence[Mapping[str, Any]]) -> None:
    """The column equals Jinja2's cells, so no null is in it."""
    compiled = compile_value(Located(expression), COLUMNS, today=TODAY)
    column = frame_of(given_rows).with_columns(compiled.expr.alias("result"))["result"]
    expected = [oracle.cell(expression, row, TODAY) for row in given_rows]
    assert column.to_list() == expected, expression
    assert column.dtype == (pl.List(pl.String) if compiled.type is Type.LIST else pl.String)


def conditions_agree(expression: str, given_rows: Sequence[Mapping[str, Any]]) -> None:
    rules = compile_where(Located(expression), COLUMNS, today=TODAY)
    result = frame_of(given_rows).select(
        pl.all_horizontal([rule.expr for rule in rules]).alias("x")
    )
    kept = result["x"].to_list() * (len(given_rows) if len(result) < len(given_rows) else 1)
    assert kept == [oracle.cell(expression, row, TODAY) for row in given_rows], expression


some_rows = st.lists(rows, min_size=4, max_size=10)
FAST = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
LONG = settings(
    max_examples=11_000, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate], database=None
)  # fmt: skip


@FAST
@given(cells, some_rows)
def test_a_column_is_what_jinja_renders_for_each_row(
    expression: str, given_rows: list[dict[str, Any]]
) -> None:
    agrees(expression, given_rows)


@FAST
@given(DEEP["truth"], some_rows)
def test_a_condition_is_true_where_jinja_says_so(
    expression: str, given_rows: list[dict[str, Any]]
) -> None:
    conditions_agree(expression, given_rows)


@FAST
@given(st.sampled_from(TEXT_FILTERS), st.lists(texts, min_size=1, max_size=30))
def test_each_filter_does_to_any_text_what_jinja_does(name: str, cells: list[str]) -> None:
    agrees(
        f"given | {name}",
        [{"given": one, "family": "Noel", "role": "", "grades": [], "tags": []} for one in cells],
    )


def test_every_code_point_is_trimmed_and_cased_as_python_does() -> None:
    points = [chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000]
    frame = pl.DataFrame({"given": points})
    for name, method in {
        "trim": str.strip,
        "lower": str.lower,
        "upper": str.upper,
        "capitalize": str.capitalize,
    }.items():
        compiled = compile_value(Located(f"given | {name}"), {"given": Type.TEXT}, today=TODAY)
        column = frame.select(compiled.expr).to_series()
        assert column.equals(pl.Series("given", [method(point) for point in points])), name


@pytest.mark.slow
@LONG
@given(cells, some_rows)
def test_eleven_thousand_columns_are_what_jinja_renders(
    expression: str, given_rows: list[dict[str, Any]]
) -> None:
    agrees(expression, given_rows)


@pytest.mark.slow
@LONG
@given(DEEP["truth"], some_rows)
def test_eleven_thousand_conditions_are_true_where_jinja_says_so(
    expression: str, given_rows: list[dict[str, Any]]
) -> None:
    conditions_agree(expression, given_rows)
