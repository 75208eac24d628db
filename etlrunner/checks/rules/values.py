"""Rules about single values."""

from __future__ import annotations

from etlrunner.checks.rules.rule import Rule

RULES = (
    Rule(
        "asm-id-charset", "warning", "An identifier with other characters than A-Z a-z 0-9 -",
        "Apple's guide allows letters, digits and hyphens; dots are known to work, the rest is not.",
        "If uploads succeed, leave it: changing an identifier makes a new account.",
        may=("fail", "reject"),
    ),
    Rule(
        "asm-password-policy", "error", "password_policy is none of 4, 6, 8 or empty",
        "4 and 6 are passcodes of that length, 8 the standard password, empty the location's default.",
        "Correct the mapping's column; empty is the safe value.",
        may=("blank", "reject"),
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
        may=("fail", "reject"),
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
        may=("fail",),
    ),
    Rule(
        "asm-too-many-locations", "warning", "The mapping took the first locations of more",
        "A person has more locations than the mapping's `max`.",
        "Check that the person really belongs to all of them.",
        may=("fail",),
    ),
    Rule(
        "asm-email-malformed", "warning", "An address that is none",
        "It has no part before or after an @, no dot in the domain, or white space in it.",
        "Correct it in the SIS; some systems write NULL for none.",
        may=("blank", "reject", "fail"),
    ),
    Rule(
        "asm-email-domain", "warning", "An address outside the federated domains",
        "The account will not sign in through your identity provider.",
        "Correct the address, or add its domain to `sink.federated_domains`.",
        may=("reject", "fail"),
    ),
    Rule(
        "asm-control-character", "error", "A control or direction character in a value",
        "Line breaks and tabs break the file, others turn text around or hide it.",
        "Remove it in the SIS, or replace it in the mapping's column.",
        may=("cut", "reject"),
    ),
    Rule(
        "asm-bom", "error", "A byte order mark in a value or at the start of a file",
        "At the start of a file it becomes part of the first column's name.",
        "Save the file as UTF-8 without BOM, or remove the character in the SIS.",
        may=("cut", "reject"),
    ),
    Rule(
        "asm-zero-width", "warning", "An invisible character in a value",
        "Two values that look the same are then not. Some scripts need such characters in names.",
        "Remove it in the SIS if the name does not need it.",
        may=("cut", "reject", "fail"),
    ),
    Rule(
        "asm-curly-quotes", "error", "Curly quotes around a value",
        "Apple wants straight quotes; curly ones around a value are an error.",
        "Replace them in the SIS.",
        may=("cut", "reject"),
    ),
    Rule(
        "asm-backslash", "warning", "A backslash in a value",
        "It is the escape character of Apple's files, and how a lone one is read is not known. It is "
        "left out of the file.",
        "Remove it in the SIS.",
        may=("reject", "fail"),
    ),
    Rule(
        "asm-backslash-id", "error", "A backslash in an identifier",
        "It would be left out of the file, and two identifiers could become one.",
        "Replace it in the mapping.",
        may=("reject",),
    ),
)  # fmt: skip
