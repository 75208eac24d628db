"""Closes a connection from another thread when it takes too long, whatever its library is waiting for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType


class Watch:
    """Two limits at once: one for the whole, and one for the step under way, set anew by `allow`.

    A library's own timeouts end a read or a write; they do not end a peer that sends one byte now and
    then, nor a wait inside the library that has no timeout. Closing from outside ends them all.
    """

    def __init__(self, whole: float | None = None) -> None:
        self.passed = ""
        """What ran out, in words; empty while there is time."""
        self._close: Callable[[], None] | None = None
        self._lock = threading.Condition()
        self._whole = whole
        self._end = time.monotonic() + whole if whole is not None else None
        self._step: tuple[float, float, str] | None = None
        self._over = False
        self._thread = threading.Thread(target=self._wait, name="etlrunner-watch", daemon=True)

    def closes(self, close: Callable[[], None]) -> None:
        """Name what is to be closed; at once if the time has passed already."""
        with self._lock:
            self._close = close
            late = bool(self.passed)
        if late:
            close()

    def allow(self, seconds: float, what: str) -> None:
        """Give the next step so long; call it again whenever something moved."""
        with self._lock:
            sooner = self._step is None or seconds < self._step[1]
            self._step = (time.monotonic() + seconds, seconds, what)
            if sooner:
                self._lock.notify()

    def rest(self) -> None:
        """No step is under way; only the whole counts."""
        with self._lock:
            self._step = None

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._over = True
            self._lock.notify()
        self._thread.join()

    def _wait(self) -> None:
        with self._lock:
            while not self._over and not self.passed:
                self.passed = self._ran_out(time.monotonic())
                if not self.passed:
                    self._lock.wait(self._pause())
            close = self._close if self.passed else None
        if close is not None:
            close()

    def _ran_out(self, now: float) -> str:
        if self._end is not None and now >= self._end:
            return f"the deadline of {_plain(self._whole or 0)} passed"
        if self._step is not None and now >= self._step[0]:
            return f"no answer within {_plain(self._step[1])} while {self._step[2]}"
        return ""

    def _pause(self) -> float | None:
        ends = [end for end in (self._end, self._step and self._step[0]) if end is not None]
        return max(0.0, min(ends) - time.monotonic()) if ends else None


def _plain(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:g} s"
    return f"{seconds / 60:.0f} min"
