"""Who works on a flow: processes told apart for certain, and a lock that dies with its holder."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from etlrunner.errors import LocalTrouble
from etlrunner.lib import files


@dataclass(frozen=True, slots=True)
class Owner:
    """A process: `host` changes with every boot and container, `born` tells a reused pid apart."""

    host: str
    pid: int
    born: str = ""

    def is_alive(self) -> bool | None:
        """Whether it still runs; None when that cannot be told from here."""
        here = this_process()
        if self.host != here.host:
            return None
        if self == here:
            return True
        if not here.born:  # no /proc: only the pid tells, and on Windows asking would end it
            return None if os.name == "nt" else _exists(self.pid)
        return _born(self.pid) == self.born


def this_process() -> Owner:
    """The process that asks (a forked child is another one)."""
    return Owner(_host(), os.getpid(), _born(os.getpid()))


@contextlib.contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Try to take the lock of a file; say whether it was free.

    The operating system lets go of it when the holder ends, however it ends: there is no stale lock.
    """
    files.private_folder(path.parent)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | _NO_LINKS, files.PRIVATE_FILE)
    except OSError as error:
        raise LocalTrouble(f"cannot open {path}: {error.strerror}") from error
    try:
        yield _try_lock(handle)
    finally:
        os.close(handle)  # lets go of the lock, too


_NO_LINKS = getattr(os, "O_NOFOLLOW", 0)


def _try_lock(handle: int) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            # flock, not lockf: two handles of one process exclude each other as well
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@cache
def _host() -> str:
    """This machine since it was booted; in a container, that container."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return "/".join(parts)


def _born(pid: int) -> str:
    """When a process began, in the kernel's ticks; empty if there is none, or no /proc."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()  # the name in parentheses may hold anything
    return "" if fields[0] in "ZX" else fields[19]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
