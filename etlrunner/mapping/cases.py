"""Mapping tests: given rows, expected rows, expected rejects, by the same engine as a run.

A test says what is true of a mapping in a file that its author reads anyway. Only the columns that an
expected row names are compared; the number of rows is exact; an order is not expected.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from etlrunner import roster
from etlrunner import table as tables
from etlrunner.errors import ConfigurationError, EtlError
from etlrunner.lib.suggest import close_to
from etlrunner.mapping.apply import Resolve, map_tables
from etlrunner.model import (
    Component,
    FinishedTable,
    Flow,
    MappingSet,
    Place,
    Problem,
    SilentProgress,
)
from etlrunner.target import APPLE_SCHOOL_MANAGER

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """One test. `expect` and `rejected` are per target table; at least one of them is given."""

    name: str
    given: Mapping[str, Sequence[Row]]
    expect: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    rejected: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    filtered: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    as_of: date = date(2027, 3, 1)
    place: Place | None = None


@dataclass(frozen=True)
class Outcome:
    """A test and what differed; nothing differed when `differences` is empty."""

    case: Case
    differences: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.differences


def problems_of(case: Case) -> list[Problem]:
    """Misspelt tables and columns, and a test that expects nothing."""
    problems: list[Problem] = []
    if not (case.expect or case.rejected or case.filtered):
        hint = "say what is expected: expect:, rejected: or filtered:"
        problems.append(Problem("E401", "the test expects nothing", case.place, hint=hint))
    problems += _unknown(case, case.given, {n: set(c) for n, c in roster.TABLES.items()}, "given")
    targets = APPLE_SCHOOL_MANAGER.tables
    for name, rows in case.expect.items():
        if name not in targets:
            problems.append(_no_table(case, name, targets))
            continue
        for column in {column for row in rows for column in row}:
            if targets[name].column(column) is None:
                known = [one.name for one in targets[name].columns]
                hint = close_to(column, known) or f"it has {', '.join(known)}"
                message = f"{name} has no column '{column}'"
                problems.append(Problem("E402", message, case.place, "expect", hint))
    for name in (*case.rejected, *case.filtered):
        if name not in targets:
            problems.append(_no_table(case, name, targets))
    return problems


def run_case(case: Case, mapping: MappingSet, *, resolve: Resolve) -> Outcome:
    """Run one test in a folder of its own. Raises ConfigurationError for a test that is wrong itself."""
    if problems := problems_of(case):
        raise ConfigurationError(problems)
    with tempfile.TemporaryDirectory(prefix="etlrunner-test-") as scratch:
        folder = Path(scratch)
        raw = dict(_freeze(case, folder))
        try:
            finished = map_tables(
                _flow(mapping, folder),
                raw,
                folder,
                as_of=case.as_of,
                resolve=resolve,
                progress=SilentProgress(),
            )
        except EtlError as error:
            return Outcome(case, (f"the mapping ended early: {error.message}",))
        return Outcome(case, tuple(_differences(case, finished)))


# ---------------------------------------------------------------- given


def _freeze(case: Case, folder: Path) -> Iterator[tuple[str, Path]]:
    """Every table of the roster, those that were not given without rows."""
    (folder / "raw").mkdir()
    for name, columns in roster.TABLES.items():
        lists = roster.LISTS.get(name, frozenset())
        rows = [
            [_cell(row.get(column), column in lists) for column in columns]
            for row in case.given.get(name, ())
        ]
        path = folder / "raw" / f"{name}.parquet"
        tables.freeze([list(columns), *rows], path, tables.schema_of(columns, lists))
        yield name, path


def _cell(value: Any, is_list: bool) -> Any:
    if is_list:
        if value is None or value == "":
            return []
        return [str(item) for item in value] if isinstance(value, list | tuple) else [str(value)]
    return "" if value is None else str(value)


def _flow(mapping: MappingSet, folder: Path) -> Flow:
    """A flow with nothing in it but the mapping."""
    nowhere = Component("none", {})
    return Flow(name="test", path=folder, source=nowhere, sink=nowhere, mapping=mapping)


# ---------------------------------------------------------------- expected


def _differences(case: Case, finished: Mapping[str, FinishedTable]) -> Iterator[str]:
    for name, expected in case.expect.items():
        rows = tables.collect(tables.scan(finished[name].path).frame).to_dicts()
        yield from _compare(name, expected, rows)
    for name, wanted in case.rejected.items():
        yield from _fates(name, wanted, finished[name], "rejected")
    for name, wanted in case.filtered.items():
        yield from _fates(name, wanted, finished[name], "filtered")


def _compare(name: str, expected: Sequence[Row], rows: Sequence[Row]) -> Iterator[str]:
    """Rows are paired by the table's key where the test names it, else by the order of the keys."""
    if len(expected) != len(rows):
        yield f"{name}: {len(expected)} rows expected, {len(rows)} came"
    key = APPLE_SCHOOL_MANAGER.tables[name].key
    by_key = {row[key]: row for row in rows}
    for number, wanted in enumerate(expected):
        if key in wanted:
            row = by_key.get(str(wanted[key]))
        else:
            row = rows[number] if number < len(rows) else None
        if row is None:
            yield f"{name}: no row with {key} {wanted.get(key, number + 1)!r}"
            continue
        for column, value in wanted.items():
            got, want = row.get(column, ""), "" if value is None else str(value)
            if got != want:
                yield f"{name} {row[key]}: {column}\n    - {want!r}\n    + {got!r}"


def _fates(
    name: str, wanted: Mapping[str, str], finished: FinishedTable, what: str
) -> Iterator[str]:
    assert finished.fate_path is not None
    rows = tables.collect(tables.scan(finished.fate_path).frame).select("key", "fate").iter_rows()
    fates = {key: finished.reasons[fate - 1] for key, fate in rows if fate}
    for key, rule in wanted.items():
        got = fates.get(str(key), "written, or never there")
        if got != rule:
            yield f"{name} {key}: {what}\n    - {rule}\n    + {got}"


# ---------------------------------------------------------------- wrong tests


def _unknown(
    case: Case, given: Mapping[str, Sequence[Row]], known: Mapping[str, set[str]], where: str
) -> Iterator[Problem]:
    for name, rows in given.items():
        if name not in known:
            yield _no_table(case, name, known)
            continue
        for column in {column for row in rows for column in row} - known[name]:
            hint = close_to(column, known[name])
            message = f"{name} has no column '{column}'"
            yield Problem("E402", message, case.place, where, hint)


def _no_table(case: Case, name: str, known: Mapping[str, Any]) -> Problem:
    hint = close_to(name, known) or f"known: {', '.join(known)}"
    return Problem("E402", f"there is no table '{name}'", case.place, hint=hint)
