"""A folder of lists that is replaced as a whole: lists of two days never lie side by side."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from etlrunner.errors import UsageError
from etlrunner.lib import files

MADE = ".fix-lists.json"
"""Says that a folder is ours to replace, and which files we made."""
IGNORE = ".gitignore"
LONGEST = 60
_PLAIN = re.compile(r"[^\w .&'-]+")


def file_name(name: str, key: str, taken: set[str]) -> str:
    """`North High (101).xlsx`: what every file system takes, and no other list has.

    `taken` are the names that are given already, folded; the new one is added.
    """
    stem = f"{_safe(name) or 'School'} ({_safe(key)[:LONGEST] or 'no id'})"
    made, number = f"{stem}.xlsx", 2
    while made.casefold() in taken:
        made, number = f"{stem} {number}.xlsx", number + 1
    taken.add(made.casefold())
    return made


def check(to: Path) -> Path:
    """The folder to be written, in full. Raises UsageError for one that holds anything but older lists."""
    to = to.absolute().resolve()
    if to.exists() and not to.is_dir():
        raise UsageError(f"{to} is no folder", hint="say a folder of its own: --to fix-lists")
    if not to.is_dir():
        return to
    with files.trouble(to):
        there = {path.name for path in to.iterdir()}
    ours = set(_made(to)) | {MADE, IGNORE}
    if there and (MADE not in there or there - ours):
        raise UsageError(
            f"{to} holds other files than older lists; nothing was written",
            hint="lists replace a folder as a whole: give them one of their own, or move the others away",
        )
    return to


@contextlib.contextmanager
def replacing(to: Path) -> Iterator[Path]:
    """Give a private folder beside `to` to fill; on success it takes the place of what was there.

    An error leaves what was there. A kill leaves the old lists, the new ones, or in between no folder.
    """
    beside = to.with_name(f".{to.name}.{os.getpid()}.part")
    before = to.with_name(f".{to.name}.{os.getpid()}.old")
    files.private_folder(to.parent)
    try:
        shutil.rmtree(beside, ignore_errors=True)
        files.private_folder(beside)
        yield beside
        _finish(beside)
        with files.trouble(to):
            if to.is_dir():
                os.replace(to, before)
            os.replace(beside, to)
            files.flush(to.parent)
    finally:
        if before.is_dir() and not to.exists():
            os.replace(before, to)
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(before, ignore_errors=True)


def sweep(to: Path) -> None:
    """Take away what a run that was killed left beside the folder."""
    pattern = re.compile(rf"\.{re.escape(to.name)}\.\d+\.(part|old)")
    if to.parent.is_dir():
        for left in list(to.parent.iterdir()):
            if pattern.fullmatch(left.name) and left.is_dir() and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)


def _finish(beside: Path) -> None:
    """Private files, on the disk, with the note that says that they are ours; git is told to look away."""
    with files.trouble(beside):
        made = sorted(path.name for path in beside.iterdir())
        for name in made:
            (beside / name).chmod(files.PRIVATE_FILE)
            files.flush(beside / name)
    files.write_private(beside / IGNORE, "# names of children\n*\n")
    files.write_private(beside / MADE, json.dumps({"files": made}, ensure_ascii=False) + "\n")


def _made(to: Path) -> list[str]:
    try:
        return list(json.loads((to / MADE).read_text(encoding="utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _safe(text: str) -> str:
    """Letters, digits and a little punctuation, composed; nothing at the ends that a file system minds."""
    plain = _PLAIN.sub(" ", unicodedata.normalize("NFC", text))
    return " ".join(plain.split())[:LONGEST].strip(" .")
