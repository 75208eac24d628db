"""Add the rows of another table below ours."""

from __future__ import annotations

from collections.abc import Mapping

import petl
import polars as pl

from etlrunner.errors import ConfigurationError
from etlrunner.mapping import conditions
from etlrunner.mapping.conditions import Columns
from etlrunner.model.components import Options
from etlrunner.model.problems import Problem
from etlrunner.table import LIST, ROW, TEXT, ColumnTable, frame_of


def apply(table: petl.Table, options: Options, tables: Mapping[str, petl.Table]) -> petl.Table:
    """`take` says which of their columns go where (ours: theirs); the rest of ours stay empty."""
    ours = frame_of(table)
    kinds = conditions.kinds_of(ours)
    theirs = conditions.kept(frame_of(tables[options["from"]]), options).select(
        pl.lit(None, pl.UInt32).alias(ROW),
        *(_cell(name, kind, options["take"]) for name, kind in kinds.items()),
    )
    return ColumnTable(pl.concat([ours.select(ROW, *kinds), theirs]))


def columns(before: Columns, options: Options, tables: Mapping[str, Columns]) -> Columns:
    """The same. Raises ConfigurationError for names that are not there, on either side."""
    theirs, take = conditions.theirs(options, tables), options["take"]
    conditions.require(
        [(name, before) for name in take] + [(name, theirs) for name in take.values()]
    )
    conditions.rules(options, theirs)
    mixed = [name for name, source in take.items() if before[name] != theirs[source]]
    if mixed:
        raise ConfigurationError(
            Problem("E305", f"'{name}' is a {before[name]}, '{take[name]}' a {theirs[take[name]]}")
            for name in mixed
        )
    return before


def _cell(name: str, kind: str, take: Mapping[str, str]) -> pl.Expr:
    if name in take:
        return pl.col(take[name]).alias(name)
    empty = pl.lit([], LIST) if kind == "list" else pl.lit("", TEXT)
    return empty.alias(name)
