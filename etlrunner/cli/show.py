"""`etlrunner show`: the flow after merging."""

from __future__ import annotations

import click

from etlrunner.cli import options, screen
from etlrunner.config.project import Project


@click.command()
@click.argument("flow", required=False)
@click.option("--origins", is_flag=True, help="Say of each value which file it came from.")
@options.set_option
@options.project_option
def command(flow: str | None, origins: bool, sets: dict[str, str], project: Project) -> None:
    """Print FLOW as it is after defaults, `extends` and overrides; secrets stay references."""
    from etlrunner.config import layers

    [name] = options.flow_names(project, (flow,) if flow else (), every=False)
    screen.say(layers.show(project, name, origins=origins, sets=sets).rstrip())
