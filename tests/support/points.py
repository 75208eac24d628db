"""Places on the way of a delivery at which a process is killed: it ends there, as a power switch would end it."""

from __future__ import annotations

import os
import signal
from typing import Any

POINTS: dict[str, tuple[str, str, str]] = {
    "before the intent": ("etlrunner.delivery", "_intend", "before"),
    "after the intent": ("etlrunner.delivery", "_send", "before"),
    "before the first byte": ("etlrunner.lib.sftp_wire.Wire", "open", "before"),
    "when the file is open": ("etlrunner.lib.sftp_wire.Wire", "open", "after"),
    "before it is closed": ("etlrunner.lib.sftp_wire.Wire", "close", "before"),
    "before the renaming": ("etlrunner.lib.sftp_wire.Wire", "rename", "before"),
    "after the renaming": ("etlrunner.lib.sftp_wire.Wire", "rename", "after"),
    "before the receipt is noted": ("etlrunner.deliver", "_proven", "after"),
    "before it is promoted": ("etlrunner.delivery", "_promote", "before"),
    "while it is promoted": ("etlrunner.history.delivered", "_copy", "after"),
    "before the one before is removed": ("etlrunner.history.delivered", "_remove", "before"),
    "before the days of grace": ("etlrunner.holdover", "settle", "before"),
    "before the success is noted": ("etlrunner.delivery", "end_delivered", "before"),
    "after the success is noted": ("etlrunner.delivery", "end_delivered", "after"),
}
"""Name -> (module or class, function, before or after it)."""


def die_at(point: str) -> None:
    """Arrange for this process to be killed when it comes there."""
    if not point:
        return
    where, name, when = POINTS[point]
    owner = _found(where)
    real = getattr(owner, name)

    def deadly(*args: Any, **kwargs: Any) -> Any:
        if when == "after":
            real(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, deadly)


def _found(where: str) -> Any:
    from importlib import import_module

    try:
        return import_module(where)
    except ModuleNotFoundError:
        module, _, name = where.rpartition(".")
        return getattr(import_module(module), name)
