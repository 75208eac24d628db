"""What stands around a flow: its name, who can change its files, the schemas that editors use."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from etlrunner.config.project import Project
from etlrunner.errors import ConfigurationError
from etlrunner.lib import shipped
from etlrunner.model import Place, Problem

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def check_name(project: Project, path: Path) -> None:
    """A flow's name becomes a part of run ids and folder names."""
    place = Place(project.shown(path))
    if path.parent.resolve() == (project.root / "flows" / "base").resolve():
        message = "this is a part that flows extend, and is never run itself"
        hint = f"name a flow that says extends: base/{path.name}"
        raise ConfigurationError([Problem("E227", message, place, hint=hint)])
    if not NAME.fullmatch(path.stem):
        message = f"'{path.stem}' cannot be the name of a flow"
        hint = "rename the file: letters, digits, - and _ only, such as lakeside-isd.yaml"
        raise ConfigurationError([Problem("E227", message, place, hint=hint)])


def warnings(project: Project, files: tuple[Path, ...]) -> list[Problem]:
    """What is odd, though the flow can run."""
    return [*_open_files(project, files), *_stale_schemas(project)]


def _open_files(project: Project, files: tuple[Path, ...]) -> list[Problem]:
    """Whoever can write a flow can send the roster elsewhere."""
    if os.name == "nt":
        return []
    message = "anybody on this machine can change this file"
    return [
        Problem("E228", message, Place(project.shown(path)), "", "chmod o-w", "warning")
        for path in files
        if stat.S_IMODE(path.stat().st_mode) & stat.S_IWOTH
    ]


def _stale_schemas(project: Project) -> list[Problem]:
    """The project's copies serve editors only; the engine validates with its own."""
    ours, copies = shipped.folder("schemas"), project.root / "schemas"
    if not copies.is_dir() or copies.resolve() == ours.resolve():
        return []
    stale = [
        mine.name
        for mine in sorted(ours.glob("*.json"))
        if (copy := copies / mine.name).is_file() and mine.read_bytes() != copy.read_bytes()
    ]
    if not stale:
        return []
    message = f"{len(stale)} schema(s) for editors are of another version: {', '.join(stale[:3])}"
    hint = "refresh them with: etlrunner schema --write"
    return [Problem("E229", message, Place("schemas/"), "", hint, "warning")]
