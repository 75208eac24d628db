"""Rules about references between the files."""

from __future__ import annotations

from etlrunner.checks.rules.rule import Rule

_UNRESOLVED = (
    "Apple refuses the whole upload when a value refers to a row that is not in the same zip. "
    "Upper and lower case count."
)

RULES = (
    Rule(
        "asm-ref-location", "error", "A location_id that locations.csv does not have",
        _UNRESOLVED + " It happens when a school is left out by `select` and its people are not, "
        "or when a person belongs to the district office.",
        "Take the school in (`select.schools`), leave the rows out in the mapping, or set "
        "`repair: {person_location_missing: drop}` for students and staff.",
        clerk="The record belongs to a school that is not sent to Apple School Manager.",
    ),
    Rule(
        "asm-ref-course", "error", "A course_id that courses.csv does not have",
        _UNRESOLVED,
        "Look the course up in the SIS; usually it is inactive while its classes are not.",
        clerk="The class belongs to a course that is not active, or not there.",
    ),
    Rule(
        "asm-ref-instructor", "error", "An instructor_id that staff.csv does not have",
        _UNRESOLVED + " The teacher has left or was filtered out.",
        "Set `repair: {class_instructor_missing: drop}`, or correct the class in the SIS.",
        clerk="A teacher of the class is not an active member of staff.",
    ),
    Rule(
        "asm-ref-class", "error", "A class_id in rosters.csv that classes.csv does not have",
        _UNRESOLVED,
        "Set `repair: {roster_class_missing: drop}`, or find out why the class was left out "
        "(`etlrunner plan FLOW` counts what was left out, by rule).",
        clerk="The enrollment is for a class that is not active, or not there.",
    ),
    Rule(
        "asm-ref-student", "error", "A student_id in rosters.csv that students.csv does not have",
        _UNRESOLVED,
        "Set `repair: {roster_student_missing: drop}`, or find out why the student was left out "
        "(`etlrunner plan FLOW` counts what was left out, by rule).",
        clerk="The enrolled student is not active, or not there.",
    ),
)  # fmt: skip
