"""Rules about what Apple takes and people would notice."""

from __future__ import annotations

from etlrunner.checks.rules.rule import Rule

RULES = (
    Rule(
        "asm-class-no-instructor", "warning", "A class without instructor",
        "Nobody can use it in Classroom or Schoolwork.",
        "Assign a teacher in the SIS.",
        may=("reject", "fail"),
        clerk="The class has no teacher.",
        unmended="Nobody can use the class in Apple's apps.",
        screen="class_teachers",
    ),
    Rule(
        "asm-class-no-students", "warning", "A class without students",
        "It appears empty on teachers' devices.",
        "Nothing, before term; else look at the enrollments.",
        may=("reject", "fail"),
        clerk="The class has no students.",
        unmended="The class is empty on its teachers' devices.",
        screen="enrollment",
    ),
    Rule(
        "asm-course-no-classes", "warning", "A course without classes",
        "Nobody sees it.",
        "Nothing, or leave such courses out in the mapping.",
        may=("reject", "fail"),
        clerk=None,
    ),
    Rule(
        "asm-class-name-twice", "warning", "course_name and class_number are the same",
        "Apple shows a class as course name and class number, so the text appears twice.",
        'Set `class_number: {text: ""}` in the mapping.',
        may=("blank", "fail"),
        clerk=None,
    ),
    Rule(
        "asm-course-no-name", "warning", "A course without a name",
        "Apple takes it, but course_name is the part of a class's name that people see.",
        "Fill the course's title in the SIS, or make one in the mapping.",
        may=("reject", "fail"),
        clerk="The course has no name.",
        unmended="Its classes have no name in Apple's apps.",
    ),
    Rule(
        "asm-course-elsewhere", "warning", "A class in another location than its course",
        "A course belongs to one location; one that is taught in five schools is five courses.",
        "Make the course's identifier from course and school, as the shipped mapping does.",
        may=("reject", "fail"),
        clerk=None,
    ),
    Rule(
        "asm-account-name-long", "warning", "An account name of more than 128 characters",
        "The columns in `sink.account_name_uses` (with federated domains: the address) are together longer. "
        "An old page of Apple's gives 128 and 256 as the most.",
        "Shorten the value in the SIS.",
        may=("reject", "fail"),
        clerk="{field} is too long for the name of an account.",
        unmended="Apple may be unable to make the account.",
    ),
    Rule(
        "held-over", "warning", "A record that is gone from the source, and is sent as last known",
        "The flow's `grace:` says for how many runs and days; then the account is deactivated, or the class goes "
        "away. What the SIS calls withdrawn is let go at once.",
        "If the person is still there, correct the SIS; else nothing.",
        clerk="The SIS does not send this record any more, and does not say why: somebody may have left, or an entry is missing.",
        unmended="For a few days the last known record is sent; then it goes away in Apple School Manager.",
    ),
)  # fmt: skip
