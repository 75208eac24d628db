"""How long to wait before asking again, and when to stop asking."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import TypeVar

from etlrunner.errors import EtlError, Unreachable

T = TypeVar("T")

ATTEMPTS = 6
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
LONGEST_ASKED = 3600.0
"""A server that asks for more than this is down for the day, deadline or not."""


class Again(Exception):
    """An attempt failed in a way that may pass. `ending` is raised when there is no further attempt."""

    def __init__(self, ending: EtlError, *, retry_after: str | None = None, most: int = ATTEMPTS):
        super().__init__(str(ending))
        self.ending = ending
        self.retry_after = retry_after
        self.most = most
        """The attempts that this kind of failure deserves."""


@dataclass
class Budget:
    """How many repeats one connection may make in all: a tenth of its requests, and a few to begin with.

    Without it a server that fails half of the time would get twice the load when it can bear it least.
    """

    floor: int = 20
    share: float = 0.1
    asked: int = 0
    repeated: int = 0
    lock: Lock = field(default_factory=Lock)

    def ask(self) -> None:
        with self.lock:
            self.asked += 1

    def repeat(self) -> bool:
        """Count one repeat; False when none is left."""
        with self.lock:
            if self.repeated + 1 > self.floor + self.share * self.asked:
                return False
            self.repeated += 1
            return True


def persist(
    action: Callable[[], T],
    *,
    budget: Budget,
    now: Callable[[], datetime],
    left: Callable[[], float],
    sleep: Callable[[float], None],
) -> T:
    """Call `action` until it succeeds; `left` is the seconds that remain until the deadline."""
    budget.ask()
    attempt = 0
    while True:
        try:
            return action()
        except Again as again:
            attempt += 1
            if attempt >= again.most:
                raise again.ending from again
            sleep(_pause(again, attempt, budget, now(), left()))


def _pause(again: Again, attempt: int, budget: Budget, now: datetime, left: float) -> float:
    if not budget.repeat():
        raise Unreachable(
            f"{again.ending.message}; too many requests had to be repeated"
        ) from again
    asked = read_retry_after(again.retry_after, now)
    seconds = backoff(attempt) if asked is None else max(1.0, asked)
    if asked is not None and seconds > LONGEST_ASKED:
        raise Unreachable(
            f"{again.ending.message}, and asks to wait for {_time(seconds)}"
        ) from again
    if seconds > left:
        raise Unreachable(
            f"{again.ending.message}; waiting {_time(seconds)} would exceed the deadline"
        ) from again
    return seconds


def backoff(attempt: int) -> float:
    """A growing pause with jitter, so that many districts do not come back at the same moment."""
    ceiling = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (attempt - 1))
    return float(random.uniform(ceiling / 2, ceiling))


def read_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds from a `Retry-After` header, which is a number or a date; None for anything else."""
    text = (value or "").strip()
    if re.fullmatch(r"[0-9]{1,12}", text, re.ASCII):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"
