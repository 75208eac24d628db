"""Add a column that an expression makes, for the steps below and the columns."""

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
    """Ours, and one more: text, or a list where the expression gives one."""
    frame = frame_of(table)
    made = conditions.value(options, "expr", conditions.kinds_of(frame))
    return ColumnTable(frame.with_columns(made.expr.alias(options["as"])))


def columns(before: Columns, options: Options, tables: Mapping[str, Columns]) -> Columns:
    """Ours, and the new one. Raises ConfigurationError for an expression that does not compile."""
    conditions.require_new([options["as"]], before)
    return {**before, options["as"]: conditions.kind(conditions.value(options, "expr", before))}
