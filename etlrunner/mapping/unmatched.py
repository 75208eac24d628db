"""Files and tables that a flow goes through, and that fit nothing: ids and codes of another year or shape.

Nothing fails then: cells stay empty or as they were, and people get the ids that Apple does not know. So it
is said, as a warning. It costs a look at what was taken; only where that is nothing, the keys are compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from etlrunner import table as tables
from etlrunner.mapping import conditions, crosswalk, lookups
from etlrunner.mapping.fates import step_name
from etlrunner.model.components import Options
from etlrunner.model.mapping import LookupTable, Step
from etlrunner.model.problems import Finding

FEWEST = 10
"""With fewer rows, or inline codes, nothing is said: they may be exceptions of which there are none today."""
FEW = 50
"""A crosswalk of whose lines fewer than one in so many fits is told."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A crosswalk beside the roster."""

    lines: int
    matched: int
    """Lines whose `sourcedId` the roster has."""
    known: int
    """Lines whose `known_as` the roster has itself."""


def fits(raw: Mapping[str, Path], crosswalks: Mapping[str, LookupTable]) -> dict[str, Fit]:
    """How many lines of each crosswalk have an id of the roster."""
    found = {}
    for name, one in crosswalks.items():
        if name in raw:
            lines = crosswalk.read(one)
            ids = tables.collect(tables.scan(raw[name]).frame.select("sourcedId"))["sourcedId"]
            here = {*ids.filter(ids.is_in([*lines, *lines.values()]))}
            known = sum(then in here for then in lines.values())
            found[name] = Fit(len(lines), len(here & lines.keys()), known)
    return found


def of_crosswalk(name: str, fit: Fit) -> Finding | None:
    """A crosswalk that is for another roster, or whose people have all left."""
    if not fit.lines or fit.matched * FEW >= fit.lines:
        return None
    message = (
        f"{fit.matched:,} of the {fit.lines:,} lines of crosswalks.{name} have an id of the roster"
    )
    if fit.known > fit.matched:
        message += (
            f", and {fit.known:,} have such a {crosswalk.TAKE}: are the two columns exchanged?"
        )
    return Finding("unmatched-crosswalk", "warning", message, name, count=fit.lines - fit.matched)


def is_asked(lookup: LookupTable) -> bool:
    """Whether it is odd that none of its codes comes: of a few inline ones it is not."""
    is_file = lookup.csv is not None or lookup.excel is not None
    return is_file or len(lookup.rows or ()) >= FEWEST


def of_lookup(table: str, column: str, lookup: LookupTable, came: pl.Series) -> Finding | None:
    """A code table that has none of the codes that came."""
    codes = {lookups.key(code, lookup) for code in lookups.read(lookup)} - {""}
    if not codes or not is_asked(lookup):
        return None
    is_list = came.dtype == tables.LIST
    items = came.explode(empty_as_null=True).drop_nulls() if is_list else came
    filled = items.filter(items != "")
    if len(filled) < FEWEST or lookups.knows(lookup, filled).any():
        return None
    message = (
        f"code table '{lookup.name}': 0 of its {len(codes):,} codes came, and {len(filled):,} "
        "cells have one"
    )
    return Finding("unmatched-lookup", "warning", message, table, column=column, count=len(filled))


def of_step(
    table: str, step: Step, options: Options, before: pl.DataFrame, after: pl.DataFrame,
    theirs: pl.LazyFrame,
) -> Finding | None:  # fmt: skip
    """A join, or a collecting of values, in which no row met another one."""
    if step.type == "join" and options.get("kind") != "inner":
        taken = list(options["take"])
    elif step.type == "join":
        taken = [] if len(after) else [tables.ROW]
    else:
        taken = [options["as"]]
    if not taken or len(before) < FEWEST or any(_has_any(after[name]) for name in taken):
        return None
    match = options["match"]
    ours = _keys(before.lazy(), list(match.values()))
    them = _keys(conditions.kept(theirs, options), list(match))
    of_ours, of_them = len(ours), len(them)
    them.columns = ours.columns
    if of_ours == 0 or len(ours.join(them, on=ours.columns, how="semi")):
        return None
    message = (
        f"{step_name(step)}: 0 of the {of_ours:,} keys of {table} are among the {of_them:,} of "
        f"{options['from']}"
    )
    return Finding("unmatched-join", "warning", message, table, count=len(before))


def _has_any(cells: pl.Series) -> bool:
    if cells.dtype == tables.LIST:
        return bool((cells.list.len() > 0).any())
    return cells.dtype == tables.TEXT and bool((cells != "").any())


def _keys(frame: pl.LazyFrame, names: list[str]) -> pl.DataFrame:
    """Each key once; a blank is none."""
    keys = frame.select(names).filter(pl.all_horizontal(pl.col(name) != "" for name in names))
    return tables.collect(keys.unique())
