"""The codes of problems with expressions: code -> (title, explanation), for `etlrunner explain`."""

from __future__ import annotations

CODES: dict[str, tuple[str, str]] = {
    "E351": (
        "The expression cannot be read",
        "The text is not a Jinja2 expression or template: a bracket or quote is left open, an operator has "
        "nothing beside it, or a word stands where none can. The underlined spot is where reading stopped; "
        "the mistake is there or just before.",
    ),
    "E352": (
        "Unknown column",
        "A name without quotes is a column of the input table: the roster's columns, and those that "
        'transforms add. Text is written in quotes: role == "student".',
    ),
    "E353": (
        "Unknown filter or test",
        "Only the filters (after `|`) and tests (after `is`) listed in docs/expressions.md exist.",
    ),
    "E354": (
        "Not allowed in an expression",
        "Expressions compute one cell from one row. Calls, attributes, loops, statements and everything "
        "that could reach Python are left out on purpose; a filter does what a call would do.",
    ),
    "E355": (
        "The wrong type",
        "Every value is text, a list, a truth (yes or no), a number or a date, and nothing is converted by "
        "guessing: compare text with text, numbers with numbers (`| int`), dates with dates (`| date`).",
    ),
    "E356": (
        "A condition that is not a comparison",
        'In Jinja2 every text that is not empty counts as true, "false" and "0" as well. So a condition must '
        'say what it compares with: enabledUser == "true", or: email is not empty.',
    ),
    "E357": (
        "A filter's arguments do not fit",
        "The filter takes other arguments than the ones given. docs/expressions.md has every signature.",
    ),
    "E358": (
        "The result cannot be a cell",
        "A cell of the target is text (numbers and dates are written out). A truth is turned into text with "
        "'yes' if ... else 'no'; a list by taking one (`| first`) or joining (`| join(', ')`), or with `each`.",
    ),
    "E359": (
        "A bad pattern or date format",
        "Patterns are regular expressions without look-around and back-references, so that they are quick on "
        "any input. Date formats use %Y %m %d and a few more; docs/expressions.md has them.",
    ),
    "E360": (
        "Too large",
        "The expression is longer or deeper than one cell can need. Split it, or use a lookup.",
    ),
}
