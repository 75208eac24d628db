"""What can be written besides filters and tests, and every difference to Jinja2: for the docs and tests."""

from __future__ import annotations

from etlrunner.expressions.catalogue import (
    DATE,
    LIST,
    NUMBER,
    TEXT,
    TRUTH,
    Example,
    Operator,
)
from etlrunner.expressions.typed import Type


def _operator(
    written: str,
    doc: str,
    takes: tuple[Type, ...],
    gives: Type | None,
    empty: str,
    *examples: Example,
    difference: str = "",
) -> Operator:
    return Operator(
        written,
        doc,
        takes,
        gives,
        empty,
        examples,
        kind="operator",
        difference=difference,
        written=written,
    )


def _yes(condition: str, row: dict[str, str | list[str]], result: str) -> Example:
    return Example(f"'yes' if {condition} else 'no'", row, result)


PERSON: dict[str, str | list[str]] = {"given": "Ada", "family": "King"}
ANY = (TEXT, NUMBER, DATE, TRUTH)

OPERATORS = (
    _operator("column", "A column of the input table.", (TEXT, LIST), None, "stays empty", Example("given", PERSON, "Ada")),
    _operator('"text", 12, ["a", "b"]', "Text in single or double quotes, a whole number, a list of texts.", (TEXT, NUMBER, LIST), None, "–",
              Example('"x"', {}, "x"), Example("['a', 'b']", {}, ["a", "b"])),
    _operator("today", "The date the run is for (`--as-of`).", (DATE,), DATE, "–", Example("today", {}, "2027-01-15"), difference="ours."),
    _operator("a ~ b", "Joins text; numbers are written in digits, dates as YYYY-MM-DD.", (TEXT, NUMBER, DATE), TEXT, "adds nothing",
              Example("given ~ ' ' ~ family", PERSON, "Ada King")),
    _operator("S-{{ a }}", "A template: text with expressions in it, joined like `~`.", (TEXT, NUMBER, DATE), TEXT, "adds nothing",
              Example("{{ given[:1] | lower }}.{{ family | lower }}", PERSON, "a.king")),
    _operator("a[:8], a[-3:], a[0]", "Characters of a text or members of a list, as Python counts them; the numbers are written out.", (TEXT, LIST), None, "stays empty",
              Example("given[:2]", PERSON, "Ad"), Example("given[-2:]", PERSON, "da"), Example("given[9]", PERSON, ""),
              Example("grades[1:]", {"grades": ["01", "02"]}, ["02"]), difference="no third number; one beyond the end is the empty text, and that equals \"\"."),
    _operator("a == b, a != b", "Compares two values of one type.", ANY, TRUTH, "equals only the empty text", _yes("given == 'Ada'", PERSON, "yes"),
              difference="types must agree: `grade == 9` is refused where Jinja2 would say no."),
    _operator("a < b, a <= b, a > b, a >= b", "Compares by order: text by code points, numbers, dates; may be chained.", (TEXT, NUMBER, DATE), TRUTH, "comes before all other text",
              _yes("'1' < g | text < '3'", {"g": "2"}, "yes"), _yes("g | int >= 9", {"g": "10"}, "yes"), difference="with no date on one side it is false."),
    _operator("a in b, a not in b", "Whether a text is one of a list, or a part of another text.", (TEXT, NUMBER), TRUTH, "is a part of every text",
              _yes("role in ['teacher', 'aide']", {"role": "aide"}, "yes"), _yes("'09' in grades", {"grades": ["10"]}, "no"), _yes("'@' not in email", {"email": ""}, "yes"),
              difference="a column in one text that is written out is refused: `role in ('aide')` is no list, and would be true of the empty text."),
    _operator("a and b, not a", "Combines conditions.", (TRUTH,), TRUTH, "–", _yes("given == 'Ada' and not family == 'Noel'", PERSON, "yes"),
              difference="takes conditions only: a bare column is refused."),
    _operator("a or b", "Combines conditions; of texts or lists, the first that is not empty.", (TRUTH, TEXT, LIST), None, "is passed over",
              Example("nick or given", {"nick": "", "given": "Ada"}, "Ada"), _yes("given == 'Eva' or given == 'Ada'", PERSON, "yes")),
    _operator("a if condition else b", "Chooses; both branches are of one type.", ANY, None, "–", Example("given if given != '' else family", {"given": "", "family": "King"}, "King"),
              Example("given if family == 'Noel'", PERSON, ""), difference="the condition compares something; without `else` it is the empty text."),
    _operator("a + b, a - b, -a", "Adds and subtracts numbers; `+` of two lists is one list.", (NUMBER, LIST), None, "–", Example("grade | int + 1", {"grade": "08"}, "9"),
              Example("teachers + aides", {"teachers": ["t1"], "aides": ["a1", "a2"]}, ["t1", "a1", "a2"])),
)  # fmt: skip

DIFFERENCES = (
    "A missing cell is the empty text, never none or undefined; a list may be empty.",
    "A bare column is not a condition in `if`, `and`, `not` and `where`: compare it, or ask `is empty`. In Jinja2 any text "
    'that is not empty is true, "false" too.',
    "`first` and `last` of nothing, `[n]` beyond the end and an `if` without `else` are the empty text, and equal it "
    "(without `else`, a list is the empty list and a date is no date).",
    "`default` fills the empty text, as Jinja2's does with `true` as its second argument.",
    "Types are checked before a run: text is compared with text, `+` adds numbers or lists, both branches of an `if` are of one "
    "type, and a list or a truth is not joined to text.",
    "Numbers are whole; `int` reads at most 15 digits and gives its default beyond that.",
    "Filters' arguments are written out, but for `default`: they cannot depend on a column.",
    "A slice has no step. There are no calls, attributes, statements, macros, maps, `*`, `/`, `%` or `**`.",
    "Of one row at a time nothing is kept: no `loop`, no `set`, no `namespace`.",
    "Ours, and not in Jinja2: `split`, `pad_left`, `strip_accents`, `ascii`, `digits`, `slug`, `initials`, `regex_replace`, "
    "`regex_match`, `date`, `format_date`, `uuid`, `hash`, `text`, `is empty`, `is date`, `is matching`, `today`; `is integer` "
    "asks for digits.",
)
"""Everything in which an expression means something else than in Jinja2."""
