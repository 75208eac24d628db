"""One flow against a server that misbehaves, run as a user runs it; what must hold however it ends.

`run` walks the engine with a simulated clock, so that pauses cost nothing. A run that does not end well
has sent nothing and kept no rows; no run shows a secret, a token, a name or an answer's body.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from etlrunner import engine
from etlrunner.history.rows import counts_of
from etlrunner.run import Request, Result, Services
from tests.support import rosters
from tests.support.clock import SimulatedClock
from tests.support.http_fault import FaultServer
from tests.support.project import TestProject

DAY = date(2026, 10, 1)
NOW = datetime(2026, 10, 1, 8, 0, tzinfo=UTC)
BODY = "c4nary-in-a-body"
"""Put it into whatever a server answers: it may not be seen anywhere."""
FLOW = """\
version: 1
source:
  type: skyward
  variant: {variant}
  domain: {domain}
  allow_http: {allow_http}
  key: {{env: LAKESIDE_KEY}}
  secret: {{env: LAKESIDE_SECRET}}
  page_size: 4
  resume: {resume}
mapping: apple-school-manager
sink: {{type: local-folder, path: {out}}}
safeguards:
  expect: {{students: 1, staff: 1, courses: 1, classes: 1, rosters: 1, locations: 1}}
"""


class Lakeside:
    """A project with the flow `lakeside`."""

    def __init__(self, root: Path, server: FaultServer, **flow: Any) -> None:
        self.server = server
        self.root = root
        self.out = root / "out"
        self.path = root / "flows" / "lakeside.yaml"
        self.flow = {
            "variant": "sms-2.0", "domain": server.domain, "allow_http": "true", "out": self.out,
            "resume": "0s", **flow,
        }  # fmt: skip
        self.clock = SimulatedClock(NOW)
        self.keeps_rows = False
        """Whether complete tables of a pull that broke off may be there for the next one."""

    @cached_property
    def project(self) -> TestProject:
        """On disk as soon as somebody needs it: a test of the pull alone does not."""
        made = TestProject(self.root)
        self.path.write_text(FLOW.format(**self.flow))
        made.secrets({"LAKESIDE_KEY": self.server.key, "LAKESIDE_SECRET": self.server.secret})
        return made

    def run(self, *, clock: Any = None, **sets: Any) -> Result:
        """Run the flow; `sets` are options of the source."""
        services = Services(history=self.project.history, clock=clock or self.clock)
        request = Request(
            as_of=DAY, sets={f"source.{name}": str(value) for name, value in sets.items()}
        )
        result = engine.run(self.project.project, "lakeside", request, services)
        self.check(result)
        return result

    def check(self, result: Result) -> None:
        """What holds for every run."""
        kept = self.project.history.get(result.record.id)
        assert kept is not None
        assert counts_of(kept) == counts_of(result.record)
        assert result.record.exit_code == result.exit_code
        if result.exit_code != 0:
            assert self.sent() == []
            if not self.keeps_rows:
                assert list(result.folder.rglob("*.parquet")) == []
            assert result.record.message
        self.show_nothing(f"{result.record} {result.error!r} {hint(result.error)}")
        for path in self.project.project.state.rglob("*"):
            if path.is_file() and path.suffix not in (".parquet", ".zip"):
                self.show_nothing(path.read_bytes().decode("utf-8", "replace"))

    def sent(self) -> list[Path]:
        return sorted(self.out.glob("*.zip"))

    def show_nothing(self, text: str) -> None:
        """No secret, in any of its usual forms, no token, and nobody's name."""
        for canary in self.canaries():
            assert canary not in text, f"{canary} is shown"

    def canaries(self) -> list[str]:
        server = self.server
        secrets = [server.key, server.secret, "p%2Bq%2Fr%3D", "canary-token"]
        return [*secrets, BODY, "Pupil1", "pupil1", "Invented", "@example.org"]

    def archive(self) -> bytes:
        """The one archive that was sent."""
        [path] = self.sent()
        return path.read_bytes()

    def close(self) -> None:
        if "project" in vars(self):
            self.project.close()


def hint(error: Exception | None) -> str:
    """What an error says to do."""
    return str(getattr(error, "hint", ""))


def clean_server(**switches: Any) -> FaultServer:
    """A server with a roster of several pages, not started yet."""
    return FaultServer(tables=rosters.several_pages(), **switches)
