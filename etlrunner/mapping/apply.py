"""The roster becomes target tables, and every source row gets exactly one fate.

A fate is one small integer per row and target table: 0 is written, else the first rule that took the
row out. Small tables are worked on eagerly; in a large one a first pass decides the fates and a second
streams the rows that stay, so that memory grows with what is written and not with what was read.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from types import ModuleType

import polars as pl

from etlrunner import findings_file, roster
from etlrunner import table as tables
from etlrunner.errors import ChecksFailed, ConfigurationError
from etlrunner.expressions import compile_where
from etlrunner.lib import files
from etlrunner.lib.suggest import close_to
from etlrunner.mapping import (
    assigned,
    conditions,
    extra_tables,
    from_database,
    lookups,
    needed,
    own_keys,
    select,
    text,
    verdicts,
)
from etlrunner.mapping.columns import Made, Touch, compile_columns, first_rule
from etlrunner.mapping.watch import NOBODY, Watch
from etlrunner.model.components import Options
from etlrunner.model.flow import Flow
from etlrunner.model.mapping import MappingSet, Step, TableMapping
from etlrunner.model.problems import Finding, Problem, Verdict
from etlrunner.model.surroundings import Progress
from etlrunner.model.tables import CodeUse, Counts, FinishedTable, StepCounts, Touched
from etlrunner.table import ROW, ColumnTable, NumberedTable
from etlrunner.target import APPLE_SCHOOL_MANAGER, TargetTable

Resolve = Callable[[str], ModuleType]
FATE = "_fate"
KEY = "_key"
ALWAYS = ("orgs", "academicSessions", "classes", "users")
"""What `select` needs, whatever the mapping uses."""
DUPLICATE = "duplicate"
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


def tables_needed(mapping: MappingSet) -> tuple[str, ...]:
    """The tables of the roster that a run has to pull, in the model's order."""
    wanted = set(ALWAYS)
    for one in mapping.tables.values():
        wanted.add(one.source)
        prepared = (step for extra in one.tables.values() for step in extra.transforms)
        wanted |= {str(step.options.get("from")) for step in (*one.transforms, *prepared)}
    return tuple(name for name in roster.TABLES if name in wanted)


def tables_beside(mapping: MappingSet) -> dict[str, tuple[str, ...]]:
    """Tables beside the roster that `raw` may bring, with their columns: files, and the memory."""
    found = {
        name: tuple(extra_tables.header(extra))
        for one in mapping.tables.values()
        for name, extra in one.tables.items()
    }
    if _giving(mapping):
        found[assigned.ASSIGNED] = assigned.COLUMNS
    return found


def check_mapping(mapping: MappingSet, *, resolve: Resolve) -> list[Problem]:
    """Everything that can be known without data: names, types, columns, code tables."""
    problems: list[Problem] = list(from_database.problems(mapping))
    for name, one in mapping.tables.items():
        target = APPLE_SCHOOL_MANAGER.tables.get(name)
        if target is None:
            known = ", ".join(APPLE_SCHOOL_MANAGER.tables)
            hint = close_to(name, APPLE_SCHOOL_MANAGER.tables) or f"known: {known}"
            problems.append(Problem("E313", f"there is no table '{name}'", one.place, hint=hint))
            continue
        problems += _check_one(one, target, resolve)
    for name in APPLE_SCHOOL_MANAGER.tables.keys() - mapping.tables.keys():
        problems.append(Problem("E314", f"mapping '{mapping.name}' makes no table '{name}'"))
    return problems


def map_tables(
    flow: Flow,
    raw: Mapping[str, Path],
    folder: Path,
    *,
    as_of: date,
    resolve: Resolve,
    progress: Progress,
    only: Collection[str] = (),
    watch: Watch = NOBODY,
) -> dict[str, FinishedTable]:
    """Make every target table of the flow's mapping, or `only` these, below `folder`.

    Beside the roster `raw` may hold the memory of numbered values (mapping/assigned.py), whose successor
    is written into `folder`, and rows in place of an extra table's file. Raises ConfigurationError for an unknown school, ChecksFailed when no term is
    active or a code that must not be missing is.
    """
    for name in ("finished", "fate"):
        files.private_folder(folder / name)
    scratch = files.private_folder(folder / "selected")
    roster_paths = {name: path for name, path in raw.items() if name in roster.TABLES}
    needed.require(flow.mapping, roster_paths)
    flow = replace(flow, mapping=from_database.in_place(flow.mapping, raw))
    selected = select.select(flow, roster_paths, as_of, scratch, watch)
    beside = Beside(assigned.read(raw), {name: raw[name] for name in raw.keys() - roster_paths})
    wanted = _wanted(flow.mapping, only)
    done: dict[str, FinishedTable] = {}
    rejects: list[pl.DataFrame] = []
    touched: list[pl.DataFrame] = [findings_file.nothing()]
    chosen = verdicts.chosen(flow)
    progress.start("map", len(wanted), "tables")
    for name, mapping in wanted.items():
        target = APPLE_SCHOOL_MANAGER.tables[name]
        told = watch if not only or name in only else NOBODY
        work = _Work(
            mapping, target, selected, beside, folder, as_of, resolve, chosen, told,
            select.left_out(flow, mapping.source),
        )  # fmt: skip
        done[name] = work.finish()
        rejects.append(work.rejected_rows())
        touched += work.touched_rows
        progress.advance("map", 1)
    tables.sink(pl.concat(rejects).lazy(), folder / "rejects.parquet")
    tables.sink(pl.concat(touched).lazy(), folder / findings_file.NAME)
    beside.write(folder)
    shutil.rmtree(scratch)
    progress.done("map")
    return done


def _wanted(mapping: MappingSet, only: Collection[str]) -> dict[str, TableMapping]:
    """The tables to make: all, or only these, and those that may have given a text before them."""
    giving = _giving(mapping)
    names = set(only or mapping.tables)
    names |= giving if names & giving else set()
    return {name: one for name, one in mapping.tables.items() if name in names}


def _giving(mapping: MappingSet) -> set[str]:
    """The tables whose transforms give texts for good: those that remember them."""
    return {
        name
        for name, one in mapping.tables.items()
        if any("remember" in step.options for step in one.transforms)
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
class _Work:
    """One target table on its way."""

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
    reasons: list[str] = field(default_factory=list)
    filtered: int = 0
    """How many of the reasons, from the first, filter; the others reject."""
    fates: list[pl.DataFrame] = field(default_factory=list)
    withdrawn: list[pl.DataFrame] | None = field(default_factory=list)
    """Keys of filtered rows as the target has them; None where they are the source's, or not known."""
    added: int = 0
    steps: list[StepCounts] = field(default_factory=list)
    codes: list[CodeUse] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    touched: list[Touched] = field(default_factory=list)
    touched_rows: list[pl.DataFrame] = field(default_factory=list)

    def finish(self) -> FinishedTable:
        if own_keys.is_of_the_source(self.mapping, self.target) or self.target.name == "rosters":
            self.withdrawn = None  # nobody asks
        frame = self._selected()
        columns, frame = self._transformed(frame)
        made = compile_columns(
            self.mapping, columns, self.target, today=self.as_of, verdicts=self.verdicts
        )
        self.watch.compiled(frame, made)
        self.filtered = len(self.reasons) + 1
        self.reasons.append(DUPLICATE)
        rows = self._trimmed(self._judged(self._cells(frame, made), made), made)
        return self._result(self._write(self._folded(rows)))

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
        judged = frame.with_columns(first_rule(rules, self.reasons).alias(FATE))
        filtered = judged.filter(pl.col(FATE) > 0)
        fate = tables.collect(filtered.select(ROW, KEY_OF_SOURCE, FATE))
        self.fates.append(fate)
        self._note_withdrawn(filtered, fate, roster.columns(self.mapping.source))
        total = tables.collect(frame.select(pl.len())).item()
        self.read = int(total)
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
            module, options = self.resolve(step.type), _options(step, self.as_of)
            there, columns = columns, dict(module.columns(columns, options, kinds))
            before = tables.collect(frame)
            others[assigned.ASSIGNED] = self.beside.memory
            made = module.apply(NumberedTable(before.lazy()), options, others)
            lists = [name for name, kind in columns.items() if kind == "list"]
            after = tables.collect(tables.frame_of(made, lists))
            after = self._account(step, before, after, there)
            frame = after.lazy()
            if hasattr(module, "assigned"):
                self.beside.memory = module.assigned(ColumnTable(frame), options, others)
                self.beside.is_used = True
        return columns, frame

    def _account(
        self, step: Step, before: pl.DataFrame, after: pl.DataFrame, columns: dict[str, str]
    ) -> pl.DataFrame:
        """Rows whose number is gone were filtered by this step; rows beyond that were added.

        A row that a step made of nothing (a union's) gets a number of its own, which it keeps.
        """
        lost = before.join(after.select(ROW).unique(), on=ROW, how="anti", maintain_order="left")
        if len(lost):
            name = step_name(step)
            self.reasons.append(name)
            code = pl.lit(len(self.reasons), dtype=pl.UInt8).alias(FATE)
            fate = lost.select(ROW, KEY_OF_SOURCE, code)
            self.fates.append(fate)
            self._note_withdrawn(lost.lazy(), fate, columns)
        fresh = pl.col(ROW).is_null()
        number = (self.read + self.added + fresh.cum_sum() - 1).cast(pl.UInt32)
        gone = len(lost) if not self.added else len(lost) + _thinned(before, after)
        made = len(after) - (len(before) - gone)
        self.steps.append(StepCounts(step_name(step), len(before), len(after), gone, made))
        self.added += len(after) - (len(before) - len(lost))
        after = after.with_columns(pl.when(fresh).then(number).otherwise(pl.col(ROW)).alias(ROW))
        self.watch.stepped(step, before, after)
        return after

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

    def _cells(self, frame: pl.LazyFrame, made: Made) -> pl.DataFrame:
        """Every cell as it would be sent: lists as numbered columns, text clean."""
        cells = [expr.alias(name) for name, expr in made.cells.items()]
        codes = {f"_code_{name}": name for name in made.codes if name in HOLDS_CODES}
        came = [made.codes[name][1].alias(alias) for alias, name in codes.items()]
        rows = tables.collect(frame.select(ROW, *cells, *came))
        for alias, name in codes.items():
            self.codes.append(lookups.use(made.codes[name][0], name, _tally(rows[alias])))
        rows = rows.drop(*codes)
        return text.cleaned(self._numbered(rows, made))

    def _judged(self, cells: pl.DataFrame, made: Made) -> pl.DataFrame:
        """The rows that no rule rejects, with the cells that rules empty or cut."""
        cells, touches = self._touch(cells, made.touches)
        rejects = [(rule, applies) for rule, _, applies in made.rejects]
        self.watch.judged(cells, rejects)
        rows = cells.with_columns(first_rule(rejects, self.reasons).alias(FATE))
        self._fail(rows, made)
        bad = rows.filter(pl.col(FATE) > 0)
        if len(bad):
            self.fates.append(bad.select(ROW, pl.col(self.target.key).alias(KEY), FATE))
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
        findings = []
        for rule, column, applies in made.fails:
            count = rows.filter(applies).height
            if count:
                what = _WHAT[rule.partition(".")[0]].format(column=column)
                message = f"{count} row{' has' if count == 1 else 's have'} {what}"
                findings.append(
                    Finding(rule, "error", message, self.target.name, column=column, count=count)
                )
        if findings:
            raise ChecksFailed(findings)

    # ------------------------------------------------------------ what is written

    def _numbered(self, rows: pl.DataFrame, made: Made) -> pl.DataFrame:
        """Lists as numbered columns, as many as the widest row needs; all columns of the header."""
        widths = {}
        for name, most in made.lists.items():
            rows = _without_blanks(rows, name)
            longest = rows.select(pl.col(name).list.len().max()).item() or 1
            if longest > most:
                self._note_cut(rows, name, most)
            widths[name] = min(longest, most)
            rows = rows.with_columns(_numbered(name, widths[name]))
        header = self.target.header(widths)
        missing = [pl.lit("").alias(name) for name in header if name not in rows.columns]
        hidden = [name for name in rows.columns if name.startswith("_unknown_")]
        return rows.with_columns(missing).select(ROW, *header, *hidden)

    def _trimmed(self, rows: pl.DataFrame, made: Made) -> pl.DataFrame:
        """Without numbered columns that only rejected rows needed."""
        widths = {}
        for name in made.lists:
            wide = [one for one in rows.columns if one == name or one.startswith(f"{name}_")]
            used = rows.select((pl.col(wide) != "").any()).row(0)
            widths[name] = max((place for place, some in enumerate(used, 1) if some), default=1)
        return rows.select(ROW, *self.target.header(widths))

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
        code = pl.lit(self.reasons.index(DUPLICATE) + 1, dtype=pl.UInt8).alias(FATE)
        self.fates.append(twice.select(ROW, pl.col(key).alias(KEY), code))
        self.watch.folded(rows.filter(first), twice)
        return rows.filter(first)

    def _write(self, rows: pl.DataFrame) -> Path:
        """Freeze the rows as they will be sent."""
        written = rows.select(ROW, pl.col(self.target.key).alias(KEY))
        self.fates.append(written.with_columns(pl.lit(0, dtype=pl.UInt8).alias(FATE)))
        self.written = len(rows)
        path = self.folder / "finished" / f"{self.target.name}.parquet"
        return tables.sink(rows.lazy().drop(ROW), path)

    def _note_cut(self, rows: pl.DataFrame, name: str, most: int) -> None:
        cut = rows.filter(pl.col(name).list.len() > most)
        message = f"{len(cut)} rows have more than {most} values; the first {most} were taken"
        self.notes.append(
            Finding(
                f"asm-too-many-{name.removesuffix('_id')}s",
                "warning",
                message,
                self.target.name,
                column=name,
                count=len(cut),
            )
        )

    def _result(self, path: Path) -> FinishedTable:
        fates = pl.concat(
            [fate.rename({fate.columns[1]: "key", FATE: "fate"}) for fate in self.fates]
        )
        tally = dict(fates.group_by("fate").len().iter_rows())
        counts = Counts(
            read=self.read,
            added=self.added,
            filtered=self._counted(tally, 0, self.filtered),
            rejected=self._counted(tally, self.filtered, len(self.reasons)),
            written=self.written,
            steps=tuple(self.steps),
        )
        if not counts.holds():
            raise RuntimeError(f"{self.target.name}: rows read and rows accounted for differ")
        fate_path = self.folder / "fate" / f"{self.target.name}.parquet"
        tables.sink(fates.lazy(), fate_path)
        self.rejects = fates
        header = tuple(pl.read_parquet_schema(path))
        finished = FinishedTable(
            self.target.name, path, header, counts, fate_path, tuple(self.reasons),
            tuple(self.notes), tuple(self.touched), codes=tuple(self.codes),
        )  # fmt: skip
        return replace(finished, withdrawn_path=self._withdrawn_path(fate_path))

    def _withdrawn_path(self, fate_path: Path) -> Path | None:
        if own_keys.is_of_the_source(self.mapping, self.target):
            return fate_path
        if self.withdrawn is None:
            return None
        path = files.private_folder(self.folder / "withdrawn") / fate_path.name
        return tables.sink(pl.concat([own_keys.nothing(), *self.withdrawn]).lazy(), path)

    def _counted(self, tally: Mapping[int, int], first: int, end: int) -> dict[str, int]:
        counted: Counter[str] = Counter()
        for place in range(first, end):
            counted[self.reasons[place]] += tally.get(place + 1, 0)
        return {reason: count for reason, count in counted.items() if count}

    def rejected_rows(self) -> pl.DataFrame:
        """Table, key, rule and column of every rejected row."""
        names = pl.Series(self.reasons, dtype=pl.String)
        rejected = self.rejects.filter(pl.col("fate") > self.filtered)
        rule = pl.Series("rule", names.gather(rejected["fate"].cast(pl.UInt32) - 1))
        return rejected.select(
            pl.lit(self.target.name).alias("table"),
            "key",
            rule,
            rule.str.split(".").list.last().alias("column"),
        )


_WHAT = {
    "required": "no {column}",
    "max_length": "a {column} that is too long",
    "lookup": "a {column} that its code table does not know",
}
KEY_OF_SOURCE = pl.col("sourcedId").alias(KEY)


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


def _tally(codes: pl.Series) -> dict[str, int]:
    """How many rows have each code, or a list with it."""
    if codes.dtype == tables.LIST:
        codes = codes.list.unique().explode(empty_as_null=True).drop_nulls()
    return dict(codes.value_counts().iter_rows())


def _thinned(before: pl.DataFrame, after: pl.DataFrame) -> int:
    """How many rows went though another row of the same number stayed."""
    left = after.group_by(ROW).len("_left")
    pairs = before.group_by(ROW).len("_had").join(left, on=ROW)
    fewer = pairs.filter(pl.col("_had") > pl.col("_left"))
    return sum(had - left for had, left in fewer.select("_had", "_left").iter_rows())


def _options(step: Step, today: date) -> Options:
    return {**step.options, conditions.TODAY: today}


def step_name(step: Step) -> str:
    detail = step.options.get("where") or step.options.get("from") or ""
    return f"{step.type}: {detail}" if detail else step.type


CERTAIN = frozenset({
    "E301", "E305", "E308", "E309", "E327", "E319", "E310", "E311", "E312", "E316", "E320", "E321", "E322", "E351", "E352", "E353", "E354",
})  # fmt: skip
"""Problems that do not depend on a column's type."""


def _check_one(mapping: TableMapping, target: TargetTable, resolve: Resolve) -> list[Problem]:
    """Compile one mapping without data; each transform's place stands in for a missing one."""
    if mapping.source not in roster.TABLES:
        hint = close_to(mapping.source, roster.TABLES) or f"known: {', '.join(roster.TABLES)}"
        problem = Problem(
            "E315", f"there is no table '{mapping.source}'", mapping.place, "from", hint
        )
        return [problem]
    problems: list[Problem] = []
    guessed = False  # whether a step failed, and the types of its columns are a guess
    today = date(2000, 1, 1)
    columns: Mapping[str, str] = roster.columns(mapping.source)
    kinds, wrong = _kinds(mapping, resolve)
    if wrong:
        return wrong
    where = mapping.where
    if where is not None:
        types = conditions.types(columns)
        problems += _tried(partial(compile_where, where, types, today=today))
    for number, step in enumerate(mapping.transforms):
        module = resolve(step.type)
        if hasattr(module, "ONLY_BESIDE"):
            message = f"`{step.type}` is for files under `tables:`"
            hint = "in the roster the row above is somebody else"
            problems.append(Problem("E319", message, step.place, hint=hint))
            continue
        try:
            columns = module.columns(columns, _options(step, today), kinds)
        except ConfigurationError as error:
            path = f"transforms[{number}].{step.type}"
            told = [conditions.placed(problem, step, path) for problem in error.problems]
            problems += [problem for problem in told if not guessed or problem.code in CERTAIN]
            columns, guessed = {**columns, **_promised(step)}, True
    told = _tried(lambda: compile_columns(mapping, columns, target, today=today))
    return problems + [problem for problem in told if not guessed or problem.code in CERTAIN]


def _promised(step: Step) -> dict[str, str]:
    """What a step that fails would have added, so that nobody complains that it is not there."""
    made = {str(step.options["as"]): "list"} if "as" in step.options else {}
    take = step.options.get("take")
    return made | dict.fromkeys(map(str, take if isinstance(take, Mapping) else ()), "text")


def _kinds(
    mapping: TableMapping, resolve: Resolve
) -> tuple[dict[str, Mapping[str, str]], list[Problem]]:
    """The columns of every table that transforms may take from, and what is wrong with files."""
    kinds: dict[str, Mapping[str, str]] = {name: roster.columns(name) for name in roster.TABLES}
    pulled = dict(kinds)
    problems: list[Problem] = []
    for name, extra in mapping.tables.items():
        if name in roster.TABLES or name == assigned.ASSIGNED:
            message = f"'{name}' is the name of another table"
            problems.append(Problem("E327", message, extra.place, "tables", "give it another name"))
            continue
        try:
            kinds[name] = extra_tables.columns(extra, resolve, pulled)
        except ConfigurationError as error:
            problems += error.problems
    return kinds, problems


def _tried(compile_it: Callable[[], object]) -> list[Problem]:
    try:
        compile_it()
    except ConfigurationError as error:
        return list(error.problems)
    return []
