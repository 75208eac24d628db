"""A wall clock that a test sets for another process, before it starts or while it runs.

    clock = WallClock(tmp_path)
    clock.set(timedelta(days=-2))
    subprocess.run([sys.executable, "-m", "etlrunner", ...], env={**os.environ, **clock.environment})

Only the wall clock moves: what measures durations goes on as before (wall_clock.c).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


def missing() -> str:
    """Why it cannot be used here; empty when it can."""
    return "" if shutil.which("gcc") else "no gcc: apt-get install gcc libc6-dev"


class WallClock:
    """The clock of every process that is started with its `environment`."""

    def __init__(self, folder: Path) -> None:
        """Build the library in `folder`, which holds the shift too."""
        self._library, self._shift = folder / "wall_clock.so", folder / "wall_clock.shift"
        command = ["gcc", "-shared", "-fPIC", "-O1", "-o", self._library, SOURCE]
        subprocess.run(command, check=True, capture_output=True)
        self.set(timedelta())

    @property
    def environment(self) -> Mapping[str, str]:
        return {"LD_PRELOAD": str(self._library), "WALL_CLOCK_SHIFT": str(self._shift)}

    def set(self, shift: timedelta) -> None:
        """Let it be so much later, or earlier, than it is; at once, in processes that run too."""
        write(self._shift, shift)


def write(file: Path, shift: timedelta) -> None:
    """Set the clock of the processes that look into this file."""
    beside = file.with_suffix(".new")
    beside.write_text(str(int(shift.total_seconds())))
    os.replace(beside, file)
