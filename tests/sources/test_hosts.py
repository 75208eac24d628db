"""One host is asked by everybody together: how much at a time, how often, and less when it is busy."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from etlrunner.lib import hosts
from etlrunner.lib.clock import SystemClock
from etlrunner.lib.hosts import Cap, Host
from etlrunner.lib.http import Door, Limits
from tests.support.clock import SimulatedClock
from tests.support.http_fault import JSON, FaultServer
from tests.support.lakeside import Lakeside, clean_server

NEVER = threading.Event()


def host(concurrency: int = 8, rate: float | None = None, cap: Cap | None = None) -> Host:
    made = Host(cap or Cap())
    made.admit(concurrency, rate)
    return made


def one(asked: Host, clock: SimulatedClock) -> tuple[int, float]:
    ticket, pause = asked.enter(clock, NEVER)
    asked.leave()
    return ticket, pause


def test_a_busy_host_is_asked_half_as_much_and_more_again_with_every_good_answer(
    clock: SimulatedClock,
) -> None:
    asked = host(8)
    for expected in (4, 2, 1):
        ticket, _ = one(asked, clock)
        asked.overloaded(ticket, None, clock)
        assert asked.allowed == expected
    answers = 0
    while asked.allowed < 8:
        asked.answered()
        answers += 1
    assert 20 <= answers <= 40


def test_requests_that_were_under_way_slow_it_down_once(clock: SimulatedClock) -> None:
    asked = host(8)
    tickets = [one(asked, clock)[0] for _ in range(8)]
    for ticket in tickets:
        asked.overloaded(ticket, None, clock)
    assert asked.allowed == 4


def test_a_host_that_stays_busy_is_asked_less_often_and_then_more_again(
    clock: SimulatedClock,
) -> None:
    asked = host(1)
    for _ in range(5):
        one(asked, clock)
        clock.move(0.25)  # four a second
    asked.overloaded(one(asked, clock)[0], None, clock)
    assert asked.pace == pytest.approx(2, rel=0.2)
    one(asked, clock)
    assert one(asked, clock)[1] == pytest.approx(0.5, rel=0.2)
    asked.overloaded(one(asked, clock)[0], None, clock)
    assert asked.pace == pytest.approx(1, rel=0.2)
    for _ in range(250):
        asked.answered()
    assert asked.pace is None


def test_what_a_host_asks_to_wait_everybody_waits(clock: SimulatedClock) -> None:
    asked = host(8)
    asked.overloaded(one(asked, clock)[0], 60.0, clock)
    assert one(asked, clock)[1] == 60.0
    clock.move(59)
    assert one(asked, clock)[1] == 1.0
    clock.move(1)
    assert one(asked, clock)[1] == 0.0


def test_the_slowest_rate_and_the_widest_concurrency_hold_for_all(clock: SimulatedClock) -> None:
    asked = host(2, 8.0)
    asked.admit(4, 2.0)
    asked.admit(3, None)
    assert (asked.allowed, asked.pace) == (4, 2.0)
    capped = host(8, 5.0, Cap(3, 4.0))
    assert (capped.allowed, capped.pace) == (3, 4.0)


def test_the_last_to_leave_takes_the_state_along() -> None:
    first = hosts.join("sis.example.org", 2, None)
    assert hosts.join("SIS.example.org", 4, None) is first
    hosts.part("sis.example.org")
    assert hosts.join("sis.example.org", 2, None) is first
    for _ in range(2):
        hosts.part("sis.example.org")
    assert hosts.join("sis.example.org", 2, None) is not first
    hosts.part("sis.example.org")


@pytest.fixture
def caps() -> Iterator[None]:
    yield
    hosts.cap({})


@pytest.mark.usefixtures("caps")
def test_flows_on_one_host_share_what_it_allows(server: FaultServer) -> None:
    hosts.cap({"127.0.0.1": Cap(concurrency=2)})
    server.latency = 0.01
    server.scripts["/x"] = [(200, JSON, b"{}")] * 40
    doors = [
        Door(clock=SystemClock(), allow_http=True, limits=Limits(concurrency=4)) for _ in range(3)
    ]

    def ask(door: Door) -> None:
        for _ in range(3):
            door.ask("GET", server.url + "/x", what="x", read=lambda reply: reply)

    threads = [threading.Thread(target=ask, args=[door]) for door in doors for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for door in doors:
        door.close()
    assert len(server.requests) == 36
    assert server.most_at_once == 2


@pytest.mark.usefixtures("caps")
@pytest.mark.parametrize("name", ["127.0.0.1", "port"])
def test_etlrunner_yaml_says_what_a_host_may_be_asked(tmp_path: Path, name: str) -> None:
    with clean_server(latency=0.002) as server:
        lakeside = Lakeside(tmp_path / "project", server)
        key = server.domain.partition("/")[0] if name == "port" else name
        settings = f'limits:\n  "{key}": {{concurrency: 1, requests_per_second: 1000}}\n'
        (lakeside.project.root / "etlrunner.yaml").write_text(settings)
        assert lakeside.run(concurrency=4).exit_code == 0
        lakeside.close()
        assert server.most_at_once == 1
