"""One line of Apple's CSV dialect: a quote inside a quoted value is written as backslash and quote."""

from __future__ import annotations

import re

_QUOTED = re.compile(r'"([^"\\]*(?:(?:\\.|"")[^"\\]*)*)"', re.DOTALL)
_ESCAPE = re.compile(r'\\(["\\\n])')


def cells_of(line: str, separator: str) -> tuple[list[str], set[str]]:
    """One line's cells, and the rules that its quoting breaks."""
    if '"' not in line and "\\" not in line:
        return line.split(separator), {"csv-unquoted"} if " " in line else set()
    cells: list[str] = []
    broken: set[str] = set()
    place = 0
    while True:
        cell, place = _cell(line, place, separator, broken)
        cells.append(cell)
        if place > len(line):
            return cells, broken


def _cell(line: str, place: int, separator: str, broken: set[str]) -> tuple[str, int]:
    """The cell that begins at `place`, and where the next one does (past the end: there is none)."""
    quoted = _QUOTED.match(line, place)
    start = quoted.end() if quoted else place
    end = line.find(separator, start)
    end = len(line) if end < 0 else end
    rest = line[start:end]
    if quoted is None:
        if '"' in _ESCAPE.sub("", rest):
            broken.add("csv-quoting")
        if " " in rest:
            broken.add("csv-unquoted")
        return _ESCAPE.sub(r"\1", rest), end + 1
    text = quoted.group(1)
    if rest:
        broken.add("csv-quoting")
    if '""' in text.replace('\\"', ""):
        broken.add("csv-doubled-quote")
        text = text.replace('""', '"')
    return _ESCAPE.sub(r"\1", text) + rest, end + 1
