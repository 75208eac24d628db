"""Progress bars while pulling and sending, on a terminal only."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from threading import Lock
from typing import TYPE_CHECKING

from etlrunner.model.surroundings import Progress, SilentProgress

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID


class Bars:
    """The model's Progress over rich's bars; threads may report side by side."""

    def __init__(self, bars: RichProgress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}
        self._lock = Lock()

    @classmethod
    @contextlib.contextmanager
    def on_terminal(cls) -> Iterator[Progress]:
        """Bars on stderr if that is a terminal, else silence."""
        if not sys.stderr.isatty():
            yield SilentProgress()
            return
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        from etlrunner.cli import screen

        columns = (
            TextColumn("{task.description:<18}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with RichProgress(*columns, console=screen.console(stderr=True), transient=True) as bars:
            yield cls(bars)

    def start(self, what: str, total: int | None = None, unit: str = "rows") -> None:
        with self._lock:
            if what in self._tasks:
                self._bars.update(self._tasks[what], total=total)
            else:
                self._tasks[what] = self._bars.add_task(what, total=total)

    def advance(self, what: str, amount: int) -> None:
        with self._lock:
            if what in self._tasks:
                self._bars.advance(self._tasks[what], amount)

    def done(self, what: str) -> None:
        with self._lock:
            task = self._tasks.pop(what, None)
            if task is not None:
                self._bars.remove_task(task)
