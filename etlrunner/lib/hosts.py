"""What one host is asked at a time, whoever asks: every table of a flow, and every flow of one program.

Many districts may sit on one host, and they are asked side by side. A host that says that it has too much
to do (429, 502, 503, 504) is asked less by all of them: half as many requests at a time, then half as
often; both grow again, step by step, while it answers. What it asks to wait, everybody waits.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from etlrunner.model.surroundings import Clock

RECOVERY = 0.03
"""Every good answer quickens a slowed pace by this share, and by as many requests per second at least."""
FASTEST = 50.0
"""A pace beyond this is no limit any more."""
SLOWEST = 0.1
LOOK = 0.5
"""Seconds between two looks at whether somebody who waits should still wait."""


@dataclass(frozen=True, slots=True)
class Cap:
    """What etlrunner.yaml allows for a host."""

    concurrency: int | None = None
    requests_per_second: float | None = None


class Host:
    """The shared state of one host. `enter` a request, then say `answered` or `overloaded`."""

    def __init__(self, cap: Cap = Cap()) -> None:
        self._cap = cap
        self._changed = threading.Condition()
        self._most = 0
        self._allowed = 0.0
        self._active = 0
        self._issued = 0
        self._slowed_at = 0
        self._fixed: float | None = cap.requests_per_second
        self._pace: float | None = None
        self._next = 0.0
        self._until = 0.0
        self._recent: deque[float] = deque(maxlen=16)
        self.users = 0

    def admit(self, concurrency: int, rate: float | None) -> None:
        """Somebody else who asks this host; the widest concurrency and the slowest rate hold for all."""
        with self._changed:
            self.users += 1
            self._most = self._cap.concurrency or max(self._most, concurrency)
            self._allowed = max(self._allowed, float(self._most))
            self._fixed = min([each for each in (self._fixed, rate) if each], default=None)

    @property
    def allowed(self) -> int:
        """Requests that may be under way at the moment."""
        return max(1, int(self._allowed))

    @property
    def pace(self) -> float | None:
        """Requests per second at the moment; None for as many as there are."""
        return min([each for each in (self._fixed, self._pace) if each], default=None)

    def enter(self, clock: Clock, wait_on: threading.Event) -> tuple[int, float]:
        """Wait for a place; gives a ticket, and the seconds to pause before asking.

        `wait_on` ends the wait early when it is set: the caller looks why.
        """
        with self._changed:
            while self._active >= self.allowed and not wait_on.is_set():
                self._changed.wait(LOOK)
            self._active += 1
            self._issued += 1
            now = clock.monotonic()
            turn = max(now, self._until)
            if self.pace:
                turn = max(turn, self._next)
                self._next = turn + 1.0 / self.pace
            self._recent.append(turn)
            return self._issued, turn - now

    def leave(self) -> None:
        with self._changed:
            self._active -= 1
            self._changed.notify()

    def answered(self) -> None:
        """A good answer: a little more may be asked."""
        with self._changed:
            if self._allowed < self._most:
                self._allowed = min(float(self._most), self._allowed + 1.0 / self._allowed)
                self._changed.notify()
            elif self._pace is not None:
                self._pace += RECOVERY * max(1.0, self._pace)
                if self._pace > FASTEST:
                    self._pace = None

    def overloaded(self, ticket: int, wait: float | None, clock: Clock) -> None:
        """The host has too much to do, and may have said how long to wait.

        Requests that were under way when it was slowed down last do not slow it down again.
        """
        with self._changed:
            if wait:
                self._until = max(self._until, clock.monotonic() + wait)
            if ticket <= self._slowed_at:
                return
            self._slowed_at = self._issued
            if self.allowed > 1:
                self._allowed = max(1.0, self._allowed / 2)
            else:
                self._pace = max(SLOWEST, (self.pace or self._seen()) / 2)

    def _seen(self) -> float:
        """Requests per second, lately."""
        took = self._recent[-1] - self._recent[0] if len(self._recent) > 1 else 0.0
        return min(FASTEST, (len(self._recent) - 1) / took) if took > 0 else FASTEST


_hosts: dict[str, Host] = {}
_caps: dict[str, Cap] = {}
_lock = threading.Lock()


def cap(caps: Mapping[str, Cap]) -> None:
    """What etlrunner.yaml says for each host, from the next one on that is asked."""
    with _lock:
        _caps.clear()
        _caps.update({name.lower(): each for name, each in caps.items()})


def join(netloc: str, concurrency: int, rate: float | None) -> Host:
    """The host behind `name[:port]`, shared with everybody who has joined it and not left."""
    name = netloc.lower()
    with _lock:
        if name not in _hosts:
            _hosts[name] = Host(_caps.get(name) or _caps.get(name.partition(":")[0]) or Cap())
        _hosts[name].admit(concurrency, rate)
        return _hosts[name]


def part(netloc: str) -> None:
    """Leave a host; the last one to leave takes its state along."""
    name = netloc.lower()
    with _lock:
        host = _hosts.get(name)
        if host is not None:
            host.users -= 1
            if not host.users:
                del _hosts[name]
