"""CSV files from other programs: unpacked defensively, examined line by line, then scanned as columns."""

from __future__ import annotations

import codecs
import csv
import difflib
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import polars as pl

from etlrunner.errors import ChecksFailed, Incomplete
from etlrunner.lib import columns
from etlrunner.model import Finding
from etlrunner.table import stream

CHUNK = 1 << 20
MOST_ENTRIES = 1000
MOST_BYTES = 16 << 30
MOST_RATIO = 200
"""Text packs well, but no roster shrinks to less than a two-hundredth."""

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
    troubles = _encoding(path)
    if troubles:
        return None, troubles
    header, troubles = _header(path)
    if troubles:
        return None, troubles
    troubles = _names(header, wanted)
    rows, blank, broken = _lines(path, len(header))
    troubles += broken
    return (None if troubles else Sheet(path, tuple(header), rows, blank > 0)), troubles


def _encoding(path: Path) -> list[Trouble]:
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    line = 1
    with open(path, "rb") as handle:
        start = handle.read(4)
        handle.seek(0)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return [("encoding", "the file is UTF-16; export it as UTF-8", None)]
        if start.startswith(codecs.BOM_UTF8):
            return [
                ("bom", "the file begins with a byte order mark; export it as UTF-8 without BOM", 1)
            ]
        while chunk := handle.read(CHUNK):
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                return [
                    ("encoding", "the file is not UTF-8", line + chunk[: error.start].count(b"\n"))
                ]
            if b"\0" in chunk:
                return [("encoding", "the file holds NUL characters", line)]
            line += chunk.count(b"\n")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return [("cut_off", "the file ends in the middle of a character", line)]
    return []


def _header(path: Path) -> tuple[list[str], list[Trouble]]:
    with open(path, encoding="utf-8", newline="") as handle:
        first = handle.readline(1 << 16).rstrip("\r\n")
    if not first:
        return [], [("empty", "the file is empty", None)]
    header = next(csv.reader([first]), [])
    troubles: list[Trouble] = []
    for name in header:
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


def _names(header: Sequence[str], wanted: Sequence[str]) -> list[Trouble]:
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
    is_blank = line.str.strip_chars(columns.WHITE + ",") == ""
    checked = (
        pl.scan_lines(path, name="lines")
        .with_row_index("line", 1)
        .slice(1)
        .select(
            "line",
            blank=is_blank,
            quote=bare.str.contains('"', literal=True),
            width=~is_blank & (bare.str.count_matches(",", literal=True) != width - 1),
        )
    )
    facts = stream(
        checked.select(
            rows=(~pl.col("blank")).sum(),
            blank=pl.col("blank").sum(),
            quote=pl.col("line").filter("quote").first(),
            width=pl.col("line").filter("width").first(),
        )
    ).row(0, named=True)
    troubles: list[Trouble] = []
    if facts["quote"] is not None:
        message = "a quote is not closed, or a cell holds a line break"
        troubles.append(("quotes", message, int(facts["quote"])))
    elif facts["width"] is not None:
        message = f"a line has not the header's {width} cells (is the file cut off?)"
        troubles.append(("width", message, int(facts["width"])))
    return int(facts["rows"] or 0), int(facts["blank"] or 0), troubles


# ---------------------------------------------------------------- zip files


def unpack(path: Path, folder: Path, wanted: AbstractSet[str]) -> None:
    """Take the wanted files out of a zip; a damaged, encrypted or exploding one ends the pull."""
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in _entries(archive, path.name, wanted):
                _copy(archive, entry, folder / entry.filename)
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, zlib.error) as error:
        raise Incomplete(
            f"{path.name} cannot be read as a zip file ({type(error).__name__}): "
            "is it still being written?"
        ) from None


def _entries(
    archive: zipfile.ZipFile, name: str, wanted: AbstractSet[str]
) -> Iterator[zipfile.ZipInfo]:
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise _refuse(f"{name} holds more than {MOST_ENTRIES} files")
    names = [each.filename for each in entries]
    inside = sorted(
        each for each in names if PurePosixPath(each).name in wanted and each not in wanted
    )
    if inside and not any(each in wanted for each in names):
        raise _refuse(f"{name} has its CSV files in a folder; OneRoster wants them at the top")
    for entry in entries:
        if entry.filename not in wanted:
            continue
        if names.count(entry.filename) > 1:
            raise _refuse(f"{name} holds {entry.filename} twice")
        if entry.flag_bits & 0x1:
            raise _refuse(f"{name} is encrypted")
        if entry.file_size > MOST_BYTES or (
            entry.file_size > CHUNK and entry.file_size > MOST_RATIO * max(1, entry.compress_size)
        ):
            raise _refuse(f"{name}: {entry.filename} would unpack to an unreasonable size")
        yield entry


def _copy(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    """Copy one file, no more of it than its entry says; reading to the end checks its CRC."""
    left = entry.file_size
    with archive.open(entry) as source, open(target, "xb") as copy:
        while chunk := source.read(CHUNK):
            left -= len(chunk)
            if left < 0:
                raise _refuse(f"{entry.filename} is larger than its entry says")
            copy.write(chunk)


def _refuse(message: str) -> ChecksFailed:
    return ChecksFailed([Finding("oneroster_csv.zip", "error", message, "zip")], message)
