"""Keep the first row for each key, in the order the rows arrive."""

from __future__ import annotations

from collections.abc import Mapping

import petl

from etlrunner.mapping import conditions
from etlrunner.mapping.conditions import Columns
from etlrunner.model.components import Options
from etlrunner.table import ColumnTable, frame_of


def apply(table: petl.Table, options: Options, tables: Mapping[str, petl.Table]) -> petl.Table:
    """The first of each key; sort before it to say which one is first."""
    frame = frame_of(table).unique(list(options["key"]), keep="first", maintain_order=True)
    return ColumnTable(frame)


def columns(before: Columns, options: Options, tables: Mapping[str, Columns]) -> Columns:
    """The same. Raises ConfigurationError for a key that is not there."""
    conditions.require([(name, before) for name in options["key"]])
    return before
