"""Being told to stop: a signal is raised where the program is, and remembered, so that nothing can lose it.

An exception in a finaliser or in a callback of a library does not arrive (Python prints it and goes on;
Polars makes an error of its own of it): whoever begins something asks here once more.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from etlrunner.errors import EtlError, Interrupted

ONCE = 5.0
"""Seconds in which several signals count as one: a closed terminal and a service manager send two of
them, a wrapper repeats Ctrl-C, and the second must not cut off the clean-up after the first."""
_WORDS = {
    signal.SIGHUP: "the terminal was closed",
    signal.SIGINT: "interrupted",
    signal.SIGTERM: "terminated",
}


class _Told:
    """What this process was told. Python runs its handlers in the main thread alone."""

    number = 0
    since = 0.0
    shields = 0
    is_due = False


def listen() -> None:
    """Have SIGTERM, SIGINT and SIGHUP raise Interrupted; those that were ignored stay so (nohup, `&`)."""
    signal.signal(signal.SIGTERM, _take)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, _take)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _take)


def told() -> Interrupted | None:
    """The signal that this process got, as often as it is asked; None while there was none."""
    return _of(_Told.number) if _Told.number else None


def check() -> None:
    """Raise Interrupted, in any thread, if there was a signal, however the first raising ended."""
    if (stopped := told()) is not None:
        raise stopped


def meant(error: BaseException) -> BaseException:
    """The error, or the signal behind it: what Polars, click and others make of one is not its name."""
    if isinstance(error, Interrupted | EtlError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return told() or Interrupted()
    return told() or error


@contextmanager
def whole() -> Iterator[None]:
    """A signal waits for the end of the block, which must be short: half a packet leaves no session."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _Told.shields += 1
    try:
        yield
    finally:
        _Told.shields -= 1
        if _Told.is_due and not _Told.shields:
            _Told.is_due = False
            raise _of(_Told.number)


def _take(number: int, frame: FrameType | None) -> None:
    now = time.monotonic()
    if _Told.number and now - _Told.since < ONCE:
        return
    _Told.number, _Told.since = _Told.number or number, now
    if _Told.shields:
        _Told.is_due = True
        return
    raise _of(_Told.number)


def _of(number: int) -> Interrupted:
    return Interrupted(_WORDS[signal.Signals(number)], signal_number=number)
