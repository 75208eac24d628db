"""Several starters at once, and a clock that jumps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from etlrunner.lib.clock import SystemClock
from tests.support import sweeps
from tests.support.clock import SimulatedClock
from tests.support.killed import FLOW, NEXT, Scene
from tests.support.matrix import proves
from tests.support.project import TestProject


def start_together(scene: Scene, number: int) -> list[int]:
    """The exit codes of so many processes that run the same flow at the same time."""
    scene.reset()
    waiting = [scene.start() for _ in range(number)]
    for one in waiting:
        one.go()
    return [one.end() for one in waiting]


@proves(
    "C6",
    fault="several processes start the same flow at the same moment",
    behaviour="one of them works, the others say which and since when; never a locked database",
    exit=8,
)
def test_of_several_starters_one_works(scene: Scene) -> int:
    codes = start_together(scene, 3)
    assert 0 in codes
    assert set(codes) <= {0, 8}
    assert scene.recover() == ""
    return max(codes)


@pytest.mark.slow
def test_of_ten_starters_one_works_each_time(scene: Scene) -> None:
    going = sweeps.Sweep(
        "ten processes start one flow at the same moment",
        "one delivers, the others end as busy within seconds; then as after kill -9",
    )
    for turn in going.over(range(10)):
        codes = start_together(scene, 10)
        going.ended.update(f"exit {code}" for code in codes)
        trouble = scene.recover()
        if trouble or 0 not in codes or not set(codes) <= {0, 8}:
            going.wrong.append(f"turn {turn}: {codes} {trouble}")
    assert not going.wrong, "\n".join(going.wrong)


class Jumping(SimulatedClock):
    """A wall clock that somebody sets a day back or forward at every look."""

    def __init__(self, day: timedelta) -> None:
        super().__init__(datetime(2027, 3, 2, 8, tzinfo=UTC))
        self.day = day

    def now(self) -> datetime:
        self.jump(self.day)
        self.day = -self.day
        return super().now()


@proves(
    "C9",
    fault="the wall clock jumps a day back or forward at every look",
    behaviour="times are measured by the other clock; one delivery; nothing is sent twice",
    exit=0,
)
@pytest.mark.slow  # tests/crash/test_wall_clock.py sets the clock of a real process
@pytest.mark.parametrize("day", [timedelta(days=1), timedelta(days=-1)])
def test_a_clock_that_jumps_changes_nothing(scene: Scene, day: timedelta) -> int:
    project = TestProject(scene.root, Jumping(day))
    result = project.run(FLOW, as_of=NEXT)
    assert all(seconds >= 0 for seconds in result.record.seconds.values())
    project.services.clock = SystemClock()
    again = project.run(FLOW, as_of=NEXT)
    assert again.record.outcome == "unchanged"
    assert scene.wrong(project) == []
    project.close()
    return result.exit_code
