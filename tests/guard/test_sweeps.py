"""Losses, growth, swaps and creep of every size and in every table: held exactly where they must be.

What is expected is counted by hand, row by row, with the limits of a flow that sets none of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cache
from itertools import product
from pathlib import Path
from statistics import median

import pytest

from etlrunner import figures
from etlrunner.compare import compare
from etlrunner.guard import guard
from etlrunner.model.changes import Changes, Figures, TableChanges
from etlrunner.model.safeguards import Limit, Safeguards, TableSafeguards
from etlrunner.target import APPLE_SCHOOL_MANAGER as TARGET
from tests.support import finished
from tests.support.finished import District, Rows
from tests.support.sweeps import Sweep

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
DAY = date(2027, 3, 1)
EXACT = "held for exactly the limits that a count by hand finds passed, to the row"


@cache
def whole() -> District:
    """Four schools of different sizes; every school and every grade has every table's rows."""

    def place(number: int) -> str:
        return SCHOOLS[(number % 10) // 3 if number % 10 < 9 else 3]

    return {
        "locations": [{"location_id": one, "location_name": f"School {one}"} for one in SCHOOLS],
        "students": [
            finished.student(n, place(n), grade_level=str(9 + n % 4), last_name=f"Person{n}")
            for n in range(SIZES["students"])
        ],
        "staff": [
            finished.teacher(n, place(n), last_name=f"Person{n}") for n in range(SIZES["staff"])
        ],
        "courses": [finished.course(n, place(n)) for n in range(SIZES["courses"])],
        "classes": [finished.school_class(n, place(n)) for n in range(SIZES["classes"])],
        "rosters": [
            finished.roster(
                f"K-{n % SIZES['classes']}", f"S-{n % SIZES['students']}", roster_id=f"R-{n}"
            )
            for n in range(SIZES["rosters"])
        ],
    }


@cache
def _schools_of_classes() -> dict[str, str]:
    return {one["class_id"]: one["location_id"] for one in whole()["classes"]}


def school_of(name: str, row: dict[str, str]) -> str:
    return _schools_of_classes()[row["class_id"]] if name == "rosters" else row["location_id"]


def grade_of(name: str, row: dict[str, str]) -> str:
    """Every fourth course, class and teacher is of one grade; so is one of the four schools."""
    if name == "students":
        return row["grade_level"]
    key = "student_id" if name == "rosters" else TARGET.tables[name].key
    return str(9 + int(row[key].rpartition("-")[2]) % 4)


def group(name: str, spread: str) -> Rows:
    """Those of whom a share goes or is doubled: all, one school's, one grade's."""
    rows = whole()[name]
    if spread == "one school":
        return [row for row in rows if school_of(name, row) == "102"]
    return [row for row in rows if spread == "evenly" or grade_of(name, row) == "10"]


def chosen(name: str, share: int, spread: str) -> Rows:
    rows = group(name, spread)
    count = len(rows) * share // 100
    return [rows[place * len(rows) // count] for place in range(count)]


# ---------------------------------------------------------------- loss and growth


@dataclass(frozen=True)
class Case:
    table: str
    kind: str
    share: int
    spread: str


def cases(shares: Iterable[int]) -> Iterator[Case]:
    for name, spread, share, kind in product(SIZES, SPREADS, shares, ("loss", "growth")):
        yield Case(name, kind, share, spread)


def is_over(value: int, limit: Limit | None, of: int) -> bool:
    if limit is None:
        return False
    if limit.count is not None:
        return value > limit.count
    return value >= 10 and Fraction(value, of) > Fraction(str(limit).rstrip("%")) / 100


def by_hand(safeguards: Safeguards, case: Case, hit: Rows) -> set[str]:
    """The key of every limit that is passed."""
    limits, name = safeguards.tables[case.table], case.table
    before = Counter(school_of(name, row) for row in whole()[name])
    hits = Counter(school_of(name, row) for row in hit)
    all_hits, all_rows = hits.total(), before.total()
    expected = set()
    if case.kind == "growth":
        if is_over(all_hits, limits.max_added, all_rows):
            expected.add("max_added")
        if any(is_over(hits[one], limits.max_added_per_school, before[one]) for one in hits):
            expected.add("max_added_per_school")
        return {f"safeguards.{name}.{key}" for key in expected}
    if is_over(all_hits, limits.max_removed, all_rows):
        expected.add("max_removed")
    if any(is_over(hits[one], limits.max_removed_per_school, before[one]) for one in hits):
        expected.add("max_removed_per_school")
    if is_over(all_hits, limits.max_shrunk, all_rows) or any(
        is_over(hits[one], limits.max_shrunk, before[one]) for one in hits
    ):
        expected.add("max_shrunk")
    found = {f"safeguards.{name}.{key}" for key in expected}
    if all_hits == all_rows:
        found.add("empty_table")
    if name == "rosters" and is_over(deserted(hit), safeguards.tables["classes"].max_replaced, 240):
        found.add("safeguards.classes.max_replaced")
    return found


def deserted(hit: Rows) -> int:
    """Classes that lose every student; each had six or seven."""
    had = Counter(row["class_id"] for row in whole()["rosters"])
    return sum(count == had[one] for one, count in Counter(r["class_id"] for r in hit).items())


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return finished.write(tmp_path_factory.mktemp("before"), whole())


def after(case: Case, hit: Rows) -> Rows:
    rows, key = whole()[case.table], TARGET.tables[case.table].key
    if case.kind == "loss":
        gone = {id(row) for row in hit}
        return [row for row in rows if id(row) not in gone]
    new = [
        {**row, key: f"new-{row[key]}", "email_address": "", "person_number": "",
         "sis_username": "", "first_name": f"New{row[key]}"} for row in hit
    ]  # fmt: skip
    return rows + [{c: v for c, v in row.items() if c in rows[0]} for row in new]


def look(
    folder: Path, usual: Safeguards, baseline: dict[str, Path], looked_at: Iterable[Case]
) -> Iterator[tuple[Case, set[str], set[str]]]:
    """Each case with what it was held for, and what it should be held for."""
    flow = finished.flow(safeguards=usual)
    trail = [figures.of(baseline, f"r-{n}", DAY) for n in range(figures.FEWEST)]
    for case in looked_at:
        hit = chosen(case.table, case.share, case.spread)
        path = finished.write(folder, {case.table: after(case, hit)})[case.table]
        before = {one: baseline[one] for one in (case.table, "classes")}
        now = {**before, case.table: path}
        changes = compare(TARGET, now, before, "invented-1")
        sizes = figures.of(now, "now", DAY)
        if case.table == "classes":  # the trail has it, and it is looked at alone
            sizes = Figures("now", DAY, {"classes": sizes.rows["classes"]})
        alone = [Figures(one.run_id, DAY, {case.table: one.rows[case.table]}) for one in trail]
        holds = guard(flow, changes, {}, delivered_scope=None, now=sizes, trail=alone)
        yield case, {hold.safeguard for hold in holds}, by_hand(usual, case, hit)


def test_losses_and_growth_are_held_exactly_where_they_must_be(
    tmp_path: Path, usual: Safeguards, baseline: dict[str, Path]
) -> None:
    tally = Counter[bool]()
    for case, found, expected in look(tmp_path, usual, baseline, cases((0, 6, 16, 100))):
        assert found == expected, case
        tally[bool(found)] += 1
    assert min(tally.values()) > 15  # a sweep that is always held proves nothing


@pytest.mark.slow
def test_every_percent_of_loss_and_growth_is_held_exactly_where_it_must_be(
    tmp_path: Path, usual: Safeguards, baseline: dict[str, Path]
) -> None:
    going = Sweep(
        "loss and growth of 0 to 100 % × six tables × evenly, one school, one grade", EXACT
    )
    for case, found, expected in look(tmp_path, usual, baseline, going.over(cases(range(101)))):
        going.ended[f"{case.kind} held" if found else f"{case.kind} goes"] += 1
        if found != expected:
            going.wrong.append(f"{case}: {found}, and by hand {expected}")
    assert not going.wrong


# ---------------------------------------------------------------- swaps

WAYS = ("ids", "names", "all but the names")


def swapped(rows: Rows, places: Sequence[int], way: str) -> Rows:
    """The cells go round: each of these rows has those of the next."""
    made = [dict(row) for row in rows]
    names = ("first_name", "last_name")
    columns = {
        "ids": ["person_id"],
        "names": names,
        "all but the names": [one for one in rows[0] if one not in (*names, "person_id")],
    }[way]
    for place, other in zip(places, [*places[1:], places[0]], strict=True):
        made[place] |= {column: rows[other][column] for column in columns}
    return made


def swaps(sizes: Iterable[int]) -> Iterator[tuple[str, int, str, str]]:
    yield from product(("students", "staff"), sizes, WAYS, SPREADS)


def look_at_swaps(
    folder: Path,
    usual: Safeguards,
    baseline: dict[str, Path],
    looked_at: Iterable[tuple[str, int, str, str]],
) -> Iterator[tuple[tuple[str, int, str, str], set[str], set[str]]]:
    flow = finished.flow(safeguards=usual)
    for case in looked_at:
        name, size, way, spread = case
        rows = whole()[name]
        ids = [id(row) for row in rows]
        places = [ids.index(id(row)) for row in group(name, spread)][:size]
        path = finished.write(folder, {name: swapped(rows, places, way)})[name]
        before = {name: baseline[name]}
        holds = guard(flow, compare(TARGET, {name: path}, before, "x"), {}, delivered_scope=None)
        expected = swapped_by_hand(
            usual.tables[name], rows, swapped(rows, places, way), len(places)
        )
        expected = {f"safeguards.{name}.{key}" for key in expected}
        yield case, {hold.safeguard for hold in holds}, expected


def swapped_by_hand(limits: TableSafeguards, before: Rows, after: Rows, size: int) -> set[str]:
    """Names, numbers or addresses go round in every way; some people are at other schools then."""
    here = {row["person_id"]: row["location_id"] for row in after}
    schools = Counter(row["location_id"] for row in before)
    left = Counter(
        row["location_id"] for row in before if here[row["person_id"]] != row["location_id"]
    )
    expected = {"max_swapped"}
    if is_over(size, limits.max_changed, len(before)):
        expected.add("max_changed")
    if any(is_over(left[one], limits.max_moved_per_school, schools[one]) for one in left):
        expected.add("max_moved_per_school")
    return expected


def test_swaps_are_held(tmp_path: Path, usual: Safeguards, baseline: dict[str, Path]) -> None:
    for case, found, expected in look_at_swaps(tmp_path, usual, baseline, swaps([2])):
        assert found == expected, case


@pytest.mark.slow
def test_swaps_of_two_ten_and_a_hundred_are_held(
    tmp_path: Path, usual: Safeguards, baseline: dict[str, Path]
) -> None:
    going = Sweep("swaps of 2, 10 and 100 people × two tables × three ways × three spreads", EXACT)
    looked_at = going.over(swaps((2, 10, 100)))
    for case, found, expected in look_at_swaps(tmp_path, usual, baseline, looked_at):
        going.ended["held" if found else "goes"] += 1
        if found != expected:
            going.wrong.append(f"{case}: {found}, and by hand {expected}")
    assert not going.wrong


# ---------------------------------------------------------------- creep

APPROVALS = ("nothing", "another table", "another school")
CREEPING = [name for name in SIZES if name != "locations"]
DAYS = 60


@dataclass(frozen=True)
class Creep:
    """A share of a group goes every day, while somebody approves something else every third day."""

    table: str
    per_mille: int
    spread: str
    approved: str


def creeps(rates: Iterable[int]) -> Iterator[Creep]:
    for one in product(CREEPING, rates, SPREADS, APPROVALS):
        yield Creep(*one)


def sizes_of(case: Creep, day: int) -> dict[str, int]:
    hurt = Counter(school_of(case.table, row) for row in group(case.table, case.spread))
    all_rows = Counter(school_of(case.table, row) for row in whole()[case.table])
    left = (1 - case.per_mille / 1000) ** day
    return {one: all_rows[one] - hurt[one] + round(hurt[one] * left) for one in all_rows}


def first_held(usual: Safeguards, case: Creep) -> int | None:
    """The first day on which the guard says that the table or a school of it has shrunk."""
    flow = finished.flow(safeguards=usual)
    other = "staff" if case.table != "staff" else "students"
    approved = {
        "nothing": {},
        "another table": {other: ()},
        "another school": {case.table: ("104",)},
    }
    trail: tuple[Figures, ...] = ()
    for day in range(DAYS):
        now = Figures(f"r-{day}", DAY, {case.table: sizes_of(case, day), other: {"101": 100}})
        changes = Changes("x", {case.table: TableChanges(case.table, 1, 1, 0, 0, 0)})
        holds = guard(flow, changes, {}, delivered_scope=None, now=now, trail=trail)
        if f"safeguards.{case.table}.max_shrunk" in {hold.safeguard for hold in holds}:
            return day
        trail = figures.extended(trail, now, approved[case.approved] if day % 3 == 2 else None)
    return None


def first_by_hand(usual: Safeguards, case: Creep) -> int | None:
    limit = usual.tables[case.table].max_shrunk
    past: list[dict[str, int]] = []
    for day in range(DAYS):
        now = sizes_of(case, day)
        pairs = [([sum(one.values()) for one in past], sum(now.values()))]
        is_approved = case.approved == "another school"
        pairs += [
            ([one[school] for one in past], now[school])
            for school in now
            if not (is_approved and school == "104")
        ]
        for before, here in pairs:
            typical = int(median(before)) if len(before) >= 5 else 0
            if typical > here and is_over(typical - here, limit, typical):
                return day
        past = [*past, now][-30:]
        if is_approved and day % 3 == 2:
            past = [{**one, "104": now["104"]} for one in past]
    return None


def test_a_slow_loss_is_held_whatever_else_is_approved(usual: Safeguards) -> None:
    for case in creeps([20, 40]):
        if case.table in ("students", "rosters"):
            assert first_held(usual, case) == first_by_hand(usual, case), case


@pytest.mark.slow
def test_a_loss_of_any_rate_is_held_on_the_day_it_must_be(usual: Safeguards) -> None:
    going = Sweep(
        "creep of 0.5 to 5 % a day × five tables × three spreads × approvals of something else",
        "held on the very day that a calculation by hand names, whatever else is approved meanwhile",
    )
    for case in going.over(creeps(range(5, 51, 5))):
        found = first_held(usual, case)
        going.ended["slower than what is looked for" if found is None else "held"] += 1
        if found != first_by_hand(usual, case):
            going.wrong.append(f"{case}: {found}")
    assert not going.wrong
