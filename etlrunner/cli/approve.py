"""`etlrunner approve`: let a held run go, bound to the content that was shown."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

import click

from etlrunner.cli import asking, options, screen
from etlrunner.config.project import Project
from etlrunner.errors import Interrupted, UsageError
from etlrunner.model.run import RunRecord

if TYPE_CHECKING:
    from etlrunner.history.store import History


@click.command()
@click.argument("run", metavar="RUN|FLOW", default="last")
@click.option(
    "--content", default="", metavar="HASH", help="Refuse unless the content hash begins so."
)
@click.option("--because", default="", metavar="TEXT", help="Why; kept in the history.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@options.json_option
@options.project_option
def command(
    run: str, content: str, because: str, yes: bool, as_json: bool, project: Project
) -> int:
    """Deliver a held run: the archive that was made and shown, byte for byte.

    RUN is a run's id; `last`, or a flow's name, is the newest run that is held.
    """
    from etlrunner import earlier, journal
    from etlrunner.cli import report
    from etlrunner.kept import run_folder

    with options.services(project, quiet=True) as services:  # bars would draw over the question
        held = _meant(services.history, run)
        earlier.refuse_approval(project, held.id, services=services, expected_hash=content)
        _tell_younger(services.history, held)
        if not yes:
            beside = journal.identifiers(run_folder(project, held))
            _ask(held, beside.get("held_at", ()), as_json)
    with options.services(project, quiet=as_json) as services:
        result = earlier.approve(
            project,
            held.id,
            by=options.user(),
            because=because,
            services=services,
            expected_hash=content,
        )
    return report.tell(result, as_json=as_json)


def _meant(history: History, name: str) -> RunRecord:
    """A run by its id; for `last` or a flow, the newest run of it that is held."""
    found = history.resolve_run(name)
    if name == found.id:
        return found
    meant = history.waiting(None if name == "last" else found.flow) or found
    if meant.outcome != "held":
        of_flow = "" if name == "last" else f" of {found.flow}"
        raise UsageError(f"no run{of_flow} is held", hint="see: etlrunner history")
    return meant


def _tell_younger(history: History, held: RunRecord) -> None:
    """Another one waits that knows more: it may show what is wrong with this one."""
    newest = history.waiting(held.flow)
    if newest is not None and newest.id != held.id and newest.started > held.started:
        screen.complain(f"{newest.id} looked at a younger roster, and is held too")


def _ask(held: RunRecord, held_at: Sequence[str], as_json: bool) -> None:
    """Nothing is sent without a yes: at the terminal, or as a flag."""
    if as_json or not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask at; nothing was sent", hint="add --yes")
    for reason, where in zip_longest(held.holds, held_at, fillvalue=""):
        screen.say(f"held, because {reason}" + (f" ({where})" if where else ""))
    screen.say(f"It would send {told(held)}.")
    question = f"Send {held.id} (content {held.content_hash[:12]}) now?"
    if not asking.confirm(question, default=False):
        raise Interrupted(f"nothing was sent, as you answered; {held.id} stays held")


def told(run: RunRecord) -> str:
    """What a run's archive holds, and what of it is new: `2,000 students (3 added, 1 removed)`."""
    return ", ".join(
        _table(name, counts.written, run.changes.get(name)) for name, counts in run.counts.items()
    )


def _table(name: str, rows: int, changes: tuple[int, int, int] | None) -> str:
    words = zip(changes or (), ("added", "changed", "removed"), strict=False)
    what = ", ".join(f"{count:,} {word}" for count, word in words if count)
    return f"{rows:,} {name}" + (f" ({what})" if what else "")
