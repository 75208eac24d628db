"""Between the schedule and the engine: how a flow that is due is read and run."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING

from etlrunner.cli import screen
from etlrunner.config.project import Project
from etlrunner.errors import ConfigurationError, EtlError, most_serious
from etlrunner.model.flow import Flow
from etlrunner.model.run import RunRecord
from etlrunner.run import Services

if TYPE_CHECKING:
    from etlrunner.schedule.serve import Start


def run_due(
    project: Project, services: Services, *, only: tuple[str, ...] = (), as_json: bool = False
) -> int:
    """Run what is due now and was not run yet; the most serious exit code."""
    from etlrunner.schedule import serve

    codes = serve.run_due(
        _Flows(project, only),
        _starter(project, services, quiet=as_json),
        clock=services.clock,
        history=services.history,
        report=screen.complain,
        missed=_teller(project, services),
        taken=None if as_json else screen.say,
    )
    if as_json:
        screen.document({"codes": codes})
    elif not codes:
        screen.say("Nothing is due.")
    return most_serious(codes.values())


def serve(project: Project, services: Services, stop: threading.Event, *, workers: int = 4) -> int:
    """Run all enabled flows at their hours until `stop` is set; runs under way are finished.

    `workers` flows at a time; 0 runs them one after the other in this thread.
    """
    from etlrunner.schedule import serve as loop

    flows = _Flows(project)
    known = flows()
    enabled = [flow for flow in known.values() if isinstance(flow, Flow) and flow.enabled]
    screen.complain(f"serving {len(enabled)} of {len(known)} flows; Ctrl-C stops")
    loop.serve(
        flows,
        _starter(project, services),
        clock=services.clock,
        stop=stop,
        history=services.history,
        workers=workers,
        report=screen.complain,
        missed=_teller(project, services),
    )
    screen.complain("stopped")
    return 0


class _Flows:
    """All flows, read anew only when a file of theirs has changed: the loop looks every half minute."""

    def __init__(self, project: Project, only: tuple[str, ...] = ()) -> None:
        self.project = project
        self.only = only
        self._seen: object = None
        self._found: dict[str, Flow | EtlError] = {}

    def __call__(self) -> Mapping[str, Flow | EtlError]:
        """Every flow, or what is wrong with its file."""
        now = frozenset(self._stamps())
        if now != self._seen:
            self._found = {name: self._read(name) for name in self.only or self.project.flows()}
            self._seen = now
        return dict(self._found)

    def _stamps(self) -> Iterator[tuple[str, int, int]]:
        root = self.project.root
        for folder in ("flows", "mappings", "sources"):
            for path in (root / folder).rglob("*.*"):
                with contextlib.suppress(OSError):
                    found = path.stat()
                    yield str(path), found.st_mtime_ns, found.st_size

    def _read(self, name: str) -> Flow | EtlError:
        from etlrunner.config import validate

        try:  # what has expired is the run's to fail of, at its hour, with a record and a message
            return validate.read_flow(self.project, name, today=validate.BEFORE_ANY_EXPIRY)
        except EtlError as error:
            return error


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
    from etlrunner.cli import report
    from etlrunner.run import Request

    def start(
        name: str,
        trigger: str,
        day: date | None,
        attempt: int,
        *,
        source_file: Mapping[str, str] = MappingProxyType({}),
    ) -> int:
        request = Request(
            trigger=trigger, scheduled_date=day, attempt=attempt, source_file=source_file
        )
        result = engine.run(project, name, request, services)
        report.keep(result)
        if isinstance(result.error, ConfigurationError):
            screen.problems(result.error.problems)
        if not quiet:
            screen.say(f"{name}: {report.one_line(result.record)}")
            for trouble in result.untold:
                screen.complain(f"{name}: {trouble}")
        return result.exit_code

    return start
