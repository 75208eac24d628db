"""The servers, the clock and the invented districts behind the pages that are sessions.

`python -m tests.support.a_week` plays docs/a-week.md, coming-from-claris-connect.md, why.md and changing-a-column.md and writes them
again with what every command prints now; `tests/cli/test_a_week.py` fails when that is not what stands there.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import polars as pl

from etlrunner.cli import flow_file
from etlrunner.cli.flow_file import Answers
from etlrunner.lib import files
from etlrunner.lib.clock import SystemClock
from etlrunner.sandbox import sftp, skyward
from etlrunner.sandbox.district import District
from tests.support import openssh, session

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "a-week.md"
CLARIS = DOCS / "coming-from-claris-connect.md"
WHY = DOCS / "why.md"
CHANGING = DOCS / "changing-a-column.md"
HELD = re.compile(r"^HELD .*?(?=^```)", re.MULTILINE | re.DOTALL)
"""A held screen, to the end of its block; README.md has Wednesday's."""
FLOW = "lakeside-isd"
SMALL = "sch-104"
ZONE = ZoneInfo("US/Central")
GIT = {
    "GIT_AUTHOR_NAME": "Sam", "GIT_AUTHOR_EMAIL": "sam@lakeside.example.org",
    "GIT_COMMITTER_NAME": "Sam", "GIT_COMMITTER_EMAIL": "sam@lakeside.example.org",
    "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_PAGER": "cat",
}  # fmt: skip
MASKS = [
    (r"^(configuration: +)\w+ \(git \w+\)", r"\1b3f0c1d2e4a5 (git 5a6b7c8)"),  # of ports and keys
    (r"^(archive: +)\w+ \([\d,]+ bytes\)", r"\g<1>" + "9d3c" * 16 + " (53,000 bytes)"),  # of zlib
    (r"^index \w+\.\.\w+", "index 1a2b3c4..5d6e7f8"),
    (r"^\[(\w+) (\(root-commit\) )?\w+\]", r"[\1 \g<2>5a6b7c8]"),
    (r"\bHEAD \(\w+\)", "HEAD (5a6b7c8)"),
    (r"\b\d+\.\d s\b", "0.1 s"),
]


@dataclass
class Week:
    """What surrounds the person: two SISes, one server that takes archives, and the time."""

    root: Path
    arrived: Path
    sms: skyward.Skyward
    qmlativ: skyward.Skyward
    sink: Any
    district: District
    """What the SIS should have; a pull may show less."""
    now: datetime = field(default_factory=lambda: datetime(2027, 3, 1, 9, 0, tzinfo=ZONE))

    def stage(self) -> session.Stage:
        self.has(self.district)
        answers = Answers(
            FLOW, "sms-2.0", self.sms.domain, allow_http=True, host=self.sink.host, port=self.sink.port
        )  # fmt: skip
        flow_file.write(answers, self.root)
        (self.root / "flows" / f"{FLOW}.known_hosts").write_text(self.sink.host_key_line + "\n")
        secrets = (self.sms.key, self.sms.secret, self.sink.username, self.sink.password)
        lines = zip(answers.secret_names(), secrets, strict=True)
        files.write_private(self.root / ".env", "".join(f"{a}='{b}'\n" for a, b in lines))
        words = {
            "lakeside.example.org/SMS-API": self.sms.domain,
            "lakeside.example.org/LakesideAPI": self.qmlativ.domain,
        }
        directions = {
            "clock": self.clock, "sis": self.sis, "claris": self.claris, "flow": self.flow,
            "quietly": lambda line: stage.command(line),
        }  # fmt: skip
        stage = session.Stage(directions, words, MASKS, before_each=self.tick)
        return stage

    def tick(self) -> None:
        self.now += timedelta(minutes=1)

    def clock(self, text: str) -> None:
        self.now = datetime.fromisoformat(text).replace(tzinfo=ZONE)

    def sis(self, text: str) -> None:
        {
            "a school day later": lambda: self.has(self.district.grown(1)),
            "a school day later, and the small school is gone": self.lose_the_school,
            "mended": lambda: self.has(self.district),
            "moved to Qmlativ": self.move,
        }[text]()

    def has(self, district: District) -> None:
        self.district = district
        self.sms.change(district)
        self.qmlativ.change(district.rekeyed())

    def lose_the_school(self) -> None:
        self.has(self.district.grown(1))
        self.sms.change(self.district.without_school(SMALL))

    def move(self) -> None:
        """Another server, with a key and a secret of its own; SMS 2.0 is switched off."""
        env = self.root / ".env"
        moved = env.read_text().replace(self.sms.secret, self.qmlativ.secret)
        files.write_private(env, moved)
        self.sms.close()

    def flow(self, more: str) -> None:
        """One more line in the flow."""
        path = self.root / "flows" / f"{FLOW}.yaml"
        path.write_text(f"{path.read_text()}{more}\n")

    def claris(self, name: str) -> None:
        """What another tool sent of the same district: ids of its own, and kindergarten in its own word."""
        [plan] = (self.root / ".etlrunner" / FLOW / "runs").glob("*/roster.zip")
        with zipfile.ZipFile(plan) as ours, zipfile.ZipFile(self.root / name, "w") as theirs:
            for file in ours.namelist():
                text = re.sub(r"\b(stu|stf|cls|crs|sch)-", r"\1-0", ours.read(file).decode())
                theirs.writestr(file, re.sub(r",K,", ",Kindergarten,", text))


def small_among_ten() -> District:
    """Ten schools and a census school; the smallest has 27 of nearly 900 pupils, which is 3 %."""
    undated = ("dated_enrollments", "ended_enrollments", "coming_enrollments")
    whole = District(900, 12540, date(2027, 3, 1), schools=10, rates=dict.fromkeys(undated, 0.0))
    users, enrollments = whole.tables["users"], whole.tables["enrollments"]
    pupils = users.filter(
        pl.col("role") == "student", pl.col("orgSourcedIds").list.contains(SMALL)
    )["sourcedId"].head(10)
    theirs = enrollments.filter(pl.col("userSourcedId").is_in(pupils.implode()))["sourcedId"]
    return whole.without("users", pupils).without("enrollments", theirs)


def three_schools() -> District:
    """Small, for pages on which numbers do not matter."""
    return District(120, 4, date(2027, 3, 1))


def sink_name() -> str:
    """Which server takes the archives on this machine."""
    return "the sandbox's SFTP server" if openssh.missing() else "OpenSSH"


@contextlib.contextmanager
def week(root: Path, page: Path = PAGE) -> Iterator[Week]:
    """A project in an empty folder, which is the working directory until the week is over."""
    district = small_among_ten() if page == PAGE else three_schools()
    with (
        _sink() as (sink, arrived),
        skyward.start(district, variant="sms-2.0") as sms,
        skyward.start(district, variant="qmlativ") as qmlativ,
    ):
        made = Week(root, arrived, sms, qmlativ, sink, district)

        def now(_clock: SystemClock) -> datetime:
            return made.now.astimezone(UTC)

        with (
            contextlib.chdir(root),
            mock.patch.dict(os.environ, {"HOME": str(root), "LOGNAME": "sam", **GIT}),
            mock.patch.object(SystemClock, "now", now),
        ):
            yield made


@contextlib.contextmanager
def _sink() -> Iterator[tuple[Any, Path]]:
    if openssh.missing():
        with sftp.start() as small:
            yield small, Path(small.folder) / "dropbox"
        return
    with openssh.account() as account, openssh.serving(account, sftp=openssh.DROP_BOX) as server:
        yield openssh.as_sink(server), account.dropbox


def main() -> None:
    """Write the pages again."""
    for page in (PAGE, CLARIS, WHY, CHANGING):
        with tempfile.TemporaryDirectory() as folder, week(Path(folder), page) as this:
            text = session.play(page.read_text(encoding="utf-8"), this.stage())
        page.write_text(text, encoding="utf-8")
    readme = DOCS.parent / "README.md"
    played = HELD.search(PAGE.read_text(encoding="utf-8").split("## Wednesday", 1)[1])
    assert played is not None
    text = HELD.sub(lambda _: played[0], readme.read_text(encoding="utf-8"))
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
