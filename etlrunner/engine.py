"""Walks a flow through the stages of a run. Read this file first.

    load -> validate -> plan -> extract -> map -> check -> compare -> package -> guard -> deliver -> record

Each stage is a module of its own; this one only names them in order, hands on what they make, and sees
to it that a run leaves a record however it ends. Nothing is sent unless every stage before it succeeded.
"""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from etlrunner import attempt, delivery, earlier, evidence, kept, safety, seasons, settle, stages
from etlrunner import plan as plans
from etlrunner.config import validate
from etlrunner.config.project import Project
from etlrunner.errors import (
    Busy,
    EtlError,
    LocalTrouble,
    UsageError,
)
from etlrunner.history import pruning
from etlrunner.journal import Journal
from etlrunner.kept import run_folder
from etlrunner.lib import git
from etlrunner.lib.clock import Steadiness
from etlrunner.model.flow import Flow
from etlrunner.model.run import RunRecord
from etlrunner.plan import Plan
from etlrunner.run import Request, Result, Services


def run(project: Project, name: str, request: Request, services: Services) -> Result:
    """Run the flow `name` once and return what happened; the history has a row in any case."""
    steadiness = Steadiness(services.clock)
    try:
        plan = plans.make(project, name, request.sets, today=services.clock.now())
    except (Exception, KeyboardInterrupt) as error:
        return _record_unplannable(project, name, request, services, error)
    services.history.mark_interrupted(plan.flow.name)
    if request.roster_of:
        pulled = services.history.resolve_run(request.roster_of)
        kept.roster(project, pulled, plan.flow.name, plan.raw_tables)
    previous = attempt.last_told(services.history, plan.flow.name)
    result = _run_planned(plan, request, services)
    attempt.tell(plan.project, plan.flow, previous, result)
    if not steadiness.was_set():  # else everything might look old
        _prune(plan, services)
    return result


# ---------------------------------------------------------------- the walk


def _run_planned(plan: Plan, request: Request, services: Services) -> Result:
    result = attempt.begin(plan, request, services)
    try:
        with _lease(plan, request, result, services) as result.lease:
            attempt.keep(plan, result, services, _settled(plan, result, request, services))
    except Busy as busy:
        attempt.skip(result, services, busy)
    return result


def _settled(plan: Plan, result: Result, request: Request, services: Services) -> attempt.Stages:
    """Settle what the run before left open; then what is to be done. A retry may be just that."""
    if not request.deliver:
        return partial(_walk, request=request)
    unsent = earlier.unsent(plan, request, services)
    try:
        earlier.settle_before(plan, result, services, sends=unsent.archive.sha256 if unsent else "")
    except BaseException as error:
        return partial(_end_at_once, error=error)  # with a row of its own
    if unsent and earlier.unsent(plan, request, services):  # else it was found to be there
        result.record = earlier.approved_as(result.record, unsent.run)
        return partial(earlier.send_retried, kept=unsent)
    return partial(_walk, request=request)


def _end_at_once(
    plan: Plan, result: Result, journal: Journal, services: Services, *, error: BaseException
) -> None:
    raise error


def _walk(
    plan: Plan, result: Result, journal: Journal, services: Services, *, request: Request
) -> None:
    attempt.check_secrets(plan, request)
    day = stages.local_date(plan.flow, request, services.clock)
    season = seasons.of(plan.flow, day)
    journal.note(season=season.name if season else "")
    if request.deliver and (pause := seasons.pause(plan.flow, day)):
        journal.end("paused", 0, f"nothing was sent: {seasons.told(pause)}")
        return
    evidence.keep_configuration(plan.project, plan.flow, result.folder, day, request.sets)
    with journal.stage("extract"):
        if request.roster_of:
            pulled = services.history.resolve_run(request.roster_of)
            stages.take_roster(plan, result, journal, services.history, pulled)
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
    previous = attempt.last_told(services.history, flow)
    folder = run_folder(project, record)
    journal = Journal(record, folder, services.history, clock)
    journal.end_with(error)
    result = Result(record=journal.record, folder=folder, error=error)
    attempt.tell(project, _but_for_expiry(project, name, request), previous, result)
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


def _prune(plan: Plan, services: Services) -> None:
    """Rows of pupils go after `keep_rows`, counts after `keep`; trouble with that fails no run."""
    runs = plan.project.state / plan.flow.name / "runs"
    with contextlib.suppress(LocalTrouble):
        now = services.clock.now()
        pruning.prune(services.history, plan.flow.name, runs, plan.flow.history, now=now)
