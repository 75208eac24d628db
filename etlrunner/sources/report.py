"""What a pull brought: counts that a source fills in when its last row has been read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class PullReport:
    """`stated` is the total that the server named, if it did; `duplicates` were folded.

    `is_proven` says that this pull alone shows that everything came; else a second one has to be equal.
    """

    rows: int = 0
    pages: int = 0
    stated: int | None = None
    duplicates: int = 0
    shifted: int = 0
    """Pages that did not begin where the one before ended."""
    is_proven: bool = True
