"""Rules about what happens to values on their way: wrong encodings, spreadsheets, near duplicates."""

from __future__ import annotations

from etlrunner.checks.rules.rule import Rule

RULES = (
    Rule(
        "asm-mojibake", "warning", "Letters that were read in the wrong encoding",
        "Two or three odd characters stand where one accented letter should (`Ã©` for `é`), or a question "
        "mark in a diamond where one was lost. Somewhere UTF-8 was read as Latin-1 or Windows-1252.",
        "Export again as UTF-8, or correct the names in the SIS.",
        may=("reject", "fail"),
        clerk="Letters in {the_field} are garbled, as when é becomes Ã©.",
        unmended="It looks like that in Apple's apps.",
    ),
    Rule(
        "asm-not-nfc", "warning", "A letter and its accent are two characters",
        "The value is not composed (Unicode NFC): it looks like another one and is not equal to it. The "
        "mapping composes every value; only zips that others made have this.",
        "Normalise to NFC when the file is written.",
        may=("reject", "fail"),
        clerk=None,
    ),
    Rule(
        "asm-spreadsheet-number", "warning", "An identifier that a spreadsheet took for a number",
        "222.0 for 222, or 1.23E+05 for 123456: the second has lost digits, and two people may share it.",
        "Read the column as text when the file is opened and saved.",
        may=("reject", "fail"),
        clerk=None,
    ),
    Rule(
        "asm-leading-zeros", "warning", "An identifier that may have lost its leading zeros",
        "Of identifiers that are numbers, some begin with 0 and are all of one length; this one is shorter. "
        "With another identifier the same person gets a second account.",
        "Read the column as text when the file is opened and saved.",
        may=("fail",),
        clerk=None,
    ),
    Rule(
        "asm-placeholder", "warning", "A word that stands for no value",
        "An error of a spreadsheet (#N/A, #REF!), or nan, null, none, undefined in an identifier, a number "
        "or a user name. In an address, `asm-email-malformed` finds them.",
        "Leave the cell empty; a `lookup` with that word does it in the mapping.",
        may=("reject", "fail"),
        clerk="{field} is a word such as NULL or N/A; it should be empty, or right.",
        unmended="The word is sent as it is.",
    ),
    Rule(
        "asm-oversized", "warning", "A value of more than 1,024 characters",
        "Apple publishes no lengths, and no name or number is so long: it is a note, a whole file, or several "
        "records that a lost quotation mark made one.",
        "Look at the record in the SIS, or at the export around it.",
        may=("cut", "reject", "fail"),
        clerk="{field} is so long that it cannot be right; perhaps something was pasted into it.",
        unmended="It is sent as it is.",
    ),
    Rule(
        "asm-outer-space", "warning", "White space around a value",
        "Apple wants none around the separator, and an identifier with a space at its end is another one. "
        "The mapping trims every value; only zips that others made have this.",
        "Trim the value.",
        may=("reject", "fail"),
        clerk=None,
    ),
    Rule(
        "asm-id-case", "warning", "Identifiers that differ in upper and lower case only",
        "Apple matches by case: these are two. Usually they are meant to be one, from two exports.",
        "Correct the SIS; if they are one person, `merge_duplicates` may help.",
        may=("fail",),
        clerk="Another record has nearly the same number: only capital and small letters differ.",
        unmended="Both are sent, as two.",
    ),
    Rule(
        "asm-id-space", "warning", "Identifiers that differ in white space only",
        "They look alike and are two to Apple. White space includes characters that nobody sees.",
        "Correct the SIS; if they are one person, `merge_duplicates` may help.",
        may=("fail",),
        clerk="Another record has nearly the same number: only spaces differ.",
        unmended="Both are sent, as two.",
    ),
)  # fmt: skip
