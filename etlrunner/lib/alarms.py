"""Actions for a moment that seldom comes, watched by one thread: a timer for every request would be a thread each."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from itertools import count


class Alarms:
    """Set an alarm, cancel it before it rings; threads may share them. The watching thread is a daemon."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[int, tuple[float, Callable[[], None]]] = {}
        self._numbers = count()
        self._wakes: float | None = None
        """When the thread looks next; None while there is none."""

    def set(self, seconds: float, action: Callable[[], None]) -> int:
        """Have `action` called in so many seconds; gives the number to cancel it by."""
        when, number = time.monotonic() + seconds, next(self._numbers)
        with self._changed:
            self._waiting[number] = (when, action)
            if self._wakes is None:
                self._wakes = when
                threading.Thread(target=self._watch, name="alarms", daemon=True).start()
            elif when < self._wakes:
                self._changed.notify()
        return number

    def cancel(self, number: int) -> None:
        """It does not ring any more; the thread is not woken for that."""
        with self._changed:
            self._waiting.pop(number, None)

    def close(self) -> None:
        """Cancel all, and let the thread end."""
        with self._changed:
            self._waiting.clear()
            self._changed.notify()

    def _watch(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                due = [number for number, (when, _) in self._waiting.items() if when <= now]
                actions = [self._waiting.pop(number)[1] for number in due]
                if not actions:
                    if not self._waiting:
                        self._wakes = None
                        return
                    self._wakes = min(when for when, _ in self._waiting.values())
                    self._changed.wait(self._wakes - now)
            for action in actions:
                # what one cannot do must not silence the others
                with contextlib.suppress(Exception):
                    action()
