"""Rows of a mapping test: maps in YAML, CSV text, or a CSV file; each cell knows where it stands."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from etlrunner.config import reading
from etlrunner.config.project import Project
from etlrunner.errors import ConfigurationError
from etlrunner.lib.document import Scalar
from etlrunner.model.problems import Place, Problem

Row = Mapping[Scalar, Any]
"""Column -> text, list of texts, or None. Keys and texts are `Scalar`s with their places."""


@dataclass(frozen=True)
class Rows:
    """The rows of one table, and where each begins."""

    rows: tuple[Row, ...] = ()
    places: tuple[Place | None, ...] = ()
    place: Place | None = None
    """Of the table's name."""
    header: tuple[Scalar, ...] = ()
    """Of CSV, which names columns even when no row follows."""

    def __iter__(self) -> Iterator[tuple[Row, Place | None]]:
        return iter(zip(self.rows, self.places, strict=True))

    def columns(self) -> dict[str, Scalar]:
        """Every column that a row names, as it stands first."""
        found: dict[str, Scalar] = {}
        for row in (self.header, *self.rows):
            for column in row:
                found.setdefault(str(column), column)
        return found


def read(value: Any, key: Scalar, row_places: Sequence[Place | None], beside: _Beside) -> Rows:
    """The rows of one table. Raises ConfigurationError with every problem of its CSV."""
    if isinstance(value, list):
        return Rows(tuple(value), tuple(row_places), key.place)
    if isinstance(value, Mapping):
        path = beside.file(value["file"])
        shown = beside.project.shown(path)
        text, problems = reading.text_of(path, shown)
        if text is None:
            raise ConfigurationError(problems)
        return replace(_of_csv(text, Place(shown, 1, 1)), place=key.place)
    assert isinstance(value, Scalar)
    return replace(_of_csv(str(value), value.place or Place("", 1, 1)), place=key.place)


@dataclass(frozen=True)
class _Beside:
    """Where a test file lies: its fixtures lie beside or below it, and never outside the project."""

    project: Project
    folder: Path

    def file(self, name: Scalar) -> Path:
        """The file that a test names. Raises ConfigurationError when it is not there, or outside."""
        found = (self.folder / str(name)).resolve()
        if not found.is_relative_to(self.project.root.resolve()):
            hint = "a test is reviewed together with its rows: keep them in the project"
            raise ConfigurationError(
                [Problem("E405", f"'{name}' is outside of the project", name.place, "file", hint)]
            )
        if not found.is_file():
            hint = "paths count from the test's own folder"
            raise ConfigurationError(
                [Problem("E405", f"there is no file '{name}'", name.place, "file", hint)]
            )
        return found


def beside(project: Project, path: Path) -> _Beside:
    """What a test file's names of fixtures count from."""
    return _Beside(project, path.parent)


def _of_csv(text: str, start: Place) -> Rows:
    """A header and rows, comma between cells, as Python's csv reads them; blank lines are nothing."""
    lines = text.splitlines()
    reader = csv.reader(lines, strict=True)
    problems: list[Problem] = []
    header: list[Scalar] = []
    rows: list[Row] = []
    places: list[Place | None] = []
    number = 0
    try:
        for cells in reader:
            first, number = number, reader.line_num
            while first < number - 1 and not lines[first].strip():
                first += 1
            place = Place(start.file, start.line + first, start.column)
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = _header(cells, lines[first], place)
                problems += _odd_header(header)
            elif len(cells) != len(header):
                problems.append(_uneven(cells, header, place))
            else:
                values = (Scalar(cell, False, place) for cell in cells)
                rows.append(dict(zip(header, values, strict=True)))
                places.append(place)
    except csv.Error as error:
        place = Place(start.file, start.line + max(reader.line_num - 1, 0), start.column)
        problems.append(Problem("E406", f"this is no CSV: {error}", place))
    if not header:
        hint = "the first line names the columns: sourcedId,givenName"
        problems.append(Problem("E406", "there is no header", start, hint=hint))
    if problems:
        raise ConfigurationError(problems)
    return Rows(tuple(rows), tuple(places), header=tuple(header))


def _header(cells: list[str], line: str, place: Place) -> list[Scalar]:
    """Each column's name with its own place in the line."""
    found: list[Scalar] = []
    at = 0
    for cell in cells:
        name = cell.strip()
        spot = line.find(name, at) if name else at
        at = max(spot, at) + len(name)
        found.append(Scalar(name, False, replace(place, column=place.column + max(spot, 0))))
    return found


def _odd_header(header: list[Scalar]) -> Iterator[Problem]:
    for number, name in enumerate(header):
        if not name:
            yield Problem("E406", f"column {number + 1} has no name", name.place)
        elif name in header[:number]:
            yield Problem("E406", f"the column '{name}' is there twice", name.place)


def _uneven(cells: list[str], header: list[Scalar], place: Place) -> Problem:
    message = f"this row has {len(cells)} cells, and the header {len(header)}"
    hint = 'a cell with a comma in it, or a list, stands in quotes: "s1,s2"'
    return Problem("E406", message, place, hint=hint)
