"""Zip files that somebody drops into a folder: whether one is complete, which is the newest, what is in it.

Nothing of what a zip says about itself is believed before it has been read: names, sizes and CRCs.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from io import BufferedReader
from pathlib import Path, PurePosixPath

from etlrunner.errors import ChecksFailed, Incomplete, Unreachable
from etlrunner.lib import files
from etlrunner.model.problems import Finding

CHUNK = 1 << 20
MOST_ENTRIES = 1000
MOST_BYTES = 16 << 30
MOST_RATIO = 200
"""Text packs well, but no roster shrinks to less than a two-hundredth."""
READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
LITTER = ("__MACOSX/", ".")
"""What the Finder puts beside the files of a zip."""
_DAMAGE = (zipfile.BadZipFile, EOFError, OSError, RuntimeError, NotImplementedError, zlib.error)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A zip in a folder, as a look at the folder shows it."""

    path: Path
    size: int
    changed: float
    """When it was changed last, in seconds; a time in the future counts as now."""
    stamp: tuple[int, int, int]
    """Size, time and number of the file: another stamp, another content."""


def zips(folder: Path, now: datetime) -> list[Dropped]:
    """The zips of a folder, the newest first; of two of the same moment the later name.

    Raises Unreachable when the folder cannot be looked into.
    """
    latest = now.timestamp()
    found = []
    try:
        for path in folder.iterdir():
            if path.suffix.lower() != ".zip" or path.name.startswith((".", "~")):
                continue
            facts = _facts(path)
            if facts is not None:
                size, nanoseconds, number = facts
                changed = min(nanoseconds / 1e9, latest)
                found.append(Dropped(path, size, changed, (size, nanoseconds, number)))
    except OSError as error:
        raise Unreachable(f"{folder} cannot be looked into: {error.strerror}") from None
    return sorted(found, key=lambda each: (each.changed, each.path.name), reverse=True)


def is_complete(path: Path) -> bool:
    """Whether the zip has its end and every member can be read to its CRC."""
    try:
        with zipfile.ZipFile(path) as archive:
            return bool(archive.infolist()) and all(
                _reads(archive, entry) for entry in archive.infolist()
            )
    except _DAMAGE:
        return False


def newest_complete(folder: Path, now: datetime) -> tuple[Path, int]:
    """The newest complete zip of a folder, and how many older ones lie beside it.

    One that is still being written does not count.
    """
    found = zips(folder, now)
    for place, each in enumerate(found):
        if is_complete(each.path):
            return each.path, len(found) - place - 1
    raise Unreachable(f"{folder} holds no complete zip file")


def digest(source: BufferedReader) -> str:
    """SHA-256 of an open file, from its beginning; it is left at its beginning."""
    source.seek(0)
    found = hashlib.file_digest(source, "sha256").hexdigest()
    source.seek(0)
    return found


def unpack(
    source: BufferedReader,
    name: str,
    folder: Path,
    wanted: AbstractSet[str],
    *,
    rule: str,
    strangers: Mapping[str, str],
) -> None:
    """Take the wanted files out of a zip; a damaged, encrypted or exploding one ends the pull.

    `strangers` has a sentence for files that belong to another kind of zip.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            entries = archive.infolist()
            trouble = _trouble(entries, name, wanted, strangers)
            if trouble:
                raise _refuse(rule, trouble)
            for entry in _chosen(entries, wanted):
                _copy(archive, entry, folder / entry.filename, rule)
    except _DAMAGE as error:
        if ours := files.of_this_machine(error):  # there is no room to unpack it
            raise ours from None
        raise Incomplete(
            f"{name} cannot be read as a zip file ({type(error).__name__}): "
            "is it still being written?"
        ) from None


def _facts(path: Path) -> tuple[int, int, int] | None:
    """Size, time and number of a regular file; a link or a folder is none, nor is one that just went."""
    try:
        if path.is_symlink() or not path.is_file():
            return None
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino


def _reads(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bool:
    """Whether a member reads to its end; one that is refused later anyway counts as complete."""
    if entry.is_dir() or entry.flag_bits & 0x1 or entry.compress_type not in READABLE:
        return True
    if _explodes(entry):
        return True
    with archive.open(entry) as member:
        while member.read(CHUNK):
            pass
    return True


def _explodes(entry: zipfile.ZipInfo) -> bool:
    return entry.file_size > MOST_BYTES or (
        entry.file_size > CHUNK and entry.file_size > MOST_RATIO * max(1, entry.compress_size)
    )


def _chosen(
    entries: Iterable[zipfile.ZipInfo], wanted: AbstractSet[str]
) -> Iterator[zipfile.ZipInfo]:
    return (each for each in entries if each.filename in wanted)


def _trouble(
    entries: list[zipfile.ZipInfo],
    name: str,
    wanted: AbstractSet[str],
    strangers: Mapping[str, str],
) -> str:
    """The first thing that keeps the zip from being used, in words; empty if there is none."""
    if len(entries) > MOST_ENTRIES:
        return f"{name} holds more than {MOST_ENTRIES} files"
    names = [each.filename for each in entries if not each.filename.startswith(LITTER)]
    chosen = list(_chosen(entries, wanted))
    if not chosen:
        return _none_of_them(name, names, wanted, strangers)
    by_case = {each.lower(): each for each in wanted}
    for entry in names:
        meant = by_case.get(entry.lower())
        if meant is not None and entry != meant and meant not in names:
            return f"{name}: {meant} is written {entry}; upper and lower case matter"
    for each in chosen:
        if names.count(each.filename) > 1:
            return f"{name} holds {each.filename} twice"
        if each.flag_bits & 0x1:
            return f"{name} is encrypted"
        if (each.external_attr >> 16) & 0o170000 == 0o120000:
            return f"{name}: {each.filename} is a link and no file"
        if each.compress_type not in READABLE:
            return f"{name}: {each.filename} is packed in an unusual way; plain deflate is read"
        if _explodes(each):
            return f"{name}: {each.filename} would unpack to an unreasonable size"
    return ""


def _none_of_them(
    name: str, names: list[str], wanted: AbstractSet[str], strangers: Mapping[str, str]
) -> str:
    """Why a zip has none of the files: they lie in a folder, it is another kind, or it is empty."""
    bare = [PurePosixPath(each.replace("\\", "/")).name for each in names]
    if any(each in wanted for each in bare):
        return f"{name} has its CSV files in a folder; they belong at the top of the zip"
    for each in bare:
        if each in strangers:
            return f"{name} holds {each}: {strangers[each]}"
    if any(each.lower().endswith(".zip") for each in bare):
        return f"{name} holds another zip: unpack the outer one"
    return f"{name} holds none of the files that are wanted ({', '.join(sorted(wanted))})"


def _copy(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, rule: str) -> None:
    """Copy one file, no more of it than its entry says; reading to the end checks its CRC."""
    left = entry.file_size
    with archive.open(entry) as source, open(target, "xb") as copy:
        while chunk := source.read(CHUNK):
            left -= len(chunk)
            if left < 0:
                raise _refuse(rule, f"{entry.filename} is larger than its entry says")
            copy.write(chunk)


def _refuse(rule: str, message: str) -> ChecksFailed:
    return ChecksFailed([Finding(rule, "error", message, "zip")], message)
