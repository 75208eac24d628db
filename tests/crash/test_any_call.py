"""A run is stopped, or meets an error, at any of the system calls by which it changes anything."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterable

import pytest

from tests.support import strace, sweeps
from tests.support.killed import Scene
from tests.support.matrix import proves

pytestmark = pytest.mark.skipif(bool(strace.missing()), reason=strace.missing() or "it is here")

Point = tuple[str, int]
ON_FILES = ("write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename", "unlink", "mkdir")
AFTERWARDS = (
    "one clean run leaves one whole archive at the server, one success, the baseline of that success,"
    " no temporary file, no lease"
)
EVERY = {"write": 5, "pwrite64": 3, "unlink": 2}
"""A call of which there are hundreds is stopped before each n-th: blocks of one file, mostly."""
SAMPLE: tuple[Point, ...] = (("fdatasync", 6), ("rename", 9), ("sendto", 5))
"""Early, in the middle, and late in a run."""


@pytest.fixture(scope="session")
def points(made: Scene, tmp_path_factory: pytest.TempPathFactory) -> list[Point]:
    """Every changing call of a whole run."""
    made.reset()
    found = strace.calls(made.start(), tmp_path_factory.mktemp("calls") / "strace.txt")
    return [
        (call, number)
        for call, count in found.items()
        for number in range(1, count + 1, EVERY.get(call, 1))
    ]


class Sweep:
    """Runs into one fault after the other, with a clean run after each."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.ended: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.codes: list[int] = []

    def over(self, points: Iterable[Point], fault: str, allowed: Iterable[int]) -> Sweep:
        for call, number in points:
            self.scene.reset()
            started = self.scene.start()
            code = strace.faulted(started, call, number, fault)
            self.codes.append(code)
            self.ended[_ended(code)] += 1
            trouble = self.scene.recover()
            if "a bug in etlrunner" in started.said():
                trouble += " (it called it a bug)"
            if code not in allowed:
                trouble += f" (it ended with {code}: {started.said()[-300:]})"
            if trouble:
                self.wrong.append(f"{call} {number} {fault}: {trouble}")
        return self

    def recorded(self, name: str) -> None:
        sweeps.record(
            name,
            cases=len(self.codes),
            violations=len(self.wrong),
            found=AFTERWARDS,
            **self.ended,
        )
        assert self.wrong == []


def _ended(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit {code}"


@proves(
    "C1",
    fault="kill -9 at a system call: in the middle of a run, while it sends, while it promotes",
    behaviour="one clean run later: one archive, one success, the baseline of that success, no left-overs",
    exit=137,
)
def test_killed_at_some_system_calls(scene: Scene) -> int:
    sweep = Sweep(scene).over(SAMPLE, "signal=KILL", [-signal.SIGKILL])
    assert sweep.wrong == []
    return 128 - max(sweep.codes)


@proves(
    "C5",
    fault="fsync fails (EIO)",
    behaviour="the run ends; that file is never taken for whole; nothing is sent, or what was is told",
    exit=9,
)
def test_a_failed_fsync_ends_the_run(scene: Scene) -> int:
    sweep = Sweep(scene).over([("fsync", 3)], "error=EIO", [9])
    assert sweep.wrong == []
    return sweep.codes[0]


@proves(
    "C4",
    fault="no room, or an input/output error, at a write, a renaming, a commit",
    behaviour="says what could not be written; nothing half-written stays; the next run is clean",
    exit=9,
)
@pytest.mark.parametrize(
    ("call", "number", "error"), [("rename", 4, "ENOSPC"), ("pwrite64", 9, "EIO")]
)
def test_an_error_of_the_disk_ends_the_run(scene: Scene, call: str, number: int, error: str) -> int:
    sweep = Sweep(scene).over([(call, number)], f"error={error}", [9])
    assert sweep.wrong == []
    return sweep.codes[0]


@proves(
    "C7",
    fault="SIGTERM at a system call",
    behaviour="ends within seconds; half a file at the server is removed; the row says interrupted",
    exit=143,
)
def test_a_signal_ends_a_run_cleanly(scene: Scene) -> int:
    sweep = Sweep(scene).over([("fdatasync", 8)], "signal=TERM", [143])
    assert sweep.wrong == []
    return sweep.codes[0]


@pytest.mark.slow
@pytest.mark.parametrize("call", strace.CHANGING)
def test_killed_at_any_system_call(scene: Scene, points: list[Point], call: str) -> None:
    mine = [point for point in points if point[0] == call]
    sweep = Sweep(scene).over(mine, "signal=KILL", [-signal.SIGKILL, 0])
    sweep.recorded(f"kill -9 at `{call}`")


@pytest.mark.slow
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_an_error_at_any_call_on_files(scene: Scene, points: list[Point], error: str) -> None:
    mine = [point for point in points if point[0] in ON_FILES][::2]
    sweep = Sweep(scene).over(mine, f"error={error}", [0, 9, 7])
    sweep.recorded(f"{error} at write, fsync, commit, rename, unlink, mkdir")


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [("INT", 130), ("TERM", 143)])
def test_a_signal_at_any_call(scene: Scene, points: list[Point], number: str, code: int) -> None:
    sweep = Sweep(scene).over(points[::5], f"signal={number}", [code, 0])
    sweep.recorded(f"SIG{number} at a system call")
