"""What repairs are called in reports."""

from __future__ import annotations

from etlrunner.checks.rules.rule import Rule

RULES = (
    Rule(
        "repair.class_instructor_missing", "warning", "An instructor was taken off a class",
        "The instructor is not in staff.csv; the following ones moved up.",
        "Correct the class in the SIS, or set the repair to `fail`.",
    ),
    Rule(
        "repair.roster_student_missing", "warning", "A roster row was dropped: no such student",
        "The student is not in students.csv.",
        "Correct the enrollment in the SIS, or set the repair to `fail`.",
    ),
    Rule(
        "repair.roster_class_missing", "warning", "A roster row was dropped: no such class",
        "The class is not in classes.csv.",
        "Correct the enrollment in the SIS, or set the repair to `fail`.",
    ),
    Rule(
        "repair.person_location_missing", "warning", "A location was taken off a person",
        "The location is not in locations.csv. A person without any location left is dropped, and "
        "the account will be deactivated.",
        "Correct the person in the SIS, or set the repair to `fail`.",
    ),
)  # fmt: skip
