"""What repairs are called in reports."""

from __future__ import annotations

from etlrunner.checks.rules.rule import Rule

RULES = (
    Rule(
        "repair.class_instructor_missing", "warning", "An instructor was taken off a class",
        "The instructor is not in staff.csv; the following ones moved up.",
        "Correct the class in the SIS, or set the repair to `fail`.",
        clerk="A teacher of the class is not an active member of staff.",
        unmended="The class is sent without that teacher.",
    ),
    Rule(
        "repair.roster_student_missing", "warning", "A roster row was dropped: no such student",
        "The student is not in students.csv.",
        "Correct the enrollment in the SIS, or set the repair to `fail`.",
        clerk="The enrolled student is not active, or not there.",
        unmended="The enrollment is left out.",
    ),
    Rule(
        "repair.roster_class_missing", "warning", "A roster row was dropped: no such class",
        "The class is not in classes.csv.",
        "Correct the enrollment in the SIS, or set the repair to `fail`.",
        clerk="The enrollment is for a class that is not active, or not there.",
        unmended="The enrollment is left out.",
    ),
    Rule(
        "repair.person_location_missing", "warning", "A location was taken off a person",
        "The location is not in locations.csv. A person without any location left is dropped, and "
        "the account will be deactivated.",
        "Correct the person in the SIS, or set the repair to `fail`.",
        clerk="The person belongs to a school that is not sent to Apple School Manager.",
        unmended="The person is sent without that school.",
    ),
    Rule(
        "repair.course_location_missing", "warning", "A course of a location that is not there",
        "The location is not in locations.csv. `drop` leaves the course out, `stub` makes the location.",
        "Correct the course in the SIS, or set the repair to `fail`.",
        clerk="The course belongs to a school that is not sent to Apple School Manager.",
        unmended="A school without a name stands in for it.",
    ),
    Rule(
        "repair.class_location_missing", "warning", "A class of a location that is not there",
        "The location is not in locations.csv. `drop` leaves the class out, `stub` makes the location.",
        "Correct the class in the SIS, or set the repair to `fail`.",
        clerk="The class belongs to a school that is not sent to Apple School Manager.",
        unmended="A school without a name stands in for it.",
    ),
    Rule(
        "repair.class_course_missing", "warning", "A class of a course that is not there",
        "The course is not in courses.csv. `drop` leaves the class out; `stub` makes a course with that id, "
        "without a name, in the class's location.",
        "Look the course up in the SIS, or set the repair to `fail`.",
        clerk="The class belongs to a course that is not active, or not there.",
        unmended="A course without a name stands in for it.",
    ),
    Rule(
        "merge.students", "warning", "Two records of one pupil became one",
        "They match by `merge_duplicates` and have the same name. The row that stays has the schools of all; "
        "roster rows moved to it. The other id's account will be deactivated, if there is one.",
        "Correct the SIS; until then nothing is to be done.",
        clerk="There are two records of this student.",
        unmended="The two are sent as one, with the schools of both.",
    ),
    Rule(
        "merge.staff", "warning", "Two records of one member of staff became one",
        "They match by `merge_duplicates` and have the same name. The row that stays has the schools of all; "
        "classes name it as instructor. The other id's account will be deactivated, if there is one.",
        "Correct the SIS; until then nothing is to be done.",
        clerk="There are two records of this person.",
        unmended="The two are sent as one, with the schools of both.",
    ),
    Rule(
        "merge-ambiguous", "warning", "Two people who match and are not merged",
        "Their names differ (an address may belong to a family), or both ids have been delivered before and "
        "`keep: delivered` does not say which account goes, or it is not known which record is the newest.",
        "Look at them in the SIS. If they are one person, correct the names or delete one record.",
        may=("fail",),
        clerk="There may be two records of this person.",
        unmended="Both are sent, and the person may have two accounts.",
    ),
)  # fmt: skip
