"""Every rule that data can break, in one table: what it means, why it is there, what to do about it.

`docs/rules.md` is made from it (`page`), and `etlrunner explain RULE` reads it. A rule's id is stable:
people filter for it and link to it. Facts about Apple are sourced in `docs/apple-school-manager.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from etlrunner.model import Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `title` is the heading; the other two are whole sentences."""

    id: str
    severity: Severity
    title: str
    explanation: str
    remedy: str


def page() -> str:
    """The Markdown page of all rules."""
    parts = [_INTRODUCTION]
    for heading, rules in _GROUPS.items():
        parts += [f"## {heading}\n", *(_section(rule) for rule in rules)]
    return "\n".join(parts)


def _section(rule: Rule) -> str:
    return (
        f"### {rule.id}\n\n**{rule.severity}** · {rule.title}\n\n"
        f"{rule.explanation}\n\nWhat to do: {rule.remedy}\n"
    )


_INTRODUCTION = """\
# Rules

What the checks look for in the finished tables before anything is sent, and in a zip given to
`etlrunner validate`. An **error** stops the run: Apple would refuse the upload, or it would do harm.
A **warning** is listed and the run goes on. A finding reads

    staff.csv:1 - location_id = '10' does not reference any location_id in locations.csv [asm-ref-location]

where the number counts data rows from 1 (Apple does not say whether it counts the header; `--json` has
both numbers). Identifiers may appear in a finding; names, numbers, user names and addresses never do.
"""

_UNRESOLVED = (
    "Apple refuses the whole upload when a value refers to a row that is not in the same zip. "
    "Upper and lower case count."
)

_JUMP = (
    "The number in one school is well above all its values in the last deliveries (at least 5, at most "
    "30 of them, since somebody approved one), by more than `safeguards.small_change` and 2 %."
)

_GROUPS: Mapping[str, tuple[Rule, ...]] = {
    "References": (
        Rule(
            "asm-ref-location", "error", "A location_id that locations.csv does not have",
            _UNRESOLVED + " It happens when a school is left out by `select` and its people are not, "
            "or when a person belongs to the district office.",
            "Take the school in (`select.schools`), leave the rows out in the mapping, or set "
            "`repair: {person_location_missing: drop}` for students and staff.",
        ),
        Rule(
            "asm-ref-course", "error", "A course_id that courses.csv does not have",
            _UNRESOLVED,
            "Look the course up in the SIS; usually it is inactive while its classes are not.",
        ),
        Rule(
            "asm-ref-instructor", "error", "An instructor_id that staff.csv does not have",
            _UNRESOLVED + " The teacher has left or was filtered out.",
            "Set `repair: {class_instructor_missing: drop}`, or correct the class in the SIS.",
        ),
        Rule(
            "asm-ref-class", "error", "A class_id in rosters.csv that classes.csv does not have",
            _UNRESOLVED,
            "Set `repair: {roster_class_missing: drop}`, or find out why the class was left out "
            "(`etlrunner plan FLOW` counts what was left out, by rule).",
        ),
        Rule(
            "asm-ref-student", "error", "A student_id in rosters.csv that students.csv does not have",
            _UNRESOLVED,
            "Set `repair: {roster_student_missing: drop}`, or find out why the student was left out "
            "(`etlrunner plan FLOW` counts what was left out, by rule).",
        ),
    ),
    "Required and unique": (
        Rule(
            "empty-file", "error", "A file without rows",
            "Every upload is the complete picture: whoever is missing from it is deactivated. A file "
            "without rows would deactivate everybody, or take away every class.",
            "Find out why the source delivered nothing; `etlrunner plan` and `etlrunner preview` help.",
        ),
        Rule(
            "asm-required", "error", "A required cell is empty",
            "Apple requires the identifiers, first_name, last_name, location_id, course_id and "
            "location_name.",
            "Fill the field in the SIS, or give the column a `default` in the mapping.",
        ),
        Rule(
            "asm-required-account-name", "error", "A cell that the account name is made from is empty",
            "`sink.account_name_uses` lists the parts of your account format. If one of them is empty, "
            "Apple answers MANAGED_ID_GENERATION_FAILED and the upload fails.",
            "Fill the field in the SIS, or change the account format and `account_name_uses`.",
        ),
        Rule(
            "asm-required-email", "error", "email_address is empty although domains are federated",
            "With federated authentication the address is the account.",
            "Fill the address in the SIS or make it in the mapping.",
        ),
        Rule(
            "asm-unique-key", "error", "Two rows with the same identifier",
            "Each row must be one person, one class, one course, one location, one roster entry. SIS "
            "exports list a pupil of two schools twice; Apple wants one row with location_id_2.",
            "Merge the rows in the mapping (`dedupe`, `collect`), or correct the SIS.",
        ),
        Rule(
            "asm-unique-email", "error", "Two people with the same address in a federated domain",
            "In a federated domain the address is the account, so two people would share one. Upper "
            "and lower case do not count; students and staff count together.",
            "Correct one of the addresses.",
        ),
        Rule(
            "asm-dual-role", "error", "A person_id in both students.csv and staff.csv",
            "The two files share one set of accounts: one of the two would overwrite the other.",
            "Decide which one the person is, or give one of the two another id in the mapping before "
            "the first upload; changing it later makes a new account.",
        ),
    ),
    "Values": (
        Rule(
            "asm-id-charset", "warning", "An identifier with other characters than A-Z a-z 0-9 -",
            "Apple's guide allows letters, digits and hyphens; dots are known to work, the rest is not.",
            "If uploads succeed, leave it: changing an identifier makes a new account.",
        ),
        Rule(
            "asm-password-policy", "error", "password_policy is none of 4, 6, 8 or empty",
            "4 and 6 are passcodes of that length, 8 the standard password, empty the location's default.",
            "Correct the mapping's column; empty is the safe value.",
        ),
        Rule(
            "asm-numbered-gap", "error", "A numbered column is filled while one before it is empty",
            "location_id_2 without location_id, or instructor_id_3 without instructor_id_2.",
            "Make the columns with `each:` in the mapping; it leaves no gaps.",
        ),
        Rule(
            "asm-instructors-over-15", "error", "More than 15 instructors of one class",
            "Apple takes instructor_id to instructor_id_15.",
            "Keep `max: 15` on the mapping's instructor_id.",
        ),
        Rule(
            "asm-locations-over-15", "warning", "More than 15 locations of one person",
            "Apple now allows 999; older editions of its guide said 15.",
            "Check that the person really belongs to all of them.",
        ),
        Rule(
            "asm-locations-over-999", "error", "More than 999 locations of one person",
            "Apple takes location_id to location_id_999.",
            "Keep `max: 999` on the mapping's location_id.",
        ),
        Rule(
            "asm-too-many-instructors", "warning", "The mapping took the first instructors of more",
            "A class has more instructors than the mapping's `max`; primary ones come first.",
            "Nothing, if the first ones are enough; Apple takes 15.",
        ),
        Rule(
            "asm-too-many-locations", "warning", "The mapping took the first locations of more",
            "A person has more locations than the mapping's `max`.",
            "Check that the person really belongs to all of them.",
        ),
        Rule(
            "asm-email-malformed", "warning", "An address that is none",
            "It has no part before or after an @, no dot in the domain, or white space in it.",
            "Correct it in the SIS; some systems write NULL for none.",
        ),
        Rule(
            "asm-email-domain", "warning", "An address outside the federated domains",
            "The account will not sign in through your identity provider.",
            "Correct the address, or add its domain to `sink.federated_domains`.",
        ),
        Rule(
            "asm-control-character", "error", "A control or direction character in a value",
            "Line breaks and tabs break the file, others turn text around or hide it.",
            "Remove it in the SIS, or replace it in the mapping's column.",
        ),
        Rule(
            "asm-bom", "error", "A byte order mark in a value or at the start of a file",
            "At the start of a file it becomes part of the first column's name.",
            "Save the file as UTF-8 without BOM, or remove the character in the SIS.",
        ),
        Rule(
            "asm-zero-width", "warning", "An invisible character in a value",
            "Two values that look the same are then not. Some scripts need such characters in names.",
            "Remove it in the SIS if the name does not need it.",
        ),
        Rule(
            "asm-curly-quotes", "error", "Curly quotes around a value",
            "Apple wants straight quotes; curly ones around a value are an error.",
            "Replace them in the SIS.",
        ),
        Rule(
            "asm-backslash", "warning", "A backslash in a value",
            "It is the escape character of Apple's files, and how a lone one is read is not known. It is "
            "left out of the file.",
            "Remove it in the SIS.",
        ),
        Rule(
            "asm-backslash-id", "error", "A backslash in an identifier",
            "It would be left out of the file, and two identifiers could become one.",
            "Replace it in the mapping.",
        ),
    ),
    "What people would notice": (
        Rule(
            "asm-class-no-instructor", "warning", "A class without instructor",
            "Nobody can use it in Classroom or Schoolwork.",
            "Assign a teacher in the SIS.",
        ),
        Rule(
            "asm-class-no-students", "warning", "A class without students",
            "It appears empty on teachers' devices.",
            "Nothing, before term; else look at the enrollments.",
        ),
        Rule(
            "asm-course-no-classes", "warning", "A course without classes",
            "Nobody sees it.",
            "Nothing, or leave such courses out in the mapping.",
        ),
        Rule(
            "asm-class-name-twice", "warning", "course_name and class_number are the same",
            "Apple shows a class as course name and class number, so the text appears twice.",
            'Set `class_number: {text: ""}` in the mapping.',
        ),
    ),
    "Files": (
        Rule(
            "asm-header", "error", "The header is not Apple's",
            "A column is missing, unknown or there twice. Only instructor_id and location_id may repeat "
            "with a number.",
            "Use the template's header line unchanged.",
        ),
        Rule(
            "asm-header-order", "warning", "The columns stand in another order than in the template",
            "Columns seem to be matched by name, but Apple asks for the header unchanged.",
            "Use the template's order.",
        ),
        Rule(
            "zip-unreadable", "error", "The zip, or a file in it, cannot be read",
            "It is damaged, encrypted, packed in an unusual way, or no zip.",
            "Make it again with an ordinary zip program, without password.",
        ),
        Rule(
            "zip-too-large", "error", "The zip unpacks to an unreasonable size",
            "A file of more than 2 GiB, or packed more than two hundredfold, or too many files.",
            "Look at what made the zip.",
        ),
        Rule(
            "zip-folder", "error", "A folder in the zip",
            "Apple looks for the six files at the top.",
            "Zip the files, not the folder they are in.",
        ),
        Rule(
            "zip-file-name", "error", "A file that is none of the six, or is there twice",
            "Names must be students.csv, staff.csv, courses.csv, classes.csv, rosters.csv and "
            "locations.csv, in lower case.",
            "Rename it or leave it out.",
        ),
        Rule(
            "zip-file-missing", "error", "One of the six files is missing",
            "Every upload is the complete picture; all six are needed each time.",
            "Add the file.",
        ),
        Rule(
            "csv-encoding", "error", "A file that is not UTF-8",
            "Accented letters would arrive damaged.",
            "Export as UTF-8.",
        ),
        Rule(
            "csv-line-ends", "warning", "Lines end with CR LF",
            "Apple asks for LF. Most uploads with CR LF are known to pass.",
            "Write LF line ends.",
        ),
        Rule(
            "csv-quoting", "error", "Quotes that do not match",
            "A quote is never closed, or text stands beside a quoted value.",
            'Put straight quotes around the whole value, and `\\"` for a quote inside.',
        ),
        Rule(
            "csv-doubled-quote", "warning", 'A quote inside a value is written as ""',
            'Apple asks for `\\"`; whether the doubled form is understood is not known.',
            'Write `\\"`, or leave quotes out of names.',
        ),
        Rule(
            "csv-unquoted", "warning", "A value with a space stands without quotes",
            "Apple asks for quotes around values with a space.",
            "Put quotes around it.",
        ),
        Rule(
            "csv-cells", "error", "A row has more or fewer cells than the header",
            "Usually a comma inside a value that is not quoted.",
            "Put quotes around values that hold a comma.",
        ),
    ),
    "Repairs": (
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
    ),
    "Figures": (
        Rule(
            "figure-students-without-class", "warning", "More students without a class than ever",
            _JUMP, "Look whether enrollments of that school came, and whether its terms are active.",
        ),
        Rule(
            "figure-classes-without-students", "warning", "More classes without a student than ever",
            _JUMP, "Look whether enrollments of that school came.",
        ),
        Rule(
            "figure-classes-without-instructor", "warning", "More classes without an instructor than ever",
            _JUMP + " A class without an instructor is of no use in Apple's apps.",
            "Look whether teachers' enrollments came, and whether teachers are active users.",
        ),
        Rule(
            "figure-staff-without-class", "warning", "More staff without a class than ever",
            _JUMP, "Look whether teachers' enrollments of that school came.",
        ),
        Rule(
            "figure-students-without-email", "warning", "More students without an e-mail address than ever",
            _JUMP, "Look whether the SIS still sends the field, and the mapping's column `email_address`.",
        ),
        Rule(
            "figure-staff-without-email", "warning", "More staff without an e-mail address than ever",
            _JUMP, "Look whether the SIS still sends the field, and the mapping's column `email_address`.",
        ),
    ),
}  # fmt: skip

RULES: Mapping[str, Rule] = {rule.id: rule for rules in _GROUPS.values() for rule in rules}
"""Every rule by its id."""
