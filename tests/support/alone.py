"""The program in a process of its own: how it ended, what it said, and how much memory it took."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import atexit, pathlib, re, runpy
def tell():
    status = pathlib.Path("/proc/self/status").read_text()
    pathlib.Path("peak.txt").write_text(re.search(r"VmHWM:\\s*([0-9]+) kB", status)[1])
atexit.register(tell)
runpy.run_module("etlrunner", run_name="__main__", alter_sys=True)
"""
"""The process tells of its own peak: what the system says to who waits for it counts its parent's memory, too."""


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
            [sys.executable, "-c", PROGRAM, *command],
            cwd=project,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(extra or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
        process.wait()
    peak = int((project / "peak.txt").read_text()) * 1024
    return Ended(process.returncode, said.read_text(errors="replace"), peak)
