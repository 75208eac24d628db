"""Mapping tests: given rows, expected rows, rejects and findings, by the same engine as a run.

A test says what is true of a mapping in a file that its author reads anyway. Only the columns that an
expected row names are compared; the number of rows is exact; an order is not expected.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from etlrunner import roster
from etlrunner import table as tables
from etlrunner.config.case_rows import Rows
from etlrunner.config.cases import Case, Fates
from etlrunner.errors import ChecksFailed, ConfigurationError
from etlrunner.lib import scratch
from etlrunner.lib.document import Scalar
from etlrunner.lib.suggest import close_to
from etlrunner.mapping import case_diff, from_database
from etlrunner.mapping.apply import map_tables, tables_beside, tables_needed
from etlrunner.mapping.case_diff import Difference
from etlrunner.model.components import Resolve
from etlrunner.model.flow import Flow
from etlrunner.model.mapping import LookupTable, MappingSet
from etlrunner.model.problems import Finding, Problem
from etlrunner.model.surroundings import SilentProgress
from etlrunner.model.tables import FinishedTable
from etlrunner.target import APPLE_SCHOOL_MANAGER

TARGETS = APPLE_SCHOOL_MANAGER.tables
MAPPING_RULES = ("asm-too-many-instructors", "asm-too-many-locations", "select.terms")
"""What the mapping itself finds; a lookup's `missing: fail` adds lookup.COLUMN, a transform VERB.TABLE."""


@dataclass(frozen=True)
class Engine:
    """What a run has beside the mapping: transforms, and checks with the names of their rules."""

    resolve: Resolve
    check: Callable[[Flow, Mapping[str, FinishedTable], Path], Sequence[Finding]]
    rules: Collection[str]


@dataclass(frozen=True)
class Outcome:
    """A test and what differed; nothing differed when `differences` is empty."""

    case: Case
    differences: tuple[Difference, ...] = ()
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        return not self.differences


def problems_of(case: Case, mapping: MappingSet, rules: Collection[str]) -> list[Problem]:
    """Tables, columns, code tables and rules that are not there: such a test would prove nothing."""
    return [
        *_given_problems(case, mapping, tables_beside(mapping)),
        *_expected_problems(case, mapping),
        *_lookup_problems(case, mapping),
        *_finding_problems(case, mapping, rules),
        *(problem for fates in (case.rejected, case.filtered) for problem in _no_tables(fates)),
    ]


def run_case(case: Case, flow: Flow, engine: Engine) -> Outcome:
    """Run one test in a folder of its own. Raises ConfigurationError for a test that is wrong itself."""
    if problems := problems_of(case, flow.mapping, engine.rules):
        raise ConfigurationError(problems)
    started = time.perf_counter()
    flow = replace(flow, mapping=_with_lookups(flow.mapping, case))
    with scratch.folder() as folder:
        differences = tuple(_differences(case, flow, folder, engine))
    return Outcome(case, differences, time.perf_counter() - started)


def made_of(case: Case, flow: Flow, folder: Path, engine: Engine) -> dict[str, FinishedTable]:
    """What the mapping makes of the given rows, below `folder`."""
    return map_tables(
        flow,
        _given(case, folder, flow.mapping),
        folder,
        as_of=case.as_of,
        resolve=engine.resolve,
        progress=SilentProgress(),
    )


def fates_of(finished: FinishedTable) -> dict[str, tuple[str, ...]]:
    """Id -> the rules that took its rows out: a source's id when filtered, a target's when rejected.

    One row has one rule; but a row that a join multiplied may have several fates under its one id.
    """
    assert finished.fate_path is not None
    rows = tables.collect(tables.scan(finished.fate_path).frame).select("key", "fate").iter_rows()
    found: dict[str, tuple[str, ...]] = {}
    for key, fate in rows:
        if fate:
            reasons = (*found.get(key, ()), finished.reasons[fate - 1])
            found[key] = tuple(dict.fromkeys(reasons))
    return found


def rows_of(finished: FinishedTable) -> list[dict[str, str]]:
    """The rows that would be sent."""
    return tables.collect(tables.scan(finished.path).frame).to_dicts()


# ---------------------------------------------------------------- given


def _with_lookups(mapping: MappingSet, case: Case) -> MappingSet:
    """The mapping with the test's own code tables."""
    changed = dict(mapping.tables)
    for table, lookups in case.lookups.items():
        one = changed[str(table)]
        ours = {
            str(name): LookupTable(str(name), {str(code): str(to) for code, to in rows.items()})
            for name, rows in lookups.items()
        }
        changed[str(table)] = replace(one, lookups={**one.lookups, **ours})
    return replace(mapping, tables=changed)


def _given(case: Case, folder: Path, mapping: MappingSet) -> dict[str, Path]:
    """What stands in for the roster, and, empty unless it was given, for what comes from a database."""
    raw = dict(_freeze(case, folder, tables_beside(mapping)))
    for one in from_database.wanted(mapping):
        if one.name not in raw:
            path = folder / "raw" / f"{one.name}.parquet"
            columns = one.table.columns
            tables.freeze([list(columns)], path, tables.schema_of(columns))
            raw[one.name] = path
    return raw


def _freeze(
    case: Case, folder: Path, beside: Mapping[str, tuple[str, ...]]
) -> Iterator[tuple[str, Path]]:
    """Every table of the roster, those that were not given without rows; of others those given."""
    (folder / "raw").mkdir()
    given = {str(name): rows for name, rows in case.given.items()}
    others = {name: columns for name, columns in beside.items() if name in given}
    for name, columns in {**roster.TABLES, **others}.items():
        lists = roster.LISTS.get(name, frozenset())
        rows = [
            [_cell(row.get(Scalar(column)), column in lists) for column in columns]
            for row in given.get(name, Rows()).rows
        ]
        path = folder / "raw" / f"{name}.parquet"
        tables.freeze([list(columns), *rows], path, tables.schema_of(columns, lists))
        yield name, path


def _cell(value: Any, is_list: bool) -> Any:
    """Text, or a list of texts: in YAML a list, in CSV text with commas, as OneRoster has it."""
    if not is_list:
        return case_diff.text_of(value)
    if isinstance(value, list | tuple):
        return [str(item) for item in value]
    return [item.strip() for item in case_diff.text_of(value).split(",") if item.strip()]


# ---------------------------------------------------------------- expected


def _differences(case: Case, flow: Flow, folder: Path, engine: Engine) -> Iterator[Difference]:
    try:
        finished = made_of(case, flow, folder, engine)
    except ChecksFailed as error:
        if case.expect or case.rejected or case.filtered:
            yield Difference("", "", f"the mapping ended early: {error.message}", (), case.place)
        yield from _findings(case, error.findings)
        return
    for name, expected in case.expect.items():
        table = finished[str(name)]
        rows, fates = rows_of(table), fates_of(table)
        yield from case_diff.compare(TARGETS[str(name)], expected, rows, fates)
    for what, wanted in (("rejected", case.rejected), ("filtered", case.filtered)):
        for name, by_id in wanted.items():
            yield from _fates(case, finished[str(name)], by_id, what)
    if case.findings:
        yield from _findings(case, engine.check(flow, finished, folder))


def _fates(
    case: Case, finished: FinishedTable, wanted: Mapping[Scalar, Scalar], what: str
) -> Iterator[Difference]:
    fates = fates_of(finished)
    written = {row[TARGETS[finished.name].key] for row in rows_of(finished)}
    for key, rule in wanted.items():
        came = fates.get(str(key), ("written" if key in written else "no such row was given",))
        if rule not in came:
            cells = (("rule", str(rule), ", ".join(came)),)
            message = f"was not {what} as expected"
            yield Difference(finished.name, str(key), message, cells, key.place or case.place)


def _findings(case: Case, found: Sequence[Finding]) -> Iterator[Difference]:
    for table, rules in case.findings.items():
        came: Counter[str] = Counter()
        for finding in found:
            if finding.table == table:
                came[finding.rule] += finding.count
        for rule, message in case_diff.tallied(rules, came):
            place = getattr(rule, "place", None) or case.place
            yield Difference(str(table), f"{rule}:", message, (), place)


# ---------------------------------------------------------------- wrong tests


def _given_problems(
    case: Case, mapping: MappingSet, beside: Mapping[str, tuple[str, ...]]
) -> Iterator[Problem]:
    known = {**roster.TABLES, **beside}
    read = (*tables_needed(mapping), *beside)
    for name, rows in case.given.items():
        if name not in known:
            yield _unknown("table", name, known, "given")
        elif name not in read:
            hint = f"it reads {', '.join(read)}"
            yield Problem(
                "E403", f"the mapping never reads {name}", name.place, f"given.{name}", hint
            )
        else:
            for column, spot in rows.columns().items():
                if column not in known[name]:
                    yield _unknown(f"column of {name}", spot, known[name], f"given.{name}")


def _expected_problems(case: Case, mapping: MappingSet) -> Iterator[Problem]:
    for name, rows in case.expect.items():
        if name not in TARGETS:
            yield _unknown("table", name, TARGETS, "expect")
            continue
        target, made = TARGETS[name], mapping.tables[name].columns
        for column, spot in rows.columns().items():
            of = target.column(column)
            if of is None:
                known = [one.name for one in target.columns]
                yield _unknown(f"column of {name}", spot, known, f"expect.{name}")
            elif of.name not in made:
                message = f"the mapping makes no {of.name} of {name}"
                hint = "it would always be empty; an override may have removed it"
                yield Problem("E403", message, spot.place, f"expect.{name}", hint)


def _lookup_problems(case: Case, mapping: MappingSet) -> Iterator[Problem]:
    for table, lookups in case.lookups.items():
        if table not in mapping.tables:
            yield _unknown("table", table, mapping.tables, "lookups")
            continue
        known = mapping.tables[table].lookups
        for name in lookups:
            if name not in known:
                yield _unknown(f"code table of {table}", name, known, f"lookups.{table}")


def _finding_problems(case: Case, mapping: MappingSet, rules: Collection[str]) -> Iterator[Problem]:
    looked_up = [f"lookup.{name}" for one in mapping.tables.values() for name in one.columns]
    steps = [step for one in mapping.tables.values() for step in one.transforms]
    looked_up += [f"{step.type}.{step.options['from']}" for step in steps if "from" in step.options]
    for table, counts in case.findings.items():
        if table not in TARGETS and table not in roster.TABLES:
            yield _unknown("table", table, [*TARGETS, *roster.TABLES], "findings")
        for rule in counts:
            if rule not in (known := [*rules, *MAPPING_RULES, *looked_up]):
                hint = close_to(str(rule), known) or "docs/rules.md has them all"
                message = f"there is no rule '{rule}'"
                yield Problem("E402", message, rule.place, f"findings.{table}", hint)


def _no_tables(fates: Fates) -> Iterator[Problem]:
    for name in fates:
        if name not in TARGETS:
            yield _unknown("table", name, TARGETS, "rejected")


def _unknown(what: str, name: Scalar, known: Collection[str], path: str) -> Problem:
    hint = close_to(str(name), known) or f"known: {', '.join(known)}"
    return Problem("E402", f"there is no {what} '{name}'", name.place, path, hint)
