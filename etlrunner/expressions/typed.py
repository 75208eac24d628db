"""Types of expressions, and a value on its way through the compiler."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TypeAlias

import polars as pl

Constant: TypeAlias = str | int | bool | date | tuple[str, ...]


class Type(StrEnum):
    """What a value is. No type has a null, but for DATE, where it means: no date."""

    TEXT = "text"
    LIST = "list"
    TRUTH = "truth"
    NUMBER = "number"
    DATE = "date"


A = {
    Type.TEXT: "text",
    Type.LIST: "a list",
    Type.TRUTH: "a truth (yes or no)",
    Type.NUMBER: "a number",
    Type.DATE: "a date",
}
"""Each type in a sentence."""

COLUMN: dict[Type, pl.DataType] = {
    Type.TEXT: pl.String(),
    Type.LIST: pl.List(pl.String()),
    Type.TRUTH: pl.Boolean(),
    Type.NUMBER: pl.Int64(),
    Type.DATE: pl.Date(),
}
"""The column that carries a type."""

MOST = 10**15 - 1
"""The largest number that text becomes (`int`); sums of it stay far inside 64 bits."""


@dataclass(frozen=True)
class Compiled:
    """A compiled expression: the column, its type, and the columns it reads."""

    expr: pl.Expr
    type: Type
    names: frozenset[str]


@dataclass(frozen=True)
class Rule:
    """One condition of a `where`; `expr` is a column of truths without nulls."""

    name: str
    expr: pl.Expr
    names: frozenset[str]


@dataclass(frozen=True)
class Value:
    """An expression with its type while it is compiled."""

    type: Type
    expr: pl.Expr
    names: frozenset[str] = frozenset()
    constant: Constant | None = None
    """Its value where no column takes part."""
    weight: int = 1
    """About how many nodes the column expression has, to refuse what grows without end."""
    bound: int = 0
    """The largest absolute value of a number."""
    growth: int = 1
    """How many times longer than a cell of ten characters or more a text may become, at the very most."""


def literal(value: Constant | None, kind: Type) -> Value:
    """A value that is the same for every row; None is no date."""
    plain = list(value) if isinstance(value, tuple) else value
    bound = abs(value) if isinstance(value, int) else 0
    length = sum(map(len, value)) if isinstance(value, tuple) else len(str(value))
    return Value(
        kind,
        pl.lit(plain, dtype=COLUMN[kind]),
        constant=value,
        bound=bound,
        growth=max(1, length // 10),
    )


def derived(
    kind: Type, expr: pl.Expr, *inputs: Value, references: int = 1, bound: int = 0, times: int = 1
) -> Value:
    """A value made from others, each of which `expr` mentions at most `references` times.

    `times` is how many times longer text may become than all inputs together.
    """
    names = frozenset[str]().union(*(value.names for value in inputs))
    weight = 1 + references * sum(value.weight for value in inputs)
    growth = times * sum(value.growth for value in inputs) if kind in (Type.TEXT, Type.LIST) else 1
    return Value(kind, expr, names, weight=weight, bound=bound, growth=growth)
