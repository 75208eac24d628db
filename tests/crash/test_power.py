"""The power is cut on a real ext4: what was not flushed is gone."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from etlrunner.sandbox import sftp
from etlrunner.sandbox.district import District
from tests.support import disks, killed, strace, sweeps
from tests.support.killed import Scene
from tests.support.matrix import proves
from tests.support.project import DAY

WHY_NOT = disks.missing("mkfs.ext4") or strace.missing()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "it is here")

COMMITTING = ("fdatasync", 30)


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[disks.Ext4]:
    base = tmp_path_factory.mktemp("power")
    (base / "project").mkdir()
    with disks.ext4(base / "disk.img", base / "project") as made:
        yield made


@pytest.fixture(scope="module")
def powered(disk: disks.Ext4, running: sftp.SftpServer) -> Scene:
    """The project lies on that disk; the server does not."""
    dropbox = running.folder / running.directory
    killed.empty(dropbox)
    district = District(students=60, seed=4, as_of=DAY)
    return Scene(disk.folder, killed.sftp_flow(running), district, lambda: dropbox).prepare()


def cut(disk: disks.Ext4, scene: Scene, call: str, number: int) -> tuple[int, str]:
    """The power goes before a system call: how the process ended, and what is wrong a clean run later."""
    scene.reset()
    disk.flush()
    code = strace.faulted(scene.start(), call, number, "signal=KILL")
    disk.cut_power()
    return code, scene.recover()


@proves(
    "C3",
    fault="the power is cut on an ext4 while the run commits (and anywhere, in the sweep)",
    behaviour="no torn or empty file is taken for a whole one; no success is lost; the next run is clean",
    exit=137,
)
def test_the_power_is_cut(disk: disks.Ext4, powered: Scene) -> int:
    code, wrong = cut(disk, powered, *COMMITTING)
    assert wrong == ""
    return 128 - code


@pytest.mark.slow
def test_the_power_is_cut_anywhere(disk: disks.Ext4, powered: Scene, tmp_path: Path) -> None:
    powered.reset()
    calls = strace.calls(powered.start(), tmp_path / "calls.txt")
    counts = Counter(call.name for call in calls)
    wanted = {"fsync": 1, "fdatasync": 1, "rename": 1, "pwrite64": 2, "write": 3, "unlink": 6}
    points = [
        (call, number)
        for call, step in wanted.items()
        for number in range(1, counts[call] + 2, step)  # the last one is after the end
    ]
    going = sweeps.Sweep("power cut on ext4", "as after kill -9; no success that was said is lost")
    for call, number in going.over(points):
        code, trouble = cut(disk, powered, call, number)
        going.ended["cut off" if code == -signal.SIGKILL else f"exit {code}, then the cut"] += 1
        if trouble:
            going.wrong.append(f"{call} {number}: {trouble}")
    assert not going.wrong, "\n".join(going.wrong)
