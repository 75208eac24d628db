"""The memory of numbered values: who was given which, in which series, and when they were last seen.

A run takes it from the last delivery and hands a new one on, which becomes the memory only when this
run's rows are delivered: a run that is held, fails or is only a plan gives nobody a name for good.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import petl
import polars as pl

from etlrunner import table
from etlrunner.table import ColumnTable

ASSIGNED = "assigned"
"""Its name among the tables of a run, and of the file in a run's folder."""
COLUMNS = ("series", "key", "base", "value", "seen")
"""`seen` is the day (YYYY-MM-DD) of the last delivery that had this person."""


def empty() -> ColumnTable:
    """The memory of a flow that has given nothing yet."""
    return ColumnTable(pl.LazyFrame(schema=table.schema_of(COLUMNS)))


def read(raw: Mapping[str, Path]) -> ColumnTable:
    """The memory among a run's raw tables."""
    if ASSIGNED not in raw:
        return empty()
    frame = pl.scan_parquet(raw[ASSIGNED]).select(COLUMNS)
    return ColumnTable(table.collect(frame).lazy())


def of(tables: Mapping[str, petl.Table], series: str) -> pl.DataFrame:
    """What is remembered in one series."""
    known = table.frame_of(tables.get(ASSIGNED, empty()))
    return table.collect(known.filter(pl.col("series") == series).select(COLUMNS))


def series(memory: ColumnTable) -> frozenset[str]:
    """The series in which something was given."""
    return frozenset(table.collect(memory.frame.select("series").unique())["series"])


def with_more(memory: ColumnTable, lines: pl.DataFrame) -> ColumnTable:
    """The memory with further lines."""
    return ColumnTable(pl.concat([memory.frame.select(COLUMNS), lines.lazy().select(COLUMNS)]))


def joined(newer: Path, older: Path) -> ColumnTable:
    """Both memories; of what both have, the one that was seen last."""
    lines = pl.concat([pl.scan_parquet(path).select(COLUMNS) for path in (newer, older)])
    lines = lines.sort("seen", descending=True, maintain_order=True)
    return ColumnTable(lines.unique(["series", "key", "base"], keep="first", maintain_order=True))


def write(memory: petl.Table, folder: Path) -> Path:
    """Into a run's folder, in an order of its own: the same memory, the same file."""
    rows = table.frame_of(memory).select(COLUMNS).sort(COLUMNS)
    return table.sink(rows, path(folder))


def path(folder: Path) -> Path:
    """Where a run's folder has it."""
    return folder / f"{ASSIGNED}.parquet"
