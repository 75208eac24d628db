"""`etlrunner show`: the flow after merging."""

from __future__ import annotations

import click

from etlrunner.cli import options, screen
from etlrunner.config.project import Project


@click.command()
@click.argument("flow", required=False)
@click.option("--origins", is_flag=True, help="Say of each value which file it came from.")
@click.option(
    "--mapping",
    "table",
    metavar="TABLE",
    help="Instead, the mapping of this table (students, …) with the flow's overrides.",
)
@options.set_option
@options.project_option
def command(
    flow: str | None, origins: bool, table: str | None, sets: dict[str, str], project: Project
) -> None:
    """Print FLOW as it is after defaults, `extends` and overrides; secrets stay references."""
    from etlrunner.config import layers, mapping_shown

    [name] = options.flow_names(project, (flow,) if flow else (), every=False)
    if table:
        screen.say(mapping_shown.show(project, name, table, origins=origins, sets=sets))
        return
    screen.say(layers.show(project, name, origins=origins, sets=sets).rstrip())
