"""Make rows of columns: one for each column that has a value, with its name beside it."""

from __future__ import annotations

from collections.abc import Mapping

import petl

from etlrunner.errors import ConfigurationError
from etlrunner.mapping import conditions
from etlrunner.mapping.conditions import Columns
from etlrunner.model.components import Options
from etlrunner.model.problems import Problem


def apply(table: petl.Table, options: Options, tables: Mapping[str, petl.Table]) -> petl.Table:
    """petl's melt, without the rows that would have no value."""
    value = options["value"]
    rows = petl.melt(
        table, variables=list(options["columns"]), variablefield=options["name"], valuefield=value
    )
    return petl.selectne(rows, value, "")


def columns(before: Columns, options: Options, tables: Mapping[str, Columns]) -> Columns:
    """The others, then name and value. Raises ConfigurationError for names that do not fit."""
    turned, new = options["columns"], [options["name"], options["value"]]
    conditions.require([(name, before) for name in turned])
    conditions.require_text(turned, before)
    kept = {name: kind for name, kind in before.items() if name not in turned}
    conditions.require_new(new, kept)
    if new[0] == new[1]:
        message = f"name and value are both called '{new[0]}'"
        raise ConfigurationError([Problem("E305", message, hint="give them two names")])
    return {**kept, **dict.fromkeys(new, "text")}
