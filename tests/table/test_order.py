"""Rows come back in the order they were written: the case that Polars 2.1.0 got wrong.

A lazy scan over several row groups, with nothing but literals chosen by a condition, returned rows out of
order in about half of the runs. Here that would give one child's value to another.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from etlrunner import table

ROWS, GROUP, TIMES = 400_000, 50_000, 20


def chosen() -> pl.Expr:
    """Which rows are odd, said with literals alone."""
    return pl.when(pl.col("odd") == "yes").then(pl.lit("Y")).otherwise(pl.lit("N")).alias("said")


def sunk(frame: pl.LazyFrame, folder: Path) -> pl.DataFrame:
    return pl.read_parquet(table.sink(frame, folder / "sunk.parquet"))


def frozen(frame: pl.LazyFrame, folder: Path) -> pl.DataFrame:
    path = folder / "frozen.parquet"
    table.freeze(table.ColumnTable(frame), path, {"said": pl.String()})
    return pl.read_parquet(path)


DOORS: dict[str, Callable[[pl.LazyFrame, Path], pl.DataFrame]] = {
    "collect": lambda frame, folder: table.collect(frame),
    "stream": lambda frame, folder: table.stream(frame),
    "sink": sunk,
    "freeze": frozen,
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pl.Series]:
    """A file of several row groups, and what its rows must say; every 7th and 11th row is odd."""
    number = pl.int_range(ROWS, eager=True).alias(table.ROW).cast(pl.UInt32)
    odd = (number % 7 == 0) | (number % 11 == 0)
    frame = pl.DataFrame({table.ROW: number, "odd": odd}).with_columns(
        pl.col("odd").replace_strict({True: "yes", False: "no"}, return_dtype=pl.String)
    )
    path = tmp_path_factory.mktemp("order") / "many_groups.parquet"
    frame.write_parquet(path, row_group_size=GROUP)
    return path, odd.replace_strict({True: "Y", False: "N"}, return_dtype=pl.String)


@pytest.mark.parametrize("door", DOORS)
def test_rows_keep_their_order_through_every_door(
    door: str, written: tuple[Path, pl.Series], tmp_path: Path
):
    path, expected = written
    for _ in range(TIMES):
        came = DOORS[door](table.scan(path).frame.select(chosen()), tmp_path)
        assert came["said"].equals(expected)


@pytest.mark.parametrize("door", ["collect", "stream", "sink"])
def test_a_filter_keeps_row_numbers_sorted_and_with_their_rows(
    door: str, written: tuple[Path, pl.Series], tmp_path: Path
):
    path, expected = written
    kept = (expected == "Y").arg_true()
    for _ in range(3):
        frame = table.scan(path).frame.filter(pl.col("odd") == "yes").select(table.ROW, chosen())
        came = DOORS[door](frame, tmp_path)
        assert came[table.ROW].equals(kept.alias(table.ROW).cast(pl.UInt32))
        assert came["said"].unique().to_list() == ["Y"]


def test_the_file_has_the_row_groups_that_the_case_needs(written: tuple[Path, pl.Series]):
    named = written[0].read_bytes().count(table.ROW.encode())
    assert named >= ROWS // GROUP, "each row group names its columns at the file's end"
