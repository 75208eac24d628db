"""Apple School Manager's drop box: one zip, written under its final name and left alone.

The box takes a file as soon as it is there and lets a client do little else (reference, section 6.2):
no stat by name, no renaming, no times or modes, no folders are made.
"""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etlrunner.lib import remote_name as names
from etlrunner.lib import sftp
from etlrunner.model.components import Options
from etlrunner.model.delivery import Archive, Reached, Receipt
from etlrunner.model.surroundings import Clock, Progress

NAME = "apple-school-manager"
PREFILLED: Mapping[str, Any] = {
    "host": "upload.appleschoolcontent.com",
    "port": 22,
    "directory": "dropbox",
}


@contextlib.contextmanager
def connect(options: Options, *, clock: Clock, progress: Progress) -> Iterator[DropBox]:
    """Sign in at Apple's server, whose key must be pinned."""
    filled = {**PREFILLED, **options}
    with sftp.connect(filled) as session:
        yield DropBox(session, filled["directory"], clock, progress)


def learn_host_key(options: Options) -> tuple[str, str, str]:
    """The server's key as type, fingerprint and known_hosts line; no password is sent."""
    return sftp.learn_host_key({**PREFILLED, **options})


def trust(options: Options, *, replace: bool = False) -> tuple[str, str, Path]:
    """Learn the key and keep it in the flow's known_hosts file: type, fingerprint, path."""
    return sftp.trust({**PREFILLED, **options}, replace=replace)


@dataclass
class DropBox:
    """A folder that takes files and says little."""

    session: sftp.Session
    directory: str
    clock: Clock
    progress: Progress

    def deliver(self, archive: Archive, remote_name: str, reached: Reached) -> Receipt:
        """Write the archive through one open handle; that it has gone by then is a success."""
        path = posixpath.join(self.directory, names.checked(remote_name))
        upload = self.session.upload(
            archive.path,
            archive.size,
            lambda size: self.progress.advance("deliver", size),
            reached,
        )
        sent = upload.under(path)
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
        """What the box allows; a delivery needs nothing but writing."""
        found = self.session.explore(self.directory, announce)
        return {**found, "etlrunner": "writes each archive under its own name and leaves it alone"}

    def forget(self, name: str) -> None:
        """Take away what an earlier delivery of ours may have left under this name."""
        self.session.forget(posixpath.join(self.directory, name))

    def probe(self) -> Mapping[str, str]:
        """Signed in already; look whether the directory opens, and write nothing."""
        return {
            **self.session.facts(),
            "directory": f"{self.directory}: {self.session.look(self.directory)}",
        }
