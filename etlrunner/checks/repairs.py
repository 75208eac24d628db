"""Repairs: what the flow lets the program leave out so that the rest can be delivered.

In the order references need (locations, students, staff, courses, classes, rosters), so that a row that
one repair drops is missing for the next. Only references are ever repaired: a value is never invented.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from etlrunner import table
from etlrunner.model import FinishedTable, Repair
from etlrunner.target import Target, TargetColumn, TargetTable

REJECTS = "rejects.parquet"
_REJECT_COLUMNS = ("table", "key", "rule", "column")


@dataclass(frozen=True, slots=True)
class Reference:
    """A repair that a flow may ask for: `drop` what refers to nothing."""

    rule: str
    table: str
    column: str


REFERENCES = (
    Reference("person_location_missing", "students", "location_id"),
    Reference("person_location_missing", "staff", "location_id"),
    Reference("class_instructor_missing", "classes", "instructor_id"),
    Reference("roster_class_missing", "rosters", "class_id"),
    Reference("roster_student_missing", "rosters", "student_id"),
)
"""In the order they are applied. A row that two of them would drop counts for the first."""


def repair(
    target: Target,
    finished: Mapping[str, FinishedTable],
    choices: Mapping[str, str],
    folder: Path,
) -> tuple[dict[str, FinishedTable], tuple[Repair, ...]]:
    """The finished tables after the repairs that the flow chose, and each repair.

    Only a table that changes is written again; dropped rows move in its counts, its fates and the rejects.
    """
    repaired = dict(finished)
    done: list[Repair] = []
    for reference in REFERENCES:
        if choices.get(reference.rule, "fail") == "drop" and reference.table in repaired:
            repaired[reference.table], repairs = _apply(reference, target, repaired, folder)
            done += repairs
    return repaired, tuple(done)


def _apply(
    reference: Reference, target: Target, finished: Mapping[str, FinishedTable], folder: Path
) -> tuple[FinishedTable, list[Repair]]:
    spec, before = target.tables[reference.table], finished[reference.table]
    column = spec.column(reference.column)
    if column is None or column.references is None or column.references[0] not in finished:
        return before, []
    known = _known(finished[column.references[0]], column.references[1])
    names = [name for name in before.columns if spec.column(name) is column]
    bad = pl.any_horizontal(_dangling(name, known) for name in names)
    hurt = table.collect(pl.scan_parquet(before.path).filter(bad).select(spec.key, *names))
    if not hurt.height:
        return before, []
    rule = f"repair.{reference.rule}"
    repairs = list(_repairs(rule, spec, column, names, hurt, set(known)))
    dropped = pl.Series(spec.key, [r.key for r in repairs if r.row_dropped], dtype=pl.String)
    frame = pl.scan_parquet(before.path)
    if column.required:  # by what the row holds, not by its key: keys may be there twice
        nothing_left = ~pl.any_horizontal(pl.col(name).is_in(known.implode()) for name in names)
        frame = frame.filter(~(bad & nothing_left))
    if column.numbered:
        frame = _closed_up(frame, names, known)
    table.sink(frame, before.path)
    _reject(folder / REJECTS, spec.name, rule, column.name, dropped)
    return _counted(before, rule, dropped), repairs


def _known(finished: FinishedTable, key: str) -> pl.Series:
    frame = pl.scan_parquet(finished.path).select(key).filter(pl.col(key) != "")
    return table.collect(frame).to_series()


def _dangling(name: str, known: pl.Series) -> pl.Expr:
    """An empty cell refers to nothing and is no fault; a required one is found by its own rule."""
    cell = pl.col(name)
    return (cell != "") & ~cell.is_in(known.implode())


def _repairs(
    rule: str,
    spec: TargetTable,
    column: TargetColumn,
    names: Sequence[str],
    hurt: pl.DataFrame,
    known: set[str],
) -> Iterator[Repair]:
    """A row loses its dangling values; it is dropped when the column is required and nothing is left."""
    for row in hurt.iter_rows(named=True):
        held = [row[name] for name in names if row[name]]
        kept = [value for value in held if value in known]
        yield Repair(
            rule=rule,
            table=spec.name,
            key=row[spec.key],
            column=column.name,
            before=", ".join(held),
            after=", ".join(kept),
            row_dropped=column.required and not kept,
        )


def _closed_up(frame: pl.LazyFrame, names: Sequence[str], known: pl.Series) -> pl.LazyFrame:
    """The numbered columns without their dangling values, the following ones moved up.

    A row without dangling values keeps its cells as they are, gaps included: those are findings.
    """
    bad = pl.any_horizontal(_dangling(name, known) for name in names)
    kept = pl.concat_list(
        pl.when(pl.col(name).is_in(known.implode())).then(pl.col(name)) for name in names
    ).list.drop_nulls()
    # in two steps: asked anew for each of fifteen columns, `is_in` would be most of the run
    judged = frame.with_columns(bad.alias("_bad"), kept.alias("_kept"))
    moved = [
        pl.when("_bad")
        .then(pl.col("_kept").list.get(place, null_on_oob=True).fill_null(""))
        .otherwise(pl.col(name))
        .alias(name)
        for place, name in enumerate(names)
    ]
    return judged.with_columns(moved).drop("_bad", "_kept")


def _counted(before: FinishedTable, rule: str, dropped: pl.Series) -> FinishedTable:
    """The counts after rows moved from written to rejected; the law holds before and after."""
    if not dropped.len():
        return before
    counts = before.counts
    rejected = {**counts.rejected, rule: counts.rejected.get(rule, 0) + dropped.len()}
    moved = replace(counts, rejected=rejected, written=counts.written - dropped.len())
    if not moved.holds():
        raise RuntimeError(f"{before.name}: the rows do not add up after {rule}")
    reasons = before.reasons if rule in before.reasons else (*before.reasons, rule)
    if before.fate_path is not None:
        _refate(before.fate_path, 1 + reasons.index(rule), dropped)
    return replace(before, counts=moved, reasons=reasons)


def _refate(path: Path, fate: int, dropped: pl.Series) -> None:
    """Source rows whose row was written and is now dropped get the repair as their reason."""
    frame = pl.scan_parquet(path)
    kind = frame.collect_schema()["fate"]
    gone = (pl.col("fate") == 0) & pl.col("key").is_in(dropped.implode())
    changed = pl.when(gone).then(pl.lit(fate, dtype=kind)).otherwise(pl.col("fate"))
    table.sink(frame.with_columns(changed.alias("fate")), path)


def _reject(path: Path, name: str, rule: str, column: str, dropped: pl.Series) -> None:
    """Add dropped rows to the run's rejects."""
    if not dropped.len():
        return
    more = pl.DataFrame({"key": dropped}).select(
        pl.lit(name).alias("table"),
        pl.col("key"),
        pl.lit(rule).alias("rule"),
        pl.lit(column).alias("column"),
    )
    frames = [more.lazy()]
    if path.exists():
        before = pl.scan_parquet(path)
        kinds = before.collect_schema()
        more = more.with_columns(pl.col(name).cast(kinds[name]) for name in _REJECT_COLUMNS)
        frames = [before, more.lazy().select(kinds.names())]
    table.sink(pl.concat(frames), path)
