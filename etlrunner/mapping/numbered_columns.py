"""A list as numbered columns: `location_id`, `location_id_2`, … without gaps, blanks and repetitions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from etlrunner import table as tables
from etlrunner.table import ROW
from etlrunner.target import TargetTable


def columns(
    rows: pl.DataFrame, lists: Mapping[str, int], target: TargetTable
) -> tuple[pl.DataFrame, dict[str, pl.Series]]:
    """Lists as numbered columns, as many as the widest row needs and `lists` allows; all of the header.

    Returns with them, per list, the keys of the rows that had more values than that.
    """
    widths, cut = {}, {}
    for name, most in lists.items():
        rows = _without_blanks(rows, name)
        longest = rows.select(pl.col(name).list.len().max()).item() or 1
        if longest > most:
            cut[name] = rows.filter(pl.col(name).list.len() > most)[target.key]
        widths[name] = min(longest, most)
        rows = rows.with_columns(_numbered(name, widths[name]))
    header = target.header(widths)
    missing = [pl.lit("").alias(name) for name in header if name not in rows.columns]
    hidden = [name for name in rows.columns if name.startswith("_unknown_")]
    return rows.with_columns(missing).select(ROW, *header, *hidden), cut


def trimmed(rows: pl.DataFrame, lists: Iterable[str], target: TargetTable) -> pl.DataFrame:
    """Without numbered columns that only rejected rows needed."""
    widths = {}
    for name in lists:
        wide = [one for one in rows.columns if one == name or one.startswith(f"{name}_")]
        used = rows.select((pl.col(wide) != "").any()).row(0)
        widths[name] = max((place for place, some in enumerate(used, 1) if some), default=1)
    return rows.select(ROW, *target.header(widths))


def _without_blanks(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """Lists without blank items and repetitions; only those that have some are made anew."""
    items = rows.select(pl.int_range(pl.len()).alias("_place"), name)
    items = items.explode(name, empty_as_null=False)
    wanted = (pl.col(name) != "") & pl.struct("_place", name).is_first_distinct()
    flagged = items.with_columns(wanted.alias("_wanted"))
    if flagged["_wanted"].all():
        return rows
    kept = flagged.filter("_wanted").group_by("_place", maintain_order=True).agg(name)
    places = rows.select(pl.int_range(pl.len()).alias("_place"))
    lists = places.join(kept, on="_place", how="left", maintain_order="left")[name]
    return rows.with_columns(lists.fill_null(pl.Series([[]], dtype=tables.LIST)).alias(name))


def _numbered(name: str, width: int) -> list[pl.Expr]:
    """A list column as name, name_2, … without gaps."""
    cell = pl.col(name)
    return [
        cell.list.get(place, null_on_oob=True)
        .fill_null("")
        .alias(name if place == 0 else f"{name}_{place + 1}")
        for place in range(width)
    ]
