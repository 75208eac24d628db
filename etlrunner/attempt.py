"""One attempt to run a flow or to send something: how it begins, what is kept of it, and who is told.

However an attempt ends, it leaves a record; whoever has to know is told, but for plans.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from etlrunner import notify, seasons, stages
from etlrunner import plan as plans
from etlrunner.config import secrets
from etlrunner.config.project import Project
from etlrunner.errors import Busy, Held, SecretMissing, UsageError
from etlrunner.journal import Journal
from etlrunner.kept import run_folder
from etlrunner.lib import files, git, stop
from etlrunner.model.flow import Flow
from etlrunner.model.run import RunRecord
from etlrunner.plan import Plan
from etlrunner.run import Request, Result, Services

if TYPE_CHECKING:
    from etlrunner.history.store import History

Stages = Callable[[Plan, Result, Journal, Services], None]


def begin(plan: Plan, request: Request, services: Services) -> Result:
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


def keep(plan: Plan, result: Result, services: Services, stages: Stages) -> None:
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


def skip(result: Result, services: Services, busy: Busy) -> None:
    journal = Journal(result.record, result.folder, services.history, services.clock)
    journal.end_with(busy)
    result.record, result.error = journal.record, busy


def tell(project: Project, flow: Flow | None, previous: RunRecord | None, result: Result) -> None:
    """Tell whoever wants to know; a dead mail server fails nothing, and is on the screen and in the history."""
    if result.record.trigger == "plan":
        return
    result.untold = tuple(notify.notify(flow, result.record, previous, project=project))
    if result.untold:
        with files.appending(result.folder / notify.UNTOLD) as handle:
            handle.write("".join(f"{trouble}\n" for trouble in result.untold))


def refuse_in_a_pause(plan: Plan, services: Services) -> None:
    pause = seasons.pause(plan.flow, stages.local_date(plan.flow, Request(), services.clock))
    if pause is not None:
        raise UsageError(
            f"{seasons.told(pause)}: not sent",
            hint=f"wait, or end season '{pause.name}' in the flow",
        )


def check_secrets(plan: Plan, request: Request) -> None:
    """Name every missing secret before the source is asked for anything."""
    wanted = plan.secrets if request.deliver else plans.pulled_with(plan.flow)
    if request.roster_of:
        wanted = secrets.references(plan.flow.sink.options)
    missing = secrets.missing(wanted, plan.project)
    if missing:
        raise SecretMissing(missing, plan.flow.name)


def last_told(history: History, flow: str) -> RunRecord | None:
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
