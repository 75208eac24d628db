"""A project folder for tests, written as `etlrunner init` writes it, and the engine to run it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from etlrunner import earlier, engine
from etlrunner.cli import flow_file
from etlrunner.cli.flow_file import Answers
from etlrunner.config.project import Project
from etlrunner.history.store import History
from etlrunner.lib import files
from etlrunner.run import Request, Result, Services
from tests.support.clock import SimulatedClock

DAY = date(2027, 3, 1)
NOW = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)


class TestProject:
    """A project in a temporary folder, with its history and a clock that the test moves."""

    __test__ = False

    def __init__(self, root: Path, clock: Any = None) -> None:
        files.private_folder(root / "flows")
        files.private_folder(root / "out")
        self.root = root
        self.project = Project.find(root, root)
        self.clock = clock or SimulatedClock(NOW)
        self.history = History.open(self.project.state)
        self.services = Services(history=self.history, clock=self.clock)

    def close(self) -> None:
        self.history.close()

    def replaced(self, copy: Callable[[Path], None]) -> None:
        """Another project's folder in this one's place, laid there by `copy`."""
        self.close()
        copy(self.root)
        self.history = self.services.history = History.open(self.project.state)

    def skyward(
        self, name: str, server: Any, sftp: Any = None, extra: str = "", **answers: Any
    ) -> None:
        """A flow from a sandbox Skyward to a sandbox SFTP server, or into `out/`."""
        place: dict[str, Any] = (
            {"host": sftp.host, "port": sftp.port} if sftp else {"folder": str(self.root / "out")}
        )
        given = Answers(
            name, server.variant, server.domain, allow_http=True, **{**place, **answers}
        )
        flow_file.write(given, self.root)
        if sftp:
            hosts = self.root / "flows" / f"{name}.known_hosts"
            hosts.write_text(sftp.host_key_line + "\n")
        values = (server.key, server.secret, *((sftp.username, sftp.password) if sftp else ()))
        self.secrets(dict(zip(given.secret_names(), values, strict=True)))
        self.append(name, extra)

    def csv(self, name: str, roster: Path, extra: str = "") -> None:
        """A flow from a OneRoster CSV folder or zip into `out/`.

        A roster in the project is named relative to it, so that the project can be copied.
        """
        if roster.is_relative_to(self.root):
            roster = roster.relative_to(self.root)
        text = (
            "version: 1\nsource:\n  type: oneroster-csv\n"
            f"  path: {roster}\nmapping: apple-school-manager\n"
            "sink:\n  type: local-folder\n  path: out\n"
            "schedule:\n  hour: 2\n  timezone: US/Central\n  weekend: false\n"
        )
        (self.root / "flows" / f"{name}.yaml").write_text(text)
        self.append(name, extra)

    def append(self, name: str, text: str) -> None:
        path = self.root / "flows" / f"{name}.yaml"
        path.write_text(path.read_text() + text)

    def secrets(self, values: Mapping[str, str]) -> None:
        env = self.root / ".env"
        before = env.read_text() if env.exists() else ""
        lines = "".join(f"{name}='{value}'\n" for name, value in values.items())
        files.write_private(env, before + lines)

    def run(self, name: str, **request: Any) -> Result:
        return engine.run(self.project, name, Request(**{"as_of": DAY, **request}), self.services)

    def approve(self, run: str, **how: Any) -> Result:
        given = {"by": "a test", "because": "it looked right", **how}
        return earlier.approve(self.project, run, services=self.services, **given)
