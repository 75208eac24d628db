"""`etlrunner resend`: deliver an earlier archive once more, its bytes unchanged."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from etlrunner.cli import asking, options, screen
from etlrunner.config.project import Project
from etlrunner.errors import Interrupted, UsageError
from etlrunner.model.run import RunRecord

if TYPE_CHECKING:
    from etlrunner.history.store import History


@click.command()
@click.argument("run", metavar="RUN|FLOW")
@click.option(
    "--because", default="", metavar="TEXT", help="Why; kept in the history. It is required."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@options.json_option
@options.project_option
def command(run: str, because: str, yes: bool, as_json: bool, project: Project) -> int:
    """Deliver an earlier delivery again: the same bytes, under the same name.

    RUN is a run that was delivered; a flow's name is its last delivery. If Apple has something else by
    now, nothing is sent: the screen says what would change, and `etlrunner approve` lets it go.
    """
    from etlrunner import earlier
    from etlrunner.cli import report

    if not because.strip():
        raise UsageError("say why it is sent again", hint='--because "Apple lost the upload"')
    with options.services(project, quiet=True) as services:  # bars would draw over the question
        sent = _meant(services.history, run)
        if sent.outcome == "delivered" and not yes:
            _ask(sent, as_json)
    with options.services(project, quiet=as_json) as services:
        result = earlier.resend(
            project, sent.id, by=options.user(), because=because.strip(), services=services
        )
    return report.tell(result, as_json=as_json)


def _meant(history: History, name: str) -> RunRecord:
    """A run by its id; for `last` or a flow, its newest delivery."""
    found = history.resolve_run(name)
    if name == found.id:
        return found
    runs = history.runs(None if name == "last" else found.flow, limit=None)
    return next((run for run in runs if run.outcome == "delivered"), found)


def _ask(sent: RunRecord, as_json: bool) -> None:
    """Nothing is sent without a yes: at the terminal, or as a flag."""
    if as_json or not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask at; nothing was sent", hint="add --yes")
    rows = ", ".join(f"{counts.written:,} {name}" for name, counts in sent.counts.items())
    screen.say(f"{sent.id} was delivered {sent.ended:%Y-%m-%d %H:%M} UTC: {rows}")
    screen.say("If it is what Apple has now, it is sent; else it is held, and nothing is sent.")
    if not asking.confirm(f"Send content {sent.content_hash[:12]} again?", default=False):
        raise Interrupted("nothing was sent, as you answered")
