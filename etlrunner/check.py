"""Finished tables against the target's rules: what the flow lets go or mends first, then what is left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from etlrunner import findings_file, table
from etlrunner.checks import apple_school_manager, merging, policy, references, rulings
from etlrunner.checks.acting import act
from etlrunner.checks.archive_file import read_archive
from etlrunner.checks.books import Books
from etlrunner.checks.listing import Items, look
from etlrunner.checks.repairs import repair
from etlrunner.loaded import Loaded
from etlrunner.model.components import CheckModule, Options
from etlrunner.model.flow import Flow
from etlrunner.model.problems import Finding
from etlrunner.model.surroundings import Progress
from etlrunner.model.tables import FinishedTable, Repair
from etlrunner.target import APPLE_SCHOOL_MANAGER, Target

MOST_ROUNDS = 50
"""Far more than the tables refer to each other in a row."""


@dataclass(frozen=True, slots=True)
class Mended:
    """The tables after repairs and verdicts, what was repaired, and what is in doubt and was left alone."""

    finished: Mapping[str, FinishedTable]
    repairs: tuple[Repair, ...]
    doubts: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """The tables as they may be sent, what is wrong with them, and what was repaired."""

    finished: Mapping[str, FinishedTable]
    findings: tuple[Finding, ...]
    repairs: tuple[Repair, ...]

    @property
    def has_errors(self) -> bool:
        return any(finding.severity == "error" for finding in self.findings)


def check(
    flow: Flow,
    target: Target,
    finished: Mapping[str, FinishedTable],
    folder: Path,
    *,
    modules: Iterable[CheckModule],
    progress: Progress,
    delivered: Mapping[str, Path] | None = None,
    raw: Mapping[str, Path] | None = None,
    as_of: date | None = None,
) -> Checked:
    """Both in one, for who has nothing to do between them: `mend`, then `judge`."""
    progress.start("check", len(finished), "tables")
    loaded, shelf = Loaded(), tuple(modules)
    sources = merging.Sources(delivered or {}, raw or {})
    mended = mend(
        flow, target, finished, folder,
        modules=shelf, loaded=loaded, sources=sources, as_of=as_of,
    )  # fmt: skip
    found = judge(
        flow, target, mended.finished, folder,
        modules=shelf, loaded=loaded, as_of=as_of, doubts=mended.doubts,
    )  # fmt: skip
    progress.done("check")
    return Checked(mended.finished, found, mended.repairs)


def mend(
    flow: Flow,
    target: Target,
    finished: Mapping[str, FinishedTable],
    folder: Path,
    *,
    modules: Iterable[CheckModule],
    loaded: Loaded,
    sources: merging.Sources,
    as_of: date | None = None,
) -> Mended:
    """Merges, repairs and verdicts, again and again: a class that is left out takes its roster rows along.

    It ends because every round leaves out rows or empties cells, and puts none back. Raises RuntimeError
    when the rows do not add up afterwards.
    """
    books = Books(target, dict(finished), folder, loaded)
    options = options_for(target, flow.sink.options, policy=flow.policy, as_of=as_of)
    verdicts, shelf = rulings.acting(flow), tuple(modules)
    for _ in range(MOST_ROUNDS):
        doubts = merging.merge(books, flow, sources)
        is_repaired = repair(books, flow.repair)
        is_acted = bool(verdicts) and act(books, _items(books.frames(), shelf, options), verdicts)
        # who made a merge doubtful may have been left out just now
        if not is_acted and not (is_repaired and flow.merge_duplicates):
            return Mended(books.close(), tuple(books.repairs), doubts)
    raise RuntimeError("checks and repairs do not come to an end")


def judge(
    flow: Flow,
    target: Target,
    finished: Mapping[str, FinishedTable],
    folder: Path,
    *,
    modules: Iterable[CheckModule],
    loaded: Loaded,
    as_of: date | None = None,
    doubts: Iterable[Finding] = (),
) -> tuple[Finding, ...]:
    """Everything that is wrong with the tables as they are to be sent, as severe as the flow says.

    The keys lie in `findings.parquet` below `folder`. Errors are findings like the others here: whether
    they end the run is the engine's to say.
    """
    decided = rulings.all_of(flow)
    failing = [rule for rule, ruling in decided.items() if ruling.verdict == "fail"]
    options = options_for(target, flow.sink.options, policy=flow.policy, as_of=as_of)
    tables = loaded.frames({name: made.path for name, made in finished.items()})
    looked = look(_items(tables, modules, options), failing)
    findings_file.add(folder / findings_file.NAME, looked.keys)
    notes = [note for made in finished.values() for note in made.notes]
    judged = rulings.judged((*notes, *doubts, *looked.findings), decided)
    return _in_order(judged, tables, target)


def check_zip(path: Path, flow: Flow | None = None) -> tuple[Finding, ...]:
    """Everything wrong with a zip of six files, whoever made it; `flow` is whose it is, if known."""
    archive = read_archive(path)
    tables = {name: frame.lazy() for name, frame in archive.tables.items()}
    modules = (apple_school_manager, references, policy)
    if flow is None:
        options = options_for(APPLE_SCHOOL_MANAGER, {})
        return (*archive.findings, *findings_of(tables, modules, options))
    options = options_for(APPLE_SCHOOL_MANAGER, flow.sink.options, policy=flow.policy)
    found = findings_of(tables, modules, options)
    return (*archive.findings, *rulings.judged(found, rulings.all_of(flow)))


def options_for(target: Target, sink: Options, **more: Any) -> Options:
    """What the checks want to know about the district: its accounts, from the options of its sink."""
    return {
        "target": target,
        "account_name_uses": tuple(sink.get("account_name_uses") or ()),
        "federated_domains": tuple(sink.get("federated_domains") or ()),
        **more,
    }


def findings_of(
    tables: Mapping[str, pl.LazyFrame], modules: Iterable[CheckModule], options: Options
) -> tuple[Finding, ...]:
    """Every module's findings, errors first, each in the order of the files and rows."""
    found = look(_items(tables, modules, options)).findings
    return _in_order(found, tables, options["target"])


def _items(
    tables: Mapping[str, pl.LazyFrame], modules: Iterable[CheckModule], options: Options
) -> Items:
    for module in modules:
        yield from module.check(tables, options)


def _in_order(
    findings: Iterable[Finding], tables: Mapping[str, pl.LazyFrame], target: Target
) -> tuple[Finding, ...]:
    order = {name: place for place, name in enumerate(target.tables)}
    found = sorted(
        findings,
        key=lambda f: (f.severity != "error", order.get(f.table, 99), f.rule, f.row or 1e12),
    )
    return tuple(_with_schools(found, tables))


def _with_schools(findings: list[Finding], tables: Mapping[str, pl.LazyFrame]) -> Iterator[Finding]:
    """A roster row belongs to the school of its class."""
    wanted = [f.key for f in findings if f.table == "rosters" and f.key and not f.school]
    school_of: dict[str, str] = {}
    if wanted and _has(tables, "classes", "class_id", "location_id"):
        rows = tables["rosters"].filter(pl.col("roster_id").is_in(wanted))
        classes = tables["classes"].select("class_id", "location_id").unique("class_id")
        joined = rows.join(classes, on="class_id", how="left").select("roster_id", "location_id")
        school_of = dict(table.collect(joined).iter_rows())
    for finding in findings:
        school = school_of.get(finding.key or "") if finding.table == "rosters" else None
        yield replace(finding, school=school) if school else finding


def _has(tables: Mapping[str, pl.LazyFrame], name: str, *columns: str) -> bool:
    """A table of somebody's zip may lack any column."""
    return (
        name in tables
        and {*columns} <= set(tables[name].collect_schema().names())
        and "class_id" in tables["rosters"].collect_schema().names()
    )
