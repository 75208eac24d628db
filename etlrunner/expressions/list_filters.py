"""Filters of lists, and those that take one of a list."""

from __future__ import annotations

import polars as pl

from etlrunner.expressions import distinct, operations
from etlrunner.expressions.catalogue import (
    LIST,
    TEXT,
    TRUTH,
    Arguments,
    Example,
    Operator,
    Parameter,
)
from etlrunner.expressions.typed import Value, derived


def first(value: Value, arguments: Arguments) -> Value:
    return operations.item(value, 0)


def last(value: Value, arguments: Arguments) -> Value:
    return operations.item(value, -1)


def join(value: Value, arguments: Arguments) -> Value:
    separator = arguments["separator"]
    return derived(TEXT, value.expr.list.join(separator), value, times=1 + len(separator))


def compact(value: Value, arguments: Arguments) -> Value:
    return derived(LIST, value.expr.list.filter(pl.element() != ""), value)


def sort(value: Value, arguments: Arguments) -> Value:
    key = None if arguments["case_sensitive"] else str.lower
    reverse = arguments["reverse"]

    def ordered(members: list[str]) -> list[str]:
        return sorted(members, key=key, reverse=reverse)

    return derived(LIST, distinct.lists_by_python(value.expr, ordered), value)


def unique(value: Value, arguments: Arguments) -> Value:
    key = str if arguments["case_sensitive"] else str.lower

    def first_of_each(members: list[str]) -> list[str]:
        found: dict[str, str] = {}
        for member in members:
            found.setdefault(key(member), member)
        return list(found.values())

    return derived(LIST, distinct.lists_by_python(value.expr, first_of_each), value)


def _l(expression: str, members: list[str], result: str | list[str]) -> Example:
    return Example(expression, {"grades": members}, result)


LIST_FILTERS = (
    Operator("first", "The first member of a list, or character of a text.", (LIST, TEXT), TEXT, "the empty text",
             [_l("grades | first", ["01", "02"], "01"), _l("grades | first", [], ""), Example("name | first", {"name": "Ada"}, "A")], first,
             difference="of nothing it is the empty text."),
    Operator("last", "The last member of a list, or character of a text.", (LIST, TEXT), TEXT, "the empty text",
             [_l("grades | last", ["01", "02"], "02"), _l("grades | last", [], "")], last, difference="of nothing it is the empty text."),
    Operator("join", "One text of all members.", (LIST,), TEXT, "the empty text", [_l("grades | join(', ')", ["01", "02"], "01, 02")], join,
             (Parameter("separator", TEXT, ""),)),
    Operator("compact", "Without members that are the empty text.", (LIST,), LIST, "stays empty", [_l("grades | compact", ["01", "", "02"], ["01", "02"]),
             Example("[given, middle, family] | compact | join(' ')", {"given": "Ada", "middle": "", "family": "King"}, "Ada King")], compact, jinja=False),
    Operator("sort", "In order; small and capital letters count the same.", (LIST,), LIST, "stays empty", [_l("grades | sort", ["b", "A", "a"], ["A", "a", "b"])], sort,
             (Parameter("reverse", TRUTH, default=False), Parameter("case_sensitive", TRUTH, default=False))),
    Operator("unique", "Each member once, the first of its kind; small and capital letters count the same.", (LIST,), LIST, "stays empty",
             [_l("grades | unique", ["a", "b", "A"], ["a", "b"])], unique, (Parameter("case_sensitive", TRUTH, default=False),)),
)  # fmt: skip
