"""`etlrunner plan`: everything but the delivery."""

from __future__ import annotations

from datetime import datetime

import click

from etlrunner.cli import options, screen
from etlrunner.config.project import Project


@click.command()
@click.argument("flow", required=False)
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Take dates as of this day.")
@options.set_option
@options.json_option
@options.project_option
def command(
    flow: str | None, as_of: datetime | None, sets: dict[str, str], as_json: bool, project: Project
) -> int:
    """Pull and map FLOW, check and compare it, show what would change and what would be held.

    Nothing is sent, and the sink is not even called. The content hash is the one a run would have.
    """
    from etlrunner import engine
    from etlrunner.cli import report
    from etlrunner.run import Request

    [name] = options.flow_names(project, (flow,) if flow else (), every=False)
    request = Request(deliver=False, as_of=as_of.date() if as_of else None, sets=sets)
    with options.services(project, quiet=as_json) as services:
        result = engine.run(project, name, request, services)
    if as_json:
        screen.document(report.as_data(result))
    else:
        report.show(result)
    return result.exit_code
