"""`etlrunner schema`: the JSON Schemas, for editors."""

from __future__ import annotations

from pathlib import Path

import click

from etlrunner.cli import options, screen
from etlrunner.config.project import Project
from etlrunner.errors import UsageError
from etlrunner.lib import files, shipped


@click.command()
@click.argument("name", required=False)
@click.option("--write", is_flag=True, help="Copy all of them into the project's schemas/ folder.")
@options.project_option
def command(name: str | None, write: bool, project: Project) -> None:
    """List the schemas, print the one called NAME, or copy them for your editor.

    The engine always validates with its own; the copies only serve completion and hover.
    """
    known = _names()
    if write:
        copied = write_copies(project.root / "schemas")
        screen.say(f"{copied} schemas are in {project.root / 'schemas'}.")
    elif name is None:
        for item in known:
            screen.say(item)
        screen.say(
            "\netlrunner schema NAME prints one; --write copies all of them for your editor."
        )
    elif name.removesuffix(".json") in known:
        screen.say(
            shipped.read("schemas", *f"{name.removesuffix('.json')}.json".split("/")).rstrip()
        )
    else:
        raise UsageError(f"there is no schema '{name}'", hint="known: " + ", ".join(known))


def write_copies(folder: Path) -> int:
    """Copy what editors read into `folder`, one file for each kind of YAML file; return how many."""
    found = sorted(shipped.folder("schemas").glob("*.json"))
    for path in found:
        target = folder / path.name
        with files.trouble(target):
            folder.mkdir(parents=True, exist_ok=True)
            target.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    return len(found)


def _names() -> list[str]:
    """Those for editors, and what each component declares."""
    top = shipped.folder("schemas")
    names = (path.relative_to(top).with_suffix("").as_posix() for path in top.rglob("*.json"))
    return sorted(name for name in names if not name.startswith("documents/"))
