"""Spots in a YAML text: from an offset in an expression to file, line, column and an underlined excerpt."""

from __future__ import annotations

import re
from pathlib import Path

from etlrunner.model import Located, Place, Problem

DIGITS = {"x": 2, "u": 4, "U": 8}
"""How many digits follow the letter of a YAML escape."""

FOLD = re.compile(r"[ \t]*\n[ \t\n]*")
"""A line's end, and what YAML drops around it."""

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
    offsets = _scalar_offsets(raw, start, text) or _walk(raw, start, text, "")
    return None if offsets is None else [_position(raw, offset) for offset in offsets]


def _scalar_offsets(raw: str, start: int, text: str) -> list[int] | None:
    """Walk a scalar by its style, which its first character tells."""
    style = raw[start : start + 1]
    if style in ("'", '"'):
        return _walk(raw, start + 1, text, style)
    if style in ("|", ">"):
        first = re.compile(r"[^\n]*\n[ \t\n]*").match(raw, start)
        return None if first is None else _walk(raw, first.end(), text, style)
    return None


def _walk(raw: str, at: int, text: str, style: str) -> list[int] | None:
    """Where each character of a text stands in its YAML writing, line folds and escapes included."""
    offsets: list[int] = []
    folded = False
    for character in text:
        if folded and character in " \n" and raw[at : at + 1] != character:
            offsets.append(at)
            continue
        if style == '"' and raw.startswith("\\\n", at):
            at = _after_fold(raw, at + 1)
        offsets.append(at)
        after = _step(raw, at, character, style)
        if after is None:
            return None
        folded, at = "\n" in raw[at:after], after
    return [*offsets, at]


def _step(raw: str, at: int, character: str, style: str) -> int | None:
    """The offset behind one character; None if something else stands there."""
    if style == '"' and raw[at : at + 1] == "\\":
        return at + 2 + DIGITS.get(raw[at + 1 : at + 2], 0)
    if character in " \n" and FOLD.match(raw, at):
        return _after_fold(raw, at)
    if raw[at : at + 1] != character:
        return at if at >= len(raw) and character == "\n" else None
    return at + 2 if style == "'" and character == "'" else at + 1


def _after_fold(raw: str, at: int) -> int:
    fold = FOLD.match(raw, at)
    return fold.end() if fold else at


def _position(text: str, offset: int) -> Position:
    line = text.count("\n", 0, offset)
    return line, offset - (text.rfind("\n", 0, offset) + 1)


def _underlined(line: str, start: Position, last: Position) -> str:
    """A line with the spot underlined; tabs are kept so that the marks stand below it."""
    width = (last[1] if last[0] == start[0] else len(line) - 1) - start[1] + 1
    margin = "".join("\t" if character == "\t" else " " for character in line[: start[1]])
    return f"{line}\n{margin}{'^' * max(width, 1)}"
