"""One target table on its way: which rows, what cells, what is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import petl
import polars as pl

from etlrunner import findings_file, roster
from etlrunner import table as tables
from etlrunner.expressions import compile_where
from etlrunner.lib import files
from etlrunner.mapping import (
    assigned,
    conditions,
    extra_tables,
    lookups,
    numbered_columns,
    own_keys,
    select,
    text,
    unmatched,
)
from etlrunner.mapping.columns import Made, Touch, compile_columns, first_rule
from etlrunner.mapping.fates import FATE, KEY, KEY_OF_SOURCE, Fates
from etlrunner.mapping.watch import NOBODY, Watch
from etlrunner.model.components import Options, Resolve
from etlrunner.model.mapping import TableMapping
from etlrunner.model.problems import Finding, Verdict
from etlrunner.model.tables import CodeUse, FinishedTable, Touched
from etlrunner.table import ROW, ColumnTable, NumberedTable
from etlrunner.target import TargetTable

HOLDS_CODES = frozenset(
    [
        "grade_level",
        "location_id",
        "location_name",
        "course_id",
        "course_number",
        "course_name",
        "class_number",
        "password_policy",
    ]
)
"""Columns whose code tables are reported code by code; in others a code may be what somebody is called."""

_WHAT = {
    "required": "no {column}",
    "max_length": "a {column} that is too long",
    "lookup": "a {column} that its code table does not know",
}


@dataclass
class Beside:
    """What the transforms of all tables share beside the roster."""

    memory: ColumnTable
    """Values that were given for good; a step that gives some hands on a new one."""
    raw: Mapping[str, Path] = field(default_factory=dict)
    """A table here stands in for the file of that name."""
    is_used: bool = False

    def write(self, folder: Path) -> None:
        """A memory that this mapping does not use is handed on, not lost."""
        if self.is_used or tables.collect(self.memory.frame.head(1)).height:
            assigned.write(self.memory, folder)


@dataclass
class Work:
    """One target table on its way; `finish` does it all."""

    mapping: TableMapping
    target: TargetTable
    selected: select.Roster
    beside: Beside
    folder: Path
    as_of: date
    resolve: Resolve
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    watch: Watch = NOBODY
    left_out: frozenset[str] = frozenset()
    """Ids of the source that the flow leaves out."""
    withdrawn: list[pl.DataFrame] | None = field(default_factory=list)
    """Keys of filtered rows as the target has them; None where they are the source's, or not known."""
    codes: list[CodeUse] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    touched: list[Touched] = field(default_factory=list)
    given: list[tuple[Any, Options, pl.DataFrame, dict[str, petl.Table]]] = field(
        default_factory=list
    )
    """Steps that give texts for good: module, options, the rows after it, the tables it had."""
    touched_rows: list[pl.DataFrame] = field(default_factory=list)
    forbidden: list[Finding] = field(default_factory=list)
    """What lets nothing be sent: rows that break a rule whose verdict is `fail`."""
    """Lines for findings.parquet."""
    rejects: pl.DataFrame = field(default_factory=pl.DataFrame)
    """Table, key, rule and column of every rejected row."""

    def __post_init__(self) -> None:
        self.fates = Fates(self.target.name)

    def finish(self) -> FinishedTable:
        """Make it, and write it and its fates below the folder."""
        if own_keys.is_of_the_source(self.mapping, self.target) or self.target.name == "rosters":
            self.withdrawn = None  # nobody asks
        frame = self._selected()
        columns, frame = self._transformed(frame)
        made = compile_columns(
            self.mapping, columns, self.target, today=self.as_of, verdicts=self.verdicts
        )
        self.watch.compiled(frame, made)
        self.fates.may_now_reject()
        rows = self._judged(self._cells(frame, made), made)
        self._remember_only(rows[ROW])
        rows = self._folded(numbered_columns.trimmed(rows, made.lists, self.target))
        return self._result(self._write(rows))

    # ------------------------------------------------------------ which rows

    def _selected(self) -> pl.LazyFrame:
        """The source rows that pass `where` and `select`; the others get their fate."""
        frame = self.selected.frames[self.mapping.source]
        rules = []
        if self.mapping.where is not None:
            kinds = conditions.types(roster.columns(self.mapping.source))
            compiled = compile_where(self.mapping.where, kinds, today=self.as_of)
            rules += [(rule.name, ~rule.expr) for rule in compiled]
        verdict = pl.col(select.VERDICT)
        rules += [(name, verdict == n) for n, name in enumerate(select.REASONS, start=1)]
        self.watch.filtered(frame, rules)
        judged = frame.with_columns(first_rule(rules, self.fates.reasons).alias(FATE))
        filtered = judged.filter(pl.col(FATE) > 0)
        fate = tables.collect(filtered.select(ROW, KEY_OF_SOURCE, FATE))
        self.fates.rows.append(fate)
        self._note_withdrawn(filtered, fate, roster.columns(self.mapping.source))
        self.fates.read = int(tables.collect(frame.select(pl.len())).item())
        return judged.filter(pl.col(FATE) == 0).drop(FATE, select.VERDICT)

    def _transformed(self, frame: pl.LazyFrame) -> tuple[dict[str, str], pl.LazyFrame]:
        """Through the transforms, each on frozen rows; rows that go or come are counted."""
        columns = roster.columns(self.mapping.source)
        others = {name: ColumnTable(self.selected.kept(name)) for name in self.selected.frames}
        kinds = {name: roster.columns(name) for name in others}
        roster_kinds, pulled = dict(kinds), dict(others)
        for name, extra in self.mapping.tables.items():
            kinds[name] = extra_tables.columns(extra, self.resolve, roster_kinds)
            given = self.beside.raw.get(name)
            others[name] = extra_tables.prepared(extra, self.resolve, self.as_of, given, pulled)
        for step in self.mapping.transforms:
            module, options = self.resolve(step.type), conditions.dated(step.options, self.as_of)
            there, columns = columns, dict(module.columns(columns, options, kinds))
            before = tables.collect(frame)
            others[assigned.ASSIGNED] = self.beside.memory
            made = module.apply(NumberedTable(before.lazy()), options, others)
            lists = [name for name, kind in columns.items() if kind == "list"]
            after = tables.collect(tables.frame_of(made, lists))
            after, lost = self.fates.step(step, before, after)
            if step.type in ("join", "collect"):
                theirs = tables.frame_of(others[options["from"]])
                self._note(
                    unmatched.of_step(self.target.name, step, options, before, after, theirs)
                )
            if len(lost):
                self._note_withdrawn(lost.lazy(), self.fates.rows[-1], there)
            self.watch.stepped(step, before, after)
            frame = after.lazy()
            if hasattr(module, "assigned"):
                self.given.append((module, options, after, dict(others)))
                self.beside.memory = module.assigned(ColumnTable(frame), options, others)
                self.beside.is_used = True
        return columns, frame

    def _remember_only(self, written: pl.Series) -> None:
        """Whoever is rejected is given nothing for good: what was wrong may be the base of the text."""
        if not self.given:
            return
        memory = self.given[0][3][assigned.ASSIGNED]
        for module, options, rows, others in self.given:
            sent = ColumnTable(rows.filter(pl.col(ROW).is_in(written.implode())).lazy())
            memory = module.assigned(sent, options, {**others, assigned.ASSIGNED: memory})
        self.beside.memory = memory

    def _note_withdrawn(
        self, rows: pl.LazyFrame, fate: pl.DataFrame, columns: dict[str, str]
    ) -> None:
        """By which keys the target knows rows that are filtered, where those are not the source's ids."""
        if self.withdrawn is None or not len(fate):
            return
        keys = own_keys.of(rows, columns, self.mapping, self.target, self.as_of)
        if keys is None:
            self.withdrawn = None
        else:
            cleaned = text.cleaned(pl.DataFrame({"key": keys}))
            code = fate[fate.columns[-1]].alias("fate")
            ids = fate[KEY].is_in(list(self.left_out)).alias("left_out")
            self.withdrawn.append(cleaned.with_columns(code, ids))

    # ------------------------------------------------------------ its cells

    def _cells(self, frame: pl.LazyFrame, made: Made) -> pl.DataFrame:
        """Every cell as it would be sent: lists as numbered columns, text clean."""
        cells = [expr.alias(name) for name, expr in made.cells.items()]
        codes = {
            f"_code_{name}": name
            for name, (lookup, _) in made.codes.items()
            if name in HOLDS_CODES or unmatched.is_asked(lookup)
        }
        came = [made.codes[name][1].alias(alias) for alias, name in codes.items()]
        rows = tables.collect(frame.select(ROW, *cells, *came))
        for alias, name in codes.items():
            lookup = made.codes[name][0]
            self._note(unmatched.of_lookup(self.target.name, name, lookup, rows[alias]))
            if name in HOLDS_CODES:
                self.codes.append(lookups.use(lookup, name, _tally(rows[alias])))
        rows = rows.drop(*codes)
        rows, cut = numbered_columns.columns(rows, made.lists, self.target)
        self.notes += [self._cut(name, keys, made.lists[name]) for name, keys in cut.items()]
        return text.cleaned(rows)

    def _judged(self, cells: pl.DataFrame, made: Made) -> pl.DataFrame:
        """The rows that no rule rejects, with the cells that rules empty or cut."""
        cells, touches = self._touch(cells, made.touches)
        rejects = [(rule, applies) for rule, _, applies in made.rejects]
        self.watch.judged(cells, rejects)
        rows = cells.with_columns(first_rule(rejects, self.fates.reasons).alias(FATE))
        self._fail(rows, made)
        bad = rows.filter(pl.col(FATE) > 0)
        if len(bad):
            self.fates.rows.append(bad.select(ROW, pl.col(self.target.key).alias(KEY), FATE))
            rows = rows.filter(pl.col(FATE) == 0)
        for flag, touch in touches.items():
            self._note_touched(rows.filter(flag)[self.target.key], touch)
        hidden = [name for name in rows.columns if name.startswith("_unknown_")]
        return rows.drop(FATE, *hidden, *touches)

    def _touch(
        self, cells: pl.DataFrame, touches: list[Touch]
    ) -> tuple[pl.DataFrame, dict[str, Touch]]:
        """The cells as rules leave them, and a flag column for each rule that changed or named some."""
        flags: dict[str, Touch] = {}
        for number, touch in enumerate(touches):
            if not cells.select(touch.applies.any()).item():
                continue
            flag = f"_touched_{number}"
            flags[flag] = touch
            cells = cells.with_columns(touch.applies.alias(flag))
            if touch.instead is not None:
                instead = pl.when(flag).then(touch.instead).otherwise(touch.column)
                cells = cells.with_columns(instead.alias(touch.column))
        return cells, flags

    def _note_touched(self, keys: pl.Series, touch: Touch) -> None:
        """Count the cells and keep their keys; a rejected row is not listed twice."""
        if not len(keys):
            return
        name, rule, column = self.target.name, touch.rule, touch.column
        self.touched_rows.append(findings_file.rows(name, keys, rule, column, touch.verdict))
        if touch.verdict == "warn":
            message = f"{len(keys):,} rows break this rule and are sent as they are"
            self.notes.append(
                Finding(rule, "warning", message, name, column=column, count=len(keys))
            )
        else:
            self.touched.append(Touched(rule, name, column, touch.verdict, len(keys)))

    def _fail(self, rows: pl.DataFrame, made: Made) -> None:
        """Note the rows for which nothing may be sent; the others are made, so that all is told at once."""
        for rule, column, applies in made.fails:
            keys = rows.filter(applies)[self.target.key]
            count = len(keys)
            if count:
                lines = findings_file.rows(self.target.name, keys, rule, column, "fail")
                self.touched_rows.append(lines)
                what = _WHAT[rule.partition(".")[0]].format(column=column)
                message = f"{count} row{' has' if count == 1 else 's have'} {what}"
                self.forbidden.append(
                    Finding(rule, "error", message, self.target.name, column=column, count=count)
                )

    def _note(self, finding: Finding | None) -> None:
        if finding is not None:
            self.notes.append(finding)

    def _cut(self, name: str, keys: pl.Series, most: int) -> Finding:
        count = len(keys)
        message = f"{count} rows have more than {most} values; the first {most} were taken"
        rule = f"asm-too-many-{name.removesuffix('_id')}s"
        verdict = self.verdicts.get(rule, "warn")
        self.touched_rows.append(findings_file.rows(self.target.name, keys, rule, name, verdict))
        return Finding(rule, "warning", message, self.target.name, column=name, count=count)

    # ------------------------------------------------------------ what is written

    def _folded(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Sorted by key, so that the same rows are the same file whatever order the source has.

        Equal rows become one; rows that share a key but differ stay, and the checks find them.
        """
        key = self.target.key
        rows = rows.sort(key, maintain_order=True)
        if not (rows[key] == rows[key].shift(1)).any():
            self.watch.folded(rows, rows.clear())
            return rows
        names = [name for name in rows.columns if name != ROW]
        first = rows.select(pl.struct(names).is_first_distinct()).to_series()
        twice = rows.filter(~first)
        self.fates.duplicates(twice, key)
        self.watch.folded(rows.filter(first), twice)
        return rows.filter(first)

    def _write(self, rows: pl.DataFrame) -> Path:
        """Freeze the rows as they will be sent."""
        self.fates.write(rows, self.target.key)
        path = self.folder / "finished" / f"{self.target.name}.parquet"
        return tables.sink(rows.lazy().drop(ROW), path)

    def _result(self, path: Path) -> FinishedTable:
        fate = self.fates.frame()
        counts = self.fates.counts(fate)
        self.rejects = self.fates.rejects(fate)
        fate_path = self.folder / "fate" / f"{self.target.name}.parquet"
        tables.sink(fate.lazy(), fate_path)
        return FinishedTable(
            self.target.name,
            path,
            tuple(pl.read_parquet_schema(path)),
            counts,
            fate_path,
            tuple(self.fates.reasons),
            tuple(self.notes),
            tuple(self.touched),
            codes=tuple(self.codes),
            withdrawn_path=self._withdrawn_path(fate_path),
        )

    def _withdrawn_path(self, fate_path: Path) -> Path | None:
        if own_keys.is_of_the_source(self.mapping, self.target):
            return fate_path
        if self.withdrawn is None:
            return None
        path = files.private_folder(self.folder / "withdrawn") / fate_path.name
        return tables.sink(pl.concat([own_keys.nothing(), *self.withdrawn]).lazy(), path)


def _tally(codes: pl.Series) -> dict[str, int]:
    """How many rows have each code, or a list with it."""
    if codes.dtype == tables.LIST:
        codes = codes.list.unique().explode(empty_as_null=True).drop_nulls()
    return dict(codes.value_counts().iter_rows())
