"""A run is stopped, or meets an error, at any of the system calls by which it changes anything."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from tests.support import faulted, strace
from tests.support.faulted import Point, meet, sweep
from tests.support.killed import FLOW, Scene
from tests.support.matrix import proves

pytestmark = pytest.mark.skipif(bool(strace.missing()), reason=strace.missing() or "it is here")

ON_FILES = ("write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename", "unlink", "mkdir")
EVERY = {"pwrite64": 3, "unlink": 2}
"""A call of which there are hundreds fails each n-th time: pages of one file, mostly."""
IN_SQLITE = ("pwrite64", "ftruncate")
"""Several of them, and the flush at their end, are one call of Python's: a signal waits for its return."""
RESEND = ("resend", FLOW, "--because", "Apple lost it", "--yes")
IMPORT = ("baseline", "import", "sent.zip", FLOW, "--replace", "--because", "by hand")


@pytest.fixture(scope="session")
def calls(made: Scene, tmp_path_factory: pytest.TempPathFactory) -> list[strace.Call]:
    """Every changing call of a whole run."""
    return faulted.calls(made, tmp_path_factory.mktemp("calls") / "strace.txt")


@pytest.fixture
def with_zip(scene: Scene, made: Scene) -> Scene:
    """The project, with the archive that was delivered as if another tool had made it."""
    (sent,) = scene.arrived().iterdir()
    shutil.copy(sent, made.kept / "sent.zip")
    return scene


@proves(
    "C1",
    fault="kill -9 at a system call of a run (all of them in the sweep)",
    behaviour="one clean run later: one archive, one success, the baseline of that success, no left-overs",
    exit=137,
)
def test_killed_at_a_system_call(scene: Scene) -> int:
    code, trouble = meet(scene, ("sendto", 5), "signal=KILL", [-signal.SIGKILL])
    assert trouble == ""
    return 128 - code


@proves(
    "C5",
    fault="fsync fails (EIO)",
    behaviour="the run ends; that file is never taken for whole; nothing is sent, or what was is told",
    exit=9,
)
def test_a_failed_fsync_ends_the_run(scene: Scene) -> int:
    code, trouble = meet(scene, ("fsync", 3), "error=EIO", [9])
    assert trouble == ""
    return code


@proves(
    "C4",
    fault="no room, or an input/output error, at a write, a renaming, a commit",
    behaviour="says what could not be written; nothing half-written stays; the next run is clean",
    exit=9,
)
@pytest.mark.parametrize(
    ("call", "number", "error"),
    [("rename", 4, "ENOSPC"), pytest.param("pwrite64", 9, "EIO", marks=pytest.mark.slow)],
)
def test_an_error_of_the_disk_ends_the_run(scene: Scene, call: str, number: int, error: str) -> int:
    code, trouble = meet(scene, (call, number), f"error={error}", [9])
    assert trouble == ""
    return code


@proves(
    "C7",
    fault="SIGTERM at a system call",
    behaviour="ends within seconds; half a file at the server is removed; the row says interrupted",
    exit=143,
)
def test_a_signal_ends_a_run_cleanly(scene: Scene) -> int:
    code, trouble = meet(scene, ("fdatasync", 8), "signal=TERM", [143])
    assert trouble == ""
    return code


@pytest.mark.slow
def test_killed_at_any_system_call(scene: Scene, calls: list[strace.Call]) -> None:
    points = faulted.deadly(calls, pages=3)
    sweep(scene, "kill -9 at a system call", points, "signal=KILL", [-signal.SIGKILL, 0])


@proves(
    "C1",
    fault="kill -9 while a delivery is sent again, and while another tool's zip is brought in",
    behaviour="one clean run later: the archives whole, a success for each, one baseline, no left-overs",
    exit=137,
)
@pytest.mark.parametrize(("command", "point"), [(RESEND, ("sendto", 9)), (IMPORT, ("rename", 8))])
def test_killed_in_another_command(with_zip: Scene, command: tuple[str, ...], point: Point) -> int:
    code, trouble = meet(with_zip, point, "signal=KILL", [-signal.SIGKILL], command, (2, 3))
    assert trouble == ""
    return 128 - code


@pytest.mark.slow
@pytest.mark.parametrize("command", [RESEND, IMPORT], ids=["resend", "baseline import"])
def test_killed_at_any_call_of_another_command(
    with_zip: Scene, command: tuple[str, ...], tmp_path: Path
) -> None:
    found = faulted.deadly(faulted.calls(with_zip, tmp_path / "strace.txt", command), pages=3)
    name = " ".join(word for word in command[:2] if word != FLOW)
    ends = [-signal.SIGKILL, 0]
    sweep(
        with_zip, f"kill -9 at a system call of {name}", found, "signal=KILL", ends, command, (2, 3)
    )


@pytest.mark.slow
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_an_error_at_any_call_on_files(scene: Scene, calls: list[strace.Call], error: str) -> None:
    mine = [
        (call.name, call.number)
        for call in calls
        if call.name in ON_FILES and call.number % EVERY.get(call.name, 1) == 0
    ]
    name = f"{error} at a write, fsync, commit, rename, unlink or mkdir"
    sweep(scene, name, mine, f"error={error}", [0, 7, 9])


@proves(
    "C7",
    fault="the terminal is closed while a run goes (SIGHUP)",
    behaviour="as with SIGTERM",
    exit=129,
)
def test_a_closed_terminal_ends_a_run_cleanly(scene: Scene) -> int:
    code, trouble = meet(scene, ("sendto", 5), "signal=HUP", [129])
    assert trouble == ""
    return code


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [("INT", 130), ("TERM", 143)])
def test_a_signal_at_any_call(
    scene: Scene, calls: list[strace.Call], number: str, code: int
) -> None:
    points = [(call.name, call.number) for call in calls if call.name not in IN_SQLITE]
    sweep(scene, f"SIG{number} at a system call", points, f"signal={number}", [code, 0])
