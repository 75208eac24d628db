"""Losses and growth of every size, in every table, spread in every way: held exactly where they must be.

What is expected is counted by hand, row by row, with the limits of a flow that sets none of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest

from etlrunner import check, figures
from etlrunner import plan as plans
from etlrunner.checks import apple_school_manager, references
from etlrunner.compare import compare
from etlrunner.config.project import Project
from etlrunner.guard import guard
from etlrunner.mapping import apply
from etlrunner.model.changes import Changes, Figures
from etlrunner.model.flow import Flow
from etlrunner.model.safeguards import Safeguards
from etlrunner.model.surroundings import SilentProgress
from etlrunner.sandbox.district import District as Sandbox
from etlrunner.target import APPLE_SCHOOL_MANAGER as TARGET
from tests.support import finished
from tests.support.finished import District, Rows
from tests.support.project import DAY, TestProject

SCHOOLS = ("101", "102", "103", "104")
SPREADS = ("evenly", "one school", "one grade")
SIZES = {
    "students": 800,
    "staff": 160,
    "courses": 120,
    "classes": 240,
    "rosters": 1600,
    "locations": 4,
}


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Safeguards:
    """The safeguards of a flow that says nothing about them."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "flows").mkdir()
    (folder / "flows" / "plain.yaml").write_text(
        "version: 1\nsource: {type: oneroster-csv, path: nowhere.zip}\n"
        "mapping: apple-school-manager\nsink: {type: local-folder, path: out}\n"
    )
    return plans.make(Project.find(folder, folder), "plain").flow.safeguards


@cache
def whole() -> District:
    """Four schools of different sizes; every school has every table's rows."""

    def place(number: int) -> str:
        return SCHOOLS[(number % 10) // 3 if number % 10 < 9 else 3]

    classes = [finished.school_class(n, place(n)) for n in range(SIZES["classes"])]
    return {
        "locations": [{"location_id": one, "location_name": f"School {one}"} for one in SCHOOLS],
        "students": [
            finished.student(n, place(n), grade_level=str(9 + n % 4))
            for n in range(SIZES["students"])
        ],
        "staff": [finished.teacher(n, place(n)) for n in range(SIZES["staff"])],
        "courses": [finished.course(n, place(n)) for n in range(SIZES["courses"])],
        "classes": classes,
        "rosters": [
            finished.roster(
                f"K-{n % SIZES['classes']}", f"S-{n % SIZES['students']}", roster_id=f"R-{n}"
            )
            for n in range(SIZES["rosters"])
        ],
    }


def school_of(name: str, row: dict[str, str]) -> str:
    if name == "rosters":
        return {one["class_id"]: one["location_id"] for one in whole()["classes"]}[row["class_id"]]
    return row["location_id"]


def chosen(name: str, share: int, spread: str) -> Rows:
    """The rows that go, or are doubled: a share of the whole, all of one kind if the spread says so."""
    rows = whole()[name]
    count = len(rows) * share // 100
    if spread == "one school":
        mine = [row for row in rows if school_of(name, row) == "102"]
        return mine[: min(count, len(mine))]
    if spread == "one grade":
        mine = [row for row in rows if row.get("grade_level") == "10"]
        return mine[: min(count, len(mine))]
    step = max(1, len(rows) // count) if count else 1
    return (rows[::step] + rows[1::step] if step > 1 else rows)[:count]


def cases(shares: Iterable[int]) -> Iterator[tuple[str, str, int, str]]:
    for name in SIZES:
        for spread in SPREADS if name == "students" else SPREADS[:2]:
            for share in shares:
                for kind in ("loss", "growth"):
                    yield name, kind, share, spread


def by_hand(
    safeguards: Safeguards, name: str, kind: str, hit: Rows, rows_left: int
) -> set[tuple[str, str | None]]:
    """(key, school or nothing) of every limit that is passed."""
    limits = safeguards.tables[name]
    before = Counter(school_of(name, row) for row in whole()[name])
    hits = Counter(school_of(name, row) for row in hit)
    total, whole_rows = sum(hits.values()), sum(before.values())
    one, per_school = (
        (limits.max_removed, limits.max_removed_per_school)
        if kind == "loss"
        else (limits.max_added, limits.max_added_per_school)
    )
    verb = "removed" if kind == "loss" else "added"

    def over(value: int, limit: object, of: int) -> bool:
        if limit is None:
            return False
        if limit.count is not None:  # type: ignore[attr-defined]
            return value > limit.count  # type: ignore[attr-defined]
        percent = Fraction(str(limit).rstrip("%")) / 100
        return value >= safeguards.small_change and Fraction(value, of) > percent

    expected: set[tuple[str, str | None]] = set()
    if not rows_left:
        expected.add(("empty_table", None))
    if over(total, one, whole_rows):
        expected.add((f"safeguards.{name}.max_{verb}", None))
    hurt = [school for school in hits if over(hits[school], per_school, before[school])]
    if hurt:
        expected.add((f"safeguards.{name}.max_{verb}_per_school", None))
    return expected


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return finished.write(tmp_path_factory.mktemp("before"), whole())


def look(
    folder: Path, usual: Safeguards, baseline: dict[str, Path], shares: Iterable[int]
) -> Counter[str]:
    """Every case once; returns how many were held and how many went."""
    flow, tally = finished.flow(safeguards=usual), Counter[str]()
    for name, kind, share, spread in cases(shares):
        hit = chosen(name, share, spread)
        rows = whole()[name]
        if kind == "loss":
            gone = {id(row) for row in hit}
            after = [row for row in rows if id(row) not in gone]
        else:
            key = TARGET.tables[name].key
            new = [{**row, key: f"new-{row[key]}", "email_address": "", "person_number": "",
                    "sis_username": "", "first_name": f"New{row[key]}"} for row in hit]  # fmt: skip
            after = rows + [{c: v for c, v in row.items() if c in rows[0]} for row in new]
        path = finished.write(folder, {name: after})[name]
        before = {one: baseline[one] for one in (name, "classes")}
        changes = compare(TARGET, {**before, name: path}, before, "invented-1")
        holds = guard(flow, changes, {}, delivered_scope=None)
        found = {(hold.safeguard, None) for hold in holds}
        expected = by_hand(usual, name, kind, hit, len(after))
        assert found == expected, (name, kind, share, spread)
        tally["held" if holds else "went"] += 1
    return tally


def test_losses_and_growth_are_held_exactly_where_they_must_be(
    tmp_path: Path, usual: Safeguards, baseline: dict[str, Path]
) -> None:
    tally = look(tmp_path, usual, baseline, (0, 5, 6, 16, 26, 100))
    assert min(tally["held"], tally["went"]) > 15  # a sweep that is always held proves nothing


@pytest.mark.slow
def test_every_percent_of_loss_and_growth_is_held_exactly_where_it_must_be(
    tmp_path: Path, usual: Safeguards, baseline: dict[str, Path]
) -> None:
    tally = look(tmp_path, usual, baseline, range(101))
    assert tally.total() == 101 * 2 * 13


# ---------------------------------------------------------------- a school year


def simulate(
    project: TestProject, folder: Path, students: int, days: int
) -> list[tuple[int, list[str]]]:
    """So many school days of ordinary turnover, each against the one before; the days that are held."""
    district = Sandbox(students=students, seed=11, as_of=DAY)
    project.csv("lakeside", district.write_csv(folder / "first.zip"))
    flow = plans.make(project.project, "lakeside").flow
    last: dict[str, Path] | None = None
    trail: tuple[Figures, ...] = ()
    held = []
    for day in range(days):
        here = folder / f"{day % 2}"
        changes, now, paths = one_day(flow, district, here, last)
        holds = guard(flow, changes, {}, delivered_scope=None, now=now, trail=trail)
        if holds and day:
            held.append((day, [hold.message for hold in holds]))
        trail = figures.extended(trail, now, approved=not day)
        last = paths
        district = district.grown(1)
        district.seed += 1
    return held


def one_day(
    flow: Flow, district: Sandbox, folder: Path, last: dict[str, Path] | None
) -> tuple[Changes, Figures, dict[str, Path]]:
    raw = {}
    (folder / "raw").mkdir(parents=True, exist_ok=True)
    for name, frame in district.roster().items():
        raw[name] = folder / "raw" / f"{name}.parquet"
        frame.with_row_index("_row").write_parquet(raw[name])
    made = apply.map_tables(
        flow, raw, folder, as_of=DAY, resolve=plans.transform, progress=SilentProgress()
    )
    checked = check.check(
        flow,
        TARGET,
        made,
        folder,
        modules=(apple_school_manager, references),
        progress=SilentProgress(),
    )
    assert not checked.has_errors
    paths = {name: table.path for name, table in checked.finished.items()}
    changes = compare(TARGET, paths, last, "before" if last else None)
    return changes, figures.of(paths, "now", DAY + timedelta(days=1)), paths


def test_eight_school_days_of_ordinary_turnover_are_not_held(
    project: TestProject, tmp_path: Path
) -> None:
    assert simulate(project, tmp_path, 300, 8) == []


@pytest.mark.slow
@pytest.mark.parametrize("students", [400, 2_000])
def test_a_school_year_of_ordinary_turnover_is_never_held(
    project: TestProject, tmp_path: Path, students: int
) -> None:
    assert simulate(project, tmp_path, students, 180) == []
