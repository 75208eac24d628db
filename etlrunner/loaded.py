"""Frozen tables held in memory while several stages ask them: each file is read once.

Checks, comparison and figures ask the same six tables some sixty questions. A file that has been put in
place of another since is read anew, so that nobody sees rows that are not there any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

_Sign = tuple[int, int, int]
"""Inode, size in bytes, time of the last change in nanoseconds."""


class Loaded:
    """Tables by their file; `let_go` frees the memory."""

    def __init__(self) -> None:
        self._frames: dict[Path, tuple[_Sign, pl.DataFrame]] = {}

    def frame(self, path: Path) -> pl.LazyFrame:
        """The table in that file as it is now."""
        from etlrunner import table

        sign = _sign(path)
        known = self._frames.get(path)
        if known is None or known[0] != sign:
            known = sign, table.collect(table.scan(path).frame)
            self._frames[path] = known
        return known[1].lazy()

    def frames(self, tables: Mapping[str, Path]) -> dict[str, pl.LazyFrame]:
        """The tables in those files."""
        return {name: self.frame(path) for name, path in tables.items()}

    def let_go(self) -> None:
        """Forget all of them."""
        self._frames.clear()


def _sign(path: Path) -> _Sign:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
