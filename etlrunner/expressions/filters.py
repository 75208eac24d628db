"""Every filter and every test by name, and words from elsewhere with what they are called here."""

from __future__ import annotations

from etlrunner.expressions.catalogue import by_name
from etlrunner.expressions.date_filters import DATE_FILTERS, DATE_TESTS
from etlrunner.expressions.list_filters import LIST_FILTERS
from etlrunner.expressions.other_filters import OTHER_FILTERS, OTHER_TESTS
from etlrunner.expressions.spreadsheet import FUNCTIONS
from etlrunner.expressions.text_filters import TEXT_FILTERS

FILTERS = by_name(TEXT_FILTERS, LIST_FILTERS, DATE_FILTERS, OTHER_FILTERS)
TESTS = by_name(OTHER_TESTS, DATE_TESTS)

ELSEWHERE = FUNCTIONS | {
    "defined": "every column is there; to ask whether a cell is filled: is not empty",
    "undefined": "a missing cell is the empty text: is empty",
    "none": "a missing cell is the empty text: is empty",
    "null": "a missing cell is the empty text: is empty",
    "nil": "a missing cell is the empty text: is empty",
    "blank": "a missing cell is the empty text: is empty",
    "true": 'compare instead: == "true"',
    "false": 'compare instead: == "false"',
    "in": "write it without `is`: x in …",
    "eq": "write it as ==",
    "equalto": "write it as ==",
    "string": "every cell is text",
    "number": "did you mean 'integer'?",
    "strip": "did you mean 'trim'?",
    "float": "numbers are whole numbers: `| int`",
    "list": "`| split(',')` makes a list of text",
    "reverse": "lists keep their order; `| sort(reverse=true)` sorts downwards",
    "map": "filters of text see one text: `each` with a `lookup` changes every member of a list",
    "concat": "`~` joins text",
    "strftime": "did you mean 'format_date'?",
    "to_datetime": "did you mean 'date'?",
    "md5": "did you mean 'hash'?",
    "sha256": "did you mean 'hash'?",
    "zfill": "did you mean 'pad_left'?",
    "rjust": "did you mean 'pad_left'?",
    "lowercase": "did you mean 'lower'?",
    "uppercase": "did you mean 'upper'?",
    **dict.fromkeys(("upcase", "ucase", "toupper", "to_upper"), "did you mean 'upper'?"),
    **dict.fromkeys(("downcase", "lcase", "tolower", "to_lower"), "did you mean 'lower'?"),
}
"""Jinja2's, Python's and other tools' words that are not here."""
