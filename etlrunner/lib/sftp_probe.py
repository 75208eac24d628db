"""What an SFTP server allows in a folder, found out with one tiny file that is removed again.

Most of it is asked about names that do not exist: "no such file" means that it would be allowed. Only
where a file may be removed again is one written at all, so that nothing stays behind.
"""

from __future__ import annotations

import posixpath
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from etlrunner.lib import sftp_wire
from etlrunner.lib.sftp_wire import Status, Wire

YES, NO = "yes", "no"
TEXT = b"Written by `etlrunner connect --probe`. Safe to remove.\n"


@dataclass
class Probe:
    """One exploration of one folder; `found` is filled as it goes."""

    wire: Wire
    directory: str
    alive: Callable[[str], None]
    """Told before each step, so that none of them waits for ever."""
    announce: Callable[[str], None]
    """Told which names to remove if the program is killed now."""
    found: dict[str, str] = field(default_factory=dict)

    def run(self) -> dict[str, str]:
        """Ask everything; what was written is removed whatever happens, short of a kill."""
        name = f"etlrunner-probe-{secrets.token_hex(4)}.txt"
        path, other = self._at(name), self._at("other-" + name)
        self.found["remove"] = self._asked("removing", lambda: self.wire.remove(path))
        self.found["rename"] = self._asked("renaming", lambda: self.wire.rename(path, other))
        self.found["rename over a file"] = self._replaces(path, other)
        self.found["stat"] = self._asked("looking at a name", lambda: self.wire.stat(path))
        self.found["free space"] = self._free()
        self.found["make folders"] = NO
        if self.found["remove"] != YES:
            self.found["write"] = "not tried: what is written could not be removed again"
            return self.found
        self.announce(f"writing {name} and a folder {name}.d; if this is cut off, remove them")
        try:
            self._write(path)
            self.found["make folders"] = self._folder(path + ".d")
        finally:
            self.found["left behind"] = self._gone(path)
        return self.found

    def _at(self, name: str) -> str:
        return posixpath.join(self.directory, name)

    def _asked(self, what: str, ask: Callable[[], object]) -> str:
        """Whether something may be done to a file that is not there."""
        self.alive(what)
        try:
            ask()
        except Status as error:
            return YES if error.code == sftp_wire.NO_SUCH_FILE else f"{NO}: {error}"
        return YES

    def _replaces(self, path: str, other: str) -> str:
        if sftp_wire.POSIX_RENAME not in self.wire.extensions:
            return f"{NO}: the server does not know it; the old file is removed first"
        return self._asked("renaming over a file", lambda: self.wire.replace(path, other))

    def _free(self) -> str:
        self.alive("asking for the free space")
        if "statvfs@openssh.com" not in self.wire.extensions:
            return "the server does not say"
        try:
            return f"{self.wire.free(self.directory or '.') / 1e9:,.1f} GB"
        except Status as error:
            return f"the server does not say ({error})"

    def _write(self, path: str) -> None:
        with self._allowed("write"):
            self._put(path)
        if self.found["write"] != YES:
            return
        with self._allowed("overwrite"):
            self._put(path)

    def _put(self, path: str) -> None:
        self.alive("writing")
        handle = self.wire.open(path)
        self.wire.write(handle, [TEXT], lambda size: None)
        with self._allowed("size of an open file"):
            self.wire.size(handle)
        self.wire.close(handle)

    def _folder(self, path: str) -> str:
        self.alive("making a folder")
        try:
            self.wire.make_folder(path)
        except Status as error:
            return f"{NO}: {error}"
        self.wire.remove_folder(path)
        return YES

    def _gone(self, path: str) -> str:
        """Remove the file; what it is to say when that is not possible, or somebody else was quicker."""
        self.alive("removing the file again")
        try:
            self.wire.remove(path)
        except Status as error:
            if error.code != sftp_wire.NO_SUCH_FILE:
                return f"{posixpath.basename(path)}: remove it ({error})"
            taken = self.found.get("write") == YES
            return (
                "nothing; the server took the file as soon as it was there" if taken else "nothing"
            )
        return "nothing"

    @contextmanager
    def _allowed(self, what: str) -> Iterator[None]:
        try:
            yield
        except Status as error:
            self.found[what] = f"{NO}: {error}"
        else:
            self.found[what] = YES
