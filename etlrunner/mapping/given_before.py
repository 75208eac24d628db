"""Texts that were delivered before a flow had a memory of them: what `number` must not change or give again.

Only where the target has the text and the key as they stand (`sis_username: account`, `person_id:
sourcedId`) can it be said whose text it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import polars as pl

from etlrunner import table
from etlrunner.mapping import assigned
from etlrunner.model.mapping import MappingSet, TableMapping
from etlrunner.target import APPLE_SCHOOL_MANAGER


def texts(
    mapping: MappingSet, delivered: Mapping[str, Path], known: Collection[str], day: str
) -> pl.DataFrame:
    """Lines for the memory, without a base, of every series that is not among the `known` ones.

    `day` (YYYY-MM-DD) is the day of that delivery.
    """
    found = [pl.DataFrame(schema=table.schema_of(assigned.COLUMNS))]
    for name, one in mapping.tables.items():
        if name not in delivered:
            continue
        frame = pl.scan_parquet(delivered[name])
        for series, key, column in _taken(one, name):
            if series not in known and column in frame.collect_schema().names():
                text = pl.col(column)
                found.append(
                    table.collect(
                        frame.filter(text != "").select(
                            pl.lit(series).alias("series"), pl.col(key).alias("key"),
                            pl.lit("").alias("base"), text.alias("value"), pl.lit(day).alias("seen"),
                        )
                    )
                )  # fmt: skip
    return pl.concat(found).unique(["series", "key"], keep="first", maintain_order=True)


def _taken(one: TableMapping, name: str) -> Iterator[tuple[str, str, str]]:
    """Series, key and column of the target, for each step whose text a column takes as it stands."""
    spec = APPLE_SCHOOL_MANAGER.tables[name]
    plain = {
        column.expr.text.strip(): target
        for target, column in one.columns.items()
        if column.expr is not None and column.lookup is None
    }
    for step in one.transforms:
        if "remember" in step.options:
            gives, key = str(step.options["as"]), str(step.options.get("key", "sourcedId"))
            if gives in plain and plain.get(key) == spec.key:
                yield str(step.options.get("series", gives)), spec.key, plain[gives]
