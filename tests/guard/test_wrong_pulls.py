"""Pulls that are plausible and wrong: each is held by a flow that sets no limits of its own.

What a district fears is not the empty file, which anybody notices, but the whole one that means something
else. Beside each stands how much of the same is ordinary, and goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from etlrunner.compare import compare
from etlrunner.guard import guard
from etlrunner.model.safeguards import Safeguards
from etlrunner.target import APPLE_SCHOOL_MANAGER as TARGET
from tests.support import finished
from tests.support.finished import District, Rows

SCHOOLS = ("101", "102", "103", "104")
Wrong = Callable[[District], None]


def district() -> District:
    """Four schools of a hundred pupils, twenty teachers and twenty classes of twenty each."""
    students = [
        finished.student(n, SCHOOLS[n // 100], last_name=f"Person{n}", grade_level=str(9 + n % 4))
        for n in range(400)
    ]
    staff = [finished.teacher(n, SCHOOLS[n // 20], last_name=f"Teach{n}") for n in range(80)]
    classes = [
        finished.school_class(
            n, SCHOOLS[n // 20], [f"T-{n}"], course_id=f"C-{n // 2}", class_number=f"P{n}"
        )
        for n in range(80)
    ]
    rosters = [
        finished.roster(f"K-{n // 20 * 20 + seat}", f"S-{n // 20 * 100 + place}")
        for n in range(0, 80, 20)
        for seat in range(20)
        for place in range(seat * 5, seat * 5 + 20)
        if place < 100
    ]
    return {
        "locations": [{"location_id": one, "location_name": f"School {one}"} for one in SCHOOLS],
        "students": students,
        "staff": staff,
        "courses": [finished.course(n, SCHOOLS[n // 10]) for n in range(40)],
        "classes": classes,
        "rosters": rosters,
    }


def held(folder: Path, usual: Safeguards, wrong: Wrong) -> list[str]:
    """The safeguards that hold the district after something went wrong in it."""
    before, after = district(), district()
    wrong(after)
    paths = finished.write(folder / "before", before)
    changes = compare(TARGET, finished.write(folder / "after", after), paths, "invented-1")
    holds = guard(finished.flow(safeguards=usual), changes, {}, delivered_scope=None)
    assert all(hold.message and hold.limit for hold in holds)
    return [hold.safeguard.removeprefix("safeguards.") for hold in holds]


def of_school(rows: Rows, school: str) -> Rows:
    return [row for row in rows if row["location_id"] == school]


def each(rows: Iterable[dict[str, str]], **cells: str) -> None:
    for row in rows:
        row.update(cells)


def shifted(rows: Rows, *columns: str) -> None:
    """Each row has the cells of the next: a sheet that was sorted in one column only."""
    values = [[row[column] for column in columns] for row in rows]
    for row, cells in zip(rows, [*values[1:], values[0]], strict=True):
        row.update(dict(zip(columns, cells, strict=True)))


# ---------------------------------------------------------------- what can be wrong


def two_schools_exchanged(tables: District, most: int = 100) -> None:
    here, there = (of_school(tables["students"], one)[:most] for one in ("101", "102"))
    each(here, location_id="102")
    each(there, location_id="101")


def names_of_two_schools_exchanged(tables: District) -> None:
    shifted(tables["locations"][:2], "location_name")


def addresses_of_a_school_blank(tables: District, most: int = 100) -> None:
    each(of_school(tables["students"], "101")[:most], email_address="")


def grades_of_a_school_blank(tables: District) -> None:
    each(of_school(tables["students"], "101"), grade_level="")


def every_grade_one_up(tables: District) -> None:
    for row in tables["students"]:
        row["grade_level"] = str(int(row["grade_level"]) + 1)


def addresses_shifted_by_a_row(tables: District, most: int = 40) -> None:
    shifted(tables["students"][:most], "email_address")


def user_names_shifted_by_a_row(tables: District) -> None:
    shifted(tables["students"][:40], "sis_username")


def numbers_shifted_by_a_row(tables: District) -> None:
    shifted(tables["staff"][:4], "person_number")


def first_and_last_names_in_the_wrong_columns(tables: District, most: int = 100) -> None:
    for row in of_school(tables["students"], "101")[:most]:
        row["first_name"], row["last_name"] = row["last_name"], row["first_name"]


def classes_with_the_ids_of_last_terms(tables: District, most: int = 20) -> None:
    """The SIS counts sections anew: the same ids, other courses, teachers and pupils."""
    ids = {f"K-{n}": f"K-{(n + 6) % 20}" for n in range(most)} if most == 20 else {}
    for row in tables["rosters"]:
        row["class_id"] = ids.get(row["class_id"], row["class_id"])
        row["roster_id"] = f"{row['class_id']}-{row['student_id']}"


def all_pupils_of_many_classes_in_others(tables: District, most: int = 16) -> None:
    """Those of every class are in the one that stands five places further."""
    for row in tables["rosters"]:
        number = int(row["class_id"].removeprefix("K-"))
        if number < most:
            row["class_id"] = f"K-{number + 40}"
            row["roster_id"] = f"{row['class_id']}-{row['student_id']}"


def teachers_of_a_school_in_each_others_classes(tables: District, most: int = 20) -> None:
    shifted(of_school(tables["classes"], "101")[:most], "instructor_id")


def classes_of_a_school_without_teachers(tables: District, most: int = 20) -> None:
    each(of_school(tables["classes"], "101")[:most], instructor_id="")


def last_years_classes_as_well(tables: District) -> None:
    old = {f"K-{n}": f"old-{n}" for n in range(80)}
    tables["classes"] += [{**row, "class_id": old[row["class_id"]]} for row in tables["classes"]]
    tables["rosters"] += [
        {**row, "class_id": old[row["class_id"]], "roster_id": f"old-{row['roster_id']}"}
        for row in tables["rosters"]
    ]


def one_course_for_all_classes(tables: District) -> None:
    each(tables["classes"], course_id="C-1")


def staff_as_students(tables: District, most: int = 6) -> None:
    for row in tables["staff"][:most]:
        tables["students"].append({**row, "grade_level": "", "password_policy": ""})
    del tables["staff"][:most]


def an_id_given_to_another_child(tables: District) -> None:
    tables["students"][7] = finished.student(
        7, "101", first_name="Some", last_name="Body", email_address="n@example.org",
        sis_username="n", person_number="n",
    )  # fmt: skip


def a_child_under_another_id(tables: District) -> None:
    tables["students"][7]["person_id"] = "S-other"
    tables["rosters"] = [row for row in tables["rosters"] if row["student_id"] != "S-7"]


WRONG: dict[Wrong, set[str]] = {
    two_schools_exchanged: {"students.max_moved_per_school"},
    names_of_two_schools_exchanged: {"locations.max_swapped"},
    addresses_of_a_school_blank: {"students.max_emptied"},
    grades_of_a_school_blank: {"students.max_emptied"},
    every_grade_one_up: {"students.max_changed"},
    addresses_shifted_by_a_row: {"students.max_swapped"},
    user_names_shifted_by_a_row: {"students.max_swapped"},
    numbers_shifted_by_a_row: {"staff.max_swapped"},
    first_and_last_names_in_the_wrong_columns: {"students.max_renamed"},
    classes_with_the_ids_of_last_terms: {"classes.max_replaced"},
    all_pupils_of_many_classes_in_others: {"classes.max_replaced"},
    teachers_of_a_school_in_each_others_classes: {"classes.max_retaught"},
    classes_of_a_school_without_teachers: {"classes.max_emptied"},
    last_years_classes_as_well: {"classes.max_added", "rosters.max_added"},
    one_course_for_all_classes: {"classes.max_changed"},
    staff_as_students: {"staff.max_role_changed"},
    an_id_given_to_another_child: {"students.max_replaced"},
    a_child_under_another_id: {"students.max_rekeyed"},
}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
def test_a_plausible_wrong_pull_is_held(tmp_path: Path, usual: Safeguards, wrong: Wrong) -> None:
    assert WRONG[wrong] <= set(held(tmp_path, usual, wrong))


ORDINARY: dict[str, Wrong] = {
    "nothing": lambda tables: None,
    "fifteen pupils change school": lambda tables: two_schools_exchanged(tables, 15),
    "nine addresses are gone": lambda tables: addresses_of_a_school_blank(tables, 9),
    "nine children with other names": lambda t: first_and_last_names_in_the_wrong_columns(t, 9),
    "four classes are merged into others": lambda t: all_pupils_of_many_classes_in_others(t, 4),
    "nine classes get another teacher": lambda t: teachers_of_a_school_in_each_others_classes(t, 9),
    "four classes have no teacher yet": lambda t: classes_of_a_school_without_teachers(t, 4),
    "five assistants become pupils": lambda tables: staff_as_students(tables, 5),
}


@pytest.mark.parametrize("ordinary", ORDINARY)
def test_as_much_of_it_as_is_ordinary_goes(
    tmp_path: Path, usual: Safeguards, ordinary: str
) -> None:
    assert held(tmp_path, usual, ORDINARY[ordinary]) == []
