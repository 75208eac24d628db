"""Losses too slow for one day's limit and for the last deliveries: the memory of a year finds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from itertools import product
from typing import NamedTuple

import pytest

from etlrunner import figures
from etlrunner.guard import guard
from etlrunner.model.changes import Changes, Figures, Hold, TableChanges
from etlrunner.model.flow import Flow
from etlrunner.model.safeguards import Limit, Safeguards
from tests.support import finished
from tests.support.sweeps import Sweep

SEPTEMBER = date(2026, 9, 1)
SCHOOL_YEAR = 180
SCHOOLS = {"101": 2000, "102": 500}
NOTHING: Mapping[int, Mapping[str, tuple[str, ...]]] = {}


class Past(NamedTuple):
    trail: tuple[Figures, ...] = ()
    marks: tuple[Figures, ...] = ()

    def then(self, now: Figures, approved: Mapping[str, tuple[str, ...]] | None = None) -> Past:
        trail = figures.extended(self.trail, now, approved)
        return Past(trail, figures.marked(self.marks, trail, approved))


def weekdays(count: int) -> list[date]:
    days = (SEPTEMBER + timedelta(days=at) for at in range(2 * count + 7))
    return [day for day in days if day.weekday() < 5][:count]


def after_days(
    daily: float,
    days: int,
    sizes: Mapping[str, int] = SCHOOLS,
    approved: Mapping[int, Mapping[str, tuple[str, ...]]] = NOTHING,
) -> Past:
    """What is remembered when the first school has lost such a share on each of so many weekdays."""
    past, left = Past(), 1.0
    for at, day in enumerate(weekdays(days)):
        now = {**sizes, "101": round(sizes["101"] * left)}
        past = past.then(Figures(f"r-{at}", day, {"students": now}), approved.get(at))
        left *= 1 - daily
    return past


def holds_of(flow: Flow, table: str, now: Figures, past: Past) -> list[Hold]:
    changes = Changes("x", {table: TableChanges(table, 1, 1, 0, 0, 0)})
    return [
        *guard(flow, changes, {}, delivered_scope=None, now=now, trail=past.trail, marks=past.marks)
    ]


def held(usual: Safeguards, now: int, past: Past, other: int = 500) -> list[Hold]:
    today = Figures("now", date(2027, 3, 1), {"students": {"101": now, "102": other}})
    return holds_of(finished.flow(safeguards=usual), "students", today, past)


def test_two_in_a_thousand_every_day_are_held_by_the_memory_of_a_year_alone(
    usual: Safeguards,
) -> None:
    past = after_days(0.002, 90)
    last = [one.rows["students"]["101"] for one in past.trail]
    assert last[-1] > 0.9 * last[0], "within what the last deliveries let go"
    (one,) = held(usual, 1690, past)
    assert one.message == (
        "students: 2,190 rows, 12.4 % fewer than the 2,500 of 2026-09-01; "
        "the limit is 12% in a year"
    )
    assert (one.safeguard, one.value) == ("safeguards.students.max_shrunk_in_a_year", "12.4%")
    assert one.sizes == {"students": ()}
    assert held(usual, 1700, past) == [], "exactly at the limit is within it"


def test_a_school_that_fades_away_is_held_though_the_district_grows(usual: Safeguards) -> None:
    past = after_days(0.002, 150, {"101": 600, "102": 5000})
    (one,) = held(usual, 445, past, other=5400)
    assert (one.school, one.value) == ("101", "25.83%")
    assert one.safeguard == "safeguards.students.max_shrunk_in_a_year_per_school"
    assert "101" not in one.message
    assert one.detail == "school 101"


def test_a_loss_of_one_day_is_told_once_as_what_it_is(usual: Safeguards) -> None:
    found = held(usual, 1000, after_days(0, 30))
    assert {one.safeguard for one in found} == {"safeguards.students.max_shrunk"}


def test_an_approved_size_is_the_usual_one_and_approvals_of_something_else_hide_nothing(
    usual: Safeguards,
) -> None:
    for approved, count in (
        ({80: {"students": ()}}, 0),
        ({80: {"staff": ()}}, 1),
        ({at: {"students": ("102",)} for at in range(0, 90, 3)}, 1),
    ):
        assert len(held(usual, 1690, after_days(0.002, 90, approved=approved))) == count, approved


def test_the_decline_of_an_ordinary_school_year_is_not_held(usual: Safeguards) -> None:
    """2.5 % never turn up in September, a high school loses 6 % in January, and one in 4,000 goes each day."""
    flow, past = finished.flow(safeguards=usual), Past()
    for at, day in enumerate(weekdays(SCHOOL_YEAR)):
        left = (1 - 0.025 * min(at, 15) / 15) * (1 - 0.00025 * at)
        seniors = 1 - 0.06 * (at >= 90)
        rows = {"101": round(6000 * left), "102": round(3000 * left * seniors)}
        now = Figures(f"r-{at}", day, {"students": rows})
        assert holds_of(flow, "students", now, past) == [], day
        past = past.then(now)


# ---------------------------------------------------------------- how soon


class Creep(NamedTuple):
    """A share of all schools but the smallest goes on every school day, from the year's first on."""

    table: str
    per_ten_thousand: int
    approved: str


def creeps(rates: Iterable[int]) -> Iterator[Creep]:
    tables = ("students", "staff", "courses", "classes", "rosters")
    for one in product(tables, rates, ("nothing", "another table", "a school of its own")):
        yield Creep(*one)


SIZES = {"101": 3900, "102": 2000, "103": 100}


def size_on(case: Creep, at: int) -> dict[str, int]:
    left = (1 - case.per_ten_thousand / 10_000) ** at
    return {**{school: round(size * left) for school, size in SIZES.items()}, "103": SIZES["103"]}


def approvals(case: Creep, at: int) -> Mapping[str, tuple[str, ...]]:
    other = "staff" if case.table != "staff" else "students"
    one = {"another table": {other: ()}, "a school of its own": {case.table: ("103",)}}
    return one.get(case.approved, {}) if at % 3 == 2 else {}


def caught(usual: Safeguards, case: Creep) -> tuple[int, str]:
    """The first school day on which anything holds it, and what; 180 for none."""
    flow, past = finished.flow(safeguards=usual), Past()
    for at, day in enumerate(weekdays(SCHOOL_YEAR)):
        now = Figures(f"r-{at}", day, {case.table: size_on(case, at)})
        if found := holds_of(flow, case.table, now, past):
            return at, found[0].safeguard.rpartition(".")[2]
        past = past.then(now, approvals(case, at))
    return SCHOOL_YEAR, "by summer"


def caught_by_hand(usual: Safeguards, case: Creep) -> int:
    """With the limits of a year alone: nothing grows, so that the first day has the most."""
    limits = usual.tables[case.table]
    whole, school = limits.max_shrunk_in_a_year, limits.max_shrunk_in_a_year_per_school
    first = size_on(case, 0)
    for at in range(SCHOOL_YEAR):
        now = size_on(case, at)
        lost = sum(first.values()) - sum(now.values())
        if lost > share(whole) * sum(first.values()):
            return at
        if any(first[one] - now[one] > share(school) * first[one] for one in now):
            return at
    return SCHOOL_YEAR


def share(limit: Limit | None) -> float:
    return 1 if limit is None else limit.share or 0


def is_as_by_hand(usual: Safeguards, case: Creep) -> bool:
    """The year's memory holds on its day; before that only the last deliveries may."""
    day, what = caught(usual, case)
    expected = caught_by_hand(usual, case)
    return day < expected if what == "max_shrunk" else day == expected


def test_a_loss_of_any_rate_is_held_on_the_day_that_a_calculation_names(usual: Safeguards) -> None:
    found = {}
    for case in creeps([10, 30]):
        if case.table in ("students", "classes"):
            assert is_as_by_hand(usual, case), case
            found[case[:2]] = caught(usual, case)
    assert found == {
        ("students", 10): (131, "max_shrunk_in_a_year"),
        ("students", 30): (44, "max_shrunk_in_a_year"),
        ("classes", 10): (180, "by summer"),
        ("classes", 30): (98, "max_shrunk_in_a_year"),
    }


@pytest.mark.slow
@pytest.mark.parametrize("table", ["students", "staff", "classes"])
def test_how_soon_a_loss_of_each_rate_is_held(usual: Safeguards, table: str) -> None:
    going = Sweep(
        f"{table}: 0.1 to 1 % lost on every school day × approvals of something else",
        "held on the very day that a calculation by hand names",
    )
    for case in going.over([one for one in creeps(range(10, 101, 10)) if one.table == table]):
        day, what = caught(usual, case)
        going.ended[f"{case.per_ten_thousand / 100:g} % a day: day {day}, {what}"] += 1
        if not is_as_by_hand(usual, case):
            going.wrong.append(f"{case}: {day}, {what}")
    assert not going.wrong
