"""The stages of a run, one function each: what it hands on, and what the record notes of it.

The engine calls them in order. Each loads its module when it runs, so that a command that only looks
something up does not wait for the tools of a delivery.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from etlrunner import evidence, kept
from etlrunner import plan as plans
from etlrunner.errors import ChecksFailed, Held
from etlrunner.history import delivered as deliveries
from etlrunner.journal import Journal
from etlrunner.kept import run_folder
from etlrunner.lib import files
from etlrunner.model.changes import Hold
from etlrunner.model.flow import Flow
from etlrunner.model.problems import Finding
from etlrunner.model.run import RunRecord
from etlrunner.model.surroundings import Clock
from etlrunner.model.tables import FinishedTable
from etlrunner.plan import Plan
from etlrunner.run import Request, Result, Services

if TYPE_CHECKING:
    from etlrunner.history.store import History


def extract_roster(plan: Plan, result: Result, journal: Journal, services: Services) -> None:
    """The source's tables, each complete. A table without a row is never normal: it is held."""
    from etlrunner import pull

    before = _before(services.history, journal.record)
    now, known = services.clock.now(), plan.flow.config_hash
    is_resumed = before is not None and pull.broke_off(before, known, now)
    earlier = run_folder(plan.project, before) if before is not None and is_resumed else None
    result.raw = pull.pull(plan, result.folder, services, journal, earlier)
    journal.note(
        raw_rows={table.name: table.rows for table in result.raw.values()},
        raw_sha256={table.name: files.sha256(table.path) for table in result.raw.values()},
    )
    empty = [name for name in plan.raw_tables if result.raw[name].rows == 0]
    if empty:
        raise Held(
            Hold("empty_table", f"the source sent no {name} at all", table=name, value="0")
            for name in empty
        )
    _remember(plan, result)


def take_roster(
    plan: Plan, result: Result, journal: Journal, history: History, earlier: RunRecord
) -> None:
    """Copies of the raw tables of an earlier run; no source is asked, and no database."""
    from etlrunner.mapping import from_database

    wanted = (*plan.raw_tables, *from_database.names(plan.flow.mapping))
    tables = kept.roster(plan.project, earlier, plan.flow.name, wanted)
    raw = files.private_folder(result.folder / "raw")
    for name, table in tables.items():
        with files.placing(raw / table.path.name) as beside:
            shutil.copyfile(table.path, beside)
        tables[name] = replace(table, path=raw / table.path.name)
    result.raw = tables
    journal.note(
        raw_rows={name: table.rows for name, table in tables.items()},
        raw_sha256={name: files.sha256(table.path) for name, table in tables.items()},
        roster_of=earlier.id,
        source_file=earlier.source_file,
    )
    last = deliveries.read(delivered_folder(plan))
    pulled = _pulled_by(history, last.run_id) if last else earlier
    if pulled is None or pulled.started > earlier.started:
        result.older = earlier
    _remember(plan, result)


def _pulled_by(history: History, run: str) -> RunRecord | None:
    """The run that pulled the roster of a delivery: an approval and a repetition have it from another."""
    found = history.get(run)
    while found is not None and (before := found.archive_of or found.roster_of):
        found = history.get(before)
    return found


def map_roster(
    plan: Plan, result: Result, journal: Journal, services: Services, *, as_of: date
) -> None:
    """The target's tables; also where a row lets nothing be sent, to be asked about."""
    from etlrunner.mapping import apply

    try:
        result.finished = apply.map_tables(
            plan.flow,
            result.raw_paths(),
            result.folder,
            as_of=as_of,
            resolve=plans.transform,
            progress=services.progress,
        )
    except apply.Forbidden as stopped:
        result.finished = stopped.finished
        evidence.keep_outcome(result.folder, result.raw, result.finished)
        _note_counts(result, journal)
        journal.note(findings=tally(stopped.findings))
        raise
    _note_counts(result, journal)


def _note_counts(result: Result, journal: Journal) -> None:
    journal.note(
        counts={name: table.counts for name, table in result.finished.items()},
        assigned_sha256=files.sha256(result.assigned) if result.assigned is not None else "",
    )


def mend_tables(
    plan: Plan, result: Result, journal: Journal, services: Services, *, as_of: date
) -> None:
    """What the flow lets go or mends, before anybody is held over and before anything is judged."""
    from etlrunner import check
    from etlrunner.checks import merging

    services.progress.start("check", len(result.finished), "tables")
    last = deliveries.read(delivered_folder(plan)) if plan.flow.merge_duplicates else None
    mended = check.mend(
        plan.flow,
        plan.target,
        result.finished,
        result.folder,
        modules=plan.checks.values(),
        loaded=result.loaded,
        sources=merging.Sources(last.tables if last else {}, result.raw_paths()),
        as_of=as_of,
    )
    result.finished = mended.finished
    result.repairs = mended.repairs
    result.findings = mended.doubts
    evidence.keep_outcome(result.folder, result.raw, result.finished)
    journal.note(
        counts={name: table.counts for name, table in result.finished.items()},
        repairs=dict(Counter(repair.rule for repair in result.repairs)),
        touched=_touched(result.finished),
    )


def judge_tables(
    plan: Plan, result: Result, journal: Journal, services: Services, *, as_of: date
) -> None:
    """Findings over the tables as they are to be sent; one that is an error ends the run."""
    from etlrunner import check

    result.findings = check.judge(
        plan.flow,
        plan.target,
        result.finished,
        result.folder,
        modules=plan.checks.values(),
        loaded=result.loaded,
        as_of=as_of,
        doubts=result.findings,
    )
    result.findings = (*result.findings, *_crosswalks(plan, result))
    if result.held_over is not None:
        result.findings = tuple(_of_last_known(result.findings, result.held_over.keys))
    journal.note(findings=tally(result.findings))
    services.progress.done("check")
    refuse_errors(result.findings)


def _crosswalks(plan: Plan, result: Result) -> Iterator[Finding]:
    """What is to be said of the flow's crosswalks; how many of their lines fit is noted."""
    from etlrunner.mapping import unmatched

    fits = unmatched.fits(result.raw_paths(), plan.flow.crosswalks)
    result.crosswalks_met = {name: fit.matched for name, fit in fits.items()}
    yield from filter(None, (unmatched.of_crosswalk(name, fit) for name, fit in fits.items()))


def _of_last_known(
    findings: Iterable[Finding], held_over: Mapping[str, Collection[str]]
) -> Iterator[Finding]:
    """The findings; one about a row that only `grace` sends says so: there is no record to mend."""
    held = {(name, key) for name, keys in held_over.items() for key in keys}
    for one in findings:
        if (one.table, one.key) in held:
            told = f"{one.message}; it is gone from the source, and grace sends its last known row"
            way = ": leave_out lets it go" if one.severity == "error" else ""
            one = replace(one, message=told + way)
        yield one


def package_archive(plan: Plan, result: Result, journal: Journal) -> None:
    """The six files in one zip."""
    from etlrunner import package

    result.archive = package.package(
        plan.target, finished_paths(result), result.folder / "roster.zip"
    )
    journal.note(
        content_hash=result.archive.content_hash,
        archive_sha256=result.archive.sha256,
        archive_size=result.archive.size,
    )


# ---------------------------------------------------------------- what stages share


def local_date(flow: Flow, request: Request, clock: Clock) -> date:
    """The run's local date: what enrollments and terms are held against."""
    if request.as_of:
        return request.as_of
    zone = ZoneInfo(flow.schedule.timezone if flow.schedule else "UTC")
    return clock.now().astimezone(zone).date()


def finished_paths(result: Result) -> Mapping[str, Path]:
    """The finished tables' files."""
    return {name: table.path for name, table in result.finished.items()}


def state_folder(plan: Plan) -> Path:
    """What this machine remembers of the flow."""
    return plan.project.state / plan.flow.name


def delivered_folder(plan: Plan) -> Path:
    """What was last delivered."""
    return state_folder(plan) / "delivered"


def _before(history: History, record: RunRecord) -> RunRecord | None:
    """The run of the flow before this one, plans included."""
    return next((run for run in history.runs(record.flow, limit=2) if run.id != record.id), None)


def _remember(plan: Plan, result: Result) -> None:
    """The memory of numbered values lies with what was pulled: later the run can be mapped again.

    Of what the flow numbers since today, what was delivered before is the memory.
    """
    memory = deliveries.assigned(delivered_folder(plan))
    steps = [step for one in plan.flow.mapping.tables.values() for step in one.transforms]
    raw = result.folder / "raw"
    if any("remember" in step.options for step in steps):
        from etlrunner.mapping import assigned, given_before

        last = deliveries.read(delivered_folder(plan))
        known = assigned.read({assigned.ASSIGNED: memory} if memory else {})
        day = str(last.trail[-1]["day"]) if last and last.trail else ""
        tables = last.tables if last else {}
        if len(
            before := given_before.texts(plan.flow.mapping, tables, assigned.series(known), day)
        ):
            assigned.write(assigned.with_more(known, before), raw)
            return
    if memory is not None:
        with files.placing(raw / memory.name) as beside:
            shutil.copyfile(memory, beside)


def _touched(finished: Mapping[str, FinishedTable]) -> Mapping[str, Mapping[str, int]]:
    """Cells that rules emptied or cut, by verdict and rule."""
    found: dict[str, Counter[str]] = {}
    for one in (one for table in finished.values() for one in table.touched):
        found.setdefault(one.verdict, Counter())[one.rule] += one.count
    return {verdict: dict(rules) for verdict, rules in found.items()}


def refuse_errors(findings: tuple[Finding, ...]) -> None:
    """Raises ChecksFailed if one of them is an error."""
    if any(finding.severity == "error" for finding in findings):
        raise ChecksFailed(findings)


def tally(findings: tuple[Finding, ...]) -> Mapping[str, int]:
    """How many rows each rule was found in."""
    tally: Counter[str] = Counter()
    for finding in findings:
        tally[finding.rule] += finding.count
    return dict(tally)
