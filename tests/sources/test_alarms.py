"""An alarm rings once, at its time, unless it was cancelled before."""

from __future__ import annotations

import threading

from etlrunner.lib.alarms import Alarms

SOON, LONG = 0.02, 600.0


def test_an_alarm_rings_though_a_later_one_was_set_before() -> None:
    alarms, rang = Alarms(), threading.Event()
    alarms.set(LONG, lambda: None)
    alarms.set(SOON, rang.set)
    assert rang.wait(10)
    alarms.close()


def test_a_cancelled_alarm_does_not_ring_and_the_next_one_does() -> None:
    alarms, rang, silent = Alarms(), threading.Event(), threading.Event()
    alarms.cancel(alarms.set(SOON, silent.set))
    alarms.set(2 * SOON, rang.set)
    assert rang.wait(10)
    assert not silent.is_set()
    rang.clear()
    alarms.set(SOON, rang.set)  # also after the thread had nothing left to wait for
    assert rang.wait(10)


def test_an_action_that_fails_silences_no_other() -> None:
    alarms, rang = Alarms(), threading.Event()
    alarms.set(SOON, lambda: [].pop())
    alarms.set(2 * SOON, rang.set)
    assert rang.wait(10)
    rang.clear()
    alarms.set(SOON, rang.set)
    assert rang.wait(10)
    alarms.close()


def test_closing_ends_the_thread() -> None:
    before = set(threading.enumerate())
    alarms = Alarms()
    alarms.set(LONG, lambda: None)
    [watching] = [each for each in threading.enumerate() if each not in before]
    alarms.close()
    watching.join(10)
    assert not watching.is_alive()
