"""Rules about single values."""

from __future__ import annotations

from etlrunner.checks.rules.rule import Rule

RULES = (
    Rule(
        "asm-id-charset", "warning", "An identifier with other characters than A-Z a-z 0-9 -",
        "Apple's guide allows letters, digits and hyphens; dots are known to work, the rest is not.",
        "If uploads succeed, leave it: changing an identifier makes a new account.",
        may=("fail", "reject"),
        clerk=None,
    ),
    Rule(
        "asm-password-policy", "error", "password_policy is none of 4, 6, 8 or empty",
        "4 and 6 are passcodes of that length, 8 the standard password, empty the location's default.",
        "Correct the mapping's column; empty is the safe value.",
        may=("blank", "reject"),
        clerk=None,
    ),
    Rule(
        "asm-numbered-gap", "error", "A numbered column is filled while one before it is empty",
        "location_id_2 without location_id, or instructor_id_3 without instructor_id_2.",
        "Make the columns with `each:` in the mapping; it leaves no gaps.",
        clerk=None,
    ),
    Rule(
        "asm-instructors-over-15", "error", "More than 15 instructors of one class",
        "Apple takes instructor_id to instructor_id_15.",
        "Keep `max: 15` on the mapping's instructor_id.",
        clerk=None,
    ),
    Rule(
        "asm-locations-over-15", "warning", "More than 15 locations of one person",
        "Apple now allows 999; older editions of its guide said 15.",
        "Check that the person really belongs to all of them.",
        may=("fail", "reject"),
        clerk="The person belongs to more than 15 schools.",
        unmended="The person appears in every one of them.",
    ),
    Rule(
        "asm-locations-over-999", "error", "More than 999 locations of one person",
        "Apple takes location_id to location_id_999.",
        "Keep `max: 999` on the mapping's location_id.",
        clerk=None,
    ),
    Rule(
        "asm-too-many-instructors", "warning", "The mapping took the first instructors of more",
        "A class has more instructors than the mapping's `max`; primary ones come first.",
        "Nothing, if the first ones are enough; Apple takes 15.",
        may=("fail",),
        clerk="The class has more teachers than Apple School Manager takes.",
        unmended="Only the first ones are sent.",
    ),
    Rule(
        "asm-too-many-locations", "warning", "The mapping took the first locations of more",
        "A person has more locations than the mapping's `max`.",
        "Check that the person really belongs to all of them.",
        may=("fail",),
        clerk="The person belongs to more schools than are sent.",
        unmended="Only the first ones are sent.",
    ),
    Rule(
        "asm-email-malformed", "warning", "An address that is none",
        "It has no part before or after an @, no dot in the domain, or white space in it.",
        "Correct it in the SIS; some systems write NULL for none.",
        may=("blank", "reject", "fail"),
        clerk="{field} is not one that can be written to.",
        unmended="It is sent as it is, and the person may be unable to sign in.",
    ),
    Rule(
        "asm-email-domain", "warning", "An address outside the federated domains",
        "The account will not sign in through your identity provider.",
        "Correct the address, or add its domain to `sink.federated_domains`.",
        may=("reject", "fail"),
        clerk="{field} is not one of the district's.",
        unmended="The person cannot sign in with the district's password.",
    ),
    Rule(
        "asm-control-character", "error", "A control or direction character in a value",
        "Line breaks and tabs break the file, others turn text around or hide it.",
        "Remove it in the SIS, or replace it in the mapping's column.",
        may=("cut", "reject"),
        clerk="There is a hidden character (a line break, a tab or the like) in {the_field}.",
    ),
    Rule(
        "asm-bom", "error", "A byte order mark in a value or at the start of a file",
        "At the start of a file it becomes part of the first column's name.",
        "Save the file as UTF-8 without BOM, or remove the character in the SIS.",
        may=("cut", "reject"),
        clerk="There is a hidden character in {the_field}.",
    ),
    Rule(
        "asm-zero-width", "warning", "An invisible character in a value",
        "Two values that look the same are then not. Some scripts need such characters in names.",
        "Remove it in the SIS if the name does not need it.",
        may=("cut", "reject", "fail"),
        clerk="There is a character that nobody can see in {the_field}.",
        unmended="It is sent as it is, and a search may not find the record.",
    ),
    Rule(
        "asm-curly-quotes", "error", "Curly quotes around a value",
        "Apple wants straight quotes; curly ones around a value are an error.",
        "Replace them in the SIS.",
        may=("cut", "reject"),
        clerk="{field} stands in curly quotation marks.",
    ),
    Rule(
        "asm-backslash", "warning", "A backslash in a value",
        "It is the escape character of Apple's files, and how a lone one is read is not known. It is "
        "left out of the file.",
        "Remove it in the SIS.",
        may=("reject", "fail"),
        clerk="There is a backslash (\\) in {the_field}.",
        unmended="The backslash is left out.",
    ),
    Rule(
        "asm-backslash-id", "error", "A backslash in an identifier",
        "It would be left out of the file, and two identifiers could become one.",
        "Replace it in the mapping.",
        may=("reject",),
        clerk=None,
    ),
)  # fmt: skip
