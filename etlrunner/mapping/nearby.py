"""The part of a roster that the fate of a few rows hangs on, so that they can be mapped in no time.

Only the large tables are cut: people and enrollments. A transform that looks at more than a row and
what it matches (`dedupe`, a numbering) says so by not being LOCAL; then nothing is cut.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import polars as pl

from etlrunner import roster
from etlrunner import table as tables
from etlrunner.lib import files
from etlrunner.model.components import Resolve
from etlrunner.model.mapping import Step, TableMapping
from etlrunner.table import ROW

LARGE = ("users", "enrollments")
LEADS_TO = {"enrollments": ("users", "userSourcedId", "sourcedId")}
"""`select` leaves out an enrollment whose person is left out: the person has to be there."""


def cut_out(
    mapping: TableMapping,
    raw: Mapping[str, Path],
    rows: Collection[int],
    folder: Path,
    resolve: Resolve,
) -> dict[str, Path]:
    """The raw tables, the large ones cut to what the source rows with these numbers need."""
    if not all(getattr(resolve(step.type), "LOCAL", False) for step in mapping.transforms):
        return dict(raw)
    mine = pl.col(ROW).is_in(sorted(rows))
    needed: dict[str, list[pl.Expr]] = {name: [] for name in LARGE if name in raw}
    if mapping.source in needed:
        needed[mapping.source].append(mine)
    source = tables.collect(tables.scan(raw[mapping.source]).frame.filter(mine))
    for step in mapping.transforms:
        name = str(step.options.get("from", ""))
        if name in needed:
            needed[name].append(_matched(mapping.source, source, step))
    for extra in mapping.tables.values():
        for step in extra.transforms:
            if (name := str(step.options.get("from", ""))) in needed:
                needed[name].append(pl.lit(value=True))
    return {**raw, **dict(_written(raw, needed, files.private_folder(folder / "near")))}


def _matched(source: str, rows: pl.DataFrame, step: Step) -> pl.Expr:
    """The rows of the other table that can match; all of them, where ours is made by a step before."""
    for theirs, ours in step.options.get("match", {}).items():
        if ours in roster.TABLES[source] and roster.kind(source, ours) == "text":
            return pl.col(theirs).is_in(rows[ours].unique().implode())
    return pl.lit(value=True)


def _written(
    raw: Mapping[str, Path], needed: dict[str, list[pl.Expr]], folder: Path
) -> Iterator[tuple[str, Path]]:
    for name in sorted(needed):  # enrollments before the users that they lead to
        wanted = pl.any_horizontal(*needed[name], pl.lit(value=False))
        kept = tables.collect(tables.scan(raw[name]).frame.filter(wanted))
        if name in LEADS_TO and LEADS_TO[name][0] in needed:
            other, ours, theirs = LEADS_TO[name]
            needed[other].append(pl.col(theirs).is_in(kept[ours].unique().implode()))
        yield name, tables.sink(kept.lazy(), folder / f"{name}.parquet")
