"""Faults at the n-th system call of a running process, by strace: a signal, or an error in its place."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.support.killed import Started

CHANGING = (
    *("write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename", "unlink", "unlinkat"),
    *("mkdir", "rmdir", "sendto"),
)
"""The calls by which a run changes anything outside of itself; it can be stopped before each."""
_LINE = re.compile(r"(\d+) +(\w+)\(")


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


def calls(started: Started, out: Path) -> dict[str, int]:
    """How often each changing call happens in one run, in the thread that makes most of it."""
    with traced(started, "-f", "-o", str(out), "-e", f"trace={','.join(CHANGING)}"):
        assert started.go().end() == 0
    seen = Counter(found.groups() for found in map(_LINE.match, _lines(out)) if found)
    main = str(started.pid)
    most: dict[str, int] = {}
    for (thread, call), number in sorted(seen.items()):
        if _counts(thread, main, call):
            most[call] = max(most.get(call, 0), number)
    return most


def _threads(call: str) -> tuple[str, ...]:
    """Whether threads are watched too: what Polars' threads write is mostly their alarm clocks."""
    return () if call == "write" else ("-f",)


def _counts(thread: str, main: str, call: str) -> bool:
    return call != "write" or thread == main


def _lines(out: Path) -> list[str]:
    return out.read_text(errors="replace").splitlines()


def _attached(pid: int, tracer: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while "TracerPid:\t0" in Path(f"/proc/{pid}/status").read_text():
        assert tracer.poll() is None, "strace could not attach"
        assert time.monotonic() < end, "strace did not attach in time"
        time.sleep(0.005)
