"""The job with petl, written well: one fused function per table, no joins that sort, mapping only.

It ends with Apple's rows in memory and CSV files: petl has no zip, and the dialect is the caller's affair.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import petl
from rivals import plain_python


class Job(plain_python.Job):
    """The same rules; rows come from petl and leave through it."""

    def read(self, name: str) -> Iterator[dict[str, str]]:
        table = petl.fromcsv(str(self.folder / f"{name}.csv"), encoding="utf-8")
        return iter(petl.dicts(petl.selectin(table, "status", ("", "active"))))


def main(folder: Path, grades: Path, target: Path, as_of: date) -> None:
    made = Job(folder, grades, as_of).tables()
    for name, (header, rows) in made.items():
        table = petl.wrap([header, *sorted(rows)])
        petl.tocsv(table, str(target.with_name(f"petl-{name}.csv")), encoding="utf-8")
