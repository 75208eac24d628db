"""Writes docs/expressions.md from the declarations: `python -m etlrunner.expressions.reference > docs/expressions.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from etlrunner.expressions.catalogue import Example, Operator
from etlrunner.expressions.codes import CODES
from etlrunner.expressions.date_filters import DIRECTIVES
from etlrunner.expressions.filters import FILTERS, TESTS
from etlrunner.expressions.operators import DIFFERENCES, OPERATORS
from etlrunner.expressions.spreadsheet import FROM_EXCEL

HEAD = """\
# Expressions

*Made by `python -m etlrunner.expressions.reference`; change the declarations in `etlrunner/expressions/`, not this page.*

A column of a mapping is an expression (`givenName | trim | title`) or, where the text has `{{ }}` in it, a template
(`S-{{ sourcedId }}`). The syntax is Jinja2's. It is read and checked once, before anything runs, and computed for the whole
table. Names are columns of the input table; text stands in quotes. Every value has a type: text, a list of texts, a truth
(yes or no), a number, a date. A cell is text: numbers and dates are written out, a truth is refused, a list needs `each`.

Every example below is a test, and expressions made at random are compared with Jinja2 itself: [oracle.md](oracle.md) says how
many. A filter that columns have no quick way for is computed once for each different value of a batch, never row by row. No
expression reaches Python or files, and one that could grow without end is refused.

In YAML, an expression that begins with a quote, or holds `: `, ` #` or `{`, is put in quotes as a whole.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD, "## Differences to Jinja2\n", *(f"- {one}" for one in DIFFERENCES), ""]
    parts += ["## Operators\n", *_table(OPERATORS)]
    parts += ["## Filters\n", *_table(_distinct(FILTERS.values()))]
    parts += ["## Tests\n", *_table(_distinct(TESTS.values()))]
    parts += ["## Coming from a spreadsheet\n", SPREADSHEET, *_spreadsheet(), ""]
    parts += ["## Date formats\n", _directives(), ""]
    parts += ["## Patterns\n", PATTERNS, "## Problems\n"]
    parts += [f"- **{code}** {title}. {text}" for code, (title, text) in CODES.items()]
    return "\n".join(parts) + "\n"


PATTERNS = """\
Regular expressions are those of Rust's `regex`: quick on any input, so without look-around and back-references. In a
replacement `${1}` is the first group, `${name}` a named one, `$$` a dollar sign. In an expression's quotes a backslash is
written twice (`'\\\\d+'`), or use a class: `'[0-9]+'`.
"""

SPREADSHEET = "What Excel and Google Sheets call it, and how it is written here.\n"


def _spreadsheet() -> Iterator[str]:
    yield "| in a spreadsheet | here |"
    yield "| --- | --- |"
    for formula, here in FROM_EXCEL.items():
        yield f"| `{formula}` | {here.replace('|', chr(92) + '|')} |"


MEANINGS = {
    "Y": "year, four digits", "m": "month, 01 to 12", "d": "day, 01 to 31", "y": "year, two digits (69 is 1969, 68 is 2068)",
    "b": "month, Jan", "B": "month, January", "j": "day of the year", "a": "day, Mon", "A": "day, Monday",
    "H": "hour", "M": "minute", "S": "second", "%": "a percent sign",
}  # fmt: skip


def _directives() -> str:
    return "\n".join(f"- `%{letter}` {MEANINGS[letter]}" for letter in DIRECTIVES)


def _distinct(operators: Iterable[Operator]) -> list[Operator]:
    """Each once, by name; an alias stands beside its name."""
    return sorted({one.name: one for one in operators}.values(), key=lambda one: one.name)


def _table(operators: Iterable[Operator]) -> Iterator[str]:
    yield "| written | takes → gives | what it does | of nothing | examples |"
    yield "| --- | --- | --- | --- | --- |"
    for operator in operators:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in _cells(operator)) + " |"
    yield ""


def _cells(operator: Operator) -> Iterator[str]:
    written = f"`{operator.signature}`"
    if operator.alias:
        written += f" or `{operator.alias}`"
    yield written
    gives = "the same" if operator.gives is None else str(operator.gives)
    yield f"{', '.join(operator.takes)} → {gives}"
    yield f"{operator.doc} *{_origin(operator)}*"
    yield operator.empty
    yield "<br>".join(map(_example, operator.examples))


def _origin(operator: Operator) -> str:
    if operator.difference:
        lead = "as Jinja2, but" if operator.jinja else "ours:"
        return (
            "ours"
            if operator.difference == "ours."
            else f"{lead} {operator.difference}".rstrip(".")
        )
    return "as Jinja2" if operator.jinja else "ours"


def _example(example: Example) -> str:
    row = ", ".join(f"{name} = {_shown(cell)}" for name, cell in example.row.items())
    return (
        f"`{example.expression}`" + (f" with {row}" if row else "") + f" → {_shown(example.result)}"
    )


def _shown(cell: str | list[str]) -> str:
    if isinstance(cell, list):
        return "[" + ", ".join(map(_shown, cell)) + "]"
    return f'`"{cell}"`'


if __name__ == "__main__":
    sys.stdout.write(page())
