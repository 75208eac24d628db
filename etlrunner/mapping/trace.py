"""What became of some rows, told by the engine itself: it maps them again, and this module listens.

Nothing here decides anything. The rules are those that the run's engine compiled (`watch`), evaluated
on the few rows that somebody asks about.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from etlrunner import table as tables
from etlrunner.mapping import apply, conditions, fates, nearby, select
from etlrunner.mapping.columns import Made
from etlrunner.mapping.watch import Rules, Watch
from etlrunner.model.components import Resolve
from etlrunner.model.flow import Flow
from etlrunner.model.mapping import Step
from etlrunner.model.surroundings import SilentProgress
from etlrunner.model.tables import FinishedTable
from etlrunner.table import ROW
from etlrunner.target import APPLE_SCHOOL_MANAGER

WRITTEN = "written"
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Ruled:
    """One rule and one row: did it take the row out, and which values did it look at?"""

    name: str
    out: bool
    values: Row


@dataclass(frozen=True)
class Stepped:
    """One transform and what came of one source row: the row, or the rows, before and after it."""

    step: Step
    before: Sequence[Row]
    after: Sequence[Row]
    rules: Sequence[Ruled] = ()
    """The conditions of a filter, each by itself; only where it had one row to judge."""

    @property
    def name(self) -> str:
        return fates.step_name(self.step)


@dataclass(frozen=True)
class MadeRow:
    """A row of the target: each cell as it would be sent, how it came about, and what befell the row."""

    cells: Mapping[str, str]
    ways: Mapping[str, Sequence[tuple[str, Any]]]
    """Column -> what it was `made`, then after its `lookup` and its `default`, where it has them."""
    reads: Mapping[str, Row]
    """Column -> the columns it was made from, with what they hold."""
    rules: Sequence[Ruled]
    fate: str
    """`written`, or the rule that took it out."""


@dataclass(frozen=True)
class Trace:
    """One source row through the mapping of one target table."""

    row: int
    wheres: Sequence[Ruled]
    selects: Sequence[Ruled]
    steps: Sequence[Stepped]
    made: Sequence[MadeRow]

    @property
    def fates(self) -> Counter[str]:
        """What became of it, as the run's fates say it: `written` and rules, with how often."""
        if self.made:
            return Counter(one.fate for one in self.made)
        for rule in (*self.wheres, *self.selects):
            if rule.out:
                return Counter([rule.name])
        return Counter(step.name for step in self.steps if step.before and not step.after)


@dataclass(frozen=True)
class Traced:
    """The rows asked for, and which rows of the raw tables `select` took out, by `sourcedId`."""

    traces: Mapping[int, Trace]
    reasons: Sequence[str]
    """The mapping's rules; a run has more, those of its checks."""
    left_out: Mapping[str, Mapping[str, str]]


def trace(
    flow: Flow,
    table: str,
    raw: Mapping[str, Path],
    rows: Collection[int],
    folder: Path,
    *,
    as_of: date,
    resolve: Resolve,
    beside: Collection[int] = (),
) -> Traced:
    """Map the source rows with these numbers once more, with all they depend on, in a folder of its own.

    `beside` are rows that share their target key with one of them: which of them is written is decided
    among all of them.
    """
    near = nearby.cut_out(flow.mapping.tables[table], raw, {*rows, *beside}, folder, resolve)
    recorder = Recorder(flow, table, rows, as_of)
    try:
        made: Mapping[str, FinishedTable] = apply.map_tables(
            flow, near, folder, as_of=as_of, resolve=resolve, progress=SilentProgress(),
            only=[table], watch=recorder,
        )  # fmt: skip
    except apply.Forbidden as stopped:  # nothing may be sent, but the rows can be explained
        made = stopped.finished
    traces = {row: recorder.trace(row) for row in rows}
    steps = [fates.step_name(step) for step in flow.mapping.tables[table].transforms]
    return Traced(traces, [*made[table].reasons, *steps], recorder.left_out)


@dataclass
class Recorder(Watch):
    """Listens to the mapping of one target table, and remembers what concerns the rows asked for."""

    flow: Flow
    table: str
    rows: Collection[int]
    as_of: date
    left_out: dict[str, dict[str, str]] = field(default_factory=dict)
    wheres: dict[int, list[Ruled]] = field(default_factory=dict)
    selects: dict[int, list[Ruled]] = field(default_factory=dict)
    steps: list[tuple[Step, dict[int, list[Row]], dict[int, list[Row]]]] = field(
        default_factory=list
    )
    ways: dict[int, list[Row]] = field(default_factory=dict)
    columns: dict[str, list[str]] = field(default_factory=dict)
    read: dict[str, list[str]] = field(default_factory=dict)
    given: dict[int, list[Row]] = field(default_factory=dict)
    cells: dict[int, list[Row]] = field(default_factory=dict)
    rejects: dict[int, list[list[Ruled]]] = field(default_factory=dict)
    twice: Counter[tuple[int, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.wanted = pl.col(ROW).is_in(sorted(self.rows))
        self.mapping = self.flow.mapping.tables[self.table]
        self.key = APPLE_SCHOOL_MANAGER.tables[self.table].key

    # ------------------------------------------------------------ heard

    def settled(self, name: str, frame: pl.LazyFrame, rules: Rules) -> None:
        if name == self.mapping.source:
            seen = _ruled(tables.collect(frame.filter(self.wanted)), rules)
            self.selects = {row: many[0] for row, many in seen.items()}

    def selected(self, frames: Mapping[str, pl.LazyFrame]) -> None:
        verdict = pl.col(select.VERDICT)
        for name, frame in frames.items():
            out = tables.collect(frame.filter(verdict > 0).select("sourcedId", verdict))
            self.left_out[name] = {one: select.REASONS[code - 1] for one, code in out.iter_rows()}

    def filtered(self, frame: pl.LazyFrame, rules: Rules) -> None:
        wheres = [(name, out) for name, out in rules if name not in select.REASONS]
        seen = _ruled(tables.collect(frame.filter(self.wanted)), wheres)
        self.wheres = {row: many[0] for row, many in seen.items()}

    def stepped(self, step: Step, before: pl.DataFrame, after: pl.DataFrame) -> None:
        mine, made = (_by_row(frame.filter(self.wanted)) for frame in (before, after))
        self.steps.append((step, mine, made))

    def compiled(self, frame: pl.LazyFrame, made: Made) -> None:
        ways = {name: made.ways.get(name, [("made", cell)]) for name, cell in made.cells.items()}
        self.columns = {
            name: [what for what, _ in way]
            for name, way in ways.items()
            if name in self.mapping.columns
        }
        self.read = {name: made.cells[name].meta.root_names() for name in self.columns}
        self.given = _by_row(tables.collect(frame.filter(self.wanted)))
        exprs = [cell.alias(f"{name}.{what}") for name in self.columns for what, cell in ways[name]]
        self.ways = _by_row(tables.collect(frame.filter(self.wanted).select(ROW, *exprs)))

    def judged(self, cells: pl.DataFrame, rules: Rules) -> None:
        mine = cells.filter(self.wanted)
        self.cells = _by_row(mine)
        self.rejects = _ruled(mine, rules)

    def folded(self, rows: pl.DataFrame, twice: pl.DataFrame) -> None:
        self.twice = Counter(twice.filter(self.wanted).select(ROW, self.key).iter_rows())

    # ------------------------------------------------------------ told

    def trace(self, row: int) -> Trace:
        steps = [self._step(*one, row) for one in self.steps]
        return Trace(
            row,
            self.wheres.get(row, []),
            self.selects.get(row, []),
            [one for one in steps if one.before or one.after],
            list(self._made(row)),
        )

    def _step(
        self, step: Step, before: dict[int, list[Row]], after: dict[int, list[Row]], row: int
    ) -> Stepped:
        mine = before.get(row, [])
        rules = self._conditions(step, mine[0]) if step.type == "filter" and len(mine) == 1 else []
        return Stepped(step, mine, after.get(row, []), rules)

    def _conditions(self, step: Step, row: Row) -> list[Ruled]:
        """Each condition of a filter by itself: the transform knows only whether all of them hold."""
        frame = pl.DataFrame({ROW: [0], **{name: [value] for name, value in row.items()}})
        kinds = {name: "list" if isinstance(one, list) else "text" for name, one in row.items()}
        frame = frame.cast({name: tables.LIST for name, kind in kinds.items() if kind == "list"})
        rules = conditions.rules(conditions.dated(step.options, self.as_of), kinds)
        return _ruled(frame, [(rule.name, ~rule.expr) for rule in rules])[0][0]

    def _made(self, row: int) -> Iterator[MadeRow]:
        """From the last to the first, because of equal rows the first is written; then turned around."""
        twice, made = Counter(self.twice), []
        parts = (one.get(row, []) for one in (self.cells, self.ways, self.given, self.rejects))
        for cells, way, given, rules in reversed(list(zip(*parts, strict=True))):
            fate = next((rule.name for rule in rules if rule.out), WRITTEN)
            key = (row, cells[self.key])
            if fate == WRITTEN and twice[key]:
                twice[key] -= 1
                fate = fates.DUPLICATE
            shown = {name: cell for name, cell in cells.items() if not name.startswith("_")}
            ways = {
                name: [(what, way[f"{name}.{what}"]) for what in whats]
                for name, whats in self.columns.items()
            }
            reads = {
                name: {one: given[one] for one in dict.fromkeys(names)}
                for name, names in self.read.items()
            }
            made.append(MadeRow(shown, ways, reads, rules, fate))
        yield from reversed(made)


def _by_row(frame: pl.DataFrame) -> dict[int, list[Row]]:
    """The rows of a frame by their number, in order; without the number."""
    found: dict[int, list[Row]] = defaultdict(list)
    for values in frame.iter_rows(named=True):
        number = values.pop(ROW)
        found[number].append(values)
    return dict(found)


def _ruled(frame: pl.DataFrame, rules: Rules) -> dict[int, list[list[Ruled]]]:
    """Every rule's word on every row, by the row's number."""
    verdicts = frame.select(out.alias(str(place)) for place, (_, out) in enumerate(rules))
    looked_at = [[name for name in out.meta.root_names() if name in frame.columns] for _, out in rules]  # fmt: skip
    found: dict[int, list[list[Ruled]]] = defaultdict(list)
    pairs = zip(frame.iter_rows(named=True), _rows(verdicts, frame.height), strict=True)
    for values, outs in pairs:
        found[values[ROW]].append(
            [
                Ruled(name, bool(out), {one: values[one] for one in names if one != ROW})
                for (name, _), out, names in zip(rules, outs, looked_at, strict=True)
            ]
        )
    return dict(found)


def _rows(frame: pl.DataFrame, height: int) -> list[tuple[Any, ...]]:
    """Also of a frame without columns, which has no rows of its own; a constant stands for all."""
    if not frame.width:
        return [()] * height
    rows = frame.rows()
    return rows * height if len(rows) == 1 != height else rows
