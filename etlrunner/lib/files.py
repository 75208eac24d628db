"""Files that only their owner can read, and that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from etlrunner.errors import LocalTrouble

PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600
_BESIDE = re.compile(r"\..+\.\d+\.part")


def private_folder(path: Path) -> Path:
    """Make the folder, and those above it that are missing, for its owner alone; return it."""
    with trouble(path):
        missing = [path, *path.parents]
        for folder in reversed([folder for folder in missing if not folder.exists()]):
            with contextlib.suppress(FileExistsError):
                folder.mkdir(mode=PRIVATE_FOLDER)
            folder.chmod(PRIVATE_FOLDER)
    return path


def write_private(path: Path, content: bytes | str) -> Path:
    """Write beside, flush to the disk, move into place: a reader sees the old file or the new one."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    with placing(path) as beside, open(beside, "wb") as handle:
        handle.write(data)
    return path


@contextlib.contextmanager
def placing(path: Path, beside: Path | None = None) -> Iterator[Path]:
    """Give a name beside `path` to write to; on success flush it and move it into place, private.

    An error leaves neither the half-written file nor a changed `path`. `beside` is for whoever is alone
    there and wants what a kill left to be written over.
    """
    beside = beside or path.with_name(f".{path.name}.{os.getpid()}.part")
    with trouble(path):
        try:
            beside.unlink(missing_ok=True)
            os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE))
            yield beside
            os.chmod(beside, PRIVATE_FILE)
            flush(beside)
            os.replace(beside, path)
            flush(path.parent)
        finally:
            beside.unlink(missing_ok=True)


def sweep(folder: Path, *, below: bool = True) -> None:
    """Remove what writers that were killed left in a folder (and below); nobody may be writing there."""
    for left in list(folder.rglob(".*.part") if below else folder.glob(".*.part")):
        if _BESIDE.fullmatch(left.name) and left.is_file() and not left.is_symlink():
            with contextlib.suppress(OSError):  # a left-over costs room, nothing else
                left.unlink()


@contextlib.contextmanager
def appending(path: Path) -> Iterator[IO[str]]:
    """Open a private text file to add lines at its end."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE_FILE)
    with open(handle, "a", encoding="utf-8") as stream:
        yield stream


def flush(path: Path) -> None:
    """Have the disk hold what the file, or the folder's list of names, says."""
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open a folder for that
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256(path: Path) -> str:
    """The digest of a file's bytes, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def trouble(path: Path) -> Iterator[None]:
    """Turn what the disk says into LocalTrouble (exit code 9), naming the path."""
    try:
        yield
    except OSError as error:
        if isinstance(error, TimeoutError | ConnectionError):
            raise
        raise LocalTrouble(f"cannot write {path}: {reason(error)}") from error


def reason(error: OSError) -> str:
    """What the disk says, in plain words."""
    known = {**_OF_THE_MACHINE, errno.EACCES: "permission denied"}
    return known.get(error.errno or 0, error.strerror or type(error).__name__)


_OF_THE_MACHINE = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota is used up",
    errno.EROFS: "the disk is read-only",
    errno.EIO: "the disk does not work",
    errno.EMFILE: "too many files are open",
    errno.ENFILE: "too many files are open",
    errno.ENOMEM: "there is not enough memory",
}


_IN_RUST = re.compile(r"\(os error (\d+)\)")


def of_this_machine(error: BaseException) -> LocalTrouble | None:
    """What a machine that has run out of something raises anywhere; None for any other error."""
    number = error.errno if isinstance(error, OSError) else None
    if number is None and (named := _IN_RUST.search(str(error))):
        number = int(named[1])  # Polars says it in words, by many classes
    if number in _OF_THE_MACHINE:
        return LocalTrouble(f"this machine: {_OF_THE_MACHINE[number]}")
    starved = isinstance(error, RuntimeError) and "start new thread" in str(error)
    if starved or isinstance(error, MemoryError):
        return LocalTrouble("this machine: there is not enough memory, or too many processes run")
    return None
