"""A command that meets one fault at one of its system calls, and the clean run after it."""

from __future__ import annotations

import signal
from collections.abc import Collection, Iterable
from pathlib import Path

from tests.support import strace, sweeps
from tests.support.killed import RUN, Scene

Point = tuple[str, int]
"""A system call, and the how manieth of its name."""
AFTERWARDS = (
    "one clean run leaves one whole archive at the server, one success, the baseline of that success,"
    " no temporary file, no lease"
)


def calls(scene: Scene, out: Path, command: tuple[str, ...] = RUN) -> list[strace.Call]:
    """Every call by which a command changes anything."""
    scene.reset()
    return strace.calls(scene.start(command), out)


def deadly(calls: Iterable[strace.Call], *, pages: int = 1) -> list[Point]:
    """Where a kill can leave something else than a kill before the next of these calls.

    Of the pages that SQLite writes for one commit, every n-th.
    """
    return [
        (call.name, call.number)
        for call in calls
        if call.changes and (call.name != "pwrite64" or call.number % pages == 0)
    ]


def meet(
    scene: Scene,
    point: Point,
    fault: str,
    allowed: Iterable[int],
    command: tuple[str, ...] = RUN,
    successes: Collection[int] = (2,),
) -> tuple[int, str]:
    """A command into one fault, and a clean run after it: how the first ended, and what is wrong."""
    scene.reset()
    started = scene.start(command)
    code = strace.faulted(started, *point, fault)
    trouble = scene.recover(successes)
    if "a bug in etlrunner" in started.said():
        trouble += " (it called it a bug)"
    if code not in allowed:
        trouble += f" (it ended with {code}: {started.said()[-300:]})"
    return code, trouble


def sweep(
    scene: Scene,
    name: str,
    points: Iterable[Point],
    fault: str,
    allowed: Iterable[int],
    command: tuple[str, ...] = RUN,
    successes: Collection[int] = (2,),
) -> None:
    """Meet the fault at each point, and record it."""
    going = sweeps.Sweep(name, AFTERWARDS)
    for point in going.over(points):
        code, trouble = meet(scene, point, fault, allowed, command, successes)
        going.ended[_ended(code)] += 1
        if trouble:
            going.wrong.append(f"{point} {fault}: {trouble}")
    assert not going.wrong, "\n".join(going.wrong)


def _ended(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit {code}"
