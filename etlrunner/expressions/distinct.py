"""Python functions over columns, computed once per distinct value of a batch, never row by row.

What Polars does exactly as Python does on ASCII is left to it there; Python sees the odd values only.
A function must depend on its value alone: a column may then come in batches of any size. Inside a branch of
an `if`, Polars hands over null for the rows that take the other branch; what comes out for them is dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from etlrunner.expressions.typed import COLUMN, Type

REPEATED = 0.7
"""Where more than this share of a batch is distinct, Python spreads the results quicker than Polars."""


def by_python(expr: pl.Expr, function: Callable[[Any], Any], kind: Type) -> pl.Expr:
    """A column of `function(value)`."""
    dtype = COLUMN[kind]
    return expr.map_batches(
        lambda values: each_once(values, function, dtype), dtype, is_elementwise=True
    )


def by_both(
    expr: pl.Expr, native: Callable[[pl.Series], pl.Series], function: Callable[[str], str]
) -> pl.Expr:
    """A column of text: natively where a text is ASCII, by Python where it is not."""

    def compute(texts: pl.Series) -> pl.Series:
        odd = texts.str.len_bytes() != texts.str.len_chars()
        result = native(texts)
        if not odd.any():
            return result
        places = odd.arg_true()
        return result.scatter(places, each_once(texts.gather(places), function, pl.String()))

    return expr.map_batches(compute, pl.String(), is_elementwise=True)


def by_pattern(
    expr: pl.Expr,
    plain: str,
    native: Callable[[pl.Series], pl.Series],
    function: Callable[[str], Any],
    kind: Type,
) -> pl.Expr:
    """A column: natively where a text matches the pattern `plain`, by Python where it does not."""
    dtype = COLUMN[kind]

    def compute(texts: pl.Series) -> pl.Series:
        odd = ~texts.str.contains(plain)
        result = native(texts)
        if not odd.any():
            return result
        places = odd.arg_true()
        return result.scatter(places, each_once(texts.gather(places), function, dtype))

    return expr.map_batches(compute, dtype, is_elementwise=True)


def lists_by_python(expr: pl.Expr, function: Callable[[list[str]], list[str]]) -> pl.Expr:
    """A column of lists; those of fewer than two members stay as they are."""

    def compute(lists: pl.Series) -> pl.Series:
        several = lists.list.len() > 1
        if not several.any():
            return lists
        known: dict[tuple[str, ...], list[str]] = {}
        result = lists.to_list()
        for place in several.arg_true():
            key = tuple(result[place])
            if None in key:  # of a row that takes the other branch
                continue
            if key not in known:
                known[key] = function(list(key))
            result[place] = known[key]
        return pl.Series(lists.name, result, dtype=COLUMN[Type.LIST])

    return expr.map_batches(compute, COLUMN[Type.LIST], is_elementwise=True)


def each_once(values: pl.Series, function: Callable[[Any], Any], dtype: pl.DataType) -> pl.Series:
    """A series of `function(value)`, called once for each value that is there; null stays null."""
    distinct = values.drop_nulls().unique()
    if len(distinct) == len(values):
        return pl.Series(values.name, map(function, values.to_list()), dtype=dtype)
    if len(distinct) > REPEATED * len(values):
        known = {value: function(value) for value in distinct.to_list()}
        return pl.Series(values.name, map(known.get, values.to_list()), dtype=dtype)
    results = pl.Series(map(function, distinct.to_list()), dtype=dtype)
    return values.replace_strict(distinct, results, default=None, return_dtype=dtype)
