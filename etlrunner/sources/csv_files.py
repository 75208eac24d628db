"""CSV files from other programs: examined line by line, then scanned as columns."""

from __future__ import annotations

import codecs
import csv
import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from etlrunner.lib import columns
from etlrunner.table import stream

CHUNK = 1 << 20

_CELL = r'(?:[^",]*|"(?:[^"]|"")*")'
_QUOTED_LINE = f"^{_CELL}(?:,{_CELL})*$"

Trouble = tuple[str, str, int | None]
"""A rule, a sentence, a line of the file."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file that can be read as it is."""

    path: Path
    header: tuple[str, ...]
    rows: int
    blank: bool = False
    """There are empty lines, which Polars takes for rows."""

    def scan(self) -> pl.LazyFrame:
        frame = pl.scan_csv(self.path, infer_schema=False, empty_string_is_null=False, glob=False)
        return frame.filter(pl.any_horizontal(pl.all() != "")) if self.blank else frame


def examine(path: Path, wanted: Sequence[str]) -> tuple[Sheet | None, list[Trouble]]:
    """The file as a sheet, or everything that keeps it from being read as meant."""
    troubles = encoding(path)
    if troubles:
        return None, troubles
    header, troubles = header_of(path)
    if troubles:
        return None, troubles
    troubles = separator(header, wanted) or names(header, wanted)
    if any(rule == "separator" for rule, _, _ in troubles):
        return None, troubles
    rows, blank, broken = _lines(path, len(header))
    troubles += broken
    return (None if troubles else Sheet(path, tuple(header), rows, blank > 0)), troubles


def encoding(path: Path) -> list[Trouble]:
    """What keeps the file from being read as UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    line = 1
    with open(path, "rb") as handle:
        start = handle.read(4)
        handle.seek(0)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or _is_utf16(start):
            return [("encoding", "the file is UTF-16; export it as UTF-8", None)]
        if start.startswith(codecs.BOM_UTF8):
            return [
                ("bom", "the file begins with a byte order mark; export it as UTF-8 without BOM", 1)
            ]
        while chunk := handle.read(CHUNK):
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                where = line + chunk[: error.start].count(b"\n")
                message = "the file is not UTF-8 (Windows-1252, most likely); export it as UTF-8"
                return [("encoding", message, where)]
            if b"\0" in chunk:
                return [("encoding", "the file holds NUL characters", line)]
            line += chunk.count(b"\n")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return [("cut_off", "the file ends in the middle of a character", line)]
    return []


def _is_utf16(start: bytes) -> bool:
    """Latin letters in two bytes each, without the mark that says so."""
    return len(start) == 4 and (start[::2] == b"\0\0") != (start[1::2] == b"\0\0")


def unended(paths: Iterable[Path]) -> list[Path]:
    """Files whose last line has no line break, where others that were written with them have one.

    Whether a last line has one is the writer's choice (RFC 4180), but a program chooses once.
    """
    ended = {path: _last_byte(path) == b"\n" for path in paths}
    return [path for path, is_ended in ended.items() if not is_ended and any(ended.values())]


UNENDED = (
    "cut_off",
    "the last line has no line break at its end, and other files of this export have one: is the file cut off? "
    "If it is whole, give it one",
    None,
)
"""What is said of such a file."""


def _last_byte(path: Path) -> bytes:
    with open(path, "rb") as handle:
        handle.seek(max(0, handle.seek(0, 2) - 1))
        return handle.read(1)


def separator(header: Sequence[str], wanted: Sequence[str]) -> list[Trouble]:
    """A header that is one name for us, and the wanted names for somebody else's separator."""
    if len(header) > 1 or len(wanted) < 2:
        return []
    for mark, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if any(cell.strip('" ') in wanted for cell in header[0].split(mark)[:2]):
            if mark not in header[0]:
                continue
            message = f"the cells are separated by {name}; export it with commas"
            return [("separator", message, 1)]
    return []


def header_of(path: Path) -> tuple[list[str], list[Trouble]]:
    """The names in the first line, and what is hidden or wrong in it."""
    with open(path, encoding="utf-8", newline="") as handle:
        first = handle.readline(1 << 16).rstrip("\r\n")
    if not first:
        return [], [("empty", "the file is empty", None)]
    header = next(csv.reader([first]), [])
    troubles: list[Trouble] = []
    for name in header if len(header) > 1 or "\t" not in first else ():
        found = columns.hidden(name)
        if found:
            shown = "".join(each for each in name if each.isalnum())[:40]
            troubles.append(
                (
                    "hidden_characters",
                    f"column {shown} has hidden characters ({', '.join(found)})",
                    1,
                )
            )
    if not troubles and len(set(header)) < len(header):
        troubles.append(("header", "a column name comes twice", 1))
    return header, troubles


def names(header: Sequence[str], wanted: Sequence[str]) -> list[Trouble]:
    """The wanted names that the header lacks, and what may be meant."""
    troubles: list[Trouble] = []
    by_case = {name.strip().lower(): name for name in header}
    for name in wanted:
        if name in header:
            continue
        close = by_case.get(name.lower())
        if close is not None:
            troubles.append(
                (
                    "header_case",
                    f"column {name} is written {close!r}; upper and lower case matter",
                    1,
                )
            )
            continue
        strangers = [each for each in header if each not in wanted]
        alike = difflib.get_close_matches(name, strangers, 1)
        hint = f" (is {alike[0]!r} meant to be it?)" if alike else ""
        troubles.append(("header", f"column {name} is missing{hint}", 1))
    return troubles


def _lines(path: Path, width: int) -> tuple[int, int, list[Trouble]]:
    """Count rows and blank lines; each row must be one line with as many cells as the header."""
    line = pl.col("lines").str.strip_chars_end("\r")
    bare = line.str.replace_all(r'"(?:[^"]|"")*"', "")
    # a quote that neither opens a cell nor closes it: readers differ on what it means
    torn = line.str.contains('"', literal=True) & ~line.str.contains(_QUOTED_LINE)
    is_blank = line.str.strip_chars(columns.WHITE + ",") == ""
    checked = (
        pl.scan_lines(path, name="lines")
        .with_row_index("line", 1)
        .slice(1)
        .select(
            "line",
            blank=is_blank,
            quote=torn,
            width=~is_blank & (bare.str.count_matches(",", literal=True) != width - 1),
            cells=bare.str.count_matches(",", literal=True) + 1,
        )
    )
    facts = stream(
        checked.select(
            rows=(~pl.col("blank")).sum(),
            blank=pl.col("blank").sum(),
            quote=pl.col("line").filter("quote").first(),
            width=pl.col("line").filter("width").first(),
            cells=pl.col("cells").filter("width").first(),
            wrong=pl.col("width").sum(),
        )
    ).row(0, named=True)
    troubles: list[Trouble] = []
    if facts["quote"] is not None:
        message = "a quote is not closed or stands inside a cell, or a cell holds a line break"
        troubles.append(("quotes", message, int(facts["quote"])))
    elif facts["width"] is not None:
        others = int(facts["wrong"]) - 1
        message = f"the line has {facts['cells']} cells and the header {width}" + (
            f", and so it is in {others} more" if others else " (is the file cut off?)"
        )
        troubles.append(("width", message, int(facts["width"])))
    return int(facts["rows"] or 0), int(facts["blank"] or 0), troubles
