"""New ids of a SIS as the ids that Apple has accounts for: a flow's `crosswalks`, over the whole roster.

Ids are translated where they stand and wherever they are referred to, before anything else looks at the
roster: from there on, a re-keyed district is the district it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import polars as pl

from etlrunner import roster
from etlrunner import table as tables
from etlrunner.errors import ChecksFailed, ConfigurationError
from etlrunner.lib.suggest import close_to
from etlrunner.mapping import extra_tables, lookups
from etlrunner.model.mapping import LookupTable
from etlrunner.model.problems import Finding, Problem

ON, TAKE = "sourcedId", "known_as"
"""The columns of a crosswalk file."""

SCIENTIFIC = re.compile(r"[0-9](?:\.[0-9]+)?[eE]\+[0-9]+")
"""`1.23E+11`: two people may have become one."""

MEANT = {
    "orgs": ("parentSourcedId", "orgSourcedId", "orgSourcedIds", "schoolSourcedId", "primaryOrgSourcedId"),
    "courses": ("courseSourcedId",),
    "classes": ("classSourcedId",),
    "users": ("userSourcedId", "agentSourcedIds"),
}  # fmt: skip
"""Table of the roster -> the columns that refer to it, in whatever table."""


def read(one: LookupTable) -> Mapping[str, str]:
    """sourcedId -> known_as. Raises ConfigurationError for a file that is not there or not one to one.

    Rows are named by their number: the file says who they are, and a message goes further than that.
    """
    if one.csv is not None and not one.csv.is_file():
        near = close_to(one.csv.name, [each.name for each in one.csv.parent.glob("*.csv")])
        hint = near or "paths count from mappings/, such as crosswalks/FLOW-users.csv"
        message = f"there is no file {one.csv.name}"
        raise ConfigurationError([Problem("E320", message, one.place, hint=hint)])
    ids = lookups.read(one)
    if problems := list(_problems(extra_tables.read(lookups.source(one)))):
        raise ConfigurationError(problems)
    return ids


def _problems(sheet: extra_tables.Sheet) -> Iterator[Problem]:
    on, take = sheet.header.index(ON), sheet.header.index(TAKE)
    first: dict[str, int] = {}
    for number, row in enumerate(sheet.rows):
        if not row[on] or not row[take]:
            empty, name = (take, TAKE) if row[on] else (on, ON)
            yield Problem("E323", f"a row without a {name}", sheet.place(number, empty))
        elif lost := [one for one in (on, take) if SCIENTIFIC.fullmatch(row[one])]:
            yield Problem(
                "E324", f"{sheet.name(number, lost[0])} is what a spreadsheet makes of a long number",
                sheet.place(number, lost[0]),
                hint="its digits are lost: take the proposal again, and open it with the columns as text",
            )  # fmt: skip
        elif (other := first.setdefault(row[take], number)) != number:
            message = (
                f"{sheet.name(other, take)} and {sheet.name(number, take)} give the same {TAKE}"
            )
            yield Problem(
                "E323", message, sheet.place(number, take), also=sheet.place(other, take),
                hint="they would become one: take out the one that is not meant",
            )  # fmt: skip


def check(crosswalks: Mapping[str, LookupTable]) -> list[Problem]:
    """What is wrong with the files, without a roster."""
    problems: list[Problem] = []
    for one in crosswalks.values():
        try:
            read(one)
        except ConfigurationError as error:
            problems += error.problems
    return problems


def applied(
    frames: Mapping[str, pl.LazyFrame], crosswalks: Mapping[str, LookupTable]
) -> dict[str, pl.LazyFrame]:
    """The roster in the ids of the crosswalks.

    Raises ChecksFailed where an id that a crosswalk gives is another record's own: two people would
    become one.
    """
    done = dict(frames)
    for name, one in crosswalks.items():
        ids = read(one)
        if not ids:
            continue
        if name in frames:  # a table that nobody asked for is still referred to
            _refuse_taken(name, frames[name], ids)
        old, new = list(ids), list(ids.values())
        for table, frame in done.items():
            columns = [column for column in roster.TABLES[table] if _means(table, column, name)]
            done[table] = frame.with_columns(_translated(table, each, old, new) for each in columns)
    return done


def _means(table: str, column: str, name: str) -> bool:
    """Whether a column holds ids of the table `name`; demographics have their user's id."""
    own = table == name or (name == "users" and table == "demographics")
    return (own and column == "sourcedId") or column in MEANT[name]


def _translated(table: str, column: str, old: list[str], new: list[str]) -> pl.Expr:
    if roster.kind(table, column) == "list":
        return pl.col(column).list.eval(pl.element().replace(old, new))
    return pl.col(column).replace(old, new)


def _refuse_taken(name: str, frame: pl.LazyFrame, ids: Mapping[str, str]) -> None:
    own = tables.collect(frame.select("sourcedId"))["sourcedId"]
    taken = own.filter(own.is_in(list(ids.values())) & ~own.is_in(list(ids)))
    here = own.filter(own.is_in(list(ids))).replace(list(ids), list(ids.values()))
    clash = taken.filter(taken.is_in(here.implode())).unique().sort()
    if len(clash):
        count = f"{len(clash):,} id{'' if len(clash) == 1 else 's'}"
        message = f"the crosswalk gives {count} that other {name} of the roster have themselves"
        finding = Finding(f"crosswalk.{name}", "error", message, name, count=len(clash))
        raise ChecksFailed(
            [finding],
            detail=f"{TAKE} {', '.join(clash[:5])}{' and more' if len(clash) > 5 else ''}",
            hint=f"take these lines out of crosswalks.{name}: the SIS uses the ids again",
        )
