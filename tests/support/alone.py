"""The program in a process of its own: how it ended, what it said, and how much memory it took."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Ended:
    """What is left of a process."""

    exit_code: int
    said: str
    peak: int
    """Most bytes that it ever had in memory (RSS)."""


def run(project: Path, *command: str, extra: Mapping[str, str] | None = None) -> Ended:
    """One command in a project; `extra` are variables of its environment."""
    said = project / "said.txt"
    with open(said, "wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "etlrunner", *command],
            cwd=project,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(extra or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Ended(process.returncode, said.read_text(errors="replace"), used.ru_maxrss * 1024)
