"""What Apple asks of an upload, line by line, and the rule that looks for it, or why none can.

Apple's own words are on its template pages and in its log of errors; what only public integrations show is
told as such in `docs/apple-school-manager.md`.
"""

from __future__ import annotations

Statement = tuple[str, tuple[str, ...], str]
"""What is asked, the rules that look for it, and what else is to be known."""

STATEMENTS: tuple[Statement, ...] = (
    # the zip
    ("One zip with the extension .zip", ("zip-unreadable", "zip-name"), ""),
    ("Six files, all of them, every time", ("zip-file-missing",), ""),
    ("Exactly these names, in lower case", ("zip-file-name",), ""),
    ("No folder in the zip, and no other files", ("zip-folder", "zip-file-name"), ""),
    ("Ordinary compression, no password", ("zip-unreadable",), ""),
    ("No zip that unpacks without end", ("zip-too-large",), "Apple names no sizes; these are ours"),
    ("Every upload is the complete picture; who is missing is deactivated", ("empty-file",),
     "safeguards compare with the last delivery"),
    ("A file without data still has its header", ("empty-file", "asm-header"), ""),
    # CSV
    ("UTF-8", ("csv-encoding", "asm-mojibake"), ""),
    ("No byte order mark", ("asm-bom",), ""),
    ("Lines end with LF", ("csv-line-ends",), ""),
    ("Comma or semicolon, one of them throughout", ("csv-cells",), ""),
    ("No space or tab around the separator", ("asm-outer-space",), ""),
    ("The header unchanged, no column twice", ("asm-header", "asm-header-order"), ""),
    ("Extra columns only where Apple allows them; none in locations.csv", ("asm-header",), ""),
    ("Quotes around a value with a space or a comma", ("csv-unquoted", "csv-cells"), ""),
    ("No quotes around other values", (), "files with all values quoted are known to pass"),
    ("Straight quotes only", ("asm-curly-quotes", "csv-quoting"), ""),
    ("A quote inside a value is written \\\"", ("csv-doubled-quote", "csv-quoting"), ""),
    ("How a lone backslash is read is not known", ("asm-backslash", "asm-backslash-id"), ""),
    ("No line breaks, tabs or other control characters in values", ("asm-control-character",), ""),
    ("Nothing that turns text around or hides in it", ("asm-control-character", "asm-zero-width"), ""),
    ("Unicode is composed (NFC)", ("asm-not-nfc",), ""),
    # identifiers
    ("Identifiers are letters, digits and hyphens", ("asm-id-charset",), "dots are known to pass"),
    ("Identifiers read as numbers turn 222 into 222.0 or 1.23E+05", ("asm-spreadsheet-number",), ""),
    ("Leading zeros drop", ("asm-leading-zeros",), ""),
    ("Empty cells become nan, lookups become #N/A", ("asm-placeholder",), ""),
    ("Matching is case-sensitive", ("asm-id-case",), "references are compared by case, too"),
    ("Two identifiers that look alike are two", ("asm-id-space", "asm-id-case"), ""),
    # one row for each
    ("Each row is unique: one person, class, course, location", ("asm-unique-key",), ""),
    ("roster_id is unique over all rows", ("asm-unique-key",), ""),
    ("One row per enrollment", ("asm-roster-twice",), ""),
    ("person_id is one namespace for students and staff", ("asm-dual-role",), ""),
    ("One row per person, further schools as location_id_2 …", ("asm-unique-key",), ""),
    # required
    ("person_id, first_name, last_name, location_id", ("asm-required", "required.COLUMN"), ""),
    ("course_id and location_id of courses; class_id, course_id, location_id of classes",
     ("asm-required", "required.COLUMN"), ""),
    ("roster_id, class_id, student_id; location_id, location_name", ("asm-required", "required.COLUMN"), ""),
    ("MANAGED_ID_GENERATION_FAILED: a part of the account name is empty", ("asm-required-account-name",), ""),
    ("email_address is required with federated domains", ("asm-required-email",), ""),
    ("email_address is unique in a federated domain", ("asm-unique-email",), ""),
    ("An address in a federated domain makes a federated account", ("asm-email-domain", "asm-email-malformed"), ""),
    ("An account name has at most 128 (or 256) characters", ("asm-account-name-long",), ""),
    ("course_name is strongly recommended", ("asm-course-no-name",), ""),
    # values
    ("password_policy is 4, 6, 8 or empty", ("asm-password-policy",), ""),
    ("No password policy for staff", ("asm-header",), ""),
    ("grade_level is free text", (), "the mapping's `lookup` makes codes alike: `lookup.COLUMN`"),
    ("No lengths are published", ("max_length.COLUMN", "asm-oversized"), "a mapping may state its own"),
    ("A code that the district's table does not have", ("lookup.COLUMN",), ""),
    # numbered columns
    ("At most 15 instructors", ("asm-instructors-over-15", "asm-too-many-instructors"), ""),
    ("At most 999 locations; more than 15 are new",
     ("asm-locations-over-999", "asm-locations-over-15", "asm-too-many-locations"), ""),
    ("Numbered columns without gaps", ("asm-numbered-gap",), ""),
    ("The first column has no number: no instructor_id_1", ("asm-header",), ""),
    # references
    ("location_id of students, staff, courses, classes is in locations.csv", ("asm-ref-location",), ""),
    ("location_id_2 … too", ("asm-ref-location",), ""),
    ("course_id of classes is in courses.csv", ("asm-ref-course",), ""),
    ("instructor_id … of classes are in staff.csv", ("asm-ref-instructor",), ""),
    ("class_id of rosters is in classes.csv", ("asm-ref-class",), ""),
    ("student_id of rosters is in students.csv", ("asm-ref-student",), ""),
    ("A course belongs to one location", ("asm-course-elsewhere",), ""),
    # what people see
    ("The class name is course name and class number; equal ones appear twice", ("asm-class-name-twice",), ""),
    ("A class without instructor, a class without students, a course without classes",
     ("asm-class-no-instructor", "asm-class-no-students", "asm-course-no-classes"), ""),
    # what only Apple knows
    ("EMAIL_UNAVAILABLE_AS_MAID, USERNAME_CONFLICT_WITH_EXISTING_APPLE_ID", (),
     "only Apple knows whose Apple Accounts exist; the activity log tells"),
    ("OPERATION_NOT_ALLOWED, OPERATION_NOT_ALLOWED_BY_VPP, NOT_FOUND", (),
     "the state of an account is in Apple School Manager; the activity log tells"),
    ("NO_EMAIL, NOT_ENOUGH_PRIVILEGE, INVALID_INPUT, INTERNAL_ERROR", (), "not about uploads"),
    ("No accounts in the organisation's original location", (), "no file says which one it is"),
    ("The domain is verified before the first upload", (), "seen in Apple School Manager only"),
    ("A person_id of a manual account overwrites that account", (), "only Apple knows them"),
    ("A person_id is for ever; changed class_id and course_id lose Schoolwork data", (),
     "safeguards find identifiers that changed"),
    ("class_display_name is no upload column", ("asm-header",), ""),
)  # fmt: skip


def table() -> str:
    """The statements as a Markdown table."""
    lines = ["| what Apple asks | rules | |", "| --- | --- | --- |"]
    for asked, rules, note in STATEMENTS:
        shown = ", ".join(f"`{rule}`" for rule in rules) or "none"
        lines.append(f"| {asked} | {shown} | {note} |")
    return "\n".join(lines) + "\n"
