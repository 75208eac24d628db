"""Reads a CSV file in Apple's dialect that somebody else made, and says where it strays from it.

Whatever can be understood is understood, so that one fault does not hide the others: a row with too
few cells keeps its number, a doubled quote is a quote. A cell is never shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl

from etlrunner import table
from etlrunner.checks.listing import LISTED, REST, limited
from etlrunner.checks.rules import RULES
from etlrunner.lib.apple_lines import cells_of
from etlrunner.model.problems import Finding

_BOM = b"\xef\xbb\xbf"


@dataclass
class Faults:
    """What was found in one file: the first of each rule one by one, the others counted."""

    name: str
    findings: list[Finding] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)

    def add(self, rule: str, message: str, row: int | None = None) -> None:
        self.seen[rule] += 1
        if self.seen[rule] <= LISTED:
            line = row + 1 if row is not None else None
            severity = RULES[rule].severity
            self.findings.append(Finding(rule, severity, message, self.name, row=row, line=line))

    def all(self) -> Iterator[Finding]:
        for rule, count in self.seen.items():
            if (more := count - LISTED) > 0:
                severity = RULES[rule].severity
                self.findings.append(Finding(rule, severity, "", self.name, row=REST, count=more))
        return limited(self.findings)


def parse(name: str, content: bytes) -> tuple[pl.DataFrame | None, list[Finding]]:
    """The rows of one file as text, and its faults; no frame when there is no header."""
    faults = Faults(name)
    lines = _lines(_text(content, faults), faults)
    first = next(lines, "")
    separator = ";" if first.count(";") > first.count(",") else ","
    header, _ = cells_of(first, separator)
    if not first.strip():
        faults.add("asm-header", "there is no header line")
        return None, list(faults.all())
    places = _places(header, faults)
    rows = _rows(lines, separator, len(header), faults)
    schema = table.schema_of(list(places))
    wanted = ([row[place] for place in places.values()] for row in rows)
    frames = list(table.to_batches(_with_header(list(places), wanted), schema))
    frame = pl.concat(frames) if frames else pl.DataFrame(schema=schema)
    return frame, list(faults.all())


def _text(content: bytes, faults: Faults) -> str:
    if content.startswith(_BOM):
        faults.add("asm-bom", "the file begins with a byte order mark")
        content = content[len(_BOM) :]
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start)
        faults.add("csv-encoding", "the file is not UTF-8 from here on", row or None)
        return content.decode("utf-8", errors="replace")


def _lines(text: str, faults: Faults) -> Iterator[str]:
    """The lines; one that ends in a single backslash goes on in the next, as Apple's guide allows."""
    if "\r\n" in text:
        faults.add("csv-line-ends", "the lines end with CR LF")
        text = text.replace("\r\n", "\n")
    held = ""
    for line in text.removesuffix("\n").split("\n"):
        whole = held + line
        if (len(whole) - len(whole.rstrip("\\"))) % 2:
            held = whole + "\n"
        else:
            yield whole
            held = ""
    if held:
        yield held


def _places(header: list[str], faults: Faults) -> dict[str, int]:
    """Where each column stands; of two with the same name the first."""
    places: dict[str, int] = {}
    for place, name in enumerate(header):
        if name in places:
            faults.add("asm-header", f"column {place + 1} of the header is there twice")
        places.setdefault(name, place)
    return places


def _rows(lines: Iterator[str], separator: str, width: int, faults: Faults) -> Iterator[list[str]]:
    between = f'"{separator}"'
    for number, line in enumerate(lines, 1):
        if line[:1] == '"' == line[-1:] and line.count('"') == 2 * width and "\\" not in line:
            cells = line[1:-1].split(between)  # every value is quoted: far quicker this way
            if len(cells) == width:
                yield cells
                continue
        cells, broken = cells_of(line, separator)
        for rule in sorted(broken):
            faults.add(rule, _MESSAGES[rule], number)
        if len(cells) != width:
            message = f"the row has {len(cells)} cells and the header {width}"
            faults.add("csv-cells", message, number)
            cells = [*cells, *[""] * (width - len(cells))]
        yield cells


def _with_header(header: list[str], rows: Iterator[list[str]]) -> Iterator[list[str]]:
    yield header
    yield from rows


_MESSAGES = {
    "csv-quoting": "a quote is not closed, or text stands beside a quoted value",
    "csv-doubled-quote": 'a quote inside a value is written as ""',
    "csv-unquoted": "a value with a space stands without quotes",
}
