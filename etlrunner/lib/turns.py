"""Threads that wait for the network get their turn sooner while others compute.

Python hands over between threads after 5 ms. An answer arrives in many pieces, and after each of them its
thread would wait that long for one that decodes: the next request would go out late. And a request that
may be sent should be on its way before anybody decodes: the far side works while we do.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator

SHORT = 0.0005
"""Seconds until a thread that computes hands over to one that waits."""
COURTESY = 0.01
"""Seconds that one who computes waits at most for those who have something to send."""
_lock = threading.Lock()
_users: list[float] = []
"""What was set before, once for each who wants short turns now."""


@contextlib.contextmanager
def short_turns() -> Iterator[None]:
    """Hand over sooner within the block; the last one to leave restores what was before."""
    with _lock:
        _users.append(sys.getswitchinterval() if not _users else _users[0])
        sys.setswitchinterval(min(SHORT, _users[0]))
    try:
        yield
    finally:
        with _lock:
            before = _users.pop()
            if not _users:
                sys.setswitchinterval(before)


class Permits:
    """So many requests at a time; who wants to compute can let those go first who have one to send."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._waiting = 0
        self._unsent = 0
        lock = threading.Lock()
        self._freed = threading.Condition(lock)
        """One of those who wait for a permit may have it: only one is woken."""
        self._went = threading.Condition(lock)
        """Nobody may be left who has something to send."""
        self._mine = threading.local()

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Wait for a permit, and hold it for the block; `sent` says when the request is on its way."""
        with self._freed:
            self._waiting += 1
            try:
                while not self._free:
                    self._freed.wait()
            finally:
                self._waiting -= 1
            self._free -= 1
            self._unsent += 1
        self._mine.is_unsent = True
        try:
            yield
        finally:
            self.sent()
            with self._freed:
                self._free += 1
                self._freed.notify()
                self._went.notify_all()

    def sent(self) -> None:
        """This thread's request is on its way."""
        if getattr(self._mine, "is_unsent", False):
            self._mine.is_unsent = False
            with self._went:
                self._unsent -= 1
                self._went.notify_all()

    def let_senders_go(self) -> None:
        """Wait, a little, until nobody has a request that could go out now."""
        with self._went:
            self._went.wait_for(
                lambda: not self._unsent and not (self._free and self._waiting), COURTESY
            )
