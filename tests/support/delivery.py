"""What tests of deliveries share: an archive, options for a server, a progress that counts."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import Any

from etlrunner.model.delivery import Archive
from etlrunner.model.secrets import Secret

CANARY = "c4nary-0f-a-passw0rd"
"""A secret that must never be seen anywhere."""

PATIENT = {"connect": 15, "banner": 15, "auth": 15, "channel": 15}
"""Timeouts that a busy machine keeps; a test of silence sets its own."""


def archive(folder: Path, size: int = 300_000, name: str = "roster.zip") -> Archive:
    """A file of so many bytes that look like a zip's, and what the program knows about it."""
    data = random.Random(size).randbytes(size)
    path = folder / name
    path.write_bytes(data)
    return Archive(path, "0" * 64, size, {"students": 1}, hashlib.sha256(data).hexdigest())


def options(
    host: str, port: int, username: str, password: str, line: str, folder: Path, **more: Any
) -> dict[str, Any]:
    """A sink's options after validation, with the host key in a known_hosts file."""
    known_hosts = folder / "flow.known_hosts"
    known_hosts.write_text(f"{line}\n" if line else "")
    return {
        "host": host,
        "port": port,
        "directory": "dropbox",
        "username": Secret(username),
        "password": Secret(password),
        "known_hosts": known_hosts,
        "timeouts": PATIENT,
        **more,
    }


class Counting:
    """Progress that adds up."""

    def __init__(self) -> None:
        self.totals: dict[str, int | None] = {}
        self.moved: dict[str, int] = {}
        self.ended: list[str] = []

    def start(self, what: str, total: int | None = None, unit: str = "rows") -> None:
        assert unit == "bytes"
        self.totals[what] = total

    def advance(self, what: str, amount: int) -> None:
        self.moved[what] = self.moved.get(what, 0) + amount

    def done(self, what: str) -> None:
        self.ended.append(what)
