"""The time of this machine, as one object that a test can replace."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from etlrunner.model.surroundings import Clock

STEADY = timedelta(minutes=30)
"""Less than this is a time server at work, or a machine that slept for a moment."""


class SystemClock:
    """Wall time in UTC, a monotonic counter in seconds, and a pause."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))


class Steadiness:
    """Whether the wall clock goes as the counter of seconds does, from here on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began, self._counted = clock.now(), clock.monotonic()

    def was_set(self) -> bool:
        """Whether somebody has set the wall clock since: then what it says of old and new is doubtful."""
        passed = timedelta(seconds=self._clock.monotonic() - self._counted)
        return abs(self._clock.now() - self._began - passed) > STEADY
