"""Rules about the zip, and about CSV files that somebody else made."""

from __future__ import annotations

from etlrunner.checks.rules.rule import Rule

RULES = (
    Rule(
        "asm-header", "error", "The header is not Apple's",
        "A column is missing, unknown or there twice. Only instructor_id and location_id may repeat "
        "with a number.",
        "Use the template's header line unchanged.",
        clerk=None,
    ),
    Rule(
        "asm-header-order", "warning", "The columns stand in another order than in the template",
        "Columns seem to be matched by name, but Apple asks for the header unchanged.",
        "Use the template's order.",
        clerk=None,
    ),
    Rule(
        "zip-unreadable", "error", "The zip, or a file in it, cannot be read",
        "It is damaged, encrypted, packed in an unusual way, or no zip.",
        "Make it again with an ordinary zip program, without password.",
        clerk=None,
    ),
    Rule(
        "zip-too-large", "error", "The zip unpacks to an unreasonable size",
        "A file of more than 2 GiB, or packed more than two hundredfold, or too many files.",
        "Look at what made the zip.",
        clerk=None,
    ),
    Rule(
        "zip-name", "warning", "The zip has an unusual name",
        "Apple asks for .zip and nothing else; colons and spaces made trouble for others.",
        "Use letters, digits, hyphens, underscores and dots.",
        clerk=None,
    ),
    Rule(
        "zip-folder", "error", "A folder in the zip",
        "Apple looks for the six files at the top.",
        "Zip the files, not the folder they are in.",
        clerk=None,
    ),
    Rule(
        "zip-file-name", "error", "A file that is none of the six, or is there twice",
        "Names must be students.csv, staff.csv, courses.csv, classes.csv, rosters.csv and "
        "locations.csv, in lower case.",
        "Rename it or leave it out.",
        clerk=None,
    ),
    Rule(
        "zip-file-missing", "error", "One of the six files is missing",
        "Every upload is the complete picture; all six are needed each time.",
        "Add the file.",
        clerk=None,
    ),
    Rule(
        "csv-encoding", "error", "A file that is not UTF-8",
        "Accented letters would arrive damaged.",
        "Export as UTF-8.",
        clerk=None,
    ),
    Rule(
        "csv-line-ends", "warning", "Lines end with CR LF",
        "Apple asks for LF. Most uploads with CR LF are known to pass.",
        "Write LF line ends.",
        clerk=None,
    ),
    Rule(
        "csv-quoting", "error", "Quotes that do not match",
        "A quote is never closed, or text stands beside a quoted value.",
        'Put straight quotes around the whole value, and `\\"` for a quote inside.',
        clerk=None,
    ),
    Rule(
        "csv-doubled-quote", "warning", 'A quote inside a value is written as ""',
        'Apple asks for `\\"`; whether the doubled form is understood is not known.',
        'Write `\\"`, or leave quotes out of names.',
        clerk=None,
    ),
    Rule(
        "csv-unquoted", "warning", "A value with a space stands without quotes",
        "Apple asks for quotes around values with a space.",
        "Put quotes around it.",
        clerk=None,
    ),
    Rule(
        "csv-cells", "error", "A row has more or fewer cells than the header",
        "Usually a comma inside a value that is not quoted.",
        "Put quotes around values that hold a comma.",
        clerk=None,
    ),
)  # fmt: skip
