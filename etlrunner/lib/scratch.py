"""Private folders for rows that are unpacked for a while: gone with the block, or with the next one.

A killed process cannot tidy up. Each folder is locked while it is in use, and whoever makes one first
removes those of ours that nobody holds: rows of pupils do not stay in the system's temporary folder.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PREFIX = "etlrunner-rows-"
_YOUNG = 60
"""Seconds in which a folder may have been made, and not been locked yet."""


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder that only its owner can read (0700)."""
    _sweep(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        held = _lock(Path(name))
        try:
            yield Path(name)
        finally:
            if held is not None:
                os.close(held)


def _sweep(where: Path) -> None:
    if os.name == "nt":
        return
    for left in where.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            seen = left.lstat()
            if seen.st_uid != os.getuid() or seen.st_mtime > time.time() - _YOUNG:
                continue
            held = _lock(left)
            if held is not None:
                shutil.rmtree(left)
                os.close(held)


def _lock(path: Path) -> int | None:
    """A handle that keeps the folder locked; None where it is locked already, or cannot be (Windows)."""
    if os.name == "nt":
        return None
    import fcntl

    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle
