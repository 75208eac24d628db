"""The stages of a run, one function each: what it hands on, and what the record notes of it.

The engine calls them in order. Each loads its module when it runs, so that a command that only looks
something up does not wait for the tools of a delivery.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from etlrunner import evidence, kept, seasons
from etlrunner import plan as plans
from etlrunner.errors import ChecksFailed, Held
from etlrunner.history import delivered as deliveries
from etlrunner.journal import Journal
from etlrunner.kept import run_folder
from etlrunner.lib import files
from etlrunner.model.changes import NOTHING_CHANGES, Figures, Hold
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
    journal.note(raw_rows={table.name: table.rows for table in result.raw.values()})
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
        journal.note(findings=_tally(stopped.findings))
        raise
    _note_counts(result, journal)


def _note_counts(result: Result, journal: Journal) -> None:
    journal.note(
        counts={name: table.counts for name, table in result.finished.items()},
        assigned_sha256=files.sha256(result.assigned) if result.assigned is not None else "",
    )


def check_tables(
    plan: Plan, result: Result, journal: Journal, services: Services, *, as_of: date
) -> None:
    """Repairs, then findings; one that is an error ends the run."""
    from etlrunner import check

    last = deliveries.read(delivered_folder(plan)) if plan.flow.merge_duplicates else None
    checked = check.check(
        plan.flow,
        plan.target,
        result.finished,
        result.folder,
        modules=plan.checks.values(),
        progress=services.progress,
        delivered=last.tables if last else None,
        raw=result.raw_paths(),
        as_of=as_of,
    )
    result.finished = checked.finished
    result.findings = checked.findings
    result.repairs = tuple(checked.repairs)
    evidence.keep_outcome(result.folder, result.raw, result.finished)
    journal.note(
        counts={name: table.counts for name, table in result.finished.items()},
        findings=_tally(result.findings),
        repairs=dict(Counter(repair.rule for repair in result.repairs)),
        touched=_touched(result.finished),
    )
    _refuse_errors(result.findings)


def hold_over(plan: Plan, result: Result, journal: Journal, *, day: date) -> None:
    """Who is gone from the source is sent once more as last known, as grace and season say."""
    result.last = deliveries.read(delivered_folder(plan))
    season = seasons.of(plan.flow, day)
    additive = season is not None and season.mode == "additive"
    if result.last is None or not (plan.flow.grace or additive):
        return
    from etlrunner import check, holdover
    from etlrunner.mapping import select

    mapped = plan.flow.mapping.tables
    result.held_over = holdover.hold_over(
        plan.target,
        result.finished,
        result.last.tables,
        holdover.read(state_folder(plan)),
        plan.flow.grace,
        day=day,
        additive=additive,
        folder=result.folder,
        mapped={name: one.columns for name, one in mapped.items()},
        left_out={name: select.left_out(plan.flow, one.source) for name, one in mapped.items()},
        unknown=_newly_left_out_and_gone(plan, result),
    )
    if not result.held_over.rows:
        return
    result.finished = result.held_over.finished
    journal.note(
        counts={name: table.counts for name, table in result.finished.items()},
        held_over=result.held_over.rows,
    )
    modules = plan.checks.values()
    again = check.look_again(plan.flow, plan.target, result.finished, modules, as_of=day)
    _refuse_errors(again)


def compare_tables(plan: Plan, result: Result, journal: Journal, *, day: date) -> None:
    """What the delivery would change, and its figures beside those of the last ones."""
    from etlrunner import compare, figures, guard

    last = result.last
    result.trail = trail(last)
    result.changes = compare.compare(
        plan.target,
        finished_paths(result),
        last.tables if last else None,
        last.run_id if last else None,
        result.held_over.keys if result.held_over else None,
        counted=result.trail[-1].rows if result.trail else None,
    )
    tables = result.changes.tables
    result.figures = figures.of(finished_paths(result), journal.record.id, day)
    _note_whose(plan, result)
    small = plan.flow.safeguards.small_change
    result.findings = (
        *result.findings,
        *guard.noticed(result.changes),
        *figures.jumps(result.figures, result.trail, small),
    )
    journal.note(
        changes={name: (one.added, one.changed, one.removed) for name, one in tables.items()},
        kinds={name: one.kinds for name, one in tables.items() if one.kinds},
        counters=result.figures.totals(),
        findings=_tally(result.findings),
        baseline=last.run_id if last else "",
    )


def _note_whose(plan: Plan, result: Result) -> None:
    """Whom the changes mean that are said each time: the keys lie with the run's findings."""
    from etlrunner import compare, findings_file, guard

    changes = result.changes.tables.values() if result.changes else ()
    path = result.folder / findings_file.NAME
    counts = [change.kinds.get(kind, 0) for change in changes for kind in guard.NOTICED]
    are_few = any(0 < count <= compare.MOST_TOLD for count in counts)
    if result.last is None or not are_few or not path.exists():
        return
    kept = result.held_over.keys if result.held_over else None
    lines = []
    for name, kind, ids in compare.whose(
        plan.target, finished_paths(result), result.last.tables, kept
    ):
        found = findings_file.rows(name, ids["id"], guard.rule_of(kind), None, "warn")
        lines.append(found.with_columns(ids["was"].alias("before")))
    findings_file.add(path, lines)


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


def guard_delivery(plan: Plan, result: Result, journal: Journal, *, day: date) -> None:
    """Nothing that a safeguard stops goes on: all or nothing. The same content as before may."""
    from etlrunner import figures, guard, scope

    assert result.changes is not None
    absent = _absent(plan, result)
    journal.note(scope=scope.of(plan.flow, absent))
    flow = seasons.in_force(plan.flow, day)
    result.holds = guard.lost(flow, result.changes, _newly_gone(plan, result, day))
    if not is_as_delivered(result):
        result.holds += guard.guard(
            flow,
            result.changes,
            result.finished,
            delivered_scope=result.last.scope if result.last else None,
            now=result.figures,
            trail=result.trail,
            absent=absent,
        )
        if result.older is not None:
            result.holds += (guard.older(result.changes, result.older),)
    elif stale := figures.stale(result.trail, day, flow.safeguards.stale_after):
        result.findings = (*result.findings, stale)
        journal.note(findings=_tally(result.findings))
    result.crosswalks = _propose(plan, result)
    if result.holds:
        raise Held(result.holds)


def guard_once_more(
    plan: Plan, result: Result, earlier: RunRecord, then: Mapping[str, Any]
) -> None:
    """An earlier archive is held whenever it would change anything: its roster is older than Apple's."""
    from etlrunner import guard, scope

    assert result.changes is not None
    if is_as_delivered(result):
        return
    holds = guard.guard(
        plan.flow,
        result.changes,
        {},  # what was rejected and repaired then was looked at then
        delivered_scope=None,
        now=result.figures,
        trail=result.trail,
    )
    wider = scope.wider(plan.flow, then)
    result.holds = (guard.older(result.changes, earlier), *wider, *holds)
    raise Held(result.holds)


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


def is_unchanged(result: Result) -> bool:
    """Whether Apple has exactly this already: nothing else of ours may have got there since."""
    return is_as_delivered(result) and not result.leftovers


def is_as_delivered(result: Result) -> bool:
    """Whether this is what was last proven to be there."""
    assert result.archive is not None
    return result.last is not None and result.last.content_hash == result.archive.content_hash


def unchanged_words(result: Result) -> str:
    """How a run ends that has nothing to send."""
    done = "nothing to do: Apple has exactly this already"
    stale = next((one for one in result.findings if one.rule == NOTHING_CHANGES), None)
    return f"{done}; {stale.message}: is it holidays?" if stale else done


def state_folder(plan: Plan) -> Path:
    """What this machine remembers of the flow."""
    return plan.project.state / plan.flow.name


def delivered_folder(plan: Plan) -> Path:
    """What was last delivered."""
    return state_folder(plan) / "delivered"


def _before(history: History, record: RunRecord) -> RunRecord | None:
    """The run of the flow before this one, plans included."""
    return next((run for run in history.runs(record.flow, limit=2) if run.id != record.id), None)


def _absent(plan: Plan, result: Result) -> Mapping[str, list[str]]:
    """People whom the flow leaves out by ids that the roster does not have, crosswalks applied."""
    from etlrunner import table
    from etlrunner.mapping import crosswalk

    people = {name: set(plan.flow.leave_out.get(name, ())) for name in ("students", "staff")}
    if "users" not in result.raw or not any(people.values()):
        return {}
    users = table.collect(table.scan(result.raw["users"].path).frame.select("sourcedId"))
    here = set(users["sourcedId"])
    if "users" in plan.flow.crosswalks:
        known = crosswalk.read(plan.flow.crosswalks["users"])
        here = {known.get(one, one) for one in here}
    return {name: sorted(ids - here) for name, ids in people.items()}


def _newly_left_out_and_gone(plan: Plan, result: Result) -> set[str]:
    """Tables of whose people somebody was delivered, is left out from today, and is not in the roster."""
    before = (result.last.scope.get("leave_out") or {}) if result.last else {}
    absent = _absent(plan, result)
    return {name for name, ids in absent.items() if set(ids) - set(before.get(name) or ())}


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


def _newly_gone(plan: Plan, result: Result, day: date) -> Mapping[str, int]:
    """What the source lost today; in an additive season that is what the season is for."""
    season = seasons.of(plan.flow, day)
    if result.held_over is None or (season is not None and season.mode == "additive"):
        return {}
    return result.held_over.newly_gone(day)


def _refuse_errors(findings: tuple[Finding, ...]) -> None:
    if any(finding.severity == "error" for finding in findings):
        raise ChecksFailed(findings)


def trail(last: deliveries.Delivered | None) -> tuple[Figures, ...]:
    """The figures of the last deliveries, oldest first."""
    from etlrunner import figures

    return tuple(figures.from_data(one) for one in last.trail) if last else ()


def _propose(plan: Plan, result: Result) -> Mapping[str, Path]:
    """Crosswalk files for a person to review, where ids look like others of the last delivery."""
    changes = result.changes.tables.values() if result.changes else ()
    if result.last is None or not any("rekeyed" in change.kinds for change in changes):
        return {}
    from etlrunner import propose

    return propose.propose(
        plan.target,
        plan.flow,
        finished_paths(result),
        result.last.tables,
        result.raw_paths(),
        result.folder / "crosswalks",
        result.held_over.keys if result.held_over else None,
    )


def _tally(findings: tuple[Finding, ...]) -> Mapping[str, Any]:
    tally: Counter[str] = Counter()
    for finding in findings:
        tally[finding.rule] += finding.count
    return dict(tally)
