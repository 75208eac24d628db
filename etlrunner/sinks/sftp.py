"""Any SFTP server: the archive appears whole, or under its final name from the start."""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from etlrunner.lib import remote_name as names
from etlrunner.lib import sftp, sftp_probe
from etlrunner.model.components import Options
from etlrunner.model.delivery import Archive, Reached, Receipt
from etlrunner.model.surroundings import Clock, Progress

NAME = "sftp"


@contextlib.contextmanager
def connect(options: Options, *, clock: Clock, progress: Progress) -> Iterator[Folder]:
    """Sign in at the server, whose key must be pinned."""
    with sftp.connect(options) as session:
        yield Folder(
            session, options.get("directory", ""), options.get("rename", "auto"), clock, progress
        )


def learn_host_key(options: Options) -> tuple[str, str, str]:
    """The server's key as type, fingerprint and known_hosts line; no password is sent."""
    return sftp.learn_host_key(options)


def trust(options: Options, *, replace: bool = False) -> tuple[str, str, Path]:
    """Learn the key and keep it in the flow's known_hosts file: type, fingerprint, path."""
    return sftp.trust(options, replace=replace)


@dataclass
class Folder:
    """A folder on a server; `rename` says whether to write beside and move into place, or "auto"."""

    session: sftp.Session
    directory: str
    rename: bool | str
    clock: Clock
    progress: Progress

    def deliver(self, archive: Archive, remote_name: str, reached: Reached) -> Receipt:
        """Write the archive, and say what was sent."""
        path = posixpath.join(self.directory, names.checked(remote_name))
        upload = self.session.upload(
            archive.path,
            archive.size,
            lambda size: self.progress.advance("deliver", size),
            reached,
        )
        if self.rename == "auto":
            sent = upload.as_allowed(path)
        else:
            sent = upload.beside(path) if self.rename else upload.under(path)
        return Receipt(
            sink=NAME,
            remote_name=remote_name,
            size=archive.size,
            sha256=sent.sha256,
            sent_at=self.clock.now(),
            host_key=self.session.host_key.fingerprint,
            taken_at_once=sent.taken_at_once,
        )

    def explore(self, announce: Callable[[str], None]) -> Mapping[str, str]:
        """What the server allows, and what a delivery would do with that."""
        found = self.session.explore(self.directory, announce)
        return {**found, "etlrunner": self._plan(found)}

    def _plan(self, found: Mapping[str, str]) -> str:
        if not self.rename:
            return "writes each archive under its own name, as sink.rename: false says"
        if found["rename"] != sftp_probe.YES and found["rename over a file"] != sftp_probe.YES:
            if self.rename == "auto":
                return "writes each archive under its own name: files may not be renamed here"
            return "cannot deliver: files may not be renamed here; say sink.rename: auto"
        return "writes .NAME.part and renames it to NAME when it is whole"

    def forget(self, name: str) -> None:
        """Take away what an earlier delivery of ours may have left under this name."""
        self.session.forget(posixpath.join(self.directory, name))

    def probe(self) -> Mapping[str, str]:
        """Signed in already; look whether the directory opens, and write nothing."""
        where = self.directory or "."
        return {**self.session.facts(), "directory": f"{where}: {self.session.look(where)}"}
