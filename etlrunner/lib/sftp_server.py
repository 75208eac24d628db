"""Which SFTP server, who it must prove to be, and how long each step may take."""

from __future__ import annotations

from dataclasses import dataclass

from etlrunner.lib.host_keys import Expected


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds for each step; none of them is ever infinite."""

    connect: float = 10
    banner: float = 15
    auth: float = 20
    channel: float = 30
    """Between two signs of life while a session is open."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where to go, and whom to expect there."""

    host: str
    port: int
    expected: Expected
    timeouts: Timeouts
    flow: str = "FLOW"
    """Whose server it is, for messages that name a command."""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"
