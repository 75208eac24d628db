"""What Apple School Manager takes: the six files, their columns and references, as data.

Facts: Apple's template pages (`docs/apple-school-manager.md` names each); header order is that of the
templates Apple hands out, which is not the order of Apple's documentation tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TargetColumn:
    """One column. `numbered` > 0: it may repeat as name_2 … name_<numbered>, before `location_id` for
    instructors and at the end for locations. `references` is (table, column)."""

    name: str
    required: bool = False
    identifier: bool = False
    personal: bool = False
    """A value that may name a child: never shown in a finding."""
    values: tuple[str, ...] | None = None
    numbered: int = 0
    at_least: int = 1
    """How many of the numbered columns the header always has."""
    references: tuple[str, str] | None = None
    called: str = ""
    """In words, for whoever has never heard of a column."""


@dataclass(frozen=True, slots=True)
class TargetTable:
    """One file. `key` is unique over the whole file."""

    name: str
    key: str
    columns: tuple[TargetColumn, ...]

    def column(self, name: str) -> TargetColumn | None:
        """The column that a header name belongs to (`instructor_id_4` -> `instructor_id`)."""
        for column in self.columns:
            if column.name == name:
                return column
            stem, _, number = name.rpartition("_")
            if stem == column.name and number.isdecimal() and 2 <= int(number) <= column.numbered:
                return column
        return None

    def header(self, widths: Mapping[str, int] | None = None) -> tuple[str, ...]:
        """The header line, with as many numbered columns as `widths` asks for."""
        names: list[str] = []
        for column in self.columns:
            width = max(column.at_least, (widths or {}).get(column.name, 1))
            names.append(column.name)
            names += [f"{column.name}_{number}" for number in range(2, width + 1)]
        return tuple(names)


@dataclass(frozen=True, slots=True)
class Target:
    """A set of files that is delivered together."""

    name: str
    tables: Mapping[str, TargetTable]


_LOCATION = TargetColumn(
    "location_id",
    required=True,
    identifier=True,
    references=("locations", "location_id"),
    called="the school",
)
_LOCATIONS = TargetColumn(
    "location_id", required=True, identifier=True, numbered=999,
    references=("locations", "location_id"), called="the school",
)  # fmt: skip


def _table(name: str, *columns: TargetColumn) -> TargetTable:
    return TargetTable(name, columns[0].name, columns)


APPLE_SCHOOL_MANAGER = Target(
    "apple-school-manager",
    {
        table.name: table
        for table in (
            _table(
                "locations",
                TargetColumn("location_id", required=True, identifier=True, called="the school"),
                TargetColumn("location_name", required=True, called="the school's name"),
            ),
            _table(
                "students",
                TargetColumn("person_id", required=True, identifier=True, called="the record number"),
                TargetColumn("person_number", personal=True, called="the number"),
                TargetColumn("first_name", required=True, personal=True, called="the first name"),
                TargetColumn("middle_name", personal=True, called="the middle name"),
                TargetColumn("last_name", required=True, personal=True, called="the last name"),
                TargetColumn("grade_level", called="the grade"),
                TargetColumn("email_address", personal=True, called="the e-mail address"),
                TargetColumn("sis_username", personal=True, called="the user name"),
                TargetColumn(
                    "password_policy", values=("", "4", "6", "8"), called="the password policy"
                ),
                _LOCATIONS,
            ),
            _table(
                "staff",
                TargetColumn("person_id", required=True, identifier=True, called="the record number"),
                TargetColumn("person_number", personal=True, called="the number"),
                TargetColumn("first_name", required=True, personal=True, called="the first name"),
                TargetColumn("middle_name", personal=True, called="the middle name"),
                TargetColumn("last_name", required=True, personal=True, called="the last name"),
                TargetColumn("email_address", personal=True, called="the e-mail address"),
                TargetColumn("sis_username", personal=True, called="the user name"),
                _LOCATIONS,
            ),
            _table(
                "courses",
                TargetColumn("course_id", required=True, identifier=True, called="the course"),
                TargetColumn("course_number", called="the course number"),
                TargetColumn("course_name", called="the course's name"),
                _LOCATION,
            ),
            _table(
                "classes",
                TargetColumn("class_id", required=True, identifier=True, called="the class"),
                TargetColumn("class_number", called="the class number"),
                TargetColumn(
                    "course_id", required=True, identifier=True, references=("courses", "course_id"),
                    called="the course",
                ),
                TargetColumn(
                    "instructor_id", identifier=True, numbered=15, at_least=3,
                    references=("staff", "person_id"), called="the teacher",
                ),
                _LOCATION,
            ),
            _table(
                "rosters",
                TargetColumn("roster_id", required=True, identifier=True, called="the enrollment"),
                TargetColumn(
                    "class_id", required=True, identifier=True, references=("classes", "class_id"),
                    called="the class",
                ),
                TargetColumn(
                    "student_id", required=True, identifier=True,
                    references=("students", "person_id"), called="the student",
                ),
            ),
        )
    },
)  # fmt: skip
"""In the order references need: locations, students, staff, courses, classes, rosters."""

FILE_ORDER = ("students", "staff", "courses", "classes", "rosters", "locations")
"""The order of the files in the archive, as Apple lists them."""

TARGETS = {APPLE_SCHOOL_MANAGER.name: APPLE_SCHOOL_MANAGER}
