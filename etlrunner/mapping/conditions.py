"""What transforms and the mapping share: columns with their kinds, and conditions over them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import polars as pl

from etlrunner import roster
from etlrunner.errors import ConfigurationError
from etlrunner.expressions import Compiled, Rule, Type, compile_value, compile_where
from etlrunner.lib.suggest import close_to
from etlrunner.model.components import Options
from etlrunner.model.mapping import Step
from etlrunner.model.problems import Located, Problem
from etlrunner.table import LIST, ROW

TODAY = "_today"
"""The option under which the mapping hands the run's local date to a transform."""

Columns = Mapping[str, str]
"""Column name -> `text` or `list`."""


def types(columns: Columns) -> dict[str, Type]:
    """The same in the words of expressions."""
    return {name: Type.LIST if kind == "list" else Type.TEXT for name, kind in columns.items()}


def dated(options: Options, today: date) -> Options:
    """A step's options with the run's local date among them."""
    return {**options, TODAY: today}


def kinds_of(frame: pl.LazyFrame) -> dict[str, str]:
    """Name and kind of each column of a frame but its row number."""
    schema = frame.collect_schema()
    return {
        name: "list" if kind == LIST else "text" for name, kind in schema.items() if name != ROW
    }


def rules(options: Options, columns: Columns, key: str = "where") -> tuple[Rule, ...]:
    """The named conditions of an option; none when it is not there."""
    if key not in options:
        return ()
    return compile_where(_located(options, key), types(columns), today=_today(options))


def value(options: Options, key: str, columns: Columns, wanted: Type | None = None) -> Compiled:
    """The column that an option stands for: text or a list, or the one that is `wanted`."""
    source = _located(options, key)
    return compile_value(source, types(columns), today=_today(options), what=key, wanted=wanted)


def kind(compiled: Compiled) -> str:
    """`text` or `list`."""
    return "list" if compiled.type is Type.LIST else "text"


def kept(frame: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    """The rows for which the option `where` holds."""
    for rule in rules(options, kinds_of(frame)):
        frame = frame.filter(rule.expr)
    return frame


def require(wanted: Sequence[tuple[str, Columns]]) -> None:
    """Raise ConfigurationError for every name that is not among its columns."""
    missing = [
        Problem("E301", f"there is no column '{name}' here", hint=_instead(name, among))
        for name, among in wanted
        if name not in among
    ]
    if missing:
        raise ConfigurationError(missing)


def require_text(names: Sequence[str], columns: Columns) -> None:
    """Raise ConfigurationError for every name that is a list."""
    lists = [
        Problem("E307", f"'{name}' is a list, and this needs text", hint="make a text of it: add")
        for name in names
        if columns[name] == "list"
    ]
    if lists:
        raise ConfigurationError(lists)


def require_new(names: Sequence[str], columns: Columns) -> None:
    """Raise ConfigurationError for every name that is taken."""
    taken = [
        Problem("E305", f"there is a column '{name}' already", hint="give it another name")
        for name in names
        if name in columns
    ]
    if taken:
        raise ConfigurationError(taken)


def theirs(options: Options, tables: Mapping[str, Columns]) -> Columns:
    """The columns of the table that `from` names. Raises ConfigurationError when there is none."""
    name = str(options["from"])
    if name not in tables:
        hint = close_to(name, tables) or f"known: {', '.join(tables)}"
        raise ConfigurationError([Problem("E308", f"there is no table '{name}'", hint=hint)])
    return tables[name]


def order(options: Options, key: str = "order") -> list[tuple[str, bool]]:
    """`primary desc` -> ("primary", True). Raises ConfigurationError for another word than desc."""
    words = [str(text).split() for text in options.get(key, ())]
    odd = [" ".join(pair) for pair in words if pair[1:] not in ([], ["desc"])]
    if odd:
        hint = "write the column alone, or with desc behind it: the greatest first"
        message = "'{}' is not a column to sort by"
        raise ConfigurationError(Problem("E309", message.format(one), hint=hint) for one in odd)
    return [(pair[0], pair[1:] == ["desc"]) for pair in words]


def _located(options: Options, key: str) -> Located:
    text = options[key]
    return text if isinstance(text, Located) else Located(str(text))


def _today(options: Options) -> date:
    today: date = options.get(TODAY, date(2000, 1, 1))
    return today


def _instead(name: str, among: Columns) -> str:
    """The nearest name, or all there are."""
    return close_to(name, among) or "there are: " + ", ".join(among)


def placed(problem: Problem, step: Step, path: str) -> Problem:
    """With the place in the step of what the message names, the key's path, and perhaps a better hint."""
    named = re.search("'([^']+)'", problem.message)
    spot = step.spots.get(named[1]) if named else None
    return replace(
        problem,
        place=problem.place or spot or step.place,
        path=problem.path or path,
        hint=_turned_around(step, named[1] if named else "") or problem.hint,
    )


def _turned_around(step: Step, name: str) -> str:
    """A hint where `match` has our column before theirs."""
    match = step.options.get("match")
    theirs = roster.TABLES.get(str(step.options.get("from")), ())
    for left, right in match.items() if isinstance(match, Mapping) else ():
        if name in (left, right) and left not in theirs and right in theirs:
            return f"it is written `their column: our column`, so {{{right}: {left}}}"
        if name == right and name in theirs and left in theirs:
            return f"it is written `their column: our column`; perhaps {{{right}: {left}}}"
    return ""
