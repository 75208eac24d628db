"""Rules about what Apple takes and people would notice."""

from __future__ import annotations

from etlrunner.checks.rules.rule import Rule

RULES = (
    Rule(
        "asm-class-no-instructor", "warning", "A class without instructor",
        "Nobody can use it in Classroom or Schoolwork.",
        "Assign a teacher in the SIS.",
        may=("reject", "fail"),
    ),
    Rule(
        "asm-class-no-students", "warning", "A class without students",
        "It appears empty on teachers' devices.",
        "Nothing, before term; else look at the enrollments.",
        may=("reject", "fail"),
    ),
    Rule(
        "asm-course-no-classes", "warning", "A course without classes",
        "Nobody sees it.",
        "Nothing, or leave such courses out in the mapping.",
        may=("reject", "fail"),
    ),
    Rule(
        "asm-class-name-twice", "warning", "course_name and class_number are the same",
        "Apple shows a class as course name and class number, so the text appears twice.",
        'Set `class_number: {text: ""}` in the mapping.',
        may=("blank", "fail"),
    ),
)  # fmt: skip
