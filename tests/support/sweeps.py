"""What the long sweeps found, recorded by them and shown in docs/reliability.md.

A sweep goes through its cases in a random order that is always the same, and records after each: one
that is cut off has looked at a fair sample, and the page says of how many.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

FILE = Path(__file__).resolve().parents[2] / "docs" / "sweeps.json"

Case = TypeVar("Case")


class Sweep:
    """The cases of one sweep, how each of them ended, and what was wrong afterwards."""

    def __init__(self, name: str, held_against: str) -> None:
        self.name, self.held_against = name, held_against
        self.ended: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._cases, self._planned = 0, 0

    def over(self, cases: Iterable[Case], *, in_order: bool = False) -> Iterator[Case]:
        """One case after the other, each recorded when it is done; in order where one follows another."""
        waiting = list(cases)
        self._planned = len(waiting)
        if not in_order:
            random.Random(self._planned).shuffle(waiting)
        for case in waiting:
            yield case
            self._cases += 1
            self._record()

    def note(self, cases: int, of: int) -> None:
        """Record cases that another goes through, such as hypothesis."""
        self._cases, self._planned = cases, of
        self._record()

    def _record(self) -> None:
        with _alone():
            self._write()

    def _write(self) -> None:
        known = _known()
        known[self.name] = {
            "date": datetime.now(UTC).date().isoformat(),
            "cases": self._cases,
            "of": self._planned,
            "violations": len(self.wrong),
            "held against": self.held_against,
            "ended": dict(sorted(self.ended.items())),
        }
        text = json.dumps(dict(sorted(known.items())), indent=2, ensure_ascii=False) + "\n"
        FILE.write_text(text, encoding="utf-8")


def table() -> str:
    """The recorded results as they stand in the page."""
    lines = [
        "| sweep | cases | violations | what has to be true after each | how they ended | recorded |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, one in _known().items():
        ended = ", ".join(f"{what}: {count:,}" for what, count in one["ended"].items())
        cases = f"{one['cases']:,}" + (f" of {one['of']:,}" if one["cases"] != one["of"] else "")
        cells = (name, cases, one["violations"], one["held against"], ended, one["date"])
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Two sweeps may run beside each other, and write into the one file."""
    handle = os.open(FILE.parent, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _known() -> dict[str, dict[str, object]]:
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
