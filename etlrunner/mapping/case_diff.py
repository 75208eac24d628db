"""What differs between the rows that a test expects and those that came, row by row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from etlrunner.config.case_rows import Row, Rows
from etlrunner.lib.document import Scalar
from etlrunner.model.problems import Place
from etlrunner.target import TargetTable

Fates = Mapping[str, tuple[str, ...]]
Cells = tuple[tuple[str, str, str], ...]
"""(column, expected, came)."""


@dataclass(frozen=True)
class Difference:
    """One row, or one fact, that is not as expected. Values are shown: in tests people are invented."""

    table: str
    key: str
    message: str
    """`differs`, `is missing`, `was not expected`, with the reason where there is one."""
    cells: Cells = ()
    place: Place | None = None

    def __str__(self) -> str:
        return f"{self.table} {self.key} {self.message}".replace("  ", " ").strip()


def compare(
    target: TargetTable, expected: Rows, came: Sequence[Mapping[str, str]], fates: Fates
) -> Iterator[Difference]:
    """Every expected row that differs or is missing, then every row that nobody expected.

    A row that names the table's key is paired with the row of that key; the others with the row that
    is most like them. `fates` (id -> why it is not here) explains what is missing.
    """
    pairs, left = _paired(target, expected, came)
    for wanted, place, row in pairs:
        if row is None:
            yield _missing(target, wanted, place, fates)
        elif cells := _differing(wanted, row):
            yield Difference(target.name, row[target.key], "differs", cells, place)
    for row in left:
        said = tuple((name, "", value) for name, value in row.items() if value)
        message = "came, and was not expected"
        yield Difference(target.name, row[target.key], message, said, expected.place)


def text_of(value: Any) -> str:
    """A cell as the mapping makes it: text, a missing one the empty text."""
    return "" if value is None else str(value)


def _paired(
    target: TargetTable, expected: Rows, came: Sequence[Mapping[str, str]]
) -> tuple[list[tuple[Row, Place | None, Mapping[str, str] | None]], list[Mapping[str, str]]]:
    left = list(came)
    wanted = list(expected)
    found: dict[int, Mapping[str, str] | None] = {}
    for likeness in (_same, _by_key(target.key), _alike(target.key)):
        for number, (row, _) in enumerate(wanted):
            if number not in found:
                best = max(left, key=lambda one, row=row: likeness(row, one), default=None)  # type: ignore[misc]
                if best is not None and likeness(row, best) > 0:
                    found[number] = best
                    left.remove(best)
    return [(row, place, found.get(n)) for n, (row, place) in enumerate(wanted)], left


def _same(wanted: Row, row: Mapping[str, str]) -> float:
    return not _differing(wanted, row)


def _by_key(key: str) -> Any:
    return lambda wanted, row: float(key in wanted and text_of(wanted[key]) == row[key])


def _alike(key: str) -> Any:
    """How many cells agree; a row that names its key is like no other."""

    def likeness(wanted: Row, row: Mapping[str, str]) -> float:
        return 0 if key in wanted else len(wanted) - len(_differing(wanted, row))

    return likeness


def _differing(wanted: Row, row: Mapping[str, str]) -> Cells:
    """Expected and came, of each column named that is not the same; a column not there is empty."""
    return tuple(
        (str(column), text_of(value), row.get(str(column), ""))
        for column, value in wanted.items()
        if text_of(value) != row.get(str(column), "")
    )


def _missing(target: TargetTable, wanted: Row, place: Place | None, fates: Fates) -> Difference:
    key = text_of(wanted.get(Scalar(target.key)))
    message = "was expected, and is missing"
    if reason := fates.get(key):
        message += f": {', '.join(reason)}"
    cells = tuple((str(name), text_of(value), "") for name, value in wanted.items())
    return Difference(target.name, key, message, cells, place)


def tallied(rules: Mapping[Any, int], came: Counter[str]) -> Iterator[tuple[Any, str]]:
    """Of each rule that is named, what differs in words."""
    for rule, count in rules.items():
        if came[str(rule)] != count:
            yield rule, f"{count} expected, {came[str(rule)]} came"
