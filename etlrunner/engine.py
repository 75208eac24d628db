"""Walks a flow through the stages of a run. Read this file first.

    load -> validate -> plan -> extract -> map -> check -> compare -> package -> guard -> deliver -> record

Each stage is a module of its own; this one only names them in order, hands on what they make, and sees
to it that a run leaves a record however it ends. Nothing is sent unless every stage before it succeeded.
"""

from __future__ import annotations

import contextlib
import shutil
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from etlrunner import evidence, kept, notify
from etlrunner import plan as plans
from etlrunner.config import secrets, validate
from etlrunner.config.project import Project
from etlrunner.errors import (
    Busy,
    ChecksFailed,
    EtlError,
    Held,
    LocalTrouble,
    SecretMissing,
    UsageError,
)
from etlrunner.history import delivered as deliveries
from etlrunner.history import pruning
from etlrunner.journal import Journal
from etlrunner.kept import Kept, run_folder
from etlrunner.lib import files, git
from etlrunner.model import (
    Archive,
    Changes,
    Clock,
    Figures,
    Finding,
    FinishedTable,
    Flow,
    Hold,
    RawTable,
    RunRecord,
)
from etlrunner.plan import Plan
from etlrunner.run import Request, Result, Services

if TYPE_CHECKING:
    from etlrunner.history.store import History


def run(project: Project, name: str, request: Request, services: Services) -> Result:
    """Run the flow `name` once and return what happened; the history has a row in any case."""
    try:
        plan = plans.make(project, name, request.sets, today=services.clock.now())
    except Exception as error:
        return _record_unplannable(project, name, request, services, error)
    services.history.mark_interrupted(plan.flow.name)
    previous = _last_told(services.history, plan.flow.name)
    result = _run_planned(plan, request, services)
    _tell(plan.project, plan.flow, previous, result)
    _prune(plan, services)
    return result


def approve(
    project: Project,
    run: str,
    *,
    by: str,
    because: str,
    services: Services,
    expected_hash: str = "",
) -> Result:
    """Deliver what a held run showed, and nothing else: bound to its content hash.

    Raises UsageError when that run is not held, was overtaken, or its archive is not what was shown.
    """
    history = services.history
    held = history.resolve_run(run)
    plan = plans.make(project, held.flow, today=services.clock.now())
    kept.to_approve(project, held, expected_hash, plan.flow.config_hash)
    request = Request(trigger="approve", scheduled_date=held.scheduled_date)
    result = _begin(plan, request, services)
    result.record = replace(result.record, approved_by=by, approved_because=because)
    lease = history.lease(plan.flow.name, owner=result.record.id, clock=services.clock)
    try:
        with lease as result.lease:  # once more: it may have been sent while we were asked
            held = history.resolve_run(held.id)
            ready = kept.to_approve(project, held, expected_hash, plan.flow.config_hash)
            _keep(plan, result, services, partial(_send_kept, kept=ready))
    except Busy as busy:
        _skip(result, services, busy)
    if result.exit_code == 0:
        history.save(replace(held, outcome="approved", message=f"sent as {result.record.id}"))
    _tell(plan.project, plan.flow, held, result)
    return result


# ---------------------------------------------------------------- the walk


def _run_planned(plan: Plan, request: Request, services: Services) -> Result:
    result = _begin(plan, request, services)
    try:
        with _lease(plan, request, result, services) as result.lease:
            unsent = _unsent(plan, request, services)
            walk = partial(_send_kept, kept=unsent) if unsent else partial(_walk, request=request)
            _keep(plan, result, services, walk)
    except Busy as busy:
        _skip(result, services, busy)
    return result


def _skip(result: Result, services: Services, busy: Busy) -> None:
    journal = Journal(result.record, result.folder, services.history, services.clock)
    journal.end_with(busy)
    result.record, result.error = journal.record, busy


def _keep(plan: Plan, result: Result, services: Services, stages: Any) -> None:
    """Go through the stages with a journal that ends however they end."""
    journal = Journal(result.record, result.folder, services.history, services.clock)
    try:
        stages(plan, result, journal, services)
    except BaseException as error:
        journal.end_with(error)
        result.error = error
        if not isinstance(error, EtlError | Exception | KeyboardInterrupt):
            raise
    finally:
        result.record = journal.record


def _walk(
    plan: Plan, result: Result, journal: Journal, services: Services, *, request: Request
) -> None:
    _check_secrets(plan, request)
    as_of = local_date(plan.flow, request, services.clock)
    evidence.keep_configuration(plan.project, plan.flow, result.folder, as_of, request.sets)
    with journal.stage("extract"):
        result.raw = _extract(plan, result.folder, services, journal)
        journal.note(raw_rows={table.name: table.rows for table in result.raw.values()})
        _hold_empty(result)
        _remember(plan, result)
    with journal.stage("map"):
        result.finished = _map(plan, result, as_of, services)
        journal.note(
            counts={name: table.counts for name, table in result.finished.items()},
            assigned_sha256=_fingerprint(result.assigned),
        )
    with journal.stage("check"):
        _check(plan, result, services)
        evidence.keep_outcome(result.folder, result.raw, result.finished)
        journal.note(
            counts={name: table.counts for name, table in result.finished.items()},
            findings=_tally(result.findings),
            repairs=dict(Counter(repair.rule for repair in result.repairs)),
            touched=_touched(result.finished),
        )
    _refuse_errors(result)
    with journal.stage("compare"):
        last = deliveries.read(_delivered_folder(plan))
        result.changes = _compare(plan, result, last)
        journal.note(
            changes=_change_counts(result.changes),
            kinds={name: one.kinds for name, one in result.changes.tables.items() if one.kinds},
            baseline=last.run_id if last else "",
        )
        result.trail = _trail(last)
        result.figures = _figures(plan, journal.record, _paths(result), services)
        result.findings = (*result.findings, *_jumps(plan, result.figures, result.trail))
        journal.note(counters=result.figures.totals(), findings=_tally(result.findings))
    with journal.stage("package"):
        result.archive = _package(plan, result)
        journal.note(**_archive_fields(result.archive))
    with journal.stage("guard"):
        unchanged = last is not None and last.content_hash == result.archive.content_hash
        journal.note(scope=_scope(plan.flow))
        if not unchanged:
            _guard(plan, result, last)
    if not request.deliver:
        journal.end("planned", 0, "nothing was sent: this was a plan")
    elif unchanged:
        journal.end("unchanged", 0, "nothing to do: Apple has exactly this already")
    else:
        _deliver(plan, result, journal, services, _paths(result), result.assigned)


def _send_kept(
    plan: Plan,
    result: Result,
    journal: Journal,
    services: Services,
    *,
    kept: Kept,
) -> None:
    """Send the archive of an earlier run: the same bytes under the same name."""
    _check_secrets(plan, Request())
    result.archive = kept.archive
    journal.note(**kept.facts())
    _deliver(plan, result, journal, services, kept.finished(), kept.assigned)


# ---------------------------------------------------------------- one function per stage


def _extract(
    plan: Plan, folder: Path, services: Services, journal: Journal
) -> Mapping[str, RawTable]:
    from etlrunner import pull

    before = _before(services.history, journal.record)
    now, known = services.clock.now(), plan.flow.config_hash
    is_resumed = before is not None and pull.broke_off(before, known, now)
    earlier = run_folder(plan.project, before) if before is not None and is_resumed else None
    return pull.pull(plan, folder, services, journal, earlier)


def _hold_empty(result: Result) -> None:
    """A table without a row is never normal in a roster: somebody has to look."""
    empty = [name for name, table in result.raw.items() if table.rows == 0]
    if empty:
        raise Held(
            Hold("empty_table", f"the source sent no {name} at all", table=name, value="0")
            for name in empty
        )


def _remember(plan: Plan, result: Result) -> None:
    """The memory of numbered values lies with what was pulled: later the run can be mapped again."""
    memory = deliveries.assigned(_delivered_folder(plan))
    if memory is not None:
        with files.placing(result.folder / "raw" / memory.name) as beside:
            shutil.copyfile(memory, beside)


def _map(
    plan: Plan, result: Result, as_of: date, services: Services
) -> Mapping[str, FinishedTable]:
    from etlrunner.mapping import apply

    return apply.map_tables(
        plan.flow,
        result.raw_paths(),
        result.folder,
        as_of=as_of,
        resolve=plans.transform,
        progress=services.progress,
    )


def _check(plan: Plan, result: Result, services: Services) -> None:
    from etlrunner import check

    last = deliveries.read(_delivered_folder(plan)) if plan.flow.merge_duplicates else None
    checked = check.check(
        plan.flow,
        plan.target,
        result.finished,
        result.folder,
        modules=plan.checks.values(),
        progress=services.progress,
        delivered=last.tables if last else None,
        raw={name: table.path for name, table in result.raw.items()},
    )
    result.finished = checked.finished
    result.findings = checked.findings
    result.repairs = tuple(checked.repairs)


def _refuse_errors(result: Result) -> None:
    if any(finding.severity == "error" for finding in result.findings):
        raise ChecksFailed(result.findings)


def _compare(plan: Plan, result: Result, last: deliveries.Delivered | None) -> Changes:
    from etlrunner import compare

    return compare.compare(
        plan.target,
        {name: table.path for name, table in result.finished.items()},
        last.tables if last else None,
        last.run_id if last else None,
    )


def _package(plan: Plan, result: Result) -> Archive:
    from etlrunner import package

    finished = {name: table.path for name, table in result.finished.items()}
    return package.package(plan.target, finished, result.folder / "roster.zip")


def _scope(flow: Flow) -> Mapping[str, Any]:
    from etlrunner import guard

    return guard.scope_of(flow)


def _trail(last: deliveries.Delivered | None) -> tuple[Figures, ...]:
    """The figures of the last deliveries, oldest first."""
    from etlrunner import figures

    return tuple(figures.from_data(one) for one in last.trail) if last else ()


def _figures(
    plan: Plan, record: RunRecord, finished: Mapping[str, Path], services: Services
) -> Figures:
    from etlrunner import figures

    day = local_date(plan.flow, Request(), services.clock)
    return figures.of(finished, record.id, day)


def _jumps(plan: Plan, now: Figures, trail: tuple[Figures, ...]) -> tuple[Finding, ...]:
    from etlrunner import figures

    return tuple(figures.jumps(now, trail, plan.flow.safeguards.small_change))


def _guard(plan: Plan, result: Result, last: deliveries.Delivered | None) -> None:
    from etlrunner import guard

    assert result.changes is not None
    result.holds = guard.guard(
        plan.flow,
        result.changes,
        result.finished,
        delivered_scope=last.scope if last else None,
        now=result.figures,
        trail=result.trail,
    )
    if result.holds:
        result.crosswalks = _propose(plan, result, last)
        raise Held(result.holds)


def _propose(plan: Plan, result: Result, last: deliveries.Delivered | None) -> Mapping[str, Path]:
    """Crosswalk files for a person to review, where ids look like others of the last delivery."""
    changes = result.changes.tables.values() if result.changes else ()
    if last is None or not any("rekeyed" in change.kinds for change in changes):
        return {}
    from etlrunner import propose

    raw = {name: table.path for name, table in result.raw.items()}
    folder = result.folder / "crosswalks"
    return propose.propose(plan.target, plan.flow, _paths(result), last.tables, raw, folder)


def _deliver(
    plan: Plan,
    result: Result,
    journal: Journal,
    services: Services,
    finished: Mapping[str, Path],
    assigned: Path | None,
) -> None:
    from etlrunner import deliver

    assert result.archive is not None
    archive = result.archive
    with journal.stage("deliver"):  # in the history before the first byte leaves
        options = secrets.fill(plan.flow.sink.options, plan.project)
        if result.lease is not None:
            result.lease.check()  # another machine may have taken over after a long pause
        result.receipt = deliver.deliver(
            plan.sink.connect,
            options,
            archive,
            _remote_name(plan.flow, journal.record),
            clock=services.clock,
            progress=services.progress,
        )
        journal.note(receipt=result.receipt)
    with journal.stage("record"):
        _promote(plan, journal, archive, finished, assigned, services)
    rows = sum(archive.rows.values())
    journal.end("delivered", 0, f"delivered {rows:,} rows in {len(archive.rows)} files")


def _promote(
    plan: Plan,
    journal: Journal,
    archive: Archive,
    finished: Mapping[str, Path],
    assigned: Path | None,
    services: Services,
) -> None:
    """Make this delivery the one that the next is compared with, and numbers from."""
    from etlrunner import figures

    folder = _delivered_folder(plan)
    now = _figures(plan, journal.record, finished, services)
    try:
        trail = figures.extended(
            _trail(deliveries.read(folder)), now, approved=bool(journal.record.approved_by)
        )
        deliveries.promote(
            folder,
            journal.record.id,
            finished,
            archive.content_hash,
            journal.record.scope,
            rows=archive.rows,
            trail=[figures.as_data(one) for one in trail],
            memory=assigned,
        )
    except LocalTrouble as error:
        raise LocalTrouble(
            f"the archive was delivered, but this machine could not note it: {error.message}",
            hint="the next run compares with the delivery before; it is safe to run it",
        ) from error


# ---------------------------------------------------------------- beginnings and ends


def _begin(plan: Plan, request: Request, services: Services) -> Result:
    flow = plan.flow
    today = local_date(flow, replace(request, as_of=None), services.clock)
    run_id = services.history.new_run_id(flow.name, request.scheduled_date or today)
    record = RunRecord(
        id=run_id,
        flow=flow.name,
        trigger=request.trigger if request.deliver else "plan",
        started=services.clock.now(),
        timezone=flow.schedule.timezone if flow.schedule else "UTC",
        scheduled_date=request.scheduled_date,
        config_hash=flow.config_hash,
        git_commit=git.head(plan.project.root),
        attempt=request.attempt,
        source_file=request.source_file,
    )
    return Result(record=record, folder=run_folder(plan.project, record), plan=plan)


def _record_unplannable(
    project: Project, name: str, request: Request, services: Services, error: Exception
) -> Result:
    """A flow that cannot be planned still leaves a row: nobody may find out weeks later."""
    if isinstance(error, UsageError) or not request.deliver:
        raise error
    clock, flow = services.clock, Path(name).stem
    day = request.scheduled_date or clock.now().date()
    record = RunRecord(
        id=services.history.new_run_id(flow, day),
        flow=flow,
        trigger=request.trigger,
        started=clock.now(),
        scheduled_date=request.scheduled_date,
        stage="validate",
        git_commit=git.head(project.root),
        attempt=request.attempt,
        source_file=request.source_file,
    )
    previous = _last_told(services.history, flow)
    folder = run_folder(project, record)
    journal = Journal(record, folder, services.history, clock)
    journal.end_with(error)
    result = Result(record=journal.record, folder=folder, error=error)
    _tell(project, _but_for_expiry(project, name, request), previous, result)
    return result


def _but_for_expiry(project: Project, name: str, request: Request) -> Flow | None:
    """The flow as it was before something in it expired: it says whom to tell. None if it is broken."""
    try:
        return validate.read_flow(project, name, request.sets, today=validate.BEFORE_ANY_EXPIRY)
    except EtlError:
        return None


def _lease(
    plan: Plan, request: Request, result: Result, services: Services
) -> AbstractContextManager[Any]:
    """One delivering run per flow; a plan disturbs nobody."""
    if not request.deliver:
        return nullcontext()
    return services.history.lease(plan.flow.name, owner=result.record.id, clock=services.clock)


def _tell(project: Project, flow: Flow | None, previous: RunRecord | None, result: Result) -> None:
    """Tell whoever wants to know; a dead mail server is logged and fails nothing."""
    if result.record.trigger == "plan":
        return
    for trouble in notify.notify(flow, result.record, previous, project=project):
        with files.appending(result.folder / "notify.txt") as handle:
            handle.write(trouble + "\n")


def _unsent(plan: Plan, request: Request, services: Services) -> Kept | None:
    """What a retry sends again: the attempt before, if only its delivery failed."""
    if request.trigger != "retry" or not request.deliver:
        return None
    before = _last_real_run(services.history, plan.flow.name)
    if before is None or before.scheduled_date != request.scheduled_date:
        return None
    return kept.unsent(plan.project, before, plan.flow.config_hash)


def _prune(plan: Plan, services: Services) -> None:
    """Rows of pupils go after `keep_rows`, counts after `keep`; trouble with that fails no run."""
    runs = plan.project.state / plan.flow.name / "runs"
    with contextlib.suppress(LocalTrouble):
        now = services.clock.now()
        pruning.prune(services.history, plan.flow.name, runs, plan.flow.history, now=now)


def _check_secrets(plan: Plan, request: Request) -> None:
    """Name every missing secret before the source is asked for anything."""
    wanted = plan.secrets if request.deliver else secrets.references(plan.flow.source.options)
    missing = secrets.missing(wanted, plan.project)
    if missing:
        raise SecretMissing(missing)


# ---------------------------------------------------------------- small things


def local_date(flow: Flow, request: Request, clock: Clock) -> date:
    """The run's local date: what enrollments and terms are held against."""
    if request.as_of:
        return request.as_of
    zone = ZoneInfo(flow.schedule.timezone if flow.schedule else "UTC")
    return clock.now().astimezone(zone).date()


def _last_real_run(history: History, flow: str) -> RunRecord | None:
    """The last run that could have delivered; plans do not count."""
    return next((run for run in history.runs(flow, limit=50) if run.trigger != "plan"), None)


def _before(history: History, record: RunRecord) -> RunRecord | None:
    """The run of the flow before this one, plans included."""
    return next((run for run in history.runs(record.flow, limit=2) if run.id != record.id), None)


def _last_told(history: History, flow: str) -> RunRecord | None:
    """The last run that said something about the flow's state: not one that was busy or cut off."""
    return next((run for run in history.runs(flow, limit=50) if notify.state_of(run)), None)


def _delivered_folder(plan: Plan) -> Path:
    return plan.project.state / plan.flow.name / "delivered"


def _remote_name(flow: Flow, record: RunRecord) -> str:
    """The name at the server: the same for every attempt of the same content."""
    chosen = flow.sink.options.get("file_name")
    return str(chosen) if chosen else f"{flow.name}-{record.content_hash[:12]}.zip"


def _paths(result: Result) -> Mapping[str, Path]:
    return {name: table.path for name, table in result.finished.items()}


def _fingerprint(path: Path | None) -> str:
    return files.sha256(path) if path is not None else ""


def _archive_fields(archive: Archive) -> Mapping[str, Any]:
    return {
        "content_hash": archive.content_hash,
        "archive_sha256": archive.sha256,
        "archive_size": archive.size,
    }


def _change_counts(changes: Changes) -> Mapping[str, tuple[int, int, int]]:
    return {
        name: (table.added, table.changed, table.removed) for name, table in changes.tables.items()
    }


def _touched(finished: Mapping[str, FinishedTable]) -> Mapping[str, Mapping[str, int]]:
    """Cells that rules emptied or cut, by verdict and rule."""
    found: dict[str, Counter[str]] = {}
    for one in (one for table in finished.values() for one in table.touched):
        found.setdefault(one.verdict, Counter())[one.rule] += one.count
    return {verdict: dict(rules) for verdict, rules in found.items()}


def _tally(findings: tuple[Finding, ...]) -> Mapping[str, int]:
    tally: Counter[str] = Counter()
    for finding in findings:
        tally[finding.rule] += finding.count
    return dict(tally)
