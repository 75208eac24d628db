"""Pages that hold a session at a terminal: played, compared, and written again.

A page has console blocks, in which each line that begins with `$ ` is a command and the lines below it are
what it printed, and between them directions to whatever surrounds the person, in comments that no reader sees:

    <!-- sis: a day later -->

    ```console
    $ etlrunner run lakeside-isd
    lakeside-isd: delivered …
    ```

`play` walks a page from top to bottom and returns it as it should read now, so a page that equals what
`play` returns tells the truth. `etlrunner` runs in this process, through the same entry as from a shell;
other commands run in bash.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from etlrunner.cli import main

DIRECTION = re.compile(r"<!-- (\w+): (.*) -->")


@dataclass
class Stage:
    """Where a page is played: the working directory is the person's project.

    `directions` are called with the text of a direction of their name. `words` stand on the page for what
    cannot be told beforehand, such as the port of a server; `masks` are (pattern, replacement) for what is
    never the same.
    """

    directions: Mapping[str, Callable[[str], None]]
    words: dict[str, str] = field(default_factory=dict)
    masks: list[tuple[str, str]] = field(default_factory=list)
    before_each: Callable[[], None] = lambda: None
    ended: list[tuple[str, int]] = field(default_factory=list)
    """Every command so far, with its exit code."""

    def command(self, line: str) -> str:
        """Run one command line of the page; what it printed, in the page's words."""
        self.before_each()
        for word, real in self.words.items():
            line = line.replace(word, real)
        if line == "echo $?":
            return f"{self.ended[-1][1]}\n"
        code, text = _etlrunner(line) if line.startswith("etlrunner ") else _bash(line)
        self.ended.append((line, code))
        return self._on_page(text)

    def _on_page(self, text: str) -> str:
        for word, real in self.words.items():
            text = text.replace(real, word)
        for pattern, replacement in self.masks:
            text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
        return "".join(line.rstrip() + "\n" for line in text.splitlines())


def play(text: str, stage: Stage) -> str:
    """The page with what every command prints now."""
    return "\n".join(_played(iter(text.splitlines()), stage)) + "\n"


def _played(lines: Iterator[str], stage: Stage) -> Iterator[str]:
    for line in lines:
        yield line
        if found := DIRECTION.fullmatch(line):
            stage.directions[found[1]](found[2])
        elif line == "```console":
            yield from _block(lines, stage)


def _block(lines: Iterator[str], stage: Stage) -> Iterator[str]:
    """The commands of one block, each with its output as it is now; what stood there is left out."""
    for line in lines:
        if line == "```":
            yield line
            return
        if not line.startswith("$ "):
            continue
        yield line
        command = [line.removeprefix("$ ")]
        if "<<" in line:  # a here-document is part of the command, up to the line that ends it
            for more in lines:
                yield more
                command.append(more)
                if more == "EOF":
                    break
        yield from stage.command("\n".join(command)).rstrip("\n").splitlines()


def _etlrunner(line: str) -> tuple[int, str]:
    """Both outputs, as a terminal shows them, one after the other as they come."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        code = main.run(shlex.split(line)[1:])
    return code, shown.getvalue()


def _bash(line: str) -> tuple[int, str]:
    ended = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, cwd=Path.cwd(), env=dict(os.environ)
    )
    return ended.returncode, ended.stdout + ended.stderr
