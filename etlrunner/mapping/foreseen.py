"""What can be known of a mapping before there is data: names, types, columns, code tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import partial

from etlrunner import roster
from etlrunner.errors import ConfigurationError
from etlrunner.expressions import compile_where
from etlrunner.lib.suggest import close_to
from etlrunner.mapping import (
    assigned,
    conditions,
    extra_tables,
    from_database,
)
from etlrunner.mapping.columns import compile_columns
from etlrunner.model.components import Resolve
from etlrunner.model.mapping import MappingSet, Step, TableMapping
from etlrunner.model.problems import Problem
from etlrunner.target import APPLE_SCHOOL_MANAGER, TargetTable

CERTAIN = frozenset({
    "E301", "E305", "E308", "E309", "E327", "E319", "E310", "E311", "E312", "E316", "E320", "E321", "E322", "E351", "E352", "E353", "E354",
})  # fmt: skip
"""Problems that do not depend on a column's type."""


def problems(mapping: MappingSet, *, resolve: Resolve) -> list[Problem]:
    """Everything that can be known without data: names, types, columns, code tables."""
    found: list[Problem] = list(from_database.problems(mapping))
    for name, one in mapping.tables.items():
        target = APPLE_SCHOOL_MANAGER.tables.get(name)
        if target is None:
            known = ", ".join(APPLE_SCHOOL_MANAGER.tables)
            hint = close_to(name, APPLE_SCHOOL_MANAGER.tables) or f"known: {known}"
            found.append(Problem("E313", f"there is no table '{name}'", one.place, hint=hint))
            continue
        found += _check_one(one, target, resolve)
    for name in APPLE_SCHOOL_MANAGER.tables.keys() - mapping.tables.keys():
        found.append(Problem("E314", f"mapping '{mapping.name}' makes no table '{name}'"))
    return found


def _check_one(mapping: TableMapping, target: TargetTable, resolve: Resolve) -> list[Problem]:
    """Compile one mapping without data; each transform's place stands in for a missing one."""
    if mapping.source not in roster.TABLES:
        hint = close_to(mapping.source, roster.TABLES) or f"known: {', '.join(roster.TABLES)}"
        problem = Problem(
            "E315", f"there is no table '{mapping.source}'", mapping.place, "from", hint
        )
        return [problem]
    problems: list[Problem] = []
    guessed = False  # whether a step failed, and the types of its columns are a guess
    today = date(2000, 1, 1)
    columns: Mapping[str, str] = roster.columns(mapping.source)
    kinds, wrong = _kinds(mapping, resolve)
    if wrong:
        return wrong
    where = mapping.where
    if where is not None:
        types = conditions.types(columns)
        problems += _tried(partial(compile_where, where, types, today=today))
    for number, step in enumerate(mapping.transforms):
        module = resolve(step.type)
        if hasattr(module, "ONLY_BESIDE"):
            message = f"`{step.type}` is for files under `tables:`"
            hint = "in the roster the row above is somebody else"
            problems.append(Problem("E319", message, step.place, hint=hint))
            continue
        try:
            columns = module.columns(columns, conditions.dated(step.options, today), kinds)
        except ConfigurationError as error:
            path = f"transforms[{number}].{step.type}"
            told = [conditions.placed(problem, step, path) for problem in error.problems]
            problems += [problem for problem in told if not guessed or problem.code in CERTAIN]
            columns, guessed = {**columns, **_promised(step)}, True
    told = _tried(lambda: compile_columns(mapping, columns, target, today=today))
    return problems + [problem for problem in told if not guessed or problem.code in CERTAIN]


def _promised(step: Step) -> dict[str, str]:
    """What a step that fails would have added, so that nobody complains that it is not there."""
    made = {str(step.options["as"]): "list"} if "as" in step.options else {}
    take = step.options.get("take")
    return made | dict.fromkeys(map(str, take if isinstance(take, Mapping) else ()), "text")


def _kinds(
    mapping: TableMapping, resolve: Resolve
) -> tuple[dict[str, Mapping[str, str]], list[Problem]]:
    """The columns of every table that transforms may take from, and what is wrong with files."""
    kinds: dict[str, Mapping[str, str]] = {name: roster.columns(name) for name in roster.TABLES}
    pulled = dict(kinds)
    problems: list[Problem] = []
    for name, extra in mapping.tables.items():
        if name in roster.TABLES or name == assigned.ASSIGNED:
            message = f"'{name}' is the name of another table"
            problems.append(Problem("E327", message, extra.place, "tables", "give it another name"))
            continue
        try:
            kinds[name] = extra_tables.columns(extra, resolve, pulled)
        except ConfigurationError as error:
            problems += error.problems
    return kinds, problems


def _tried(compile_it: Callable[[], object]) -> list[Problem]:
    try:
        compile_it()
    except ConfigurationError as error:
        return list(error.problems)
    return []
