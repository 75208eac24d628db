"""What the shipped mapping keeps to with any roster that an extraction lets through, however odd.

Ids are unique (the extraction sees to that); everything else may dangle, repeat or be empty.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etlrunner.model.flow import SchoolSelection, Select
from etlrunner.model.problems import Located
from tests.support.mapped import Mapped, map_rows

Roster = Mapping[str, Sequence[Mapping[str, Any]]]

STATUS = st.sampled_from(["", "active", "active", "tobedeleted", "inactive", "odd"])
ORGS = st.sampled_from(["s1", "s2", "s3", "d", "nowhere", ""])
DATES = st.sampled_from(["", "2026-08-15", "2027-02-28", "2027-03-01", "2027-03-10", "03/15/2027"])
ROLES = st.sampled_from(["student", "teacher", "aide", "guardian", ""])
TERMS = st.lists(st.sampled_from(["now", "old", "coming", "unknown", ""]), max_size=3)
SOURCES = {
    "locations": "orgs",
    "courses": "courses",
    "classes": "classes",
    "rosters": "enrollments",
}


def ids(prefix: str) -> Any:
    """Of those that are there, of those that are not, and the empty one."""
    return st.sampled_from([*(f"{prefix}{n}" for n in range(6)), f"{prefix}-gone", ""])


@st.composite
def table(draw: Any, prefix: str, **columns: Any) -> list[dict[str, Any]]:
    row = st.fixed_dictionaries({"status": STATUS, **columns})
    found = draw(st.lists(row, max_size=6))
    return [{"sourcedId": f"{prefix}{number}", **one} for number, one in enumerate(found)]


@st.composite
def rosters(draw: Any) -> Roster:
    schools = [
        {"sourcedId": f"s{n}", "type": "school", "name": f"School {n}", "identifier": f"{n}00"}
        for n in (1, 2, 3)
    ]
    schools[2]["status"] = draw(STATUS)
    users = draw(
        table("u", role=ROLES, orgSourcedIds=st.lists(ORGS, max_size=4), grades=st.just(["09"]))
    )
    for user in users:  # of each child, so that a value in another one's row would show
        name = user["sourcedId"]
        user |= {"givenName": f"G{name}", "familyName": f"F{name}", "email": f"{name}@example.org"}
    return {
        "orgs": [*schools, {"sourcedId": "d", "type": "district", "name": "District"}],
        "academicSessions": [
            {"sourcedId": "now", "startDate": "2027-01-05", "endDate": "2027-06-01"},
            {"sourcedId": "old", "startDate": "2026-08-05", "endDate": "2027-02-25"},
            {"sourcedId": "coming", "startDate": "2027-08-05", "endDate": "2027-12-20"},
        ],
        "courses": draw(table("c", title=st.sampled_from(["Art", ""]), orgSourcedId=ORGS)),
        "classes": draw(
            table("k", courseSourcedId=ids("c"), schoolSourcedId=ORGS, termSourcedIds=TERMS)
        ),
        "users": users,
        "enrollments": draw(
            table(
                "e",
                classSourcedId=ids("k"),
                userSourcedId=ids("u"),
                role=ROLES,
                primary=st.sampled_from(["true", "false", ""]),
                schoolSourcedId=ORGS,
                beginDate=DATES,
                endDate=DATES,
            )
        ),
    }


CHOICES = st.sampled_from(
    [
        Select(),
        Select(schools=SchoolSelection(exclude=(Located("s2"),))),
        Select(schools=SchoolSelection(include=(Located("100"),))),
        Select(schools=SchoolSelection(exclude=(Located("s1"), Located("s2"), Located("s3")))),
        Select(grades=("09",)),
    ]
)
LEFT_OUT = st.sampled_from([{}, {"students": ["u0"], "classes": ["k1"]}])


SAMPLE = settings(
    max_examples=8, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
MANY = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ANY = given(rosters(), CHOICES, LEFT_OUT, st.randoms(use_true_random=False))


@SAMPLE
@ANY
def test_any_roster_is_mapped_by_the_laws(
    roster: Roster, choice: Select, left_out: Mapping[str, Sequence[str]], dice: random.Random
):
    _by_the_laws(roster, choice, left_out, dice)


@pytest.mark.slow
@MANY
@ANY
def test_many_rosters_are_mapped_by_the_laws(
    roster: Roster, choice: Select, left_out: Mapping[str, Sequence[str]], dice: random.Random
):
    _by_the_laws(roster, choice, left_out, dice)


def _by_the_laws(
    roster: Roster, choice: Select, left_out: Mapping[str, Sequence[str]], dice: random.Random
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = map_rows(Path(folder) / "one", roster, select=choice, leave_out=left_out)
        _each_row_has_one_fate(made, roster)
        _no_school_that_takes_no_part(made, choice)
        _nobody_has_the_cells_of_another(made, roster)
        _who_is_left_out_is_nowhere(made, left_out)
        shuffled = {name: dice.sample(list(rows), len(rows)) for name, rows in roster.items()}
        again = map_rows(Path(folder) / "two", shuffled, select=choice, leave_out=left_out)
        for name in made.tables:
            assert made.rows(name) == again.rows(name), name


def _each_row_has_one_fate(made: Mapped, roster: Roster) -> None:
    for name, finished in made.tables.items():
        counts, read = finished.counts, len(roster[SOURCES.get(name, "users")])
        assert finished.fate_path is not None
        fates = pl.read_parquet(finished.fate_path)
        assert counts.holds(), name
        assert counts.read == read, name
        assert len(fates) == read + counts.added, name
        of_row = Counter(row for row in fates["_row"].to_list() if row < read)
        assert of_row.keys() == set(range(read)), name
        if not counts.added:
            assert set(of_row.values()) <= {1}, name
        assert made.keys(name) == sorted(made.keys(name), key=str.encode), name


def _no_school_that_takes_no_part(made: Mapped, choice: Select) -> None:
    named = {"100": "s1"}
    include = {named.get(one.text, one.text) for one in choice.schools.include}
    out = {one.text for one in choice.schools.exclude}
    out |= {"s1", "s2", "s3"} - include if include else set()
    cells = {
        cell
        for name in made.tables
        for row in made.rows(name)
        for column, cell in row.items()
        if column.startswith("location_id")
    }
    assert not cells & out


def _nobody_has_the_cells_of_another(made: Mapped, roster: Roster) -> None:
    orgs = {user["sourcedId"]: user["orgSourcedIds"] for user in roster["users"]}
    for row in made.rows("students"):
        name = row["person_id"]
        assert (row["first_name"], row["last_name"]) == (f"G{name}", f"F{name}")
        assert row["email_address"] == f"{name}@example.org"
        held = [cell for column, cell in row.items() if column.startswith("location_id") and cell]
        assert held == [org for org in dict.fromkeys(orgs[name]) if org in held]
    for row in made.rows("staff"):
        name = row["person_id"]
        assert (row["first_name"], row["email_address"]) == (f"G{name}", f"{name}@example.org")
    known = {
        (one["classSourcedId"], one["userSourcedId"])
        for one in roster["enrollments"]
        if one["role"] == "student"
    }
    assert {(row["class_id"], row["student_id"]) for row in made.rows("rosters")} <= known
    taught = {
        (one["classSourcedId"], one["userSourcedId"])
        for one in roster["enrollments"]
        if one["role"] == "teacher"
    }
    for row in made.rows("classes"):
        teachers = {row[column] for column in row if column.startswith("instructor_id")} - {""}
        assert {(row["class_id"], teacher) for teacher in teachers} <= taught


def _who_is_left_out_is_nowhere(made: Mapped, left_out: Mapping[str, Sequence[str]]) -> None:
    gone = {one for many in left_out.values() for one in many}
    for name in made.tables:
        for row in made.rows(name):
            assert not gone & set(row.values()), name
