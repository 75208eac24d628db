"""Finished tables while checks and repairs change them, with the books kept: counts, fates, rejects, keys.

A row that is dropped moves from written to rejected in the counts, gets the rule as its fate, and is
listed in the rejects; a row that is added is counted as added and gets a fate of its own. `verify` counts
everything again from the files: the law holds, and each source row has one reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from etlrunner import findings_file, table
from etlrunner.loaded import Loaded
from etlrunner.model.problems import Verdict
from etlrunner.model.tables import FinishedTable, Repair, Touched
from etlrunner.target import Target

REJECTS = "rejects.parquet"
NUMBER = "_number"
"""A row's place in the finished table, from 0."""
NTH = "_nth"
"""Which of the rows with the same key it is, from 0; nearly always 0."""
_REJECT_COLUMNS = ("table", "key", "rule", "column")


@dataclass
class Books:
    """The tables as they stand, and what was done to them."""

    target: Target
    tables: dict[str, FinishedTable]
    folder: Path
    loaded: Loaded
    keys: list[pl.DataFrame] = field(default_factory=list)
    """Lines for findings.parquet."""
    in_doubt: list[pl.DataFrame] = field(default_factory=list)
    """The same, of what the last round of merges left alone."""
    touched: Counter[tuple[str, str, str, Verdict]] = field(default_factory=Counter)
    repairs: list[Repair] = field(default_factory=list)
    """Every change that a repair or a merge made."""

    def frame(self, name: str) -> pl.LazyFrame:
        return self.loaded.frame(self.tables[name].path)

    def frames(self) -> dict[str, pl.LazyFrame]:
        return {name: self.frame(name) for name in self.tables}

    def has(self, name: str, broken: pl.Expr) -> bool:
        """Whether `broken` is true of any row: far cheaper than asking for the rows."""
        return bool(table.collect(self.frame(name).select(broken.any())).item())

    def rows(
        self, name: str, broken: pl.Expr, *columns: str, frame: pl.LazyFrame | None = None
    ) -> pl.DataFrame:
        """The rows for which `broken` is true: number, key, which of its key, and `columns`.

        `frame` is the table with columns that `broken` needs besides its own.
        """
        key = self.target.tables[name].key
        found = table.collect(
            (self.frame(name) if frame is None else frame)
            .with_row_index(NUMBER)
            .filter(broken)
            .select(NUMBER, key, *(column for column in columns if column != key))
        )
        if not found.height:
            return found.with_columns(pl.lit(0, dtype=pl.Int64).alias(NTH))
        same = self.frame(name).with_row_index(NUMBER).select(NUMBER, key)
        same = same.filter(pl.col(key).is_in(found[key].unique().implode()))
        counted = same.with_columns(_nth(key)).select(NUMBER, NTH)
        return found.join(table.collect(counted), on=NUMBER, how="left", maintain_order="left")

    def write(self, name: str, frame: pl.LazyFrame) -> None:
        """Put a table's new rows in place of the old ones."""
        path = self.tables[name].path
        table.sink(frame, path)
        self.tables[name] = replace(self.tables[name], columns=tuple(pl.read_parquet_schema(path)))

    def dropped(self, name: str, rule: str, column: str | None, rows: pl.DataFrame) -> None:
        """Account for rows (of `rows()`) that this rule takes out of what is written."""
        if not rows.height:
            return
        before, counts = self.tables[name], self.tables[name].counts
        rejected = {**counts.rejected, rule: counts.rejected.get(rule, 0) + rows.height}
        moved = replace(counts, rejected=rejected, written=counts.written - rows.height)
        reasons = before.reasons if rule in before.reasons else (*before.reasons, rule)
        key = self.target.tables[name].key
        if before.fate_path is not None:
            _refate(before.fate_path, 1 + reasons.index(rule), rows.select(key, NTH))
        _reject(self.folder / REJECTS, name, rule, column or "", rows[key])
        self.tables[name] = replace(before, counts=moved, reasons=reasons)

    def add(self, name: str, rows: pl.DataFrame) -> None:
        """Put new rows, whose keys the table does not have, among the others."""
        spec, before = self.target.tables[name], self.tables[name]
        counts = before.counts
        if before.fate_path is not None:
            _fate_of_new(before.fate_path, counts.read + counts.added, rows[spec.key])
        self.write(
            name, pl.concat([self.frame(name), rows.lazy()]).sort(spec.key, maintain_order=True)
        )
        grown = replace(
            counts, added=counts.added + rows.height, written=counts.written + rows.height
        )
        self.tables[name] = replace(self.tables[name], counts=grown)

    def touch(self, name: str, rule: str, column: str, verdict: Verdict, keys: pl.Series) -> None:
        """Account for cells that a verdict emptied or cut."""
        self.touched[rule, name, column, verdict] += len(keys)
        self.keys.append(findings_file.rows(name, keys, rule, column, verdict))

    def close(self) -> dict[str, FinishedTable]:
        """The tables with all that was touched. Raises RuntimeError if rows do not add up (`verify`)."""
        for (rule, name, column, verdict), count in self.touched.items():
            made = self.tables[name]
            one = Touched(rule, name, column, verdict, count)
            self.tables[name] = replace(made, touched=(*made.touched, one))
        rows = {(repair.table, repair.key) for repair in self.repairs}
        for name, count in Counter(name for name, _ in rows).items():
            self.tables[name] = replace(self.tables[name], repaired=count)
        self.keys += [*self.in_doubt, _lines(self.repairs)]
        findings_file.add(self.folder / findings_file.NAME, self.keys)
        verify(self.tables)
        return self.tables


def verify(tables: Mapping[str, FinishedTable]) -> None:
    """Count again from the files: a run whose books are wrong must not be sent. Raises RuntimeError."""
    for name, made in tables.items():
        counts = made.counts
        if not counts.holds():
            raise RuntimeError(f"{name}: rows read and rows accounted for differ")
        if table.rows_in(made.path) != counts.written:
            raise RuntimeError(f"{name}: not as many rows as the books say")
        if made.fate_path is not None:
            _verify_fates(made)


def _verify_fates(made: FinishedTable) -> None:
    assert made.fate_path is not None
    fates = pl.scan_parquet(made.fate_path)
    tally = dict(table.collect(fates.group_by("fate").len()).iter_rows())
    found: Counter[str] = Counter()
    for fate, count in tally.items():
        found[made.reasons[fate - 1] if fate else ""] += count
    counts = made.counts
    stated = Counter({"": counts.written}) + Counter(counts.filtered) + Counter(counts.rejected)
    if found != stated:
        raise RuntimeError(f"{made.name}: the fates of the rows are not what the counts say")
    of_source = fates.filter(pl.col(table.ROW) < counts.read)
    kind = fates.collect_schema()[table.ROW]
    each = (
        pl.int_range(counts.read).cast(kind).hash().sum()
    )  # so many as there are, each of them once
    asked = of_source.select(
        pl.len(), pl.col(table.ROW).hash().sum().alias("whole"), each.alias("each")
    )
    lines, whole, wanted = table.collect(asked).row(0)
    if (lines, whole) == (counts.read, wanted):
        return
    rows = table.collect(of_source.select(pl.col(table.ROW).n_unique())).item()
    if rows != counts.read or not counts.added:
        raise RuntimeError(f"{made.name}: a source row has two fates, or none")


def _nth(key: str) -> pl.Expr:
    return pl.int_range(pl.len()).over(key).alias(NTH)


def _refate(path: Path, fate: int, dropped: pl.DataFrame) -> None:
    """Source rows whose row was written and is now dropped get the rule as their reason.

    Fates of written rows stand in the order of the finished rows, so of rows that share a key the one
    that was dropped is found by its number among them.
    """
    key = dropped.columns[0]
    frame = pl.scan_parquet(path)
    kind = frame.collect_schema()["fate"]
    written = frame.with_row_index(NUMBER).filter(pl.col("fate") == 0).select(NUMBER, "key")
    same = written.filter(pl.col("key").is_in(dropped[key].unique().implode()))
    counted = table.collect(same.with_columns(_nth("key")))
    gone = counted.join(dropped.rename({key: "key"}), on=["key", NTH], how="semi")[NUMBER]
    is_gone = pl.col(NUMBER).is_in(gone.implode())
    changed = pl.when(is_gone).then(pl.lit(fate, dtype=kind)).otherwise(pl.col("fate"))
    table.sink(frame.with_row_index(NUMBER).with_columns(changed.alias("fate")).drop(NUMBER), path)


def _fate_of_new(path: Path, first: int, keys: pl.Series) -> None:
    """A row that no source row became gets a number after theirs, as a union's does."""
    frame = pl.scan_parquet(path)
    kinds = frame.collect_schema()
    numbers = pl.Series(table.ROW, range(first, first + len(keys)))
    more = pl.DataFrame([numbers, keys.alias("key")]).with_columns(pl.lit(0).alias("fate"))
    more = more.with_columns(pl.col(column).cast(kind) for column, kind in kinds.items())
    table.sink(pl.concat([frame, more.lazy().select(kinds.names())]), path)


def _lines(repairs: list[Repair]) -> pl.DataFrame:
    """The repairs as lines of findings.parquet."""
    cells = [
        (one.table, one.key, one.rule, one.column or "", _done(one), one.before, one.after)
        for one in repairs
    ]
    schema = dict.fromkeys(findings_file.COLUMNS, pl.String)
    return pl.DataFrame(cells, schema=schema, orient="row")


def _done(repair: Repair) -> str:
    if repair.rule.startswith("merge."):
        return "merge"
    return "drop" if repair.row_dropped else "stub" if repair.row_added else "repair"


def _reject(path: Path, name: str, rule: str, column: str, dropped: pl.Series) -> None:
    """Add dropped rows to the run's rejects."""
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
