from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from etlrunner.errors import Busy, ConfigurationError, LocalTrouble
from etlrunner.history.store import History
from etlrunner.lib.clock import SystemClock
from etlrunner.model.components import Component
from etlrunner.model.flow import Flow, Retry, Schedule
from etlrunner.model.mapping import MappingSet
from etlrunner.model.problems import Problem
from etlrunner.model.run import RunRecord
from etlrunner.schedule.serve import run_due, serve
from tests.support.clock import SimulatedClock

CENTRAL = Schedule("US/Central", 2, 30, weekend=False)
MONDAY = datetime(2027, 3, 1, 6, 0, tzinfo=UTC)  # midnight in Chicago
DELAYS = tuple(timedelta(minutes=each) for each in (2, 8, 32, 120, 510))
WORDS = {0: "delivered", 6: "held", 8: "skipped"}


def a_flow(name: str = "lakeside-isd", schedule: Schedule | None = CENTRAL, **changes) -> Flow:
    part = Component("none", {})
    flow = Flow(name, Path(f"{name}.yaml"), part, part, MappingSet("m", {}), schedule=schedule)
    return replace(flow, **changes)


class World:
    """A history, a clock, flows, and a starter that writes records as the engine does."""

    def __init__(self, folder: Path, *flows: Flow) -> None:
        self.clock = SimulatedClock(MONDAY)
        self.history = History.open(folder)
        self.flows: dict[str, object] = {flow.name: flow for flow in flows or (a_flow(),)}
        self.codes: list[int] = []
        self.started: list[tuple[str, str, date, int, datetime]] = []
        self.said: list[str] = []
        self.missed: list[date] = []

    def start(self, name: str, trigger: str, day: date, attempt: int) -> int:
        self.started.append((name, trigger, day, attempt, self.clock.now()))
        code = self.codes.pop(0) if self.codes else 0
        began = self.clock.now()
        record = RunRecord(
            id=self.history.new_run_id(name, day),
            flow=name,
            trigger=trigger,
            started=began,
            scheduled_date=day,
            attempt=attempt,
        )
        try:
            with self.history.lease(name, owner=record.id, clock=self.clock):
                self.history.begin(record)
        except Busy:
            code = 8
        outcome = WORDS.get(code, "failed")
        self.history.save(replace(record, ended=began, outcome=outcome, exit_code=code))
        return code

    def serve(self, until: timedelta, nap: timedelta = timedelta(minutes=20), **more) -> None:
        end, stop = self.clock.now() + until, threading.Event()

        def flows() -> dict[str, object]:
            if self.clock.now() >= end:
                stop.set()
                return {}
            return dict(self.flows)

        self._call(serve, flows, stop=stop, nap=nap, **{"workers": 0, **more})

    def due(self, **more) -> dict[str, int]:
        return self._call(run_due, lambda: dict(self.flows), **more)

    def _call(self, what, flows, **more):
        missed = lambda _, record: self.missed.append(record.scheduled_date)  # noqa: E731
        return what(
            flows,
            more.pop("start", self.start),
            clock=self.clock,
            history=self.history,
            report=self.said.append,
            missed=missed,
            **more,
        )

    def dates(self) -> list[str]:
        return [day.strftime("%a %d") for _, _, day, _, _ in self.started]

    def seen(self) -> list[tuple[str, str, int]]:
        """Trigger, time since Monday's hour, attempt."""
        hour = datetime(2027, 3, 1, 8, 30, tzinfo=UTC)
        return [(trigger, str(at - hour), attempt) for _, trigger, _, attempt, at in self.started]


@pytest.fixture
def world(tmp_path):
    worlds: list[World] = []

    def make(*flows: Flow) -> World:
        worlds.append(World(tmp_path, *flows))
        return worlds[-1]

    yield make
    for each in worlds:
        each.history.close()


def test_fourteen_days_bring_one_run_per_due_date_and_none_at_the_weekend(world):
    here = world()
    here.serve(timedelta(days=14))
    assert here.dates() == [
        "Mon 01", "Tue 02", "Wed 03", "Thu 04", "Fri 05",
        "Mon 08", "Tue 09", "Wed 10", "Thu 11", "Fri 12",
    ]  # fmt: skip
    assert {at.strftime("%H:%M:%S") for *_, at in here.started} == {"08:30:00"}
    assert {trigger for _, trigger, *_ in here.started} == {"schedule"}


def test_both_clock_changes_bring_one_run_per_date(world):
    here = world(a_flow(schedule=Schedule("US/Central", 2, 30)))
    for first in (datetime(2027, 3, 12, 12, tzinfo=UTC), datetime(2027, 11, 5, 12, tzinfo=UTC)):
        here.clock.move_to(first)
        here.started.clear()
        here.serve(timedelta(days=4))
        assert len(here.started) >= 4
        assert max(Counter(here.dates()).values()) == 1


def test_a_machine_asleep_over_the_hour_catches_up_once(world):
    here = world()
    here.due()
    here.clock.move(timedelta(hours=12))
    here.serve(timedelta(hours=12))
    assert here.seen() == [("catch-up", "9:30:00", 1)]


def test_it_does_not_catch_up_outside_the_window_and_says_what_was_missed(world):
    flow = a_flow(schedule=replace(CENTRAL, catch_up=timedelta(hours=2)))
    here = world(flow)
    here.serve(timedelta(hours=4))
    here.clock.move_to(datetime(2027, 3, 4, 20, tzinfo=UTC))
    here.serve(timedelta(hours=2))
    assert here.dates() == ["Mon 01"]
    assert [day.day for day in here.missed] == [2, 3, 4]
    last = here.history.last("lakeside-isd")
    assert (last.outcome, last.exit_code, last.scheduled_date.day) == ("skipped", None, 4)
    here.serve(timedelta(hours=2))
    assert len(here.missed) == 3


def test_after_a_long_sleep_only_the_last_date_runs(world):
    here = world()
    here.serve(timedelta(hours=4))
    here.clock.move(timedelta(days=3))
    here.serve(timedelta(hours=1))
    assert here.dates() == ["Mon 01", "Thu 04"]
    assert [day.day for day in here.missed] == [2, 3]


def test_a_new_flow_has_missed_nothing(world):
    here = world()
    here.clock.move(timedelta(days=2, hours=12))
    here.serve(timedelta(hours=2))
    assert (here.started, here.missed) == ([], [])


def test_a_new_flow_that_is_first_looked_at_just_after_its_hour_starts(world):
    here = world()
    here.clock.move(timedelta(hours=3))
    assert here.due() == {"lakeside-isd": 0}


def test_failures_that_may_heal_are_tried_again_at_the_flows_pauses(world):
    here = world(a_flow(retry=Retry(DELAYS)))
    here.codes = [3, 7, 3, 3, 3, 3, 0]
    here.serve(timedelta(hours=23))
    assert here.seen() == [
        ("schedule", "0:00:00", 1),
        ("retry", "0:02:00", 2),
        ("retry", "0:10:00", 3),
        ("retry", "0:42:00", 4),
        ("retry", "2:42:00", 5),
        ("retry", "11:12:00", 6),
    ]
    here.codes = []
    here.serve(timedelta(hours=20))
    assert here.dates()[-1] == "Tue 02"


def test_no_attempt_starts_after_until(world):
    here = world(a_flow(retry=Retry(DELAYS, time(6, 0))))
    here.codes = [3] * 9
    here.serve(timedelta(hours=20))
    assert [attempt for *_, attempt in here.seen()] == [1, 2, 3, 4, 5]


def test_until_is_the_next_morning_for_a_flow_of_the_evening(world):
    flow = a_flow(schedule=replace(CENTRAL, hour=22), retry=Retry(DELAYS, time(6, 0)))
    here = world(flow)
    here.clock.move(timedelta(hours=12))
    here.due()
    here.codes = [3] * 9
    here.serve(timedelta(hours=24))
    assert len(here.started) == 5


@pytest.mark.parametrize("code", [1, 2, 4, 5, 6, 9])
def test_what_needs_a_person_is_never_tried_again(world, code):
    here = world(a_flow(retry=Retry(DELAYS)))
    here.codes = [code]
    here.serve(timedelta(hours=23))
    assert len(here.started) == 1


def test_a_success_after_a_retry_ends_it(world):
    here = world(a_flow(retry=Retry(DELAYS)))
    here.codes = [3, 0]
    here.serve(timedelta(hours=23))
    assert len(here.started) == 2


def test_a_run_that_was_killed_is_made_again_but_not_for_ever(world, monkeypatch):
    here = world()

    def dies(name: str, trigger: str, day: date, attempt: int) -> int:
        here.started.append((name, trigger, day, attempt, here.clock.now()))
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr("etlrunner.history.owner._host", lambda: "a container that is gone")
            here.history.begin(
                RunRecord(
                    id=here.history.new_run_id(name, day),
                    flow=name,
                    trigger=trigger,
                    started=here.clock.now(),
                    scheduled_date=day,
                    attempt=attempt,
                )
            )
        return 137

    here.serve(timedelta(hours=23), start=dies)
    assert [attempt for *_, attempt in here.seen()] == [1, 2, 3]
    assert {run.outcome for run in here.history.runs()} == {"interrupted"}


def test_a_run_by_hand_is_waited_for(world):
    here = world()
    with here.history.lease("lakeside-isd", owner="by-hand", clock=here.clock):
        here.serve(timedelta(hours=4))
        assert here.started == []
        assert [line for line in here.said if "by-hand" in line] == here.said
        assert len(here.said) == 1
    here.serve(timedelta(hours=1))
    assert here.dates() == ["Mon 01"]


def test_a_start_that_was_too_slow_for_the_lease_is_made_later(world):
    here = world()
    here.codes = [8]
    here.serve(timedelta(hours=6))
    assert [attempt for *_, attempt in here.seen()] == [1, 1]
    assert [run.outcome for run in here.history.runs()] == ["delivered", "skipped"]


def test_disabled_flows_and_those_without_a_schedule_never_start(world):
    here = world(a_flow(enabled=False), a_flow("by-hand", None))
    here.serve(timedelta(days=3))
    assert (here.started, here.missed) == ([], [])


def test_a_flow_that_is_switched_on_has_missed_nothing_while_it_was_off(world):
    here = world()
    here.serve(timedelta(hours=12))
    here.flows["lakeside-isd"] = a_flow(enabled=False)
    here.serve(timedelta(days=2))
    here.flows["lakeside-isd"] = a_flow()
    here.serve(timedelta(days=1))
    assert here.dates() == ["Mon 01", "Thu 04"]
    assert here.missed == []


def test_a_broken_file_is_said_once_and_leaves_the_others_alone(world):
    here = world(a_flow("good"))
    here.flows["broken"] = ConfigurationError([Problem("E100", "no")])
    here.serve(timedelta(days=1))
    assert here.dates() == ["Mon 01"]
    assert len(here.said) == 1
    assert here.said[0].startswith("broken: 1 problem")
    assert here.due()["broken"] == 2


def test_a_file_that_breaks_while_serving_still_starts_so_that_its_run_says_why(world):
    here = world()
    good = here.flows["lakeside-isd"]
    end, stop = here.clock.now() + timedelta(hours=12), threading.Event()

    def flows() -> dict[str, object]:
        if here.clock.now() >= end:
            stop.set()
        early = here.clock.now() < MONDAY + timedelta(hours=1)
        return {"lakeside-isd": good if early else ConfigurationError([Problem("E100", "no")])}

    here.codes = [2]
    here._call(serve, flows, stop=stop, nap=timedelta(minutes=20), workers=0)
    assert here.dates() == ["Mon 01"]


def test_a_bug_in_one_start_is_said_and_leaves_the_others_alone(world):
    here = world(a_flow("a"), a_flow("b"))
    starts = here.start

    def start(name: str, *rest) -> int:
        if name == "a":
            raise ZeroDivisionError
        return starts(name, *rest)

    here.serve(timedelta(days=1), start=start)
    assert [name for name, *_ in here.started] == ["b"]
    assert any("ZeroDivisionError" in line for line in here.said)


def test_trouble_with_the_history_of_one_round_does_not_end_the_loop(world, monkeypatch):
    here = world()
    here.due()
    real, calls = here.history.tries, []

    def tries(name: str):
        calls.append(name)
        if len(calls) < 20:
            raise LocalTrouble("the disk is full")
        return real(name)

    monkeypatch.setattr(here.history, "tries", tries)
    here.serve(timedelta(days=1))
    assert here.dates() == ["Mon 01"]
    assert here.said == ["lakeside-isd: the disk is full"]


def test_two_schedulers_at_once_make_one_run_per_date(world):
    one, two = world(), world()
    one.due()
    for _ in range(5):
        moment = max(one.clock.now(), two.clock.now()) + timedelta(hours=20)
        one.clock.move_to(moment)
        two.clock.move_to(moment)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda each: each.due(), (one, two)))
    dates = Counter(day for each in (one, two) for _, _, day, _, _ in each.started)
    assert dates
    assert set(dates.values()) == {1}


def test_of_several_processes_one_starts_the_run(world):
    here = world()
    here.due()
    here.clock.move(timedelta(hours=3))
    folder = Path(here.history._database.state)
    callers = [
        subprocess.Popen(
            [sys.executable, "-c", CALLER, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for _ in range(3)
    ]
    for caller in callers:
        assert caller.stdout.readline() == "ready\n"
    for caller in callers:
        caller.stdin.write("go\n")
        caller.stdin.flush()
    answers = sorted(caller.communicate()[0].strip() for caller in callers)
    assert len([run for run in here.history.runs() if run.outcome == "delivered"]) == 1
    assert answers.count("{'lakeside-isd': 0}") == 1


CALLER = """
import sys
from pathlib import Path
from datetime import timedelta
from tests.schedule import test_serve as shared
here = shared.World(Path(sys.argv[1]))
here.clock.move(timedelta(hours=3))
print("ready", flush=True)
sys.stdin.readline()
print(here.due())
"""


def test_run_due_may_be_called_as_often_as_one_likes(world):
    here = world()
    here.due()
    here.clock.move(timedelta(hours=3))
    assert here.due() == {"lakeside-isd": 0}
    for _ in range(3):
        here.clock.move(timedelta(minutes=10))
        assert here.due() == {}
    assert len(here.started) == 1


def test_a_clock_that_is_set_back_makes_no_second_run(world):
    here = world()
    here.serve(timedelta(hours=6))
    here.clock.jump(timedelta(hours=-26))
    here.serve(timedelta(hours=30))
    assert here.dates() == ["Mon 01"]


def test_a_changed_hour_makes_no_second_run_for_the_day(world):
    here = world()
    here.serve(timedelta(hours=6))
    here.flows["lakeside-isd"] = a_flow(schedule=replace(CENTRAL, hour=14))
    here.serve(timedelta(hours=17))
    assert here.dates() == ["Mon 01"]
    here.serve(timedelta(days=1))
    assert here.dates() == ["Mon 01", "Tue 02"]


def test_many_flows_run_side_by_side_and_the_loop_waits_for_them(tmp_path):
    here = World(tmp_path, *(a_flow(f"flow-{number}") for number in range(6)))
    here.clock = SystemClock()  # a real loop that is stopped by the last run
    always = Schedule("UTC", 0)
    here.flows = {name: a_flow(name, always) for name in here.flows}
    for name in here.flows:
        here.history.note_off(name, MONDAY - timedelta(days=400))
    stop, ended = threading.Event(), []
    together = threading.Barrier(3, timeout=30)

    def start(name: str, trigger: str, day: date, attempt: int) -> int:
        together.wait()
        code = here.start(name, trigger, day, attempt)
        ended.append(name)
        if len(ended) == 6:
            stop.set()
        return code

    here._call(serve, lambda: dict(here.flows), start=start, stop=stop, workers=3)
    assert sorted(ended) == sorted(here.flows)
    here.history.close()


@pytest.mark.slow
def test_a_year_with_random_failures_has_one_success_for_each_due_date(world):
    import random

    chance = random.Random(7)
    here = world(a_flow(retry=Retry(DELAYS[:4], time(6, 0))))
    here.codes = [chance.choice([0, 0, 0, 3, 7]) for _ in range(2000)]
    here.serve(timedelta(days=365), nap=timedelta(hours=1))
    well = Counter(
        run.scheduled_date for run in here.history.runs(limit=None) if run.outcome == "delivered"
    )
    assert set(well.values()) == {1}
    assert len(well) >= 0.97 * 261


@pytest.mark.parametrize("code", [130, 143])
def test_a_round_that_is_stopped_begins_no_further_flow(tmp_path: Path, code: int):
    """The engine turns a signal into an exit code; with `run --due` it is meant for the whole round."""
    world = World(tmp_path, *(a_flow(name) for name in ("a", "b", "c")))
    world.serve(timedelta(hours=1))  # seen once, before the hour
    world.codes = [code]
    world.clock.sleep(timedelta(hours=2).total_seconds())
    codes = run_due(lambda: world.flows, world.start, clock=world.clock, history=world.history)
    assert codes == {"a": code}
    assert [started[0] for started in world.started] == ["a"]
