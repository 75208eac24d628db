"""Spots in a YAML text: from an offset in an expression to file, line, column and an underlined excerpt."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from etlrunner.expressions import yaml_text
from etlrunner.model.problems import Located, Place, Problem

WIDEST = 160
"""Characters of a line that an excerpt shows whole."""

Position = tuple[int, int]
"""Line and column, both from 0."""


class Spots:
    """One source text, and the problems found in it."""

    def __init__(self, source: Located, what: str, problems: list[Problem]) -> None:
        self.text = source.text
        self.place = source.place
        self.what = what
        self.problems = problems

    def add(self, code: str, message: str, start: int, end: int, *, hint: str = "") -> None:
        """Note a problem with the characters from `start` to before `end` (offsets in the text)."""
        start = min(start, len(self.text))
        last = max(start, min(end, len(self.text)) - 1)
        place, excerpt = self._in_file(start, last) or self._in_text(start, last)
        problem = Problem(code, message, place, self.what, hint, excerpt=excerpt)
        if problem not in self.problems:
            self.problems.append(problem)

    def _in_file(self, start: int, last: int) -> tuple[Place, str] | None:
        """The spot in the file itself, where the file still holds this text at its place."""
        if self.place is None or not self.place.line:
            return None
        try:
            raw = Path(self.place.file).read_text("utf-8")
        except (OSError, ValueError):
            return None
        positions = file_positions(raw, self.place, self.text)
        if positions is None:
            return None
        (line, column), end = positions[start], positions[last]
        place = Place(self.place.file, line + 1, column + 1)
        return place, _underlined(raw.split("\n")[line], (line, column), end)

    def _in_text(self, start: int, last: int) -> tuple[Place | None, str]:
        """The spot counted from where the text begins, for a text that is not in a file."""
        line, column = _position(self.text, start)
        excerpt = _underlined(
            self.text.split("\n")[line], (line, column), _position(self.text, last)
        )
        if self.place is None or not self.place.line:
            return self.place, excerpt
        first = self.place.column if line == 0 else 1
        return Place(self.place.file, self.place.line + line, first + column), excerpt


def file_positions(raw: str, place: Place, text: str) -> list[Position] | None:
    """The position in the file of each character of a scalar (and of its end); None if it is not there."""
    lines = raw.split("\n")
    if place.line > len(lines):
        return None
    start = sum(len(line) + 1 for line in lines[: place.line - 1]) + place.column - 1
    offsets = yaml_text.offsets(raw, start, text)
    return None if offsets is None else [_position(raw, offset) for offset in offsets]


def _position(text: str, offset: int) -> Position:
    line = text.count("\n", 0, offset)
    return line, offset - (text.rfind("\n", 0, offset) + 1)


def _underlined(line: str, start: Position, last: Position) -> str:
    """A line with the spot underlined; tabs are kept so that the marks stand below it."""
    if len(line) > WIDEST:
        return _window(line, start, last)
    end = last[1] if last[0] == start[0] else len(line) - 1
    margin = "".join("\t" if one == "\t" else " " * _cells(one) for one in line[: start[1]])
    width = sum(_cells(one) for one in line[start[1] : end + 1])
    return f"{line}\n{margin}{'^' * max(width, 1)}"


def _cells(character: str) -> int:
    """How many cells of a terminal a character takes: none for marks, two for wide ones."""
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def _window(line: str, start: Position, last: Position) -> str:
    """The part of a long line around the spot; what is left out is marked by …"""
    first = max(start[1] - 60, 0)
    shown = line[first : first + WIDEST - 2]
    lead, tail = "…" * (first > 0), "…" * (first + len(shown) < len(line))
    end = last[1] if last[0] == start[0] else len(line) - 1
    moved = start[1] - first + len(lead)
    until = min(end - first + len(lead), len(lead) + len(shown) - 1)
    return _underlined(lead + shown + tail, (0, moved), (0, until))
