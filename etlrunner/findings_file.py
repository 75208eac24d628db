"""`findings.parquet` in a run's folder: what each rule did to each key, for whoever asks about one record.

One line per row or cell that broke a rule and stayed, was changed, made or merged; rows that a rule left
out are in `rejects.parquet`. `before` and `after` hold identifiers, never names or other values.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from etlrunner import table

NAME = "findings.parquet"
COLUMNS = ("table", "key", "rule", "column", "verdict", "before", "after")


def nothing() -> pl.DataFrame:
    """No lines."""
    return pl.DataFrame(schema=dict.fromkeys(COLUMNS, pl.String))


def rows(name: str, keys: pl.Series, rule: str, column: str | None, verdict: str) -> pl.DataFrame:
    """The same line for many keys."""
    return pl.DataFrame({"key": keys}, schema={"key": pl.String}).select(
        pl.lit(name).alias("table"),
        "key",
        pl.lit(rule).alias("rule"),
        pl.lit(column or "").alias("column"),
        pl.lit(verdict).alias("verdict"),
        pl.lit("").alias("before"),
        pl.lit("").alias("after"),
    )


def add(path: Path, more: list[pl.DataFrame]) -> None:
    """Put lines after those that are there."""
    frames = [frame.select(COLUMNS).lazy() for frame in more if frame.height]
    if path.exists() and not frames:
        return
    before = [pl.scan_parquet(path)] if path.exists() else [nothing().lazy()]
    table.sink(pl.concat([*before, *frames]), path)
