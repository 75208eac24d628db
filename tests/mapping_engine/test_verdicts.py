"""A row that breaks a rule of the mapping is rejected, emptied, cut or sent as the flow says; all are counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from etlrunner.errors import ChecksFailed
from etlrunner.mapping import verdicts
from etlrunner.model.mapping import Column, LookupTable, MappingSet
from etlrunner.model.problems import Located, Verdict
from etlrunner.target import APPLE_SCHOOL_MANAGER
from tests.support.mapped import SCHOOL, Mapped, map_rows, mapping, only, student

GRADES = LookupTable("grades", {"09": "9"})


def columns(**more: Any) -> MappingSet:
    made: dict[str, Any] = {
        "person_id": "sourcedId",
        "first_name": Column("first_name", expr=Located("givenName"), max_length=5),
        "middle_name": Column("middle_name", expr=Located("middleName"), max_length=3),
        "last_name": "familyName",
        "grade_level": Column(
            "grade_level", expr=Located("grades | first"), lookup="grades", missing="reject"
        ),
        "location_id": Column("location_id", each=Located("orgSourcedIds")),
    }
    made |= more
    return only(mapping("students", "users", made, lookups={"grades": GRADES}))


PUPILS = [
    student("1", givenName="Ada", grades=["09"]),
    student("2", givenName="Leonarda", middleName="von der Heide", grades=["09"]),
    student("3", givenName="Bo", grades=["XX"]),
    student("4", givenName="", grades=["09"]),
]


def mapped(folder: Path, **rules: Verdict) -> Mapped:
    named = {name.replace("__", "."): verdict for name, verdict in rules.items()}
    given = {"orgs": [SCHOOL], "users": PUPILS}
    return map_rows(folder, given, columns(), rules=named)


def cells(made: Mapped, column: str) -> dict[str, str]:
    return {row["person_id"]: row[column] for row in made.rows("students")}


def test_by_itself_a_rule_of_the_mapping_rejects(tmp_path: Path) -> None:
    made = mapped(tmp_path)
    assert made.fates("students") == {
        "1": "written",
        "2": "max_length.first_name",
        "3": "lookup.grade_level",
        "4": "required.first_name",
    }
    assert made.findings() == []


def test_a_long_value_is_cut_and_listed(tmp_path: Path) -> None:
    made = mapped(tmp_path, max_length__first_name="cut", max_length__middle_name="cut")
    assert cells(made, "first_name") == {"1": "Ada", "2": "Leona"}
    assert cells(made, "middle_name")["2"] == "von"
    assert made.findings() == [
        ("students", "2", "max_length.first_name", "first_name", "cut"),
        ("students", "2", "max_length.middle_name", "middle_name", "cut"),
    ]
    assert {(t.rule, t.verdict, t.count) for t in made.tables["students"].touched} == {
        ("max_length.first_name", "cut", 1),
        ("max_length.middle_name", "cut", 1),
    }


def test_what_is_cut_does_not_end_with_a_blank(tmp_path: Path) -> None:
    given = {"orgs": [SCHOOL], "users": [student("1", givenName="Anna Lena", grades=["09"])]}
    made = map_rows(tmp_path, given, columns(), rules={"max_length.first_name": "cut"})
    assert cells(made, "first_name") == {"1": "Anna"}


def test_a_cell_that_may_be_empty_is_emptied(tmp_path: Path) -> None:
    made = mapped(tmp_path, lookup__grade_level="blank", max_length__first_name="warn",
                  max_length__middle_name="blank")  # fmt: skip
    assert cells(made, "grade_level") == {"1": "9", "2": "9", "3": ""}
    assert cells(made, "middle_name")["2"] == ""
    assert made.findings() == [
        ("students", "2", "max_length.first_name", "first_name", "warn"),
        ("students", "2", "max_length.middle_name", "middle_name", "blank"),
        ("students", "3", "lookup.grade_level", "grade_level", "blank"),
    ]


def test_a_row_that_is_sent_all_the_same_is_a_warning(tmp_path: Path) -> None:
    made = mapped(tmp_path, max_length__first_name="warn", max_length__middle_name="warn")
    assert cells(made, "first_name")["2"] == "Leonarda"
    notes = {(note.rule, note.severity, note.count) for note in made.tables["students"].notes}
    assert notes == {
        ("max_length.first_name", "warning", 1),
        ("max_length.middle_name", "warning", 1),
    }


def test_a_row_that_another_rule_rejects_is_not_listed_twice(tmp_path: Path) -> None:
    made = mapped(tmp_path, max_length__middle_name="cut")
    assert made.fates("students")["2"] == "max_length.first_name"
    assert made.findings() == []


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("required__first_name", "1 row has no first_name"),
        ("max_length__first_name", "1 row has a first_name that is too long"),
        ("lookup__grade_level", "1 row has a grade_level that its code table does not know"),
    ],
)
def test_a_rule_may_end_the_run(tmp_path: Path, rule: str, message: str) -> None:
    with pytest.raises(ChecksFailed) as caught:
        mapped(tmp_path, **{rule: "fail"})
    assert [finding.message for finding in caught.value.findings] == [message]


def test_an_emptied_cell_that_is_required_rejects_its_row(tmp_path: Path) -> None:
    """`missing: blank` in a mapping, on a column that must not be empty."""
    first = Column("first_name", expr=Located("grades | first"), lookup="grades", missing="blank")
    made = map_rows(tmp_path, {"orgs": [SCHOOL], "users": PUPILS[:1] + PUPILS[2:3]},
                    columns(first_name=first, grade_level="grades | first"))  # fmt: skip
    assert made.fates("students") == {"1": "written", "3": "required.first_name"}
    assert made.findings() == []


def test_the_law_holds_whatever_the_verdicts(tmp_path: Path) -> None:
    made = mapped(tmp_path, max_length__first_name="cut", max_length__middle_name="cut",
                  lookup__grade_level="blank")  # fmt: skip
    counts = made.tables["students"].counts
    assert (counts.read, counts.written, dict(counts.rejected)) == (
        4, 3, {"required.first_name": 1},
    )  # fmt: skip
    assert counts.holds()


def test_each_rule_allows_what_makes_sense_for_its_column() -> None:
    more = {
        "person_id": Column("person_id", expr=Located("sourcedId"), max_length=9),
        "sis_username": Column("sis_username", expr=Located("username"), max_length=9),
        "person_number": Column("person_number", expr=Located("identifier"), required=True),
    }
    found = verdicts.possible(columns(**more), APPLE_SCHOOL_MANAGER.tables, ["sis_username"])
    assert found["required.first_name"] == ("reject", "fail")
    assert found["required.person_number"] == ("reject", "fail", "warn")
    assert found["max_length.first_name"] == ("reject", "fail", "cut", "warn")
    assert found["max_length.middle_name"] == ("reject", "fail", "cut", "blank", "warn")
    assert found["max_length.person_id"] == ("reject", "fail", "warn")
    assert found["max_length.sis_username"] == ("reject", "fail", "cut", "warn")
    assert found["lookup.grade_level"] == ("reject", "fail", "blank", "warn")
    assert "max_length.last_name" not in found
