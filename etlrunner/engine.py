"""Walks a flow through the stages of a run. Read this file first.

    load -> validate -> plan -> extract -> map -> check -> compare -> package -> guard -> deliver -> record

Each stage is a module of its own; this one only names them in order, hands on what they make, and sees
to it that a run leaves a record however it ends. Nothing is sent unless every stage before it succeeded.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etlrunner import delivery, evidence, kept, notify, safety, seasons, settle, stages
from etlrunner import plan as plans
from etlrunner.config import secrets, validate
from etlrunner.config.project import Project
from etlrunner.errors import (
    Busy,
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
from etlrunner.lib import files, git, stop
from etlrunner.lib.clock import Steadiness
from etlrunner.model.flow import Flow
from etlrunner.model.run import RunRecord
from etlrunner.plan import Plan
from etlrunner.run import Request, Result, Services

if TYPE_CHECKING:
    from etlrunner.history.store import History

Stages = Callable[[Plan, Result, Journal, Services], None]


def run(project: Project, name: str, request: Request, services: Services) -> Result:
    """Run the flow `name` once and return what happened; the history has a row in any case."""
    steadiness = Steadiness(services.clock)
    try:
        plan = plans.make(project, name, request.sets, today=services.clock.now())
    except (Exception, KeyboardInterrupt) as error:
        return _record_unplannable(project, name, request, services, error)
    services.history.mark_interrupted(plan.flow.name)
    if request.roster_of:
        earlier = services.history.resolve_run(request.roster_of)
        kept.roster(project, earlier, plan.flow.name, plan.raw_tables)
    previous = _last_told(services.history, plan.flow.name)
    result = _run_planned(plan, request, services)
    _tell(plan.project, plan.flow, previous, result)
    if not steadiness.was_set():  # else everything might look old
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

    Raises UsageError when that run is not held, was overtaken, or its archive is not what was shown;
    and in a season that pauses deliveries.
    """
    history = services.history
    held, plan, ready = _to_approve(project, run, services, expected_hash)
    request = Request(trigger="approve", scheduled_date=held.scheduled_date)
    result = _begin(plan, request, services)
    result.record = replace(result.record, approved_by=by, approved_because=because)
    _send_earlier(plan, result, services, held, ready, _send_kept)
    if result.exit_code == 0:
        settle.close_held(history, result.record, held.id)
    _tell(plan.project, plan.flow, held, result)
    return result


def refuse_approval(project: Project, run: str, *, services: Services, expected_hash: str) -> None:
    """Raise UsageError where `approve` would, so that nobody is asked about what cannot be sent."""
    _to_approve(project, run, services, expected_hash)


def _to_approve(
    project: Project, run: str, services: Services, expected_hash: str
) -> tuple[RunRecord, Plan, Callable[[RunRecord], Kept]]:
    """The held run, its plan as the configuration is now, and the look to be taken once more before it is sent."""
    history = services.history
    held = history.resolve_run(run)
    history.mark_interrupted(held.flow)
    plan = plans.make(project, held.flow, today=services.clock.now())
    _refuse_in_a_pause(plan, services)
    ready = partial(
        kept.to_approve,
        project,
        flow=plan.flow,
        expected_hash=expected_hash,
        history=history,
        clock=services.clock,
    )
    ready(held)
    return held, plan, ready


def resend(project: Project, run: str, *, by: str, because: str, services: Services) -> Result:
    """Deliver an earlier delivery's archive once more, its bytes unchanged.

    If Apple has something else by now, the result is held: an older upload deactivates everybody who
    came since, so that it needs an approval like any other. Raises UsageError when that run was never
    delivered, or its archive is not what was sent; and in a season that pauses deliveries.
    """
    history = services.history
    sent = history.resolve_run(run)
    history.mark_interrupted(sent.flow)
    plan = plans.make(project, sent.flow, today=services.clock.now())
    _refuse_in_a_pause(plan, services)
    ready = partial(kept.to_resend, project)
    ready(sent)
    previous = _last_told(history, sent.flow)
    result = _begin(plan, Request(trigger="resend"), services)
    result.record = replace(result.record, approved_by=by, approved_because=because)
    _send_earlier(plan, result, services, sent, ready, _send_once_more)
    _tell(plan.project, plan.flow, previous, result)
    return result


def _send_earlier(
    plan: Plan,
    result: Result,
    services: Services,
    earlier: RunRecord,
    ready: Callable[[RunRecord], Kept],
    send: Callable[..., None],
) -> None:
    """Be the one run of the flow, settle what is open, look at the earlier run once more, and send it."""
    lease = services.history.lease(plan.flow.name, owner=result.record.id, clock=services.clock)
    try:
        with lease as result.lease:  # it may have been sent while we were asked
            _settle(plan, result, services, sends=earlier.archive_sha256)
            again = ready(services.history.resolve_run(earlier.id))
            _keep(plan, result, services, partial(send, kept=again))
    except Busy as busy:
        _skip(result, services, busy)


# ---------------------------------------------------------------- the walk


def _run_planned(plan: Plan, request: Request, services: Services) -> Result:
    result = _begin(plan, request, services)
    try:
        with _lease(plan, request, result, services) as result.lease:
            _keep(plan, result, services, _settled(plan, result, request, services))
    except Busy as busy:
        _skip(result, services, busy)
    return result


def _settled(plan: Plan, result: Result, request: Request, services: Services) -> Stages:
    """Settle what the run before left open; then what is to be done. A retry may be just that."""
    if not request.deliver:
        return partial(_walk, request=request)
    unsent = _unsent(plan, request, services)
    try:
        _settle(plan, result, services, sends=unsent.archive.sha256 if unsent else "")
    except BaseException as error:
        return partial(_end_at_once, error=error)  # with a row of its own
    if unsent and _unsent(plan, request, services):  # else it was found to be there
        result.record = _approved_as(result.record, unsent.run)
        return partial(_send_retried, kept=unsent)
    return partial(_walk, request=request)


def _end_at_once(
    plan: Plan, result: Result, journal: Journal, services: Services, *, error: BaseException
) -> None:
    raise error


def _settle(plan: Plan, result: Result, services: Services, *, sends: str) -> None:
    """Whatever was sent before has a known end when this returns, or this run is about to send it.

    Raises what ended the attempt: nothing else is sent while it is not known what is at the server.
    """
    day = stages.local_date(plan.flow, Request(), services.clock)
    found = settle.settle(plan, services, day)
    if found is None or found.kept is None or found.record.archive_sha256 == sends:
        result.leftovers = settle.leftovers(services.history, plan.flow.name)
        return
    before = found.record
    request = Request(
        trigger="retry",
        scheduled_date=before.scheduled_date,
        attempt=before.attempt + 1,
        source_file=before.source_file,
    )
    again = _begin(plan, request, services)
    again.record = _approved_as(again.record, before)
    again.lease = result.lease
    _keep(plan, again, services, partial(_send_retried, kept=found.kept))
    if again.error is not None:
        raise again.error


def _approved_as(record: RunRecord, before: RunRecord) -> RunRecord:
    """Whoever let the first attempt go let these bytes go: the next attempt says so too."""
    return replace(record, approved_by=before.approved_by, approved_because=before.approved_because)


def _skip(result: Result, services: Services, busy: Busy) -> None:
    journal = Journal(result.record, result.folder, services.history, services.clock)
    journal.end_with(busy)
    result.record, result.error = journal.record, busy


def _keep(plan: Plan, result: Result, services: Services, stages: Stages) -> None:
    """Go through the stages with a journal that ends however they end."""
    journal = Journal(result.record, result.folder, services.history, services.clock)
    try:
        stages(plan, result, journal, services)
    except BaseException as error:
        result.error = stop.meant(error)
        journal.end_with(result.error)
        if isinstance(error, Held):
            result.held_since = _held_since(services.history, journal.record)
        if not isinstance(result.error, Exception | KeyboardInterrupt):
            raise
    finally:
        result.record = journal.record


def _walk(
    plan: Plan, result: Result, journal: Journal, services: Services, *, request: Request
) -> None:
    _check_secrets(plan, request)
    day = stages.local_date(plan.flow, request, services.clock)
    season = seasons.of(plan.flow, day)
    journal.note(season=season.name if season else "")
    if request.deliver and (pause := seasons.pause(plan.flow, day)):
        journal.end("paused", 0, f"nothing was sent: {seasons.told(pause)}")
        return
    evidence.keep_configuration(plan.project, plan.flow, result.folder, day, request.sets)
    with journal.stage("extract"):
        if request.roster_of:
            earlier = services.history.resolve_run(request.roster_of)
            stages.take_roster(plan, result, journal, services.history, earlier)
        else:
            stages.extract_roster(plan, result, journal, services)
    with journal.stage("map"):
        stages.map_roster(plan, result, journal, services, as_of=day)
    with journal.stage("check"):
        stages.mend_tables(plan, result, journal, services, as_of=day)
        safety.hold_over(plan, result, journal, day=day)
        stages.judge_tables(plan, result, journal, services, as_of=day)
    result.unproven = settle.unproven(plan, services.history, day)
    with journal.stage("compare"):
        safety.compare_tables(plan, result, journal, day=day)
    with journal.stage("package"):
        stages.package_archive(plan, result, journal)
    with journal.stage("guard"):
        safety.guard_delivery(plan, result, journal, day=day)
    if not request.deliver:
        journal.end("planned", 0, "nothing was sent: this was a plan")
    elif safety.is_unchanged(result):
        delivery.settle_grace(plan, journal.record, services.history, result.folder)
        journal.end("unchanged", 0, safety.unchanged_words(result))
    else:
        finished = stages.finished_paths(result)
        delivery.deliver_archive(
            plan, result, journal, services, finished=finished, assigned=result.assigned
        )


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
    delivery.deliver_archive(
        plan, result, journal, services, finished=kept.finished(), assigned=kept.assigned
    )


def _send_retried(
    plan: Plan,
    result: Result,
    journal: Journal,
    services: Services,
    *,
    kept: Kept,
) -> None:
    """Send them again; a held run whose approval failed to arrive is not held any more."""
    _send_kept(plan, result, journal, services, kept=kept)
    settle.close_held(services.history, journal.record)


def _send_once_more(
    plan: Plan,
    result: Result,
    journal: Journal,
    services: Services,
    *,
    kept: Kept,
) -> None:
    """As an approval does, but for the safeguards: what Apple has now is the other side."""
    _check_secrets(plan, Request())
    day = stages.local_date(plan.flow, Request(), services.clock)
    journal.note(**{**kept.facts(), "config_hash": plan.flow.config_hash})
    result.archive, result.finished = kept.archive, kept.as_tables()
    result.last = deliveries.read(stages.delivered_folder(plan))
    result.unproven = settle.unproven(plan, services.history, day)
    with journal.stage("compare"):
        safety.compare_tables(plan, result, journal, day=day)
    with journal.stage("guard"):
        safety.guard_once_more(plan, result, kept.run, journal.record.scope)
    delivery.deliver_archive(
        plan, result, journal, services, finished=kept.finished(), assigned=kept.assigned
    )


# ---------------------------------------------------------------- beginnings and ends


def _begin(plan: Plan, request: Request, services: Services) -> Result:
    flow = plan.flow
    today = stages.local_date(flow, replace(request, as_of=None), services.clock)
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
    project: Project, name: str, request: Request, services: Services, error: BaseException
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
    """Tell whoever wants to know; a dead mail server fails nothing, and is on the screen and in the history."""
    if result.record.trigger == "plan":
        return
    result.untold = tuple(notify.notify(flow, result.record, previous, project=project))
    if result.untold:
        with files.appending(result.folder / notify.UNTOLD) as handle:
            handle.write("".join(f"{trouble}\n" for trouble in result.untold))


def _unsent(plan: Plan, request: Request, services: Services) -> Kept | None:
    """What a retry sends again: the attempt before, if only its delivery failed; nothing in a pause."""
    if request.trigger != "retry" or not request.deliver:
        return None
    if seasons.pause(plan.flow, stages.local_date(plan.flow, request, services.clock)):
        return None
    before = _last_real_run(services.history, plan.flow.name)
    if before is None or before.scheduled_date != request.scheduled_date:
        return None
    return kept.unsent(plan.project, before, plan.flow.config_hash)


def _refuse_in_a_pause(plan: Plan, services: Services) -> None:
    pause = seasons.pause(plan.flow, stages.local_date(plan.flow, Request(), services.clock))
    if pause is not None:
        raise UsageError(
            f"{seasons.told(pause)}: not sent",
            hint=f"wait, or end season '{pause.name}' in the flow",
        )


def _prune(plan: Plan, services: Services) -> None:
    """Rows of pupils go after `keep_rows`, counts after `keep`; trouble with that fails no run."""
    runs = plan.project.state / plan.flow.name / "runs"
    with contextlib.suppress(LocalTrouble):
        now = services.clock.now()
        pruning.prune(services.history, plan.flow.name, runs, plan.flow.history, now=now)


def _check_secrets(plan: Plan, request: Request) -> None:
    """Name every missing secret before the source is asked for anything."""
    wanted = plan.secrets if request.deliver else plans.pulled_with(plan.flow)
    if request.roster_of:
        wanted = secrets.references(plan.flow.sink.options)
    missing = secrets.missing(wanted, plan.project)
    if missing:
        raise SecretMissing(missing, plan.flow.name)


# ---------------------------------------------------------------- small things


def _last_real_run(history: History, flow: str) -> RunRecord | None:
    """The last run that could have delivered; plans do not count."""
    return next((run for run in history.runs(flow, limit=50) if run.trigger != "plan"), None)


def _last_told(history: History, flow: str) -> RunRecord | None:
    """The last run that said something about the flow's state: not one that was busy or cut off."""
    return next((run for run in history.runs(flow, limit=50) if notify.state_of(run)), None)


def _held_since(history: History, held: RunRecord) -> RunRecord | None:
    """The run that was first held for one of these reasons, if nothing has gone well since."""
    first = None
    for run in history.runs(held.flow, limit=100):
        if run.outcome in ("delivered", "unchanged", "imported"):
            break
        if run.trigger != "plan" and run.id != held.id and set(run.held_by) & set(held.held_by):
            first = run
    return first
