"""The skeleton of an invented district: which school has which pupils, staff and classes, in numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt

from etlrunner.sandbox.draws import salt
from etlrunner.sandbox.names import SCHOOLS

PERIODS = 7
"""Classes of a pupil."""
CLASS_SIZE = 24
STAFF_SHARE = 0.075
LEVELS = (
    ("Elementary", ("KG", "01", "02", "03", "04", "05")),
    ("Middle", ("06", "07", "08")),
    ("High", ("09", "10", "11", "12")),
)


@dataclass(frozen=True, slots=True)
class School:
    """A school: its pupils, staff and classes are those numbered from `first_…` on."""

    number: int
    name: str
    grades: tuple[str, ...]
    first_student: int
    students: int
    first_staff: int
    teachers: int
    aides: int
    administrators: int
    first_class: int
    classes: int

    @property
    def id(self) -> str:
        return f"sch-{self.number}"

    @property
    def staff(self) -> int:
        return self.teachers + self.aides + self.administrators


@dataclass(frozen=True, slots=True)
class Cell:
    """Pupils of one school who are scheduled together: a grade, or several in a small school."""

    school: int
    """The school's place in the list."""
    grades: tuple[str, ...]
    first_student: int
    size: int
    sections: int
    first_class: int


def layout(students: int, seed: int, count: int | None) -> tuple[list[School], list[Cell]]:
    """Share the pupils out over schools and grades; everything else follows from their numbers."""
    count = min(students, count or max(3, isqrt(students) // 6))
    bounds = _shares(students, [50 + salt(seed, "size", at) % 100 for at in range(count)])
    schools: list[School] = []
    cells: list[Cell] = []
    first_staff = first_class = 0
    for at, (first, size) in enumerate(bounds):
        level, grades = LEVELS[at % len(LEVELS)]
        mine = list(_cells(at, grades, first, size, first_class))
        classes = sum(cell.sections * PERIODS for cell in mine)
        teachers, aides, administrators = _staff(size)
        schools.append(
            School(
                number=101 + at,
                name=_name(at, level),
                grades=grades,
                first_student=first,
                students=size,
                first_staff=first_staff,
                teachers=teachers,
                aides=aides,
                administrators=administrators,
                first_class=first_class,
                classes=classes,
            )
        )
        cells += mine
        first_staff += teachers + aides + administrators
        first_class += classes
    return schools, cells


def _cells(
    school: int, grades: tuple[str, ...], first: int, size: int, first_class: int
) -> Iterator[Cell]:
    bands = max(1, min(len(grades), size // 12))
    grouped = [
        grades[len(grades) * band // bands : len(grades) * (band + 1) // bands]
        for band in range(bands)
    ]
    for (start, pupils), group in zip(_shares(size, [1] * bands), grouped, strict=True):
        sections = max(1, -(-pupils // CLASS_SIZE))
        yield Cell(school, group, first + start, pupils, sections, first_class)
        first_class += sections * PERIODS


def _staff(students: int) -> tuple[int, int, int]:
    """Teachers, aides and administrators of a school."""
    staff = max(3, round(students * STAFF_SHARE))
    aides = round(staff * 0.1)
    administrators = max(1, round(staff * 0.04))
    return staff - aides - administrators, aides, administrators


def _shares(total: int, weights: list[int]) -> list[tuple[int, int]]:
    """Start and length of each share, in the proportion of the weights, none lost."""
    whole = sum(weights)
    ends = [total * sum(weights[: at + 1]) // whole for at in range(len(weights))]
    starts = [0, *ends[:-1]]
    return [(start, end - start) for start, end in zip(starts, ends, strict=True)]


def _name(at: int, level: str) -> str:
    turn = at // len(SCHOOLS)
    return f"{SCHOOLS[at % len(SCHOOLS)]} {level} School" + (f" {turn + 1}" if turn else "")
