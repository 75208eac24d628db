"""Who is known again under another id, and whose id means somebody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etlrunner.compare import Comparison, compare
from etlrunner.target import APPLE_SCHOOL_MANAGER as TARGET
from tests.support import finished
from tests.support.finished import District, Rows


def kinds(folder: Path, before: District, after: District) -> dict[str, dict[str, int]]:
    found = compare(
        TARGET,
        finished.write(folder / "after", after),
        finished.write(folder / "before", before),
        "x",
    )
    return {name: dict(table.kinds) for name, table in found.tables.items() if table.kinds}


def proposed(
    folder: Path, before: District, after: District
) -> dict[str, list[tuple[str, str, str]]]:
    found = Comparison(
        TARGET, finished.write(folder / "after", after), finished.write(folder / "before", before)
    )
    return {name: list(pairs.iter_rows()) for name, pairs in found.crosswalks().items()}


def people(count: int, **cells: str) -> Rows:
    return [
        finished.student(n, first_name=f"First{n}", last_name=f"Last{n}", **cells)
        for n in range(count)
    ]


def with_students(rows: Rows) -> District:
    return {**finished.district(), "students": rows, "rosters": []}


# ---------------------------------------------------------------- swapped, replaced


def swap(rows: Rows, ids: list[int]) -> Rows:
    """The ids go round: each has the row of the next one."""
    names = [rows[n]["person_id"] for n in ids]
    after = [dict(row) for row in rows]
    for place, n in enumerate(ids):
        after[n]["person_id"] = names[(place + 1) % len(ids)]
    return after


@pytest.mark.parametrize("count", [2, 3, 10, 100])
def test_swapped_ids_are_all_seen_though_nothing_is_added_or_removed(tmp_path: Path, count: int):
    rows = people(120)
    found = kinds(tmp_path, with_students(rows), with_students(swap(rows, list(range(count)))))
    assert found == {"students": {"swapped": count}}


def test_a_swap_of_the_names_alone_is_seen(tmp_path: Path):
    rows, after = people(5), people(5)
    for column in ("first_name", "last_name"):
        after[0][column], after[1][column] = after[1][column], after[0][column]
    assert kinds(tmp_path, with_students(rows), with_students(after)) == {
        "students": {"swapped": 2}
    }


def test_the_id_of_one_who_left_given_to_a_new_pupil_is_a_replacement(tmp_path: Path):
    rows = people(3)
    after = [
        *people(2),
        finished.student(9, person_id="S-2", first_name="Nobody", last_name="Known"),
    ]
    assert kinds(tmp_path, with_students(rows), with_students(after)) == {
        "students": {"replaced": 1}
    }


@pytest.mark.parametrize(
    "cells",
    [
        {"last_name": "Married"},
        {"first_name": "Alex", "last_name": "Both"},
        {"first_name": "FIRST0"},
        {"email_address": "new@example.org", "sis_username": "new", "person_number": "99"},
    ],
    ids=["a new surname", "both names, same number", "capitals", "new addresses, same name"],
)
def test_the_same_person_with_new_values_is_no_replacement(tmp_path: Path, cells: dict[str, str]):
    after = people(3)
    after[0] |= cells
    found = kinds(tmp_path, with_students(people(3)), with_students(after)).get("students", {})
    assert not found.keys() & {"swapped", "replaced"}


def test_a_move_to_another_school_is_counted_as_one(tmp_path: Path):
    after = people(3)
    after[0]["location_id"] = "102"
    assert kinds(tmp_path, with_students(people(3)), with_students(after)) == {
        "students": {"moved": 1}
    }


def test_a_pupil_who_becomes_staff_changes_the_role(tmp_path: Path):
    before, after = finished.district(), finished.district()
    gone = after["students"].pop(0)
    after["staff"].append(finished.teacher(1, person_id=gone["person_id"], first_name="x"))
    after["rosters"] = [row for row in after["rosters"] if row["student_id"] != gone["person_id"]]
    assert kinds(tmp_path, before, after)["students"] == {"role_changed": 1}


# ---------------------------------------------------------------- re-keyed


def rekeyed_district() -> District:
    """Every id of the district is another one, as after a change of the SIS."""
    after = finished.district()
    for rows in after.values():
        for row in rows:
            for column in row:
                if column.endswith("_id") or "_id_" in column:
                    row[column] = f"new-{row[column]}" if row[column] else ""
    return after


def test_a_district_with_all_new_ids_is_known_again(tmp_path: Path):
    found = proposed(tmp_path, finished.district(), rekeyed_district())
    pairs = {name: {(old, new) for old, new, _ in rows} for name, rows in found.items()}
    for name in ("locations", "students", "staff", "courses", "classes"):
        ids = [row[TARGET.tables[name].key] for row in finished.district()[name]]
        assert pairs[name] == {(one, f"new-{one}") for one in ids}
    counted = kinds(tmp_path / "2", finished.district(), rekeyed_district())
    assert {name: one["rekeyed"] for name, one in counted.items()} == {
        "locations": 2, "students": 3, "staff": 2, "courses": 2, "classes": 2,
    }  # fmt: skip


def test_an_address_that_was_given_again_is_not_the_same_person(tmp_path: Path):
    before, after = people(3), people(3)
    after[0] |= {"person_id": "S-new", "person_number": "77", "sis_username": "other",
                 "first_name": "Jane", "last_name": "Other"}  # fmt: skip
    assert proposed(tmp_path, with_students(before), with_students(after)) == {}


def test_twins_in_name_without_anything_else_are_left_alone(tmp_path: Path):
    blank = {"person_number": "", "email_address": "", "sis_username": "", "last_name": "Twin"}
    before = [finished.student(n, first_name="Sam", **blank) for n in (1, 2)]
    after = [finished.student(n, first_name="Sam", **blank) for n in (3, 4)]
    assert proposed(tmp_path, with_students(before), with_students(after)) == {}


def test_columns_that_point_at_different_people_prove_nothing(tmp_path: Path):
    before = people(2)
    after = [
        {**before[0], "person_id": "S-8", "email_address": before[1]["email_address"]},
        {**before[1], "person_id": "S-9", "first_name": "First0", "last_name": "Last1",
         "email_address": before[0]["email_address"]},
    ]  # fmt: skip
    found = proposed(tmp_path, with_students(before), with_students(after))
    assert found == {}


def test_a_leaver_and_a_newcomer_are_two_people(tmp_path: Path):
    after = [*people(2), finished.student(50, first_name="Somebody", last_name="New")]
    assert kinds(tmp_path, with_students(people(3)), with_students(after)) == {}


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_a_proposal_never_pairs_two_different_people(tmp_path: Path, data: st.DataObject):
    """Whatever leaves, comes and is re-keyed: a pair is always one and the same invented person."""
    fate = st.sampled_from(["stays", "leaves", "rekeyed"])
    fates = data.draw(st.lists(fate, min_size=6, max_size=6))
    blank = data.draw(st.sets(st.sampled_from(["person_number", "email_address", "sis_username"])))
    shared = data.draw(st.booleans())
    before = people(6)
    for row in before:
        row.update(dict.fromkeys(blank, ""))
        if shared:
            row["last_name"] = "Same"
    truth = {}
    after = []
    for row, what in zip(before, fates, strict=True):
        if what != "leaves":
            after.append(dict(row))
        if what == "rekeyed":
            after[-1]["person_id"] = f"new-{row['person_id']}"
            truth[row["person_id"]] = after[-1]["person_id"]
    after.append(finished.student(70, first_name="New", last_name="Comer"))
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    found = proposed(folder, with_students(before), with_students(after)).get("students", [])
    assert {old: new for old, new, _ in found} == truth


@pytest.mark.parametrize(("number", "found"), [("77", 0), ("", 1), ("1", 1)])
def test_a_child_with_the_address_of_a_family_is_not_the_sibling_who_left(
    tmp_path: Path, number: str, found: int
) -> None:
    """Else the proposed crosswalk would hand a child the account of an older brother."""
    family = {"last_name": "Kin", "email_address": "kin@example.org"}
    before = with_students([finished.student(1, **family), finished.student(2)])
    younger = finished.student(9, first_name="Bo", person_number=number, sis_username="", **family)
    after = with_students([younger, finished.student(2)])
    assert len(proposed(tmp_path, before, after).get("students", [])) == found
