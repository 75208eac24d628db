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
    Rule(
        "repair.course_location_missing", "warning", "A course of a location that is not there",
        "The location is not in locations.csv. `drop` leaves the course out, `stub` makes the location.",
        "Correct the course in the SIS, or set the repair to `fail`.",
    ),
    Rule(
        "repair.class_location_missing", "warning", "A class of a location that is not there",
        "The location is not in locations.csv. `drop` leaves the class out, `stub` makes the location.",
        "Correct the class in the SIS, or set the repair to `fail`.",
    ),
    Rule(
        "repair.class_course_missing", "warning", "A class of a course that is not there",
        "The course is not in courses.csv. `drop` leaves the class out; `stub` makes a course with that id, "
        "without a name, in the class's location.",
        "Look the course up in the SIS, or set the repair to `fail`.",
    ),
    Rule(
        "merge.students", "warning", "Two records of one pupil became one",
        "They match by `merge_duplicates` and have the same name. The row that stays has the schools of all; "
        "roster rows moved to it. The other id's account will be deactivated, if there is one.",
        "Correct the SIS; until then nothing is to be done.",
    ),
    Rule(
        "merge.staff", "warning", "Two records of one member of staff became one",
        "They match by `merge_duplicates` and have the same name. The row that stays has the schools of all; "
        "classes name it as instructor. The other id's account will be deactivated, if there is one.",
        "Correct the SIS; until then nothing is to be done.",
    ),
    Rule(
        "merge-ambiguous", "warning", "Two people who match and are not merged",
        "Their names differ (an address may belong to a family), or both ids have been delivered before and "
        "`keep: delivered` does not say which account goes, or it is not known which record is the newest.",
        "Look at them in the SIS. If they are one person, correct the names or delete one record.",
        may=("fail",),
    ),
)  # fmt: skip
