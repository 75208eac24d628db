"""The roster becomes target tables, and every source row gets exactly one fate.

A fate is one small integer per row and target table: 0 is written, else the first rule that took the
row out. Small tables are worked on eagerly; in a large one a first pass decides the fates and a second
streams the rows that stay, so that memory grows with what is written and not with what was read.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl

from etlrunner import findings_file, roster
from etlrunner import table as tables
from etlrunner.errors import ChecksFailed
from etlrunner.lib import files
from etlrunner.mapping import (
    assigned,
    extra_tables,
    from_database,
    needed,
    select,
    verdicts,
)
from etlrunner.mapping.one_table import Beside, Work
from etlrunner.mapping.watch import NOBODY, Watch
from etlrunner.model.components import Resolve
from etlrunner.model.flow import Flow
from etlrunner.model.mapping import MappingSet, TableMapping
from etlrunner.model.problems import Finding
from etlrunner.model.surroundings import Progress
from etlrunner.model.tables import FinishedTable
from etlrunner.target import APPLE_SCHOOL_MANAGER

ALWAYS = ("orgs", "academicSessions", "classes", "users")
"""What `select` needs, whatever the mapping uses."""


def tables_needed(mapping: MappingSet) -> tuple[str, ...]:
    """The tables of the roster that a run has to pull, in the model's order."""
    wanted = set(ALWAYS)
    for one in mapping.tables.values():
        wanted.add(one.source)
        prepared = (step for extra in one.tables.values() for step in extra.transforms)
        wanted |= {str(step.options.get("from")) for step in (*one.transforms, *prepared)}
    return tuple(name for name in roster.TABLES if name in wanted)


def tables_beside(mapping: MappingSet) -> dict[str, tuple[str, ...]]:
    """Tables beside the roster that `raw` may bring, with their columns: files, and the memory."""
    found = {
        name: tuple(extra_tables.header(extra))
        for one in mapping.tables.values()
        for name, extra in one.tables.items()
    }
    if _giving(mapping):
        found[assigned.ASSIGNED] = assigned.COLUMNS
    return found


class Forbidden(ChecksFailed):
    """Some row breaks a rule whose verdict is `fail`. All tables are made and can be asked about; none may be sent."""

    def __init__(self, findings: Sequence[Finding], finished: Mapping[str, FinishedTable]) -> None:
        super().__init__(findings)
        self.finished = finished


def map_tables(
    flow: Flow,
    raw: Mapping[str, Path],
    folder: Path,
    *,
    as_of: date,
    resolve: Resolve,
    progress: Progress,
    only: Collection[str] = (),
    watch: Watch = NOBODY,
) -> dict[str, FinishedTable]:
    """Make every target table of the flow's mapping, or `only` these, below `folder`.

    Beside the roster `raw` may hold the memory of numbered values (mapping/assigned.py), whose successor
    is written into `folder`, and rows in place of an extra table's file. Raises ConfigurationError for an unknown school, ChecksFailed when no term is
    active, Forbidden, when all is made, for rows that must not be.
    """
    for name in ("finished", "fate"):
        files.private_folder(folder / name)
    scratch = files.private_folder(folder / "selected")
    roster_paths = {name: path for name, path in raw.items() if name in roster.TABLES}
    needed.require(flow.mapping, roster_paths)
    flow = replace(flow, mapping=from_database.in_place(flow.mapping, raw))
    selected = select.select(flow, roster_paths, as_of, scratch, watch)
    beside = Beside(assigned.read(raw), {name: raw[name] for name in raw.keys() - roster_paths})
    wanted = _wanted(flow.mapping, only)
    done: dict[str, FinishedTable] = {}
    rejects: list[pl.DataFrame] = []
    touched: list[pl.DataFrame] = [findings_file.nothing()]
    forbidden: list[Finding] = []
    chosen = verdicts.chosen(flow)
    progress.start("map", len(wanted), "tables")
    for name, mapping in wanted.items():
        target = APPLE_SCHOOL_MANAGER.tables[name]
        told = watch if not only or name in only else NOBODY
        work = Work(
            mapping, target, selected, beside, folder, as_of, resolve, chosen, told,
            select.left_out(flow, mapping.source),
        )  # fmt: skip
        done[name] = work.finish()
        rejects.append(work.rejects)
        touched += work.touched_rows
        forbidden += work.forbidden
        progress.advance("map", 1)
    tables.sink(pl.concat(rejects).lazy(), folder / "rejects.parquet")
    tables.sink(pl.concat(touched).lazy(), folder / findings_file.NAME)
    beside.write(folder)
    shutil.rmtree(scratch)
    progress.done("map")
    if forbidden:
        raise Forbidden(forbidden, done)
    return done


def _wanted(mapping: MappingSet, only: Collection[str]) -> dict[str, TableMapping]:
    """The tables to make: all, or only these, and those that may have given a text before them."""
    giving = _giving(mapping)
    names = set(only or mapping.tables)
    names |= giving if names & giving else set()
    return {name: one for name, one in mapping.tables.items() if name in names}


def _giving(mapping: MappingSet) -> set[str]:
    """The tables whose transforms give texts for good: those that remember them."""
    return {
        name
        for name, one in mapping.tables.items()
        if any("remember" in step.options for step in one.transforms)
    }
