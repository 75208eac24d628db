"""A folder of this machine: the archive appears whole, for its owner alone."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from etlrunner.errors import LocalTrouble
from etlrunner.lib import files
from etlrunner.lib import remote_name as names
from etlrunner.model.components import Options
from etlrunner.model.delivery import Archive, Reached, Receipt
from etlrunner.model.surroundings import Clock, Progress

NAME = "local-folder"
_BLOCK = 1024 * 1024


@contextlib.contextmanager
def connect(options: Options, *, clock: Clock, progress: Progress) -> Iterator[Folder]:
    """The folder must be there: making one would hide a disk that is not mounted."""
    folder = Path(options["path"])
    if not folder.is_dir():
        raise LocalTrouble(f"there is no folder {folder}", hint="make it, or mount what holds it")
    yield Folder(folder, clock, progress)


@dataclass
class Folder:
    """A folder that archives are placed into."""

    path: Path
    clock: Clock
    progress: Progress

    def deliver(self, archive: Archive, remote_name: str, reached: Reached) -> Receipt:
        """Copy beside, flush, and move into place with mode 0600."""
        digest = hashlib.sha256()
        name = f".{names.checked(remote_name)}.part"  # the same at every attempt
        reached("uploading", name)
        with files.placing(self.path / remote_name, self.path / name) as beside:
            with open(archive.path, "rb") as source, open(beside, "wb") as copy:
                while block := source.read(_BLOCK):
                    digest.update(block)
                    copy.write(block)
                    self.progress.advance("deliver", len(block))
            reached("uploaded", name)
        return Receipt(
            sink=NAME,
            remote_name=remote_name,
            size=archive.size,
            sha256=digest.hexdigest(),
            sent_at=self.clock.now(),
        )

    def explore(self, announce: Callable[[str], None]) -> Mapping[str, str]:
        """Write a tiny file, rename it and remove it again; and how much room there is."""
        name = f"etlrunner-probe-{secrets.token_hex(4)}.txt"
        announce(f"writing {name}; if this is cut off, remove it")
        with files.trouble(self.path):
            files.write_private(self.path / name, "Safe to remove.\n")
            (self.path / name).unlink()
        return {
            "write": "yes",
            "rename": "yes",
            "remove": "yes",
            "free space": f"{shutil.disk_usage(self.path).free / 1e9:,.1f} GB",
            "left behind": "nothing",
            "etlrunner": "writes .NAME.part and renames it to NAME when it is whole",
        }

    def forget(self, name: str) -> None:
        """Take away what an earlier delivery of ours may have left under this name."""
        with contextlib.suppress(OSError):
            (self.path / name).unlink()

    def probe(self) -> Mapping[str, str]:
        """Ask the system whether the folder may be written to, without writing."""
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise LocalTrouble(f"cannot write {self.path}: permission denied")
        return {"folder": f"{self.path} can be written to"}
