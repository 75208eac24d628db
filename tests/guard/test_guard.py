"""What is held, what may go, and that the border between them is exact to the row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from etlrunner import scope
from etlrunner.guard import guard
from etlrunner.model.changes import Changes, Figures, Hold, TableChanges
from etlrunner.model.flow import Flow, LeftOut, SchoolSelection, Select
from etlrunner.model.problems import Located
from etlrunner.model.safeguards import Limit, Safeguards, TableSafeguards
from etlrunner.model.tables import Counts, FinishedTable
from tests.support import finished

SHARE, COUNT = Limit(share=0.05), Limit(count=50)


def flow(small_change: int = 10, expect: Mapping[str, int] | None = None, **limits: Limit) -> Flow:
    """A flow with these limits on students."""
    tables = {"students": TableSafeguards(**limits)}
    return finished.flow(safeguards=Safeguards(tables, small_change, expect or {}))


def students(
    before: int = 1000,
    added: int = 0,
    removed: int = 0,
    changed: int = 0,
    schools: Mapping[str, tuple[int, int, int, int]] | None = None,
) -> Changes:
    change = TableChanges(
        "students", before, before + added - removed, added, removed, changed, {}, schools or {}
    )
    return Changes("invented-2027-03-01-1", {"students": change})


def held(flow: Flow, changes: Changes) -> tuple[Hold, ...]:
    return guard(flow, changes, {}, delivered_scope=None)


def made(name: str, written: int, read: int = 0, **rejected: int) -> dict[str, FinishedTable]:
    counts = Counts(read=read or written, rejected=rejected, written=written)
    return {name: FinishedTable(name, Path("unused"), (), counts)}


# ---------------------------------------------------------------- limits, exact to the row


@pytest.mark.parametrize("kind", ["removed", "added", "changed"])
@pytest.mark.parametrize("limit", [SHARE, COUNT], ids=["percent", "count"])
@pytest.mark.parametrize(("rows", "is_held"), [(0, False), (49, False), (50, False), (51, True)])
def test_at_the_limit_goes_and_one_more_is_held(
    kind: str, limit: Limit, rows: int, is_held: bool
) -> None:
    holds = held(flow(**{f"max_{kind}": limit}), students(**{kind: rows}))
    assert [hold.safeguard for hold in holds] == [f"safeguards.students.max_{kind}"] * is_held


@pytest.mark.parametrize("percent", ["0.5", "1.1", "2.3", "5", "7", "15", "20", "29", "57"])
def test_a_share_is_exact_whatever_its_fraction_in_binary(percent: str) -> None:
    limit = Limit(share=float(percent) / 100)
    at = round(float(percent) * 100)
    assert held(flow(max_removed=limit), students(10_000, removed=at)) == ()
    assert len(held(flow(max_removed=limit), students(10_000, removed=at + 1))) == 1


@pytest.mark.parametrize(("rows", "is_held"), [(0, False), (9, False), (10, True), (11, True)])
def test_a_share_is_not_applied_to_fewer_rows_than_a_small_change(rows: int, is_held: bool) -> None:
    assert bool(held(flow(max_removed=SHARE), students(100, removed=rows))) == is_held


def test_a_count_holds_however_small_the_change_is() -> None:
    assert held(flow(max_removed=Limit(count=0)), students(100, removed=0)) == ()
    assert len(held(flow(max_removed=Limit(count=0)), students(100, removed=1))) == 1


def test_without_a_limit_anything_goes() -> None:
    assert held(flow(), students(removed=999, added=999)) == ()


def test_a_hold_says_what_of_how_many_and_the_limit() -> None:
    [hold] = held(flow(max_removed=SHARE), students(1000, removed=51))
    assert hold.message == "students: 51 of 1,000 would be removed, and the limit is 5%"
    assert (hold.table, hold.value, hold.limit) == ("students", "5.1%", "5%")
    [hold] = held(flow(max_added=COUNT), students(1000, added=1200))
    assert hold.message == "students: 1,200 of 1,000 would be added, and the limit is 50"
    assert (hold.value, hold.limit) == ("1200", "50")


@pytest.mark.parametrize("limit", [Limit(share=0.05), Limit(count=50)])
def test_a_sweep_over_every_number_of_rows_has_one_border(limit: Limit) -> None:
    verdicts = [bool(held(flow(max_removed=limit), students(1000, removed=n))) for n in range(1001)]
    assert verdicts == [False] * 51 + [True] * 950


# ---------------------------------------------------------------- schools


def ten_schools(gone: int) -> dict[str, tuple[int, int, int, int]]:
    """Ten schools, of which the last is small and loses `gone` of its 30 pupils."""
    schools = {str(100 + n): (108, 0, 0, 0) for n in range(9)}
    return {**schools, "109": (30, 0, gone, 0)}


def test_a_whole_school_is_held_though_the_total_is_small() -> None:
    limits = {"max_removed": SHARE, "max_removed_per_school": Limit(share=0.15)}
    [hold] = held(flow(**limits), students(1002, removed=30, schools=ten_schools(30)))
    assert hold.safeguard == "safeguards.students.max_removed_per_school"
    assert (hold.school, hold.value, hold.limit) == ("109", "100%", "15%")
    assert "109" not in hold.message
    assert hold.told == (
        "students: 30 of 30 in one school would be removed, and the limit per school is 15% (school 109)"
    )


def test_a_small_school_that_is_halved_is_held() -> None:
    limit = {"max_removed_per_school": Limit(share=0.15)}
    [hold] = held(flow(**limit), students(1002, removed=15, schools=ten_schools(15)))
    assert hold.school == "109"


def test_one_school_gone_and_another_doubled_is_held() -> None:
    schools = {"101": (100, 0, 100, 0), "102": (100, 100, 0, 0)}
    changes = students(200, added=100, removed=100, schools=schools)
    limits = {"max_removed_per_school": Limit(share=0.15)}
    assert [hold.school for hold in held(flow(**limits), changes)] == ["101"]


@pytest.mark.parametrize(("rows", "is_held"), [(0, False), (14, False), (15, False), (16, True)])
def test_the_limit_per_school_is_exact(rows: int, is_held: bool) -> None:
    schools = {"101": (100, 0, rows, 0)}
    limits = {"max_removed_per_school": Limit(share=0.15)}
    assert bool(held(flow(**limits), students(removed=rows, schools=schools))) == is_held


def test_a_location_that_is_gone_is_held_and_named() -> None:
    schools = {"101": (1, 0, 0, 0), "102": (1, 0, 1, 0)}
    change = TableChanges("locations", 2, 1, 0, 1, 0, {}, schools)
    limits = {"locations": TableSafeguards(max_removed=Limit(count=0))}
    held_flow = finished.flow(safeguards=Safeguards(limits))
    [hold] = held(held_flow, Changes("r", {"locations": change}))
    assert hold.message == "locations: 1 of 2 would be removed, and the limit is 0"
    assert hold.detail == "102"


def test_of_very_many_schools_the_worst_are_named() -> None:
    schools = {f"{n:03d}": (100, 0, 20 + n % 50, 0) for n in range(50)}
    limits = {"max_removed_per_school": Limit(share=0.15)}
    [hold] = held(flow(**limits), students(5000, removed=2000, schools=schools))
    assert hold.school == "049"
    assert "2,225 of 5,000 in 50 schools would be removed" in hold.message
    assert hold.detail.startswith("049: 69 of 100, ")
    assert hold.detail.endswith("and 42 more")


# ---------------------------------------------------------------- first, empty, rejected


def first(after: int) -> Changes:
    return Changes(None, {"students": TableChanges("students", 0, after, after, 0, 0)})


def test_a_first_delivery_is_held() -> None:
    [hold] = held(flow(max_added=SHARE), first(1000))
    assert hold.safeguard == "first_delivery"


@pytest.mark.parametrize(("rows", "is_held"), [(899, True), (900, False), (901, False)])
def test_a_first_delivery_that_meets_its_minima_goes(rows: int, is_held: bool) -> None:
    holds = held(flow(expect={"students": 900}), first(rows))
    assert bool(holds) == is_held
    if is_held:
        assert holds[0].message == (
            "students: this first delivery has 899 rows, and at least 900 are expected"
        )


def test_every_stated_minimum_must_be_met() -> None:
    holds = held(flow(expect={"students": 900, "staff": 1}), first(1000))
    assert [hold.table for hold in holds] == ["staff"]


def test_minima_say_nothing_about_later_deliveries() -> None:
    assert held(flow(expect={"students": 5000}), students(1000)) == ()


@pytest.mark.parametrize("baseline", ["r", None])
def test_an_empty_table_is_always_held(baseline: str | None) -> None:
    change = TableChanges("students", 3, 0, 0, 3, 0)
    changes = Changes(baseline, {"students": change})
    holds = held(finished.flow(safeguards=Safeguards({}, 10, {"students": 0})), changes)
    assert [hold.safeguard for hold in holds] == ["empty_table"]


@pytest.mark.parametrize(("rows", "is_held"), [(0, False), (49, False), (50, False), (51, True)])
def test_rejected_rows_count_against_those_that_were_meant(rows: int, is_held: bool) -> None:
    tables = made("students", 1000 - rows, read=9999, **{"required.last_name": rows})
    holds = guard(flow(max_rejected=SHARE), students(), tables, delivered_scope=None)
    assert [h.safeguard for h in holds] == ["safeguards.students.max_rejected"] * is_held


def test_repairs_count_as_rejected_and_the_rules_are_named() -> None:
    rejected = {"required.last_name": 20, "repair.person_location_missing": 40}
    tables = made("students", 940, **rejected)
    [hold] = guard(flow(max_rejected=SHARE), students(), tables, delivered_scope=None)
    assert hold.message == (
        "students: 60 of 1,000 were rejected (repair.person_location_missing: 40, "
        "required.last_name: 20), and the limit is 5%"
    )


def test_rejected_rows_hold_a_first_delivery_too() -> None:
    tables = made("students", 500, **{"required.last_name": 500})
    holds = guard(
        flow(max_rejected=SHARE, expect={"students": 1}), first(500), tables, delivered_scope=None
    )
    assert [hold.safeguard for hold in holds] == ["safeguards.students.max_rejected"]


# ---------------------------------------------------------------- scope


def selecting(
    include: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
    grades: tuple[str, ...] = (),
    statuses: tuple[str, ...] = ("active",),
    left_out: tuple[str, ...] = (),
) -> Flow:
    schools = SchoolSelection(
        tuple(Located(text) for text in include), tuple(Located(text) for text in exclude)
    )
    select = Select(schools=schools, grades=grades, statuses=statuses)
    leave_out = {"students": {key: LeftOut("opted out") for key in left_out}}
    return replace(finished.flow(select=select), leave_out=leave_out)


def scope_holds(before: Flow, now: Flow) -> list[str]:
    kept = json.loads(json.dumps(scope.of(before)))
    return [hold.told for hold in guard(now, students(), {}, delivered_scope=kept)]


NARROWED = {
    "a school is excluded": (
        selecting(exclude=("800",)),
        selecting(exclude=("800", "801")),
        "the flow now selects less (select.schools.exclude): 1 school is newly excluded; "
        "accounts outside the selection would be deactivated (801)",
    ),
    "only some schools are taken": (
        selecting(),
        selecting(include=("101", "102")),
        "the flow now selects less (select.schools.include): only 2 schools are taken, and before "
        "there was no such limit; accounts outside the selection would be deactivated (101, 102)",
    ),
    "a school is no longer taken": (
        selecting(include=("101", "102")),
        selecting(include=("101", "103")),
        "the flow now selects less (select.schools.include): 1 school is no longer taken; "
        "accounts outside the selection would be deactivated (102)",
    ),
    "a grade is dropped": (
        selecting(grades=("KG", "01")),
        selecting(grades=("01",)),
        "the flow now selects less (select.grades): KG is no longer taken; "
        "accounts outside the selection would be deactivated",
    ),
    "a status is dropped": (
        selecting(statuses=("active", "inactive")),
        selecting(),
        "the flow now selects less (select.statuses): inactive is no longer taken; "
        "accounts outside the selection would be deactivated",
    ),
    "a pupil is left out": (
        selecting(left_out=("4711",)),
        selecting(left_out=("4711", "4712")),
        "the flow now leaves out more: 1 record is newly listed in leave_out.students; "
        "their accounts would be deactivated",
    ),
}


@pytest.mark.parametrize("case", NARROWED)
def test_a_narrower_scope_is_held_below_every_percentage(case: str) -> None:
    before, now, message = NARROWED[case]
    assert scope_holds(before, now) == [message]


@pytest.mark.parametrize("case", NARROWED)
def test_a_wider_scope_goes(case: str) -> None:
    before, now, _ = NARROWED[case]
    if case != "a school is no longer taken":  # that one takes another in exchange
        assert scope_holds(now, before) == []


def test_the_same_scope_in_another_order_goes() -> None:
    assert scope_holds(selecting(grades=("01", "KG")), selecting(grades=("KG", "01"))) == []


def test_a_scope_that_is_not_known_is_no_reason_to_hold() -> None:
    assert guard(selecting(exclude=("800",)), students(), {}, delivered_scope=None) == ()


def test_all_reasons_are_given_at_once() -> None:
    limits = {"max_removed": SHARE, "max_added": SHARE, "max_changed": SHARE}
    changes = students(1000, added=100, removed=100, changed=100)
    assert len(held(flow(**limits), changes)) == 3


# ---------------------------------------------------------------- what the changes mean, and slow losses


@pytest.mark.parametrize("kind", ["rekeyed", "swapped", "replaced", "role_changed"])
@pytest.mark.parametrize(("rows", "is_held"), [(5, False), (6, True)])
def test_what_changes_mean_is_limited_to_the_row(kind: str, rows: int, is_held: bool) -> None:
    found = students(removed=0)
    change = replace(found.tables["students"], kinds={kind: rows})
    limited = flow(**{f"max_{kind}": Limit(count=5)})
    holds = held(limited, replace(found, tables={"students": change}))
    assert [hold.safeguard for hold in holds] == [f"safeguards.students.max_{kind}"] * is_held


def test_growth_of_one_school_is_held_and_a_new_school_is_not() -> None:
    schools = {"101": (100, 60, 0, 0), "102": (100, 50, 0, 0), "103": (0, 300, 0, 0)}
    holds = held(flow(max_added_per_school=Limit(share=0.5)), students(added=410, schools=schools))
    assert [(hold.school, hold.value) for hold in holds] == [("101", "60%")]


def sizes(*counts: int, school: str = "101") -> list[Figures]:
    return [
        Figures(f"r-{n}", date(2027, 3, 1) + timedelta(days=n), {"students": {school: count}})
        for n, count in enumerate(counts)
    ]


def shrunk(now: int, trail: list[Figures], limit: float = 0.10) -> list[str | None]:
    limited = flow(max_shrunk=Limit(share=limit))
    holds = guard(limited, students(), {}, delivered_scope=None, now=sizes(now)[0], trail=trail)
    return [hold.school for hold in holds]


def test_a_loss_against_what_is_usual_is_exact_to_the_row() -> None:
    trail = sizes(*[1000] * 10)
    assert shrunk(900, trail) == []
    assert shrunk(899, trail) == [None, "101"]


def test_four_in_a_hundred_every_day_are_held_on_the_third_day() -> None:
    """Each day is within 5 %; the trail is what notices."""
    trail, count, days = sizes(*[1000] * 30), 1000, 0
    while not shrunk(count, trail):
        trail = [*trail, *sizes(count)][-30:]
        count, days = int(count * 0.96), days + 1
        assert days < 10
    assert days == 3


def test_before_there_is_anything_usual_nothing_is_too_small() -> None:
    assert shrunk(1, sizes(*[1000] * 4)) == []


def test_a_school_that_fades_away_is_named_though_the_total_grows() -> None:
    trail = [
        Figures(f"r-{n}", date(2027, 3, 1), {"students": {"101": 5000, "102": 200}})
        for n in range(10)
    ]
    now = Figures("now", date(2027, 3, 20), {"students": {"101": 5400, "102": 150}})
    limited = flow(max_shrunk=Limit(share=0.10))
    holds = guard(limited, students(), {}, delivered_scope=None, now=now, trail=trail)
    assert [hold.school for hold in holds] == ["102"]
