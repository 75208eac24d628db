"""`etlrunner run`: the job, for one flow, several, all, or those that are due."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING

import click

from etlrunner.cli import options, screen
from etlrunner.config.project import Project
from etlrunner.errors import UsageError, most_serious

if TYPE_CHECKING:
    from etlrunner.run import Result, Services


@click.command()
@click.argument("flows", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every enabled flow, one after the other.")
@click.option("--due", is_flag=True, help="Those that are due now: for cron and systemd timers.")
@click.option(
    "--jobs", type=click.IntRange(1), default=1, show_default=True, help="How many flows at a time."
)
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Take dates as of this day.")
@click.option(
    "--from",
    "roster_of",
    metavar="RUN",
    default="",
    help="Map that run's roster again; ask no source.",
)
@options.set_option
@options.json_option
@options.project_option
def command(
    flows: tuple[str, ...],
    every: bool,
    due: bool,
    jobs: int,
    as_of: datetime | None,
    roster_of: str,
    sets: dict[str, str],
    as_json: bool,
    project: Project,
) -> int:
    """Pull, map, check, compare and deliver each FLOW.

    The first delivery of a flow is held until somebody approves it; so is any that goes beyond the
    flow's safeguards. With --from RUN the roster that an earlier run pulled is mapped again, with the
    configuration of now: whatever became of that run, its raw tables only must be whole. With several flows the exit code is that of the most serious ending.
    """
    if roster_of and (due or every or len(flows) > 1):
        raise UsageError("--from RUN is for one flow")
    if due:
        return _run_due(project, flows, sets, as_json)
    if flows and every:
        raise UsageError("name flows, or say --all, but not both")
    names = options.flow_names(project, flows, every)
    if every:
        names = [name for name in names if _is_enabled(project, name)]
    day = as_of.date() if as_of else None
    with options.services(project, quiet=as_json or len(names) > 1) as services:
        results = _run_all(project, names, services, jobs, day, sets, roster_of)
    _show(results, as_json)
    return most_serious(result.exit_code for result in results)


def _run_all(
    project: Project,
    names: list[str],
    services: Services,
    jobs: int,
    as_of: object,
    sets: dict[str, str],
    roster_of: str,
) -> list[Result]:
    from etlrunner import engine
    from etlrunner.run import Request

    trigger = "again" if roster_of else "manual"
    request = Request(trigger, as_of=as_of, sets=sets, roster_of=roster_of)  # type: ignore[arg-type]

    def one(name: str) -> Result:
        return engine.run(project, name, request, services)

    if jobs <= 1 or len(names) == 1:
        return _one_by_one(one, names)
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        return list(pool.map(one, names))


def _one_by_one(run: Callable[[str], Result], names: list[str]) -> list[Result]:
    """Until all are done, or somebody stops the program: what was not begun is not begun then."""
    results: list[Result] = []
    for name in names:
        results.append(run(name))
        if isinstance(results[-1].error, KeyboardInterrupt):
            break
    return results


def _run_due(project: Project, flows: tuple[str, ...], sets: dict[str, str], as_json: bool) -> int:
    from etlrunner.cli import starting

    if sets:
        raise UsageError("--set is for one run by hand; --due takes the files as they are")
    with options.services(project, quiet=True) as services:
        return starting.run_due(project, services, only=flows, as_json=as_json)


def _is_enabled(project: Project, name: str) -> bool:
    """A flow that cannot be read counts as enabled, so that its run says what is wrong."""
    from etlrunner.config import validate
    from etlrunner.errors import ConfigurationError

    try:
        return validate.read_flow(project, name, today=validate.BEFORE_ANY_EXPIRY).enabled
    except ConfigurationError:
        return True


def _show(results: list[Result], as_json: bool) -> None:
    from etlrunner.cli import report

    if as_json:
        for result in results:
            report.keep(result)
        documents = [report.as_data(result) for result in results]
        screen.document(documents[0] if len(documents) == 1 else documents)
        return
    for result in results:
        report.show(result)
    if not results:
        screen.say("No flow is enabled; nothing was run.")
    if len(results) > 1:
        others = [one for one in results if one.exit_code != 0]
        named = ", ".join(f"{one.record.flow} ({one.exit_code})" for one in others)
        well = f"{len(results) - len(others)} of {len(results)} flows ended well"
        screen.say(f"{well}; the others: {named}." if others else f"{well}.")
