"""What people see: results on stdout, everything else on stderr, colour on a terminal only."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
import textwrap
import traceback
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from etlrunner.errors import ConfigurationError, EtlError, Interrupted
from etlrunner.lib import plain
from etlrunner.model.problems import Problem

if TYPE_CHECKING:
    from rich.console import Console


WIDE = 1000
"""Columns of a line where there is no terminal: no row of a table is broken."""


_KEPT: ContextVar[io.StringIO | None] = ContextVar("kept", default=None)


@contextlib.contextmanager
def kept() -> Iterator[io.StringIO]:
    """What this thread says in here, on either output, is kept and not printed; as where there is no terminal."""
    text = io.StringIO()
    before = _KEPT.set(text)
    try:
        yield text
    finally:
        _KEPT.reset(before)


def say(text: str = "") -> None:
    """A line of the result, on stdout."""
    click.echo(text, file=_KEPT.get())


def complain(text: str) -> None:
    """A line that is not the result, on stderr."""
    click.echo(text, file=_KEPT.get(), err=True)


def document(value: Any) -> None:
    """The one JSON document of a command, and nothing else, on stdout."""
    click.echo(json.dumps(plain.of(value), indent=2, ensure_ascii=False))


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
    title: str = "",
    fold: str = "",
    width: int | None = None,
    strong: Collection[int] = (),
) -> None:
    """A table that fits the terminal; figures to the right. `fold`: only this column may be broken.

    `width`: fit that many columns also where there is no terminal. `strong`: columns that stand out.
    """
    from rich import box
    from rich.table import Table

    cells = [[_cell(value) for value in row] for row in rows]
    if title:
        say(f"\n{title}")
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for place, name in enumerate(header):
        figures = bool(cells) and all(_is_figure(row[place]) for row in cells)
        grid.add_column(
            name,
            justify="right" if figures else "left",
            overflow="fold",
            style="bold green" if place in strong else "",
            no_wrap=name != fold if fold else figures,
        )
    for row in cells:
        grid.add_row(*row)
    _here().print(grid, width=width)


def console(stderr: bool = False) -> Console:
    """The rich console: plain where there is no terminal, or with NO_COLOR; a pipe gets whole lines."""
    return _console(sys.stderr if stderr else sys.stdout)


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    width = None if stream.isatty() else WIDE
    return Console(file=stream, highlight=False, width=width, markup=False, emoji=False)


def _here() -> Console:
    """Where tables go: to what is kept, or to stdout."""
    text = _KEPT.get()
    return console() if text is None else _console(text)


def shortened(text: str, most: int = 60) -> str:
    """A cell's text; where there is no terminal to fold it, so much of it that a row stays readable."""
    return text if console().width < WIDE else textwrap.shorten(text, most, placeholder=" …")


def width() -> int:
    """Columns to fill: the terminal's, but 80 where there is none and at most 100, to be read."""
    console_width = _here().width
    return 80 if console_width >= WIDE else min(console_width, 100)


def path(whole: Path) -> Path:
    """As it is typed here: from the working directory, where it lies below that."""
    here, there = Path.cwd().resolve(), whole.resolve()
    return there.relative_to(here) if there.is_relative_to(here) else whole


def problems(found: Iterable[Problem]) -> None:
    """Each problem of a configuration with its place, reason and hint, on stderr."""
    from etlrunner.lib import render

    for problem in found:
        complain(render.problem(problem))


def failure(error: EtlError | Interrupted, as_json: bool = False) -> None:
    """How a command ended early: the details, then one plain sentence, then what to try."""
    if as_json:
        found = getattr(error, "problems", ())
        document(
            {
                "error": error.message,
                "detail": error.detail,
                "hint": error.hint,
                "exit_code": error.exit_code,
                "problems": _problems_as_data(found),
            }
        )
        return
    if isinstance(error, ConfigurationError):
        problems(error.problems)
    complain(f"error: {error.message}")
    for more in filter(None, (error.detail, error.hint)):
        complain(f"       {more}")


def keep_traceback(error: Exception) -> Path:
    """Write our frames, without the message (it may hold a value), to a private file."""
    handle, name = tempfile.mkstemp(prefix="etlrunner-", suffix=".traceback.txt")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write("".join(traceback.format_tb(error.__traceback__)))
        stream.write(type(error).__name__ + "\n")
    return Path(name)


def _problems_as_data(found: Iterable[Problem]) -> list[Any]:
    from etlrunner.lib import render

    return [render.problem_as_data(problem) for problem in found]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


def _is_figure(text: str) -> bool:
    return (
        text.replace(",", "").replace(".", "").lstrip("+-").removesuffix("%").isdigit() or not text
    )
