"""Make one row of each item of a list, or of each part of a delimited text."""

from __future__ import annotations

from collections.abc import Mapping

import petl
import polars as pl

from etlrunner.mapping import conditions
from etlrunner.mapping.conditions import Columns
from etlrunner.model.components import Options
from etlrunner.table import LIST, ColumnTable, frame_of


def apply(table: petl.Table, options: Options, tables: Mapping[str, petl.Table]) -> petl.Table:
    """Blank items make no row; a row that has nothing else stays, with an empty cell."""
    frame, name = frame_of(table), options["column"]
    cell = pl.col(name)
    if frame.collect_schema()[name] != LIST:
        cell = cell.str.split(options.get("separator", ","))
    items = cell.list.eval(pl.element().str.strip_chars()).list.eval(
        pl.element().filter(pl.element() != "")
    )
    rows = frame.with_columns(items).explode(name, empty_as_null=True)
    return ColumnTable(rows.with_columns(pl.col(name).fill_null("")))


def columns(before: Columns, options: Options, tables: Mapping[str, Columns]) -> Columns:
    """The same, but that the column is text now. Raises ConfigurationError when it is not there."""
    conditions.require([(options["column"], before)])
    return {**before, options["column"]: "text"}
