"""Options that several commands share, and what they give."""

from __future__ import annotations

import contextlib
import getpass
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from etlrunner.config.project import Project
from etlrunner.errors import UsageError

if TYPE_CHECKING:
    from etlrunner.run import Services

Command = TypeVar("Command", bound=Callable[..., Any])


def project_option(command: Command) -> Command:
    """`--project DIR`, given to the command as `project: Project`."""
    return click.option(
        "--project",
        "project",
        metavar="DIR",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        callback=lambda _context, _option, value: Project.find(Path.cwd(), value),
        help="The project folder; else the nearest folder upwards that holds flows/.",
    )(command)


def json_option(command: Command) -> Command:
    """`--json`, given as `as_json`."""
    return click.option(
        "--json", "as_json", is_flag=True, help="One JSON document and nothing else."
    )(command)


def format_option(*formats: str) -> Callable[[Command], Command]:
    """`--format`, and `--json` for short, given as `form`; `text` and `json` are always possible."""

    def add(command: Command) -> Command:
        short = click.option("--json", "form", flag_value="json", help="The same as --format json.")
        long = click.option(
            "--format",
            "form",
            type=click.Choice(["text", "json", *formats]),
            default="text",
            help="How to say it; all but text go to standard output, and nothing else does.",
        )
        return long(short(command))

    return add


def set_option(command: Command) -> Command:
    """`--set key=value`, given as `sets: dict`."""
    return click.option(
        "--set",
        "sets",
        metavar="KEY=VALUE",
        multiple=True,
        callback=lambda _context, _option, values: dict(_pair(value) for value in values),
        help="Change one value for this run: --set source.page_size=500. May be repeated.",
    )(command)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise click.BadParameter(f"'{text}' is not KEY=VALUE", param_hint="--set")
    return key, value


def flow_names(project: Project, names: tuple[str, ...], every: bool) -> list[str]:
    """The flows that a command is about: those named, or all, or the only one there is."""
    if names:
        return list(names)
    known = project.flows()
    if not known:
        require_project(project)
        hint = project.misnamed() or "write one with: etlrunner init"
        raise UsageError("there is no flow in flows/ yet", hint=hint)
    if every or len(known) == 1:
        return list(known)
    raise UsageError("say which flow: " + ", ".join(known))


def require_project(project: Project) -> None:
    """Raise UsageError outside of a project: the wrong folder is another mistake than no flow yet."""
    if not (project.root / "flows").is_dir():
        raise UsageError(
            "this is no project: neither this folder nor one above it holds flows/",
            hint="--project DIR, or write a flow with: etlrunner init",
        )


@contextlib.contextmanager
def services(project: Project, *, quiet: bool = False) -> Iterator[Services]:
    """The history, the clock and the progress display of this machine.

    Raises UsageError outside of a project, before anything is written there.
    """
    from etlrunner.cli.progress import Bars
    from etlrunner.config import secrets
    from etlrunner.history.store import History
    from etlrunner.model.surroundings import SilentProgress
    from etlrunner.run import Services

    require_project(project)
    history = History.open(secrets.history_url(project) or project.state)
    with Bars.on_terminal() if not quiet else contextlib.nullcontext(SilentProgress()) as progress:
        try:
            yield Services(history=history, progress=progress)
        finally:
            history.close()


def user() -> str:
    """The account that typed the command; the history keeps who let a run go."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
