"""Which rows of two tables are not the same on both sides, looked for by hashes: a day changes few."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import reduce

import polars as pl

from etlrunner import table
from etlrunner.identity import BEFORE, HERE, THERE

_HASH = "_hash"
_STRETCH = 32
"""Rows in a stretch, on average: of those in which something has changed each row is looked at."""


def rows(key: str, now: pl.LazyFrame, then: pl.LazyFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    """The rows that are not the same on both sides, and how many of them differ in each column.

    A column that only one side has counts as empty on the other: one more location_id_3 is no change
    for those who have no third school.
    """
    here, there = now.collect_schema().names(), then.collect_schema().names()
    columns = [name for name in dict.fromkeys((*here, *there)) if name not in (key, table.ROW)]
    filled = _filled(now, key, columns, here), _filled(then, key, columns, there)
    left, right = _without_equals(*filled)
    left = left.with_columns(pl.lit(value=True).alias(HERE))
    right = right.with_columns(pl.lit(value=True).alias(THERE))
    joined = left.join(right, on=key, how="full", suffix=BEFORE, coalesce=True)
    differs = {name: pl.col(name) != pl.col(name + BEFORE) for name in columns}
    alone = pl.col(HERE).is_null() | pl.col(THERE).is_null()
    found = joined.filter(alone | pl.any_horizontal(*differs.values(), pl.lit(False)))
    changed = found.filter(pl.col(HERE).is_not_null() & pl.col(THERE).is_not_null())
    counts = changed.select(expr.sum().alias(name) for name, expr in differs.items())
    per_column = counts.row(0, named=True) if columns else {}
    return found, {name: int(count) for name, count in per_column.items() if count}


def rows_but_for(
    key: str, kept: Sequence[str], differing: pl.DataFrame, now: pl.LazyFrame, then: pl.LazyFrame
) -> pl.DataFrame:
    """The differing rows as they would be if today's side did not have those that are kept."""
    asked = pl.col(key).is_in([*kept, *differing[key]])
    is_kept = pl.col(key).is_in(list(kept))
    return rows(key, now.filter(asked & ~is_kept), then.filter(asked))[0]


def _filled(frame: pl.LazyFrame, key: str, columns: list[str], held: list[str]) -> pl.LazyFrame:
    return frame.select(
        key, *(pl.col(name) if name in held else pl.lit("").alias(name) for name in columns)
    )


def _without_equals(here: pl.LazyFrame, there: pl.LazyFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of either side that the other one does not have just so: a day changes few.

    By hashes of whole rows, first of stretches of some thirty, then of single ones, so that only few rows
    are joined. A row that is twice on one side may be named. That a change goes unseen for an equal hash
    has a chance of one in 10^10 in the largest district.
    """
    names = here.collect_schema().names()
    mine, theirs = (table.collect(side.with_columns(hashed(names))) for side in (here, there))
    left, right = _stretches(mine), _stretches(theirs)
    alike = _once(left).join(_once(right), on=_HASH, how="semi")
    mine, theirs = _in_odd_stretches(mine, left, alike), _in_odd_stretches(theirs, right, alike)
    odd = [
        one.join(other, on=_HASH, how="anti").drop(_HASH)
        for one, other in ((mine, theirs), (theirs, mine))
    ]
    return odd[0], odd[1]


def hashed(names: Sequence[str]) -> pl.Expr:
    """A hash of the whole row.

    Hashed once more at the end: else the sums of two rows that exchange a value would be alike in many
    bits, and in all of them far too often.
    """
    hashes = [pl.col(name).hash(seed=place) for place, name in enumerate(names, 1)]
    return reduce(operator.xor, hashes).hash(seed=0).alias(_HASH)


def _stretches(rows: pl.DataFrame) -> pl.DataFrame:
    """Each stretch's sum of hashes, its first row and the one after its last.

    A stretch ends with a row by that row's own hash, so that after a change both sides part alike again.
    """
    whole, place = pl.col(_HASH), pl.int_range(1, pl.len() + 1, dtype=pl.UInt32)
    until = rows.select(whole, whole.cum_sum().alias("until"), place.alias("end"))
    until = until.filter((whole % _STRETCH == 0) | (pl.col("end") == pl.len()))
    return until.select(  # sums of 64 bits, without carry
        (pl.col("until") - pl.col("until").shift(1, fill_value=0)).alias(_HASH),
        pl.col("end").shift(1, fill_value=0).alias("start"),
        "end",
    )


def _once(stretches: pl.DataFrame) -> pl.DataFrame:
    """Those that are there just once: what stands twice on one side is looked at closely."""
    return stretches.filter(pl.col(_HASH).is_unique())


def _in_odd_stretches(
    rows: pl.DataFrame, stretches: pl.DataFrame, alike: pl.DataFrame
) -> pl.DataFrame:
    """The rows in stretches that are not alike on both sides."""
    odd = stretches.join(alike, on=_HASH, how="anti", maintain_order="left")
    places = pl.int_ranges("start", "end", dtype=pl.UInt32).explode(empty_as_null=False)
    return rows[odd.select(places).to_series()]
