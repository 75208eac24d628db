"""`etlrunner plan`: everything but the delivery; or what a change of the configuration would do."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from etlrunner.cli import options, screen
from etlrunner.config.project import Project
from etlrunner.errors import UsageError


@click.command()
@click.argument("flow", required=False)
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Take dates as of this day.")
@click.option(
    "--compare",
    "revisions",
    metavar="REV[..REV2]",
    help="Map the last kept roster as the configuration was at a git revision, and as it is here.",
)
@click.option("--run", "run", metavar="RUN", default="", help="With --compare: that run's roster.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown"]),
    default="text",
    help="With --compare: markdown is for a comment on a pull request.",
)
@options.set_option
@options.json_option
@options.project_option
def command(
    flow: str | None,
    as_of: datetime | None,
    revisions: str | None,
    run: str,
    form: str,
    sets: dict[str, str],
    as_json: bool,
    project: Project,
) -> int:
    """Pull and map FLOW, check and compare it, show what would change and what would be held.

    Nothing is sent, and the sink is not even called. The content hash is the one a run would have.

    With --compare REV nothing is pulled either: the roster of the last run that is still kept is mapped
    twice, as the configuration was at REV and as it lies here (or at REV2), on the day of that run; and
    counts per table, column, school and rule say what differs. No names, so it can go into a pull request.
    """
    [name] = options.flow_names(project, (flow,) if flow else (), every=False)
    if revisions is not None:
        if as_of is not None:
            raise UsageError(
                "--compare takes the day of the kept run, so --as-of has no place here"
            )
        return _compare(project, Path(name).stem, revisions, run, sets, form, as_json)
    if run or form != "text":
        raise UsageError("--run and --format go with --compare REV")
    return _plan(project, name, as_of, sets, as_json)


def _plan(
    project: Project, name: str, as_of: datetime | None, sets: dict[str, str], as_json: bool
) -> int:
    from etlrunner import engine
    from etlrunner.cli import report
    from etlrunner.run import Request

    request = Request(deliver=False, as_of=as_of.date() if as_of else None, sets=sets)
    with options.services(project, quiet=as_json) as services:
        result = engine.run(project, name, request, services)
    return report.tell(result, as_json=as_json)


def _compare(
    project: Project,
    name: str,
    revisions: str,
    run: str,
    sets: dict[str, str],
    form: str,
    as_json: bool,
) -> int:
    from etlrunner import evidence
    from etlrunner.cli import comparison
    from etlrunner.revisions import compared

    with options.services(project, quiet=as_json or form == "markdown") as services:
        kept = evidence.find(project, services.history, name, run)
        found = compared(project, kept, revisions, sets=sets, progress=services.progress)
    if as_json:
        screen.document(comparison.as_data(found))
    elif form == "markdown":
        screen.say(comparison.markdown(found))
    else:
        comparison.show(found)
    return 0
