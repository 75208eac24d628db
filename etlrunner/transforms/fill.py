"""Fill empty cells with the value above, as in sheets where a group's name stands once."""

from __future__ import annotations

from collections.abc import Mapping

import petl

from etlrunner.mapping import conditions
from etlrunner.mapping.conditions import Columns
from etlrunner.model.components import Options

ONLY_BESIDE = True
"""The row above a pupil is another pupil: it is for sheets, whose order means something."""


def apply(table: petl.Table, options: Options, tables: Mapping[str, petl.Table]) -> petl.Table:
    """petl's filldown; what is empty above the first value stays so."""
    return petl.filldown(table, *options["columns"], missing="")


def columns(before: Columns, options: Options, tables: Mapping[str, Columns]) -> Columns:
    """The same. Raises ConfigurationError for a column that is not there, or a list."""
    conditions.require([(name, before) for name in options["columns"]])
    conditions.require_text(options["columns"], before)
    return before
