"""Faults at the n-th system call of a running process, by strace: a signal, or an error in its place."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.support.killed import Started

CHANGING = (
    *("write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename", "unlink", "unlinkat"),
    *("mkdir", "rmdir", "sendto"),
)
"""The calls by which a run changes anything outside of itself; it can be stopped before each."""
FLUSHING = ("fsync", "fdatasync")
"""They change what a power cut leaves, and nothing that a killed process leaves."""
_LINE = re.compile(r"(\d+) +(\w+)\((.*)")


class Call(NamedTuple):
    """One call: the how manieth of its name, and whether what a kill leaves differs before and after it."""

    name: str
    number: int
    changes: bool


def missing() -> str:
    """Why it cannot be used here; empty when it can."""
    return "" if shutil.which("strace") else "no strace: apt-get install strace"


@contextlib.contextmanager
def traced(started: Started, *options: str) -> Iterator[None]:
    """Attach to a process that waits; at the end it has gone, and strace with it."""
    command = ["strace", "-qq", *options, "-p", str(started.pid)]
    tracer = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        _attached(started.pid, tracer)
        yield
    finally:
        tracer.communicate(timeout=60)


def faulted(started: Started, call: str, number: int, fault: str) -> int:
    """Let the process run into `fault` (`signal=KILL`, `error=EIO`) at its n-th call; its exit code."""
    inject = f"inject={call}:{fault}:when={number}"
    with traced(started, *_threads(call), "-o", "/dev/null", "-e", f"trace={call}", "-e", inject):
        return started.go().end()


def calls(started: Started, out: Path) -> list[Call]:
    """Every changing call of one run, each kind in the thread that makes most of it."""
    with traced(started, "-f", "-y", "-o", str(out), "-e", f"trace={','.join(CHANGING)}"):
        assert started.go().end() == 0
    main, lines = str(started.pid), out.read_text(errors="replace").splitlines()
    seen: dict[str, dict[str, list[Call]]] = {}
    for found in filter(None, map(_LINE.match, lines)):
        thread, name, rest = found.groups()
        if name != "write" or thread == main:
            mine = seen.setdefault(name, {}).setdefault(thread, [])
            mine.append(Call(name, len(mine) + 1, _changes(name, rest)))
    return [call for threads in seen.values() for call in max(threads.values(), key=len)]


def _changes(name: str, rest: str) -> bool:
    """Whether files, or the server, are another after this call than before it."""
    if name in FLUSHING or " = -1 E" in rest:
        return False
    inside = ("eventfd]>", "-shm>")  # SQLite makes its index anew
    return not (rest.partition(",")[0].endswith(inside) or "<pipe:[" in rest.partition(",")[0])


def _threads(call: str) -> tuple[str, ...]:
    """Whether threads are watched too: what Polars' threads write is mostly their alarm clocks."""
    return () if call == "write" else ("-f",)


def _attached(pid: int, tracer: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while "TracerPid:\t0" in Path(f"/proc/{pid}/status").read_text():
        assert tracer.poll() is None, "strace could not attach"
        assert time.monotonic() < end, "strace did not attach in time"
        time.sleep(0.005)
