"""Between the schedule and the engine: how a flow that is due is read and run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING

from etlrunner.cli import screen
from etlrunner.config.project import Project
from etlrunner.errors import EtlError, most_serious
from etlrunner.model import Flow, RunRecord
from etlrunner.run import Services

if TYPE_CHECKING:
    from etlrunner.schedule.serve import Start


def run_due(
    project: Project, services: Services, *, only: tuple[str, ...] = (), as_json: bool = False
) -> int:
    """Run what is due now and was not run yet; the most serious exit code."""
    from etlrunner.schedule import serve

    codes = serve.run_due(
        lambda: _flows(project, only),
        _starter(project, services, quiet=as_json),
        clock=services.clock,
        history=services.history,
        report=screen.complain,
        missed=_teller(project, services),
    )
    if as_json:
        screen.document({"codes": codes})
    elif not codes:
        screen.say("Nothing is due.")
    return most_serious(codes.values())


def serve(project: Project, services: Services, stop: threading.Event) -> int:
    """Run all enabled flows at their hours until `stop` is set; runs under way are finished."""
    from etlrunner.schedule import serve as loop

    flows = _flows(project, ())
    enabled = [flow for flow in flows.values() if isinstance(flow, Flow) and flow.enabled]
    screen.complain(f"serving {len(enabled)} of {len(flows)} flows; Ctrl-C stops")
    loop.serve(
        lambda: _flows(project, ()),
        _starter(project, services),
        clock=services.clock,
        stop=stop,
        history=services.history,
        report=screen.complain,
        missed=_teller(project, services),
    )
    screen.complain("stopped")
    return 0


def _flows(project: Project, only: tuple[str, ...]) -> Mapping[str, Flow | EtlError]:
    """Every flow, or what is wrong with its file."""
    from etlrunner.config import validate

    found: dict[str, Flow | EtlError] = {}
    for name in only or project.flows():
        try:
            found[name] = validate.read_flow(project, name)
        except EtlError as error:
            found[name] = error
    return found


def _teller(project: Project, services: Services) -> Callable[[Flow, RunRecord], None]:
    """Tells whoever wants to know that a date went by without a run."""
    from etlrunner import notify

    def tell(flow: Flow, record: RunRecord) -> None:
        runs = services.history.runs(flow.name, limit=50)
        told = (run for run in runs if run.id != record.id and notify.state_of(run))
        for trouble in notify.notify(flow, record, next(told, None), project=project):
            screen.complain(f"{flow.name}: {trouble}")

    return tell


def _starter(project: Project, services: Services, *, quiet: bool = False) -> Start:
    """Runs one flow through the engine and says its one sentence."""
    from etlrunner import engine
    from etlrunner.run import Request

    def start(name: str, trigger: str, day: date, attempt: int) -> int:
        request = Request(trigger=trigger, scheduled_date=day, attempt=attempt)
        result = engine.run(project, name, request, services)
        if not quiet:
            screen.say(f"{name}: {result.record.outcome}: {result.record.message}")
        return result.exit_code

    return start
