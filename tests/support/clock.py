"""A clock that only moves when a test, or a sleep, moves it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class SimulatedClock:
    """Starts at `now`; `sleep` returns at once and moves both the wall clock and the counter.

    `move` lets time pass; `jump` sets the wall clock alone, as a person or a time server does.
    """

    def __init__(self, now: datetime) -> None:
        if now.tzinfo is None:
            raise ValueError("a clock needs to know its zone")
        self._now = now.astimezone(UTC)
        self._seconds = 0.0
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def now(self) -> datetime:
        with self._lock:
            return self._now

    def monotonic(self) -> float:
        with self._lock:
            return self._seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.move(max(0.0, seconds))

    def move(self, by: timedelta | float) -> None:
        """Let time pass."""
        seconds = by.total_seconds() if isinstance(by, timedelta) else by
        with self._lock:
            self._now += timedelta(seconds=seconds)
            self._seconds += seconds

    def move_to(self, moment: datetime) -> None:
        """Let time pass until `moment`."""
        self.move((moment - self.now()).total_seconds())

    def jump(self, by: timedelta) -> None:
        """Set the wall clock; the counter of seconds does not notice."""
        with self._lock:
            self._now += by
