"""What transforms and the mapping share: columns with their kinds, and conditions over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from etlrunner.errors import ConfigurationError
from etlrunner.expressions import Rule, Type, compile_where
from etlrunner.lib.suggest import close_to
from etlrunner.model import Located, Options, Problem
from etlrunner.table import LIST, ROW

TODAY = "_today"
"""The option under which the mapping hands the run's local date to a transform."""

Columns = Mapping[str, str]
"""Column name -> `text` or `list`."""


def types(columns: Columns) -> dict[str, Type]:
    """The same in the words of expressions."""
    return {name: Type.LIST if kind == "list" else Type.TEXT for name, kind in columns.items()}


def kinds_of(frame: pl.LazyFrame) -> dict[str, str]:
    """Name and kind of each column of a frame but its row number."""
    schema = frame.collect_schema()
    return {
        name: "list" if kind == LIST else "text" for name, kind in schema.items() if name != ROW
    }


def rules(options: Options, columns: Columns, key: str = "where") -> tuple[Rule, ...]:
    """The named conditions of an option; none when it is not there."""
    if key not in options:
        return ()
    where = options[key]
    located = where if isinstance(where, Located) else Located(str(where))
    return compile_where(located, types(columns), today=options.get(TODAY, date(2000, 1, 1)))


def kept(frame: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    """The rows for which the option `where` holds."""
    for rule in rules(options, kinds_of(frame)):
        frame = frame.filter(rule.expr)
    return frame


def require(wanted: Sequence[tuple[str, Columns]]) -> None:
    """Raise ConfigurationError for every name that is not among its columns."""
    missing = [
        Problem("E301", f"there is no column '{name}' here", hint=close_to(name, among))
        for name, among in wanted
        if name not in among
    ]
    if missing:
        raise ConfigurationError(missing)


def order(options: Options, key: str = "order") -> list[tuple[str, bool]]:
    """`primary desc` -> ("primary", True)."""
    words = [str(text).split() for text in options.get(key, ())]
    return [(pair[0], pair[1:] == ["desc"]) for pair in words]
