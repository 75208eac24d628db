"""Keep the rows for which a condition holds."""

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
    """The rows in their order; those that go are counted under this step."""
    return ColumnTable(conditions.kept(frame_of(table), options))


def columns(before: Columns, options: Options, tables: Mapping[str, Columns]) -> Columns:
    """The same. Raises ConfigurationError for a condition that does not compile."""
    conditions.rules(options, before)
    return before
