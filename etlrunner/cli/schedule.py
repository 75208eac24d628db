"""`etlrunner schedule`: when flows run next, and the loop that runs them."""

from __future__ import annotations

import signal
import threading
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import click

from etlrunner.cli import options, screen
from etlrunner.config.project import Project
from etlrunner.model.flow import Flow


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """When flows run next; run them at their hours."""


@command.command("next")
@click.argument("flows", nargs=-1)
@click.option(
    "-n",
    "count",
    type=click.IntRange(1, 1000),
    default=5,
    show_default=True,
    help="How many occurrences.",
)
@options.json_option
@options.project_option
def next_runs(flows: tuple[str, ...], count: int, as_json: bool, project: Project) -> None:
    """Show the next runs of each FLOW in its own zone and in UTC."""
    from etlrunner.config import validate
    from etlrunner.schedule import calendar

    rows: list[list[object]] = []
    for name in options.flow_names(project, flows, every=True):
        flow = validate.read_flow(project, name)
        if flow.schedule is None or not flow.enabled:
            why = "no schedule" if flow.schedule is None else "not enabled"
            if flow.enabled and flow.source.options.get("watch"):
                why = "when a file arrives"
            rows.append([name, why, "", "", ""])
            continue
        zone = ZoneInfo(flow.schedule.timezone)
        for day, moment in calendar.next_runs(flow.schedule, datetime.now(UTC), count):
            local = moment.astimezone(zone)
            rows.append(
                [
                    name,
                    f"{day:%a %Y-%m-%d}",
                    f"{local:%H:%M %Z}",
                    f"{moment:%Y-%m-%d %H:%M}",
                    _season(flow, day),
                ]
            )
    if as_json:
        keys = ("flow", "date", "local", "utc", "season")
        screen.document({"next": [dict(zip(keys, row, strict=True)) for row in rows]})
    else:
        screen.table(["flow", "date", "local time", "UTC", "season"], rows)
        screen.say("These runs start while `etlrunner schedule serve` or a cron job runs here.")


def _season(flow: Flow, day: date) -> str:
    from etlrunner import seasons

    season = seasons.of(flow, day)
    return f"{season.name} ({season.mode})" if season else ""


@command.command("serve", short_help="Run all enabled flows at their hours, until stopped.")
@options.project_option
def serve(project: Project) -> int:
    """Run all enabled flows at their hours, and when a file arrives in a folder that they watch.

    Runs until stopped; Ctrl-C, SIGTERM or a closed terminal end it cleanly.
    """
    from etlrunner.cli import starting

    stop = threading.Event()
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    for number in numbers:
        signal.signal(number, lambda *_: stop.set())
    with options.services(project, quiet=True) as services:
        return starting.serve(project, services, stop)
