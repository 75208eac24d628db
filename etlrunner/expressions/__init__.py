"""Expressions: Jinja2's syntax, checked, typed and compiled once to columns.

Jinja2's own parser reads a text (`parse`), every node is checked against what is allowed and given a
type (`compiler`), and out comes one Polars expression for the whole table. What may be used, with its
signature and examples, is declared in one table (`catalogue` and the `*_filters` modules), from which
`docs/expressions.md` is made (`python -m etlrunner.expressions.reference`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from etlrunner.errors import ConfigurationError
from etlrunner.expressions.codes import CODES
from etlrunner.expressions.compiler import Compiler
from etlrunner.expressions.parse import (
    Parsed,
    is_template,
    parse_expression,
    parse_template,
)
from etlrunner.expressions.spots import Spots
from etlrunner.expressions.typed import Compiled, Rule, Type
from etlrunner.model.problems import Located, Problem

__all__ = ["CODES", "Compiled", "Rule", "Type", "compile_value", "compile_where"]


def compile_value(
    source: Located,
    columns: Mapping[str, Type],
    *,
    today: date,
    what: str = "",
    wanted: Type | None = None,
) -> Compiled:
    """The column that an expression or a template stands for: TEXT, or LIST.

    Numbers and dates become text. `wanted` says which of the two the place needs; without it both are
    taken. `what` is the key's path in the file, for problems.
    """
    problems: list[Problem] = []
    spots = Spots(source, what, problems)
    parsed = parse_template(spots) if is_template(source.text) else parse_expression(spots)
    if parsed is not None:
        cell = Compiler(parsed, columns, today).cell(wanted)
        if cell is not None and not problems:
            return cell
    raise ConfigurationError(problems)


def compile_where(
    source: Located, columns: Mapping[str, Type], *, today: date, what: str = "where"
) -> tuple[Rule, ...]:
    """The conditions of a `where`, one named rule for each part of a top-level `and`."""
    problems: list[Problem] = []
    spots = Spots(source, what, problems)
    parsed = _condition(spots)
    if parsed is not None:
        rules = Compiler(parsed, columns, today).rules()
        if not problems:
            return rules
    raise ConfigurationError(problems)


def _condition(spots: Spots) -> Parsed | None:
    """A condition is never a template: `{{ }}` would make text of its truth."""
    if is_template(spots.text):
        spots.add(
            "E354",
            "a condition is written without {{ }}",
            0,
            len(spots.text),
            hint='write it like role == "student"',
        )
        return None
    return parse_expression(spots)
