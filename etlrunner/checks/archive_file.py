"""Opens a zip that somebody else made, carefully, and reads the six files in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from etlrunner.checks import apple_csv
from etlrunner.checks.listing import shown, whole_file
from etlrunner.errors import UsageError
from etlrunner.lib import archive
from etlrunner.model.problems import Finding
from etlrunner.target import FILE_ORDER

MOST_ENTRIES = 100
MOST_BYTES = 2 << 30
"""Per file, unpacked: rosters of a million pupils are 600 MB."""
MOST_RATIO = 200
"""Unpacked to packed; rosters have about 6."""
SMALL = 1 << 20
"""A ratio says nothing about less than this."""

_USUAL = re.compile(r"[A-Za-z0-9._-]+\.zip")

WHOLE_ZIP = ""
"""The table of a finding about the zip itself."""


@dataclass(frozen=True, slots=True)
class ReadArchive:
    """The tables that could be read, and what is wrong with the zip and its files."""

    tables: Mapping[str, pl.DataFrame]
    findings: tuple[Finding, ...]


def read_archive(path: Path) -> ReadArchive:
    """Read what can be read; everything that is wrong is a finding, nothing raises but a missing file."""
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    try:
        entries = archive.entries(path)
    except ValueError as error:
        return ReadArchive({}, (whole_file("zip-unreadable", WHOLE_ZIP, str(error)),))
    if len(entries) > MOST_ENTRIES:
        message = f"there are {len(entries):,} files in it"
        return ReadArchive({}, (whole_file("zip-too-large", WHOLE_ZIP, message),))
    tables: dict[str, pl.DataFrame] = {}
    findings: list[Finding] = []
    if not _USUAL.fullmatch(path.name):
        findings.append(whole_file("zip-name", WHOLE_ZIP, "the zip's name has unusual characters"))
    chosen = _chosen(entries, findings)
    for name in FILE_ORDER:
        if name not in chosen:
            findings.append(whole_file("zip-file-missing", name, "the file is not in the zip"))
            continue
        frame, found = _read(path, name, chosen[name])
        findings += found
        if frame is not None:
            tables[name] = frame
    return ReadArchive(tables, tuple(findings))


def _chosen(
    entries: tuple[archive.Entry, ...], findings: list[Finding]
) -> dict[str, archive.Entry]:
    """The entry for each of the six, also where its name or place is wrong."""
    chosen: dict[str, archive.Entry] = {}
    for entry in sorted(entries, key=lambda e: e.name not in _FILES):
        findings += _misnamed(entry)
        name = entry.name.replace("\\", "/").rpartition("/")[2].lower().removesuffix(".csv")
        if name in FILE_ORDER and not entry.name.endswith(("/", "\\")):
            if name in chosen:
                findings.append(whole_file("zip-file-name", name, "the file is in the zip twice"))
            chosen.setdefault(name, entry)
    return chosen


_FILES = frozenset(f"{name}.csv" for name in FILE_ORDER)


def _misnamed(entry: archive.Entry) -> Iterator[Finding]:
    if entry.is_folder:
        message = f"'{shown(entry.name)}' is a folder or in one"
        yield whole_file("zip-folder", WHOLE_ZIP, message)
    elif entry.name.lower() in _FILES and entry.name not in _FILES:
        message = f"'{shown(entry.name)}' must be written {entry.name.lower()}"
        yield whole_file("zip-file-name", WHOLE_ZIP, message)
    elif entry.name not in _FILES:
        message = f"'{shown(entry.name)}' is none of the six files"
        yield whole_file("zip-file-name", WHOLE_ZIP, message)


def _read(path: Path, name: str, entry: archive.Entry) -> tuple[pl.DataFrame | None, list[Finding]]:
    if entry.is_encrypted or entry.is_link or not entry.is_readable:
        message = "it is encrypted, a link, or packed in an unusual way"
        return None, [whole_file("zip-unreadable", name, message)]
    if entry.size > MOST_BYTES or (
        entry.size > SMALL and entry.size > MOST_RATIO * max(entry.packed, 1)
    ):
        return None, [whole_file("zip-too-large", name, f"it unpacks to {entry.size:,} bytes")]
    try:
        content = archive.read(path, entry.name, entry.size)
    except ValueError as error:
        return None, [whole_file("zip-unreadable", name, f"it {error}")]
    return apple_csv.parse(name, content)
