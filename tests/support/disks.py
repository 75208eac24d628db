"""Small disks for tests that run as root: in memory, or ext4 in a file whose power can be cut."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SHUTDOWN, _NO_LOG_FLUSH = 0x8004587D, 2
"""The ioctl EXT4_IOC_SHUTDOWN, and its flag for: as if the plug were pulled (linux/fs/ext4/ext4.h)."""


def missing(*tools: str) -> str:
    """Why disks cannot be mounted here; empty when they can."""
    if os.name != "posix" or os.geteuid() != 0:
        return "mounting a disk needs root"
    absent = [tool for tool in ("mount", "umount", *tools) if not shutil.which(tool)]
    return f"missing: {', '.join(absent)}" if absent else ""


@contextlib.contextmanager
def in_memory(folder: Path, kilobytes: int) -> Iterator[None]:
    """A disk of so many KiB, mounted at a folder; skips where that is not permitted."""
    _mount("-t", "tmpfs", "-o", f"size={kilobytes}k,mode=700", "none", folder)
    try:
        yield
    finally:
        _unmount(folder)


def resize(folder: Path, kilobytes: int) -> None:
    """Make a mounted disk larger or smaller."""
    _run("mount", "-o", f"remount,size={kilobytes}k", folder)


def close_to_writing(folder: Path, *, closed: bool) -> None:
    """Mount it anew for reading alone, or for both."""
    _run("mount", "-o", f"remount,{'ro' if closed else 'rw'}", folder)


@dataclass
class Ext4:
    """An ext4 file system in a file, mounted at a folder."""

    image: Path
    folder: Path

    def flush(self) -> None:
        """What was written so far stays."""
        _run("sync", "-f", self.folder)

    def cut_power(self) -> None:
        """What was not flushed is gone; then the disk is there again, its journal replayed."""
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(handle)
        _unmount(self.folder)
        _mount("-o", "loop", self.image, self.folder)


@contextlib.contextmanager
def ext4(image: Path, folder: Path, megabytes: int = 64) -> Iterator[Ext4]:
    """Make and mount one; skips where there are no loop devices."""
    with open(image, "wb") as file:
        file.truncate(megabytes << 20)
    _run("mkfs.ext4", "-q", "-F", image)
    _mount("-o", "loop", image, folder)
    shutil.rmtree(folder / "lost+found")
    try:
        yield Ext4(image, folder)
    finally:
        _unmount(folder)


def _mount(*what: str | Path) -> None:
    import pytest

    done = subprocess.run(["mount", *map(str, what)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"mounting is not permitted here: {done.stderr.strip()}")


def _unmount(folder: Path) -> None:
    end = time.monotonic() + 10
    while subprocess.run(["umount", folder], capture_output=True).returncode:
        assert time.monotonic() < end, f"{folder} is still in use"
        time.sleep(0.05)


def _run(*command: str | Path) -> None:
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
