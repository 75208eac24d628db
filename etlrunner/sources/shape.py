"""From somebody else's columns to the roster model's, by the expressions of a source definition.

A definition's table says under `columns` how each column is made, and under `where` which rows count; both
are written as in a mapping, over the names that `fields` takes out of a record, or that a file's header has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import polars as pl

from etlrunner import roster
from etlrunner.errors import ConfigurationError
from etlrunner.expressions import Rule, Type, compile_value, compile_where
from etlrunner.lib import columns
from etlrunner.lib.suggest import close_to
from etlrunner.model.problems import Located, Problem
from etlrunner.table import LIST, collect, schema_of

ANY_DAY = date(2000, 1, 1)
"""What a source delivers does not depend on the day."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How one table of the roster is made. A column is an expression, or a constant text."""

    table: str
    columns: Mapping[str, Located | str] = field(default_factory=dict)
    where: Located | None = None

    def __bool__(self) -> bool:
        return bool(self.columns) or self.where is not None


@dataclass(frozen=True, slots=True)
class Shaper:
    """A compiled shape."""

    cells: tuple[pl.Expr, ...]
    rules: tuple[Rule, ...]

    def cells_of(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The roster's columns of every row, whether it counts or not."""
        return collect(frame.lazy().select(self.cells))

    def kept(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The roster's columns of the rows that count."""
        lazy = frame.lazy()
        for rule in self.rules:
            lazy = lazy.filter(rule.expr)
        return collect(lazy.select(self.cells))


def read(table: str, spec: Mapping[str, Any]) -> Shape:
    """The shape that a definition's table gives."""
    made = {
        name: str(each["text"]) if isinstance(each, Mapping) else _located(each)
        for name, each in spec.get("columns", {}).items()
    }
    where = spec.get("where")
    return Shape(table, made, None if where is None else _located(where))


def compile_shape(shape: Shape, names: Mapping[str, Type]) -> Shaper:
    """Compile a shape over columns. Raises ConfigurationError with the problems of all of them.

    A text where the roster has a list becomes a list of one, an empty text an empty list.
    """
    problems = list(_unknown(shape))
    cells: list[pl.Expr] = []
    rules: tuple[Rule, ...] = ()
    for name, kind in schema_of(*_model(shape)).items():
        try:
            cells.append(_cell(shape, name, kind == LIST, names).alias(name))
        except ConfigurationError as error:
            problems += error.problems
    if shape.where is not None:
        try:
            rules = compile_where(
                shape.where, names, today=ANY_DAY, what=f"tables.{shape.table}.where"
            )
        except ConfigurationError as error:
            problems += error.problems
    if problems:
        raise ConfigurationError(problems)
    return Shaper(tuple(cells), rules)


def constant(table: str, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """A table whose rows stand in the definition itself."""
    model = roster.TABLES[table]
    lists = roster.LISTS.get(table, frozenset())
    strange = sorted({name for row in rows for name in row if name not in model})
    if strange:
        raise ConfigurationError([_no_column(table, name, None) for name in strange])
    filled = [{"status": "active", **row} for row in rows]
    values = {
        name: [_items(row.get(name)) if name in lists else row.get(name, "") for row in filled]
        for name in model
    }
    return columns.frame(values, lists, (), len(rows))


def _cell(shape: Shape, name: str, is_list: bool, names: Mapping[str, Type]) -> pl.Expr:
    made = shape.columns.get(name)
    if made is None and name in names and not shape.columns:
        return pl.col(name)  # only `where` is given: the fields are the columns
    if made is None or isinstance(made, str):
        text = made or ("active" if name == "status" and made is None else "")
        return _as_list(pl.lit(text)) if is_list else pl.lit(text)
    what = f"tables.{shape.table}.columns.{name}"
    compiled = compile_value(
        made, names, today=ANY_DAY, what=what, wanted=None if is_list else Type.TEXT
    )
    if not is_list:
        cell = columns.trimmed(compiled.expr)
        return columns.truth(cell) if name in ("enabledUser", "primary") else cell
    return compiled.expr if compiled.type == Type.LIST else _as_list(compiled.expr)


def _as_list(cell: pl.Expr) -> pl.Expr:
    text = columns.trimmed(cell)
    return pl.when(text == "").then(columns.NOTHING).otherwise(pl.concat_list(text))


def _model(shape: Shape) -> tuple[tuple[str, ...], frozenset[str]]:
    return roster.TABLES.get(shape.table, ()), roster.LISTS.get(shape.table, frozenset())


def _unknown(shape: Shape) -> list[Problem]:
    known = roster.TABLES.get(shape.table, ())
    if not known:
        hint = close_to(shape.table, roster.TABLES) or f"known: {', '.join(roster.TABLES)}"
        return [Problem("E315", f"there is no table '{shape.table}'", path="tables", hint=hint)]
    return [
        _no_column(shape.table, name, made.place if isinstance(made, Located) else None)
        for name, made in shape.columns.items()
        if name not in known
    ]


def _no_column(table: str, name: str, place: Any) -> Problem:
    known = roster.TABLES[table]
    hint = close_to(name, known) or f"it has {', '.join(known)}"
    return Problem(
        "E310", f"{table} has no column '{name}'", place, f"tables.{table}.columns.{name}", hint
    )


def _items(value: Any) -> list[str]:
    if value is None or value == "":
        return []
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def _located(value: Any) -> Located:
    return value if isinstance(value, Located) else Located(str(value))
