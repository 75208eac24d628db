"""What filtered rows would have been called at the target, to tell who was withdrawn from who is gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import polars as pl

from etlrunner import table as tables
from etlrunner.errors import ConfigurationError
from etlrunner.mapping.columns import compile_columns
from etlrunner.model.mapping import Column, TableMapping
from etlrunner.target import TargetTable

SOURCE = "sourcedId"


def of(
    rows: pl.LazyFrame,
    columns: Mapping[str, str],
    mapping: TableMapping,
    target: TargetTable,
    today: date,
) -> pl.Series | None:
    """The rows' keys as the mapping makes them; None where a later transform has a part in them."""
    own = mapping.columns.get(target.key)
    if own is None:
        return None
    try:
        others = {one.name: Column(one.name, text="") for one in target.columns if one.required}
        alone = replace(mapping, columns={**others, target.key: own})
        made = compile_columns(alone, columns, target, today=today)
    except ConfigurationError:
        return None
    return tables.collect(rows.select(made.cells[target.key].alias(target.key)))[target.key]


def nothing() -> pl.DataFrame:
    """No row: the key at the target, the fate, and whether the flow leaves it out by its id."""
    return pl.DataFrame(schema={"key": pl.String, "fate": pl.UInt8, "left_out": pl.Boolean})


def is_of_the_source(mapping: TableMapping, target: TargetTable) -> bool:
    """Whether the key is the source's own id, as it stands: then there is nothing to work out."""
    own = mapping.columns.get(target.key)
    plain = own is not None and own.expr is not None and own.expr.text.strip() == SOURCE
    return plain and own is not None and own.lookup is None
