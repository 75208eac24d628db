"""The state lies on a disk that is too small, or cannot be written."""

from __future__ import annotations

import resource
import shutil
from pathlib import Path

import pytest

from tests.support import disks, sweeps
from tests.support.killed import Scene
from tests.support.matrix import proves

pytestmark = pytest.mark.skipif(bool(disks.missing()), reason=disks.missing() or "it is here")

ENOUGH = 64 * 1024
"""KiB that are more than any run here needs."""


@pytest.fixture
def state(scene: Scene) -> Path:
    """The state's folder, about to be a disk of its own."""
    return scene.root / ".etlrunner"


def run_on(scene: Scene, state: Path, kilobytes: int) -> tuple[int, str, str]:
    """A run with so much room beyond what is there already: exit code, words, and what is wrong later.

    Less than nothing is a disk that holds no more than the room says, and no state yet.
    """
    scene.reset()
    before = state.with_name("before")
    shutil.move(state, before)
    state.mkdir(mode=0o700)
    with disks.in_memory(state, ENOUGH):
        shutil.copytree(before, state, dirs_exist_ok=True)
        used = sum(-(-path.stat().st_size // 4096) * 4 for path in state.rglob("*"))
        disks.resize(state, used + kilobytes)
        started = scene.start()
        code = started.go().end()
        disks.resize(state, ENOUGH)
        wrong = scene.recover()
    state.rmdir()
    shutil.move(before, state)
    return code, started.said(), wrong


@proves(
    "C4",
    fault="the disk of the state is full: no room at all, or room for a part of the run",
    behaviour="says that the disk is full; nothing half-written; once there is room the next run is clean",
    exit=9,
)
@pytest.mark.parametrize("kilobytes", [pytest.param(4, marks=pytest.mark.slow), 300])
def test_a_full_disk_is_said_and_survived(scene: Scene, state: Path, kilobytes: int) -> int:
    code, said, wrong = run_on(scene, state, kilobytes)
    assert "full" in said
    assert wrong == ""
    return code


@proves(
    "F5",
    fault="the disk of the state is read-only",
    behaviour="nothing runs; says so",
    exit=9,
)
def test_a_read_only_disk_is_said(scene: Scene, state: Path) -> int:
    before = state.with_name("before")
    shutil.move(state, before)
    state.mkdir(mode=0o700)
    with disks.in_memory(state, ENOUGH):
        shutil.copytree(before, state, dirs_exist_ok=True)
        disks.close_to_writing(state, closed=True)
        started = scene.start()
        code = started.go().end()
        assert "the disk is read-only" in started.said()
        disks.close_to_writing(state, closed=False)
        assert scene.recover() == ""
    return code


@proves(
    "C8",
    fault="no more files may be opened, or threads started",
    behaviour="says so; no bug, no half state; with more the next run is clean",
    exit=9,
)
@pytest.mark.parametrize("files", [pytest.param(10, marks=pytest.mark.slow), 18])
def test_a_process_that_may_open_few_files_says_so(scene: Scene, files: int) -> int:
    started = scene.start()
    resource.prlimit(started.pid, resource.RLIMIT_NOFILE, (files, files))
    code = started.go().end()
    assert "oo many" in started.said()
    assert scene.recover() == ""
    return code


@pytest.mark.slow
def test_disks_from_nothing_upwards(scene: Scene, state: Path) -> None:
    going = sweeps.Sweep(
        "0 to 1.6 MB of room on the state's disk (tmpfs)",
        "exit 9 or a whole delivery; once there is room, one clean run leaves everything as it has to be",
    )
    for kilobytes in going.over(range(0, 1600, 16)):
        code, said, trouble = run_on(scene, state, kilobytes)
        going.ended[f"exit {code}"] += 1
        if trouble or code not in (0, 9):
            going.wrong.append(f"{kilobytes} KiB: {code} {trouble} {said[-200:]}")
    assert not going.wrong, "\n".join(going.wrong)
