"""What differs between expected rows and those that came: paired as a person would pair them."""

from __future__ import annotations

from typing import Any

from etlrunner.config.case_rows import Rows
from etlrunner.lib.document import Scalar
from etlrunner.mapping import case_diff
from etlrunner.model.problems import Place
from etlrunner.target import APPLE_SCHOOL_MANAGER

ROSTERS = APPLE_SCHOOL_MANAGER.tables["rosters"]
STUDENTS = APPLE_SCHOOL_MANAGER.tables["students"]


def rows(*many: dict[str, Any]) -> Rows:
    made = tuple({Scalar(column): cell for column, cell in row.items()} for row in many)
    return Rows(made, tuple(Place("t.yaml", n) for n, _ in enumerate(many, 1)), Place("t.yaml"))


def told(target: Any, expected: Rows, *came: dict[str, str], **fates: tuple[str, ...]) -> list[str]:
    return [str(one) for one in case_diff.compare(target, expected, came, fates)]


def pupil(key: str, first: str, last: str = "Test") -> dict[str, str]:
    return {"person_id": key, "first_name": first, "last_name": last}


def test_only_the_columns_named_are_compared():
    assert told(STUDENTS, rows({"person_id": "p1"}), pupil("p1", "Bo")) == []


def test_a_column_that_did_not_come_is_empty():
    wanted = rows({"person_id": "p1", "location_id_2": ""})
    assert told(STUDENTS, wanted, pupil("p1", "Bo")) == []


def test_a_cell_that_differs_is_told_from_both_sides_with_its_line():
    wanted = rows(pupil("p0", "Al"), pupil("p1", "Bo"))
    found = list(case_diff.compare(STUDENTS, wanted, [pupil("p1", "Cy"), pupil("p0", "Al")], {}))
    assert [(str(one), one.cells, one.place) for one in found] == [
        ("students p1 differs", (("first_name", "Bo", "Cy"),), Place("t.yaml", 2))
    ]


def test_missing_rows_say_why_and_rows_too_many_are_named():
    came = [pupil("p3", "Cy")]
    wanted = rows({"person_id": "p1"}, {"person_id": "p2"})
    assert told(STUDENTS, wanted, *came, p1=("required.first_name",)) == [
        "students p1 was expected, and is missing: required.first_name",
        "students p2 was expected, and is missing",
        "students p3 came, and was not expected",
    ]


def test_two_rows_expected_under_one_key_are_not_satisfied_by_one():
    row = {"person_id": "p1"}
    assert len(told(STUDENTS, rows(row, row), pupil("p1", "Bo"))) == 1


def test_rows_without_their_key_are_paired_with_the_row_most_like_them():
    came = [
        {"roster_id": "a", "class_id": "k1", "student_id": "p1"},
        {"roster_id": "b", "class_id": "k1", "student_id": "p2"},
    ]
    swapped = rows({"class_id": "k1", "student_id": "p2"}, {"class_id": "k1", "student_id": "p1"})
    assert told(ROSTERS, swapped, *came) == []
    wrong = rows({"class_id": "k1", "student_id": "p2"}, {"class_id": "k9", "student_id": "p1"})
    assert told(ROSTERS, wrong, *came) == ["rosters a differs"]


def test_a_null_expects_the_empty_text():
    assert told(STUDENTS, rows({"person_id": "p1", "last_name": None}), pupil("p1", "Bo", "")) == []
