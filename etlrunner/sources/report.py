"""What a pull brought: counts that a source fills in when its last row has been read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class PullReport:
    """`stated` is the total that the server named, if it did; `duplicates` were folded."""

    rows: int = 0
    pages: int = 0
    stated: int | None = None
    duplicates: int = 0
