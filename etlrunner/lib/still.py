"""Whether files stood still while they were read: one that is still being written looks like a shorter one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from etlrunner.errors import Incomplete

Stamp = tuple[int, int, int]
"""Size, time of the last change, number of the file."""


class Files:
    """Files that were looked at before they were read, to be looked at again afterwards."""

    def __init__(self) -> None:
        self._seen: dict[Path, Stamp | None] = {}

    def look(self, path: Path) -> None:
        """Remember how a file is now; only the first look at it counts."""
        if path not in self._seen:
            self._seen[path] = _stamp(path)

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Raise Incomplete at the end of the block if a file is not what it was.

        Whatever else went wrong with such a file in the block is a consequence of that.
        """
        try:
            yield
        except Exception:
            self._check()
            raise
        self._check()

    def _check(self) -> None:
        changed = [path.name for path, stamp in self._seen.items() if _stamp(path) != stamp]
        if changed:
            raise Incomplete(
                f"{', '.join(sorted(changed)[:3])} changed while the files were read: still being written?",
                hint="let whoever writes them be done before the flow's hour, or pack them as a zip",
            ) from None


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino
