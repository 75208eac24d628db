"""What stands around a flow: its name, who can change its files, the schemas that editors use."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from etlrunner.config.project import Project
from etlrunner.errors import ConfigurationError
from etlrunner.lib import shipped
from etlrunner.lib.document import underlined
from etlrunner.model.problems import Place, Problem

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


def pointed_out(project: Project, problems: Iterable[Problem]) -> list[Problem]:
    """The problems with names of files as people know them, and the line where none is shown yet.

    Only lines of mappings, code tables and tests: in a flow there may be a secret.
    """
    found = []
    for problem in problems:
        place = problem.place
        if place and Path(place.file).is_absolute():
            place = replace(place, file=project.shown(Path(place.file)))
            problem = replace(problem, place=place)
        if place and place.line and not problem.excerpt:
            problem = replace(problem, excerpt=_line(project, problem, place))
        found.append(problem)
    return sorted(found, key=_order)


def _order(problem: Problem) -> tuple[str, int, int]:
    place = problem.place
    return (place.file, place.line, place.column) if place else ("", 0, 0)


def _line(project: Project, problem: Problem, place: Place) -> str:
    """The line with what the message names underlined, or with its first character."""
    path = project.root / place.file
    if not place.file.startswith(("mappings/", "tests/")) or not path.is_file():
        return ""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    rest = lines[place.line - 1][place.column - 1 :] if place.line <= len(lines) else ""
    named = re.findall(r"'([^']+)'", problem.message)
    width = max((len(word) for word in named if rest.lstrip("\"'").startswith(word)), default=1)
    return underlined(lines, place, width)


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
