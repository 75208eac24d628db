"""Sort the rows; those that are equal keep their order."""

from __future__ import annotations

from collections.abc import Mapping

import petl

from etlrunner.mapping import conditions
from etlrunner.mapping.conditions import Columns
from etlrunner.model.components import Options
from etlrunner.table import ColumnTable, frame_of

LOCAL = True
"""A row's fate hangs on itself and what it matches, and on no other row of its table."""


def apply(table: petl.Table, options: Options, tables: Mapping[str, petl.Table]) -> petl.Table:
    """By text, letter by letter; `desc` turns a column's order around."""
    wanted = conditions.order(options, "by")
    frame = frame_of(table).sort(
        [name for name, _ in wanted], descending=[down for _, down in wanted], maintain_order=True
    )
    return ColumnTable(frame)


def columns(before: Columns, options: Options, tables: Mapping[str, Columns]) -> Columns:
    """The same. Raises ConfigurationError for a column that is not there."""
    conditions.require([(name, before) for name, _ in conditions.order(options, "by")])
    return before
