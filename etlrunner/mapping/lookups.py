"""Code tables: read once, small, each code once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import petl

from etlrunner.errors import ConfigurationError
from etlrunner.lib.suggest import close_to
from etlrunner.model import LookupTable, Place, Problem


def read(lookup: LookupTable) -> Mapping[str, str]:
    """Code -> value, as text. Raises ConfigurationError with every problem of the table."""
    if lookup.csv is None:
        return dict(lookup.rows or {})
    path = lookup.csv
    if not path.is_file():
        problem = Problem("E320", f"there is no file {path.name}", place=lookup.place)
        raise ConfigurationError([problem])
    found = path.stat()  # a file that was edited is read again: the scheduler runs for weeks
    version = (found.st_mtime_ns, found.st_size, found.st_ino)
    return _from_csv(path, version, lookup.on, lookup.take, lookup.place)


@lru_cache(maxsize=64)
def _from_csv(
    path: Path, version: tuple[int, ...], on: str, take: str, place: Place | None
) -> Mapping[str, str]:
    rows = iter(petl.fromcsv(str(path), encoding="utf-8-sig"))
    header = [str(name).strip() for name in next(rows, ())]
    problems = [_no_column(path, name, header, place) for name in (on, take) if name not in header]
    if problems:
        raise ConfigurationError(problems)
    found: dict[str, str] = {}
    for number, row in enumerate(rows, start=2):
        code, value = (
            str(row[header.index(name)]).strip() if header.index(name) < len(row) else ""
            for name in (on, take)
        )
        if code in found and found[code] != value:
            problems.append(_twice(path, number, code))
        found[code] = value
    if problems:
        raise ConfigurationError(problems)
    return found


def _no_column(path: Path, name: str, header: list[str], place: Place | None) -> Problem:
    known = f"it has {', '.join(header)}" if header else "it is empty"
    return Problem(
        "E321",
        f"{path.name} has no column '{name}'",
        place=place,
        hint=close_to(name, header) or known,
    )


def _twice(path: Path, number: int, code: str) -> Problem:
    return Problem(
        "E322", f"the code '{code}' is there twice, with two values", Place(str(path), number, 1)
    )
