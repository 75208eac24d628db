"""Places on the way of a delivery at which something happens to the process: mostly, that it is killed."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from typing import Any

POINTS: dict[str, tuple[str, str, str]] = {
    "before the intent": ("etlrunner.delivery", "_intend", "before"),
    "after the intent": ("etlrunner.delivery", "_send", "before"),
    "before the first byte": ("etlrunner.lib.sftp_wire.Wire", "open", "before"),
    "when the file is open": ("etlrunner.lib.sftp_wire.Wire", "open", "after"),
    "before it is closed": ("etlrunner.lib.sftp_wire.Wire", "close", "before"),
    "before the renaming": ("etlrunner.lib.sftp_upload.Upload", "_put_in_place", "before"),
    "after the renaming": ("etlrunner.lib.sftp_upload.Upload", "_put_in_place", "after"),
    "before the receipt is noted": ("etlrunner.deliver", "_proven", "after"),
    "before it is promoted": ("etlrunner.delivery", "_promote", "before"),
    "while it is promoted": ("etlrunner.history.delivered", "_copy", "after"),
    "before the one before is removed": ("etlrunner.history.delivered", "_remove", "before"),
    "before the days of grace": ("etlrunner.holdover", "settle", "before"),
    "before the success is noted": ("etlrunner.delivery", "end_delivered", "before"),
    "after the success is noted": ("etlrunner.delivery", "end_delivered", "after"),
}
"""Name -> (module or class, function, before or after it)."""


def _once() -> None:
    signal.raise_signal(signal.SIGTERM)


def _twice() -> None:
    """The second one reaches the clean-up after the first."""
    try:
        signal.raise_signal(signal.SIGTERM)
    finally:
        signal.raise_signal(signal.SIGHUP)


def _in_a_broad_handler() -> None:
    with contextlib.suppress(Exception):
        signal.raise_signal(signal.SIGTERM)


def _in_a_finaliser() -> None:
    """Whatever is raised there is printed by Python, and lost."""
    with contextlib.suppress(BaseException):
        signal.raise_signal(signal.SIGTERM)


def _made_an_error() -> None:
    """As Polars does with what a callback raises."""
    try:
        signal.raise_signal(signal.SIGTERM)
    except BaseException as error:
        raise ValueError("KeyboardInterrupt: in a callback") from error


WAYS: dict[str, Callable[[], None]] = {
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "once": _once,
    "twice": _twice,
    "in a broad handler": _in_a_broad_handler,
    "in a finaliser": _in_a_finaliser,
    "made an error by a library": _made_an_error,
}
"""How a process may meet its end there."""


def end_at(point: str, way: str) -> None:
    """Arrange for this process to be ended when it comes there: `killed`, as by a power switch, or told."""
    if point:
        act_at(point, WAYS[way])


def act_at(point: str, act: Callable[[], None]) -> None:
    """Arrange for something to be done when this process comes there."""
    where, name, when = POINTS[point]
    owner = _found(where)
    real = getattr(owner, name)

    def watched(*args: Any, **kwargs: Any) -> Any:
        if when == "before":
            act()
        result = real(*args, **kwargs)
        if when == "after":
            act()
        return result

    setattr(owner, name, watched)


def _found(where: str) -> Any:
    from importlib import import_module

    try:
        return import_module(where)
    except ModuleNotFoundError:
        module, _, name = where.rpartition(".")
        return getattr(import_module(module), name)
