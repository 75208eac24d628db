"""A run whose wall clock is set while it goes: every look at the clock in the process sees it."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support import points, wall_clock
from tests.support.killed import RUN, Scene
from tests.support.matrix import proves
from tests.support.wall_clock import WallClock

pytestmark = pytest.mark.skipif(bool(wall_clock.missing()), reason=wall_clock.missing() or "here")

SHIFTS = {
    "26 hours forward": timedelta(hours=26),
    "26 hours back": timedelta(hours=-26),
    "10 years forward": timedelta(days=3653),
    "10 years back": timedelta(days=-3653),
}
SAMPLE = ("10 years forward", "when the file is open")
EVERYWHERE = [
    pytest.param(shift, point, marks=[] if (shift, point) == SAMPLE else pytest.mark.slow)
    for shift in SHIFTS
    for point in points.POINTS
]


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> WallClock:
    return WallClock(tmp_path_factory.mktemp("clock"))


def run(scene: Scene, clock: WallClock, point: str, shift: timedelta) -> tuple[int, str]:
    """The flow once, with the clock set at that point: exit code, and what it said."""
    clock.set(timedelta())
    command = [sys.executable, "-m", "tests.support.jumping", point, str(shift.total_seconds())]
    done = subprocess.run(
        [*command, *RUN, "--project", scene.root],
        env={**os.environ, **clock.environment},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


@proves(
    "C9",
    fault="the wall clock is set 26 hours or 10 years forward or back at some step of a delivery",
    behaviour="no duration is wrong; one delivery; the next run, with the clock set right, sends nothing",
    exit=0,
)
@pytest.mark.parametrize(("shift", "point"), EVERYWHERE)
def test_a_clock_that_is_set_in_the_middle_of_a_run(
    scene: Scene, clock: WallClock, shift: str, point: str
) -> int:
    code, said = run(scene, clock, point, SHIFTS[shift])
    assert code == 0, said
    with scene.again() as (project, result):
        assert result.record.outcome == "unchanged", result.record.message
        assert scene.wrong(project) == []
        first = project.history.runs(result.record.flow, limit=None)
        assert all(0 <= seconds < 60 for run in first for seconds in run.seconds.values())
    return code
