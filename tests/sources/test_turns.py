"""Turns are short while somebody pulls, and as they were afterwards."""

from __future__ import annotations

import sys
import threading

import pytest

from etlrunner.lib import turns


def test_the_last_one_to_leave_restores_what_was_before() -> None:
    before = sys.getswitchinterval()
    with turns.short_turns():
        with turns.short_turns():
            assert sys.getswitchinterval() == pytest.approx(turns.SHORT)
        assert sys.getswitchinterval() == pytest.approx(turns.SHORT)
    assert sys.getswitchinterval() == pytest.approx(before)


def test_no_more_than_allowed_hold_a_permit_and_everybody_gets_one() -> None:
    permits, lock, held, most = turns.Permits(3), threading.Lock(), 0, 0

    def work() -> None:
        nonlocal held, most
        with permits.one():
            with lock:
                held += 1
                most = max(most, held)
            permits.sent()
            permits.sent()  # counts once
            with lock:
                held -= 1

    threads = [threading.Thread(target=work) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (held, most <= 3) == (0, True)
    assert (permits._free, permits._unsent, permits._waiting) == (3, 0, 0)


def test_who_computes_lets_a_request_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "COURTESY", 10.0)
    permits, order = turns.Permits(1), []
    turns_come = threading.Event()

    def sender() -> None:
        turns_come.set()
        with permits.one():
            order.append("sent")
            permits.sent()

    with permits.one():
        permits.sent()
        thread = threading.Thread(target=sender)
        thread.start()
        turns_come.wait(10)
        while not permits._waiting:
            pass
    permits.let_senders_go()
    order.append("computed")
    thread.join(10)
    assert order == ["sent", "computed"]


def test_a_request_that_is_never_sent_holds_nobody_up_for_long() -> None:
    permits = turns.Permits(2)
    with pytest.raises(RuntimeError), permits.one():  # noqa: PT012
        permits.let_senders_go()  # returns, though this one's own request is not out
        raise RuntimeError
    assert (permits._free, permits._unsent) == (2, 0)
