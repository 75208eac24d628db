"""The program at a real terminal: what it asks is answered, and what is on the screen can be read."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 60.0
"""Seconds until a screen is held to have stopped; a machine under load is slow, and no time decides a test."""
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A program on a pseudo-terminal."""

    def __init__(self, process: subprocess.Popen[bytes], screen: int) -> None:
        self._process = process
        self._screen = screen
        self._read = ""
        self.drawn = ""
        """Everything that was written to the screen, control characters and all."""

    @property
    def text(self) -> str:
        """What was written, without control characters."""
        return CONTROL.sub("", self.drawn).replace("\r", "")

    def asks(self, question: str) -> None:
        """Wait for a question that has not been answered yet."""
        while question not in CONTROL.sub("", self._read):
            assert self._more(PATIENCE), f"never asked {question!r}:\n{self.text}"
        self._read = ""

    def answer(self, text: str) -> None:
        os.write(self._screen, f"{text}\n".encode())

    def interrupt(self) -> None:
        """Ctrl-C, as the terminal sends it to whoever has it."""
        os.write(self._screen, b"\x03")

    def draws(self, seconds: float) -> str:
        """What comes by itself in so many seconds, while the program waits for an answer."""
        before, end = len(self.drawn), time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._more(left)
        return self.drawn[before:]

    def ends(self) -> int:
        """Wait for the end, and give the exit code."""
        while self._more(PATIENCE):
            pass
        return self._process.wait(PATIENCE)

    def _more(self, seconds: float) -> bool:
        if not select.select([self._screen], [], [], seconds)[0]:
            return False
        try:
            came = os.read(self._screen, 65536).decode()
        except OSError:  # Linux says so when the last program has closed the terminal
            return False
        self.drawn += came
        self._read += came
        return bool(came)


def _take_the_terminal() -> None:
    """So that Ctrl-C there is for this program."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@contextmanager
def etlrunner(folder: Path, *args: str, **environment: str) -> Iterator[Terminal]:
    """`etlrunner ARGS` in that folder, at a terminal of its own."""
    screen, keyboard = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "etlrunner", *args],
        cwd=folder,
        stdin=keyboard,
        stdout=keyboard,
        stderr=keyboard,
        start_new_session=True,
        preexec_fn=_take_the_terminal,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "100"} | environment,
    )
    os.close(keyboard)
    try:
        yield Terminal(process, screen)
    finally:
        process.kill()
        process.wait()
        os.close(screen)
