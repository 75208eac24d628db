"""Makes the accounts of source records from what a run kept.

Values of people are masked here, once, unless somebody asked to see them. The verdicts are the run's own
(`mapping.trace`), held against the fate that it wrote down.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from etlrunner import findings_file, holdover
from etlrunner import plan as plans
from etlrunner import table as tables
from etlrunner.checks.rules import RULES
from etlrunner.evidence import Evidence
from etlrunner.history import delivered as deliveries
from etlrunner.lib import scratch, shapes
from etlrunner.mapping import from_database, lookups, trace
from etlrunner.mapping.trace import MadeRow, Ruled, Stepped, Traced
from etlrunner.model.flow import Flow, LeftOut
from etlrunner.model.mapping import TableMapping
from etlrunner.model.problems import Place
from etlrunner.target import APPLE_SCHOOL_MANAGER
from etlrunner.why.account import Account, Change, Column, Row, Rule, Step
from etlrunner.why.records import Records

WRITTEN = trace.WRITTEN
LEADS_TO = {
    "select.class": ("classes", "classSourcedId"),
    "select.user": ("users", "userSourcedId"),
}
"""Rules that follow from what became of another record, and the column that names it."""


class Accounts:
    """Makes accounts of records of one target table in one kept run."""

    def __init__(self, kept: Evidence, table: str, delivered: Path, *, show: bool) -> None:
        self.kept = kept
        self.flow: Flow = kept.flow()
        self.table = table
        self.spec = APPLE_SCHOOL_MANAGER.tables[table]
        self.mapping: TableMapping = from_database.in_place(self.flow.mapping, kept.raw).tables[
            table
        ]
        self.records = Records(kept, self.flow, table)
        self.delivered_folder = delivered
        self.delivered = deliveries.read(delivered)
        self.show = show
        self.known = frozenset(open_columns(self.mapping))

    def of(self, rows: Sequence[int]) -> list[Account]:
        """One account per source row, in order."""
        assert self.kept.as_of is not None
        with scratch.folder() as folder:
            traced = trace.trace(
                self.flow, self.table, self.kept.raw, rows, folder,
                as_of=self.kept.as_of, resolve=plans.transform, beside=self.records.beside(rows),
            )  # fmt: skip
        held = {row.pop("_row"): row for row in self.records.of(rows)}
        return [self._account(traced, row, held.get(row, {})) for row in rows]

    def _account(self, traced: Traced, number: int, record: Mapping[str, Any]) -> Account:
        told = traced.traces[number]
        wrote = self.records.fates(number)
        later = {key: rule for key, rule in wrote if rule and rule not in traced.reasons}
        made = [self._row(one, later) for one in told.made]
        if not (made or record):
            made = [self._made_by_a_rule(key) for key, rule in wrote if not rule]
        fates = Counter(row.fate for row in made) if made else told.fates
        written_down = {rule or WRITTEN for _, rule in wrote}
        keys = [str(record.get("sourcedId", "")), *(key for key, _ in wrote)]
        run = self.kept.run
        others = self.records.of([one for one in self.records.beside([number]) if one != number])
        return Account(
            flow=run.flow,
            run=run.id,
            outcome=run.outcome,
            as_of=str(self.kept.as_of),
            table=self.table,
            source=self.mapping.source,
            number=number + 1,
            record=self._mask(record),
            values_shown=self.show,
            folded=self.kept.folded.get(self.mapping.source, 0),
            elsewhere=self._elsewhere(number),
            beside=[str(one["sourcedId"]) for one in others],
            rules=[
                *(self._rule("where", one, record, place=self._where()) for one in told.wheres),
                *(self._select(one, record, traced) for one in told.selects),
            ],
            steps=[self._step(one) for one in told.steps],
            rows=made,
            left_out=self._left_out(record),
            mapping=self._shown(self.mapping.place).partition(":")[0],
            fates=dict(fates),
            agrees=set(fates) == written_down,
            change=None if made else self._change(keys[0], None),
            held_over={} if WRITTEN in fates else held_over(self.kept, self.table, keys),
        )

    def _elsewhere(self, number: int) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, mapping in self.flow.mapping.tables.items():
            if name != self.table and mapping.source == self.mapping.source:
                fates = Records(self.kept, self.flow, name).fates(number)
                found[name] = sorted({rule or WRITTEN for _, rule in fates})
        return found

    # ------------------------------------------------------------ rules

    def _rule(
        self, kind: str, ruled: Ruled, record: Mapping[str, Any], *, place: str = "", wanted: str = "",
        because: str = "",
    ) -> Rule:  # fmt: skip
        values = {name: record.get(name, value) for name, value in ruled.values.items()}
        values = {name: value for name, value in values.items() if not name.startswith("_")}
        return Rule(kind, ruled.name, ruled.out, self._mask(values), wanted, because, place)

    def _select(self, ruled: Ruled, record: Mapping[str, Any], traced: Traced) -> Rule:
        because, place = "", ""
        if ruled.out and ruled.name in LEADS_TO:
            name, column = LEADS_TO[ruled.name]
            rule = traced.left_out.get(name, {}).get(str(record.get(column)), "leave_out")
            what = "class" if name == "classes" else "person"
            because = f"{what} {record.get(column)} is left out itself, by {rule}"
        if ruled.name == "select.schools":
            because = self._schools(ruled, record, traced.left_out.get("orgs", {}))
        if ruled.out and ruled.name == "leave_out":
            left = self._leaving(record)
            place = self._shown(left.place) if left else ""
        if ruled.name == "select.schools":
            chosen = (*self.flow.select.schools.exclude, *self.flow.select.schools.include)
            place = self._shown(chosen[0].place) if chosen else ""
        wanted = _wanted(self.flow, ruled.name, str(self.kept.as_of))
        return self._rule("select", ruled, record, place=place, wanted=wanted, because=because)

    def _schools(self, ruled: Ruled, record: Mapping[str, Any], left_out: Mapping[str, str]) -> str:
        held = [record[name] for name in ruled.values if name in record]
        ids = [str(one) for many in held for one in (many if isinstance(many, list) else [many])]
        others = [one for one in ids if one in left_out and one != record.get("sourcedId")]
        return "; ".join(f"{one} is left out by {left_out[one]}" for one in others)

    def _leaving(self, record: Mapping[str, Any]) -> LeftOut | None:
        ids = self.flow.leave_out.get(self.table, {})
        everyone = {
            **{k: v for many in self.flow.leave_out.values() for k, v in many.items()},
            **ids,
        }
        return everyone.get(str(record.get("sourcedId", "")))

    def _left_out(self, record: Mapping[str, Any]) -> dict[str, str]:
        left = self._leaving(record)
        if left is None:
            return {}
        found = {"reason": left.reason, "owner": left.owner, "place": self._shown(left.place)}
        if left.expires:
            found["expires"] = left.expires.isoformat()
        return {name: value for name, value in found.items() if value}

    def _where(self) -> str:
        return self._shown(self.mapping.where.place) if self.mapping.where else ""

    # ------------------------------------------------------------ steps

    def _step(self, told: Stepped) -> Step:
        rules = [
            self._rule("filter", one, {}, place=self._shown(told.step.place)) for one in told.rules
        ]
        before = told.before[0] if told.before else {}
        after = told.after[0] if told.after else {}
        added = {
            name: value
            for name, value in after.items()
            if not name.startswith("_") and (name not in before or before[name] != value)
        }
        return Step(
            told.name, len(told.before), len(told.after), _what(told), self._mask(added), rules,
            self._shown(told.step.place),
        )  # fmt: skip

    # ------------------------------------------------------------ rows

    def _row(self, made: MadeRow, later: Mapping[str, str]) -> Row:
        """A row as the mapping made it; `later` are the rules that took rows out after that."""
        key = made.cells[self.spec.key]
        fate = later.get(key, made.fate) if made.fate == WRITTEN else made.fate
        sent = self._finished(key) if fate == WRITTEN else None
        return Row(
            key=key,
            fate=fate,
            columns=list(self._columns(made, sent)),
            rejects=[self._rule("reject", one, {}) for one in made.rules if one.out],
            noted=self._noted(key) if made.fate == WRITTEN else [],
            change=self._change(key, sent),
        )

    def _made_by_a_rule(self, key: str) -> Row:
        """A row that no record of the source became: a repair made it."""
        sent = self._finished(key) or {}
        columns = [
            Column(name, value, "a rule made this row", {}) for name, value in sent.items() if value
        ]
        return Row(key, WRITTEN, columns, noted=self._noted(key), change=self._change(key, sent))

    def _columns(self, made: MadeRow, sent: Mapping[str, str] | None) -> Iterator[Column]:
        """The mapping's columns; a list as one line, with its values in order."""
        for name, column in self.mapping.columns.items():
            located = column.expr or column.each
            value = _joined(name, made.cells)
            reads = made.reads[name]
            last = _joined(name, sent) if sent is not None else value
            changed = [f"sent as {self._one(name, last)}"] if last != value else []
            yield Column(
                name,
                self._mask({name: value})[name],
                located.text if located else f"the text {column.text!r}",
                self._mask(reads)
                if self.show
                else shapes.opened(reads, self.mapping.source, self.known),
                [*self._notes(name, made, value), *changed],
                self._shown((located.place if located else None) or column.place),
            )

    def _notes(self, name: str, made: MadeRow, value: str) -> Iterator[str]:
        column, way = self.mapping.columns[name], made.ways[name]
        parts = dict(way)
        shown = partial(self._one, name)
        if "lookup" in parts and parts["made"]:
            is_there = lookups.has(self.mapping.lookups[str(column.lookup)], parts["made"])
            found = f"{shown(parts['made'])} → {shown(parts['lookup'])}"
            missing = f"no such code, {column.missing}"
            yield f"lookup {column.lookup}: {found if is_there else missing}"
        if "default" in parts and parts["default"] != parts.get("lookup", parts["made"]):
            yield f"it was empty, so the default: {shown(parts['default'])}"
        last = way[-1][1]
        if isinstance(last, str) and last != value:
            yield f"cleaned from {shown(last)}"

    def _one(self, name: str, value: Any) -> str:
        return str(self._mask({name: value})[name]) or '""'

    def _finished(self, key: str) -> Mapping[str, str] | None:
        return _row_of(self.kept.finished(self.table), self.spec.key, key)

    def _change(self, key: str, sent: Mapping[str, str] | None) -> Change | None:
        if self.delivered is None or self.table not in self.delivered.tables:
            return None
        run = self.delivered.run_id
        before = _row_of(self.delivered.tables[self.table], self.spec.key, key)
        if before is None:
            return Change("new" if sent is not None else "never sent", run, {})
        if sent is None:
            return Change("removed", run, {})
        names = [name for name in {**before, **sent} if before.get(name, "") != sent.get(name, "")]
        pairs = {
            name: (self._one(name, before.get(name, "")), self._one(name, sent.get(name, "")))
            for name in names
        }
        return Change("changed" if pairs else "unchanged", run, pairs)

    def _noted(self, key: str) -> list[dict[str, str]]:
        """What checks and repairs wrote down about this key."""
        path = self.kept.folder / findings_file.NAME
        if not path.is_file():
            return []
        mine = (pl.col("table") == self.table) & (pl.col("key") == key)
        lines = tables.collect(tables.scan(path).frame.filter(mine).drop("table", "key")).to_dicts()
        titles = {one["rule"]: RULES[one["rule"]].title for one in lines if one["rule"] in RULES}
        return [{**one, "title": titles.get(one["rule"], "")} for one in lines]

    # ------------------------------------------------------------ what is shown

    def _mask(self, values: Mapping[str, Any]) -> dict[str, Any]:
        if self.show:
            return dict(values)
        return shapes.masked(values, self.mapping.source, self.known)

    def _shown(self, place: Place | None) -> str:
        """A place by the name that the file had where the run read it."""
        if place is None:
            return ""
        file = self.kept.shown.get(place.file, place.file)
        return f"{file}:{place.line}" if place.line else file


def gone(kept: Evidence, table: str, delivered: Path, key: str) -> str:
    """The run that delivered this key last, although the source of `kept` has it no longer; else empty."""
    last = deliveries.read(delivered)
    if last is None or table not in last.tables:
        return ""
    spec = APPLE_SCHOOL_MANAGER.tables[table]
    return last.run_id if _row_of(last.tables[table], spec.key, key) else ""


def held_over(kept: Evidence, table: str, keys: Sequence[str]) -> dict[str, Any]:
    """Since when one of these keys is gone and in how many runs, if grace sent its last known row."""
    path = kept.folder / holdover.LIST
    if not path.is_file():
        return {}
    mine = (pl.col("table") == table) & pl.col("key").is_in(keys)
    found = tables.collect(tables.scan(path).frame.filter(mine)).to_dicts()
    return {name: found[0][name] for name in ("since", "runs")} if found else {}


def _row_of(path: Path, key: str, value: str) -> dict[str, str] | None:
    found = tables.collect(tables.scan(path).frame.filter(pl.col(key) == value)).to_dicts()
    return found[0] if found else None


def _what(told: Stepped) -> str:
    """What a step did to the row, in words."""
    before, after = len(told.before), len(told.after)
    if not before:
        return "added here"
    if not after:
        return "took it out"
    if after > before:
        return f"{before} row became {after}" if before == 1 else f"{before} rows became {after}"
    return "kept" if after == before else f"{before} rows became {after}"


def _joined(name: str, cells: Mapping[str, str]) -> str:
    """A cell; of a numbered column all its values in order."""
    names = [one for one in cells if one == name or one.removeprefix(f"{name}_").isdigit()]
    return ", ".join(cells[one] for one in names if cells[one])


def open_columns(mapping: TableMapping) -> Iterator[str]:
    """Columns that steps make out of open ones."""
    for step in mapping.transforms:
        theirs, take = str(step.options.get("from", "")), step.options.get("take")
        if isinstance(take, Mapping):
            yield from (ours for ours, one in take.items() if shapes.is_open(str(one), theirs))
        elif isinstance(take, str) and shapes.is_open(take, theirs):
            yield str(step.options.get("as", ""))


def _wanted(flow: Flow, rule: str, as_of: str) -> str:
    """What a rule of `select` wants, in the flow's own words."""
    choice = flow.select
    if rule == "select.status":
        return f"wanted: {', '.join(choice.statuses)}"
    if rule == "select.schools":
        out = ", ".join(one.text for one in choice.schools.exclude)
        taken = ", ".join(one.text for one in choice.schools.include)
        return "; ".join(filter(None, (out and f"excluded: {out}", taken and f"taken: {taken}")))
    if rule == "select.terms":
        return (
            f"active on {as_of}, {choice.term_lead.days} days before, {choice.term_lag.days} after"
        )
    if rule == "select.dates":
        return f"on {as_of}; the last day is excluded"
    if rule == "select.grades":
        return f"wanted: {', '.join(choice.grades)}"
    return ""
