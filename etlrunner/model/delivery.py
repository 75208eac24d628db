"""An archive, and its way to the other end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Archive:
    """The zip as it will be sent. `content_hash` is over names and CSV bytes, not over the zip."""

    path: Path
    content_hash: str
    size: int
    rows: Mapping[str, int]
    sha256: str = ""
    """Of the zip's own bytes: what a resend must equal."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof of a delivery."""

    sink: str
    remote_name: str
    size: int
    sha256: str
    sent_at: datetime
    host_key: str = ""
    attempts: int = 1
    taken_at_once: bool = False
    """The server had taken the file away before it could be asked: that is a success."""


@dataclass(frozen=True)
class Delivery:
    """One archive on its way: in the history before its first byte leaves, and anew after each step."""

    state: str
    """Where it is: a name of `lib/far_side.STATES`."""
    sink: str
    remote_name: str
    sha256: str
    size: int
    attempt: int = 1
    beside: str = ""
    """The name it is written under until it is whole; empty where it has its own from the start."""
    far_side: str = ""
    """What is known, or not known, of the other end."""


Reached = Callable[[str, str], None]
"""Told which state a delivery has come to, and the name beside, before the step that follows it."""
