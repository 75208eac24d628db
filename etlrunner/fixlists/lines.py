"""Every record that a run left out, changed or found something wrong with, and the schools it belongs to.

A rejected row exists in the raw tables only, a row that stayed in the finished ones too: the fates tie a
key to the source rows that it was made of. Where a record belongs to no school of the delivery, or to none
that can be told, it belongs to the district, and no school sees it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from etlrunner import findings_file, holdover, table
from etlrunner.checks.books import REJECTS
from etlrunner.evidence import Evidence
from etlrunner.fixlists.schools import Schools
from etlrunner.model.flow import Flow
from etlrunner.table import ROW
from etlrunner.target import APPLE_SCHOOL_MANAGER

REJECT, DROP, HELD_OVER = "reject", "drop", "held-over"
Row = Mapping[str, Any]
_TAKEN_OFF, _BARE = "repair.class_instructor_missing", "asm-class-no-instructor"
_NTH = "_nth"
_TEXTS = ("key", "rule", "column", "verdict", "before", "after")


@dataclass(frozen=True)
class Rows:
    """The tables of a run: what was delivered or would be, and, where they are kept, what it was made of."""

    finished: Mapping[str, Path]
    raw: Mapping[str, Path] = field(default_factory=dict)
    fates: Mapping[str, Path] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    """Target table -> the raw table that it is made from."""
    reasons: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Target table -> its rules; a fate of n is the rule at n - 1."""

    @classmethod
    def of(cls, kept: Evidence, flow: Flow) -> Rows:
        """Those of a kept run."""
        names = list(kept.reasons)
        return cls(
            {name: kept.finished(name) for name in names},
            kept.raw,
            {name: kept.fate(name) for name in names},
            {name: one.source for name, one in flow.mapping.tables.items()},
            kept.reasons,
        )


@dataclass(frozen=True)
class Line:
    """One record and one rule; values are for a list only, never for a log or a screen."""

    table: str
    key: str
    rule: str
    column: str
    verdict: str
    """What became of it: `reject` for every row that was left out, else as in findings.parquet."""
    before: str = ""
    after: str = ""
    cells: Row = field(default_factory=dict, repr=False)
    """The row as it is sent; empty for one that is not."""
    record: Row = field(default_factory=dict, repr=False)
    """The row as the source has it; empty where it is not known."""
    schools: tuple[str, ...] = ()
    """Location ids; none means the district."""
    dangling: tuple[str, ...] = ()
    """What the record refers to and is not sent."""
    follows: bool = False
    """Whether it comes right by itself when another record of these lists is mended."""


def of_run(rows: Rows, folder: Path, grace: Iterable[str] = ()) -> tuple[list[Line], Schools]:
    """All of a run's lines, table by table; `grace` are the tables whose held-over rows count."""
    rejects = _read(folder / REJECTS)
    findings = _read(folder / findings_file.NAME)
    held = _read(folder / holdover.LIST) if (folder / holdover.LIST).is_file() else None
    lines: list[Line] = []
    for name in rows.reasons:
        left = _left_out(rows, name, rejects, findings)
        noted = _noted(rows, name, findings, left)
        if held is not None:  # what is odd about a last known row is nobody's to mend
            gone = held.filter(pl.col("table") == name)["key"]
            noted = noted.filter(~pl.col("key").is_in(gone.implode()))
        lines += _with_rows(rows, name, pl.concat([left, noted]))
    here = {(line.table, line.key) for line in lines}
    if held is not None:
        sent = [one for one in _held_over(held, grace) if (one.table, one.key) not in here]
        for name in dict.fromkeys(one.table for one in sent):
            lines += _named(rows, name, [one for one in sent if one.table == name])
    return _placed(rows, lines, sorted(_codes(rows, "locations", rejects)))


def of_keys(rows: Rows, wanted: Iterable[Line]) -> tuple[list[Line], Schools]:
    """The same for rows that somebody else names by table and key."""
    lines: list[Line] = []
    by_table: dict[str, list[Line]] = {}
    for line in wanted:
        by_table.setdefault(line.table, []).append(line)
    for name, some in by_table.items():
        lines += _named(rows, name, some)
    return _placed(rows, lines)


# ---------------------------------------------------------------- which rows


def _named(rows: Rows, name: str, some: Sequence[Line]) -> Iterator[Line]:
    """Lines about rows of a finished table that are known by their keys alone."""
    texts = [[getattr(line, column) for column in _TEXTS] for line in some]
    frame = pl.DataFrame(texts, schema=dict.fromkeys(_TEXTS, pl.String), orient="row")
    row = pl.lit(None, dtype=pl.UInt32).alias(ROW)
    nth = pl.lit(0, dtype=pl.Int64).alias(_NTH)
    return _with_rows(rows, name, frame.select(row, nth, *_TEXTS))


def _held_over(held: pl.DataFrame, grace: Iterable[str]) -> Iterator[Line]:
    """Who is gone from the source and was sent as last known; what hangs on them is no line."""
    wanted = set(grace) & {*holdover.PEOPLE, "classes"}
    for name, key in held.select("table", "key").iter_rows():
        if name in wanted:
            yield Line(name, key, HELD_OVER, "location_id", "warn")


def _read(path: Path) -> pl.DataFrame:
    return _texts(table.collect(pl.scan_parquet(path)))


def _texts(frame: pl.DataFrame) -> pl.DataFrame:
    """A table without rows may have columns of no type."""
    return frame.with_columns(pl.col(name).cast(pl.String) for name in frame.columns)


def _codes(rows: Rows, name: str, rejects: pl.DataFrame) -> dict[int, str]:
    """Fate -> rule, of the rules that left rows out (and did not filter them)."""
    rules = set(rejects.filter(pl.col("table") == name)["rule"])
    return {code: rule for code, rule in enumerate(rows.reasons[name], 1) if rule in rules}


def _left_out(rows: Rows, name: str, rejects: pl.DataFrame, findings: pl.DataFrame) -> pl.DataFrame:
    """One line for each source row that a rule left out."""
    codes = _codes(rows, name, rejects)
    ruled = pl.DataFrame(
        list(codes.items()), schema={"fate": pl.Int64, "rule": pl.String}, orient="row"
    )
    fates = table.collect(pl.scan_parquet(rows.fates[name]).filter(pl.col("fate").is_in([*codes])))
    fates = fates.with_columns(pl.col("fate").cast(pl.Int64)).join(
        ruled, on="fate", maintain_order="left"
    )
    mine = rejects.filter(pl.col("table") == name).unique("rule", maintain_order=True)
    told = findings.filter(pl.col("table") == name).unique(["key", "rule"], maintain_order=True)
    lines = fates.join(
        mine.select("rule", "column"), on="rule", how="left", maintain_order="left"
    ).join(
        told.select("key", "rule", "before", "after"),
        on=["key", "rule"],
        how="left",
        maintain_order="left",
    )
    return lines.select(
        pl.col(ROW).cast(pl.UInt32),
        pl.lit(None, dtype=pl.Int64).alias(_NTH),
        "key",
        "rule",
        pl.col("column").fill_null(""),
        pl.lit(REJECT).alias("verdict"),
        pl.col("before", "after").fill_null(""),
    )


def _noted(rows: Rows, name: str, findings: pl.DataFrame, left: pl.DataFrame) -> pl.DataFrame:
    """One line for each row that stayed although a rule found or changed something."""
    mine = findings.filter((pl.col("table") == name) & (pl.col("verdict") != DROP))
    mine = mine.unique(["key", "rule", "column", "verdict"], maintain_order=True)
    mine = mine.join(left.select("key", "rule"), on=["key", "rule"], how="anti")
    keys = mine["key"].unique().implode()
    fates = table.collect(pl.scan_parquet(rows.fates[name]).filter(pl.col("key").is_in(keys)))
    taken_out = pl.col(ROW).cast(pl.UInt32).is_in(left[ROW].implode())
    stayed = pl.col("fate") == 0
    fates = fates.filter(stayed | (taken_out & ~stayed.any().over("key")))
    nth = pl.when(stayed).then(pl.int_range(pl.len()).over("key"))  # as the finished rows stand
    fates = fates.with_columns(nth.cast(pl.Int64).alias(_NTH))
    lines = mine.join(fates, on="key", how="left", maintain_order="left")
    return lines.select(pl.col(ROW).cast(pl.UInt32), pl.col(_NTH), *_TEXTS)


def _with_rows(rows: Rows, name: str, frame: pl.DataFrame) -> Iterator[Line]:
    """The lines of a frame, each with its row as it is sent and as the source has it."""
    sent = _sent(rows, name, frame)
    records = _records(rows, name, frame)
    for row, nth, *texts in frame.iter_rows():
        values = dict(zip(_TEXTS, texts, strict=True))
        cells = sent.get((values["key"], nth), {})
        yield Line(name, **values, cells=cells, record=records.get(row, {}))


def _sent(rows: Rows, name: str, frame: pl.DataFrame) -> dict[tuple[str, int], Row]:
    key = APPLE_SCHOOL_MANAGER.tables[name].key
    keys = frame.filter(pl.col(_NTH).is_not_null())["key"].unique().implode()
    found = pl.scan_parquet(rows.finished[name]).filter(pl.col(key).is_in(keys))
    numbered = found.with_columns(pl.int_range(pl.len()).over(key).alias(_NTH))
    return {(row[key], row.pop(_NTH)): row for row in table.collect(numbered).iter_rows(named=True)}


def _records(rows: Rows, name: str, frame: pl.DataFrame) -> dict[int, Row]:
    path = rows.raw.get(rows.sources.get(name, ""))
    numbers = frame[ROW].drop_nulls().unique()
    if path is None or not len(numbers):
        return {}
    found = pl.scan_parquet(path).filter(pl.col(ROW).cast(pl.UInt32).is_in(numbers.implode()))
    return {row[ROW]: row for row in table.collect(found).iter_rows(named=True)}


# ---------------------------------------------------------------- whose they are


def _placed(
    rows: Rows, lines: list[Line], rejecting: Sequence[int] = ()
) -> tuple[list[Line], Schools]:
    """The lines with their schools, and with what each of them follows from."""
    schools = Schools.read(rows.finished, rows.raw, rows.sources, rows.fates, rejecting)
    rosters = [line for line in lines if line.table == "rosters"]
    schools.learn(row for line in rosters for row in (line.record, line.cells))
    broken: dict[str, set[str]] = {}
    for line in lines:
        if line.verdict == REJECT:
            broken.setdefault(line.table, set()).add(line.key)
    known = {name: _keys(rows, name, lines) for name in rows.finished}
    placed = []
    for line in lines:
        dangling = _dangling(line, known)
        at = schools.of(line.table, line.cells, line.record)
        follows = _follows(line, dangling, broken)
        placed.append(replace(line, schools=at, dangling=dangling, follows=follows))
    return _with_bare_classes(placed), schools


def _with_bare_classes(lines: list[Line]) -> list[Line]:
    """A class has no instructor because of a teacher who is on a list: nothing is to do to the class."""
    waiting = {one.key for one in lines if one.follows and one.rule == _TAKEN_OFF}
    return [
        replace(one, follows=True) if one.rule == _BARE and one.key in waiting else one
        for one in lines
    ]


def _keys(rows: Rows, name: str, lines: list[Line]) -> set[str]:
    """Those keys of a finished table that some line refers to."""
    wanted = {
        value for line in lines if _reference(line) == name for value in _values(line) if value
    }
    if not wanted:
        return set()
    key = APPLE_SCHOOL_MANAGER.tables[name].key
    there = pl.scan_parquet(rows.finished[name]).select(key)
    return set(table.collect(there.filter(pl.col(key).is_in(sorted(wanted))))[key])


def _reference(line: Line) -> str:
    """The table that the line's column refers to, if the line is about that."""
    column = APPLE_SCHOOL_MANAGER.tables[line.table].column(line.column)
    is_about_it = line.rule.startswith(("asm-ref-", "repair."))
    return column.references[0] if is_about_it and column and column.references else ""


def _values(line: Line) -> list[str]:
    """What the column of a line refers to: before a repair, or as it is sent."""
    if line.rule.startswith("repair."):
        return line.before.split(", ") if line.before else []
    spec = APPLE_SCHOOL_MANAGER.tables[line.table]
    column = spec.column(line.column)
    return [str(value) for name, value in line.cells.items() if spec.column(name) is column]


def _dangling(line: Line, known: Mapping[str, set[str]]) -> tuple[str, ...]:
    name = _reference(line)
    there = known.get(name, set())
    return tuple(value for value in _values(line) if name and value and value not in there)


def _follows(line: Line, dangling: Sequence[str], broken: Mapping[str, set[str]]) -> bool:
    """It hangs on records that are on a list themselves, or moved along with one that was merged."""
    if line.rule.startswith("merge."):
        return line.table not in ("students", "staff")
    return bool(dangling) and broken.get(_reference(line), set()).issuperset(dangling)
