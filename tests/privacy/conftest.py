"""A long session over a roster full of canaries: every command, and every way in which a run can end."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from etlrunner import stages
from etlrunner.cli import flow_file, main
from etlrunner.cli.flow_file import Answers
from etlrunner.history.store import History
from etlrunner.lib import files
from etlrunner.lib.clock import SystemClock
from etlrunner.sandbox import sftp, sign_in, skyward
from etlrunner.sandbox.district import District
from etlrunner.sandbox.wire import Reply
from tests.support import canaries
from tests.support.inbox import Inbox

DAY = date(2027, 3, 1)
KEY, SECRET, HOOK = "zqsecret-key", "zqsecret-secret", "zqsecret-hook"
PUPIL = "zqidstu-1"
SPOKEN = f"zqname zqmail {SECRET} {PUPIL}"


@dataclass
class Said:
    """One command of the session, and what it printed."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        return " ".join(self.words)

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass
class Session:
    """All that was said, and where it left its traces."""

    project: Path
    said: list[Said] = field(default_factory=list)
    children: list[str] = field(default_factory=list)
    """Command line and environment of each child process."""
    messages: list[dict[str, str]] = field(default_factory=list)
    astray: list[str] = field(default_factory=list)
    """Commands that did not end as they should have."""

    def __call__(self, *words: object, code: int | None = 0) -> Said:
        """Run a command; `code` is how it has to end."""
        given = tuple(str(word) for word in words)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            ended = main.run(list(given))
        said = Said(given, ended, out.getvalue(), err.getvalue())
        self.said.append(said)
        if code is not None and ended != code:
            self.astray.append(
                f"{said.line}: {ended}, not {code}\n{said.out[-600:]}\n{said.err[-600:]}"
            )
        return said


@pytest.fixture(scope="package")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """The session, played once for all tests of it."""
    top = tmp_path_factory.mktemp("privacy")
    project = top / "project"
    project.mkdir()
    inbox = Inbox()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        patch.setenv("HOME", str(top))
        patch.setattr(tempfile, "tempdir", str(files.private_folder(top / "tmp")))
        patch.setattr("sys.stdin", io.StringIO(""))
        tokens = SimpleNamespace(token_urlsafe=lambda size: f"zqtoken-{os.urandom(size).hex()}")
        patch.setattr(sign_in, "secrets", tokens)
        patch.setattr(SystemClock, "sleep", lambda _clock, _seconds: None)  # before asking again
        made = Session(project, messages=inbox.messages)
        _watch_children(made, patch)
        try:
            _play(made, inbox, patch)
        finally:
            inbox.close()
    return made


def _watch_children(session: Session, patch: pytest.MonkeyPatch) -> None:
    start = subprocess.Popen.__init__

    def watched(self: Any, args: Any, *more: Any, **how: Any) -> None:
        known = how.get("env")
        session.children.append(f"{args} {dict(os.environ) if known is None else known}")
        start(self, args, *more, **how)

    patch.setattr(subprocess.Popen, "__init__", watched)


# ---------------------------------------------------------------- the session


def _play(session: Session, inbox: Inbox, patch: pytest.MonkeyPatch) -> None:
    district = canaries.planted(District(students=40, seed=4, as_of=DAY))
    _without_a_roster(session)
    _from_a_server(session, district)
    _from_files(session, district, inbox, patch)
    session("history")
    session("history", "--json")


def _without_a_roster(session: Session) -> None:
    flags = ("--variant", "qmlativ", "--domain", "lakeside.invalid/API", "--timezone", "UTC")
    session("init", "lakeside", *flags, "--store", "none")
    session("explain")
    session("explain", "asm-ref-student")
    session("docs", session.project / "pages")
    session("schema")
    session("schema", "flow")
    session("secrets", "check", "lakeside", code=2)
    session("secrets", "set", "lakeside", code=2)  # there is no terminal
    session("schedule", "next", "lakeside")
    session("run", "lakeside", code=2)
    (session.project / "flows" / "lakeside.yaml").unlink()


def _from_a_server(session: Session, district: District) -> None:
    """Skyward and SFTP, and how both of them can refuse."""
    with (
        skyward.start(district, "qmlativ", key=KEY, secret=SECRET) as source,
        sftp.start() as sink,
    ):
        sink.username, sink.password = "zqsecret-user", "zqsecret-password"
        answers = Answers(
            "live", "qmlativ", source.domain, allow_http=True, host=sink.host, port=sink.port
        )
        flow_file.write(answers, session.project)
        secrets = [KEY, SECRET, sink.username, sink.password]
        pairs = list(zip(answers.secret_names(), secrets, strict=True))
        env = session.project / ".env"
        files.write_private(env, "".join(f"{name}='{value}'\n" for name, value in pairs))
        session("connect", "live", code=4)  # the host key is not known yet
        session("connect", "live", "--trust")
        session("connect", "live", "--explain")
        session("connect", "live", "--probe", "--json")
        session("secrets", "check", "live")
        session("plan", "live", "--as-of", DAY, code=6)
        session("run", "live", "--as-of", DAY, code=6)
        sink.faults.cut_after = 1
        session("approve", "live", "--yes", "--because", "counted", code=7)
        sink.faults.cut_after = None
        source.switches.on_request = lambda _: Reply(500, b"zqbody says no")
        session("run", "live", "--as-of", DAY, code=None)
        source.switches.on_request = lambda _: Reply(200, b"<html>zqbody</html>")
        session("connect", "live", "--explain", code=3)
        source.switches.on_request = None
        source.switches.echo_secret = True
        env.write_text(env.read_text().replace(SECRET, f"{SECRET}-old"))
        session("connect", "live", "--explain", code=4)
        session("plan", "live", code=4)
    session("run", "live", "--json", code=None)
    shutil.rmtree(session.project / "flows")


FLOW = """\
version: 1
source: {{type: oneroster-csv, path: {path}}}
mapping: apple-school-manager
sink: {{type: local-folder, path: out}}
schedule: {{hour: 2, timezone: UTC}}
notify: [{{url: {{env: HOOK}}, on: [failed, held, recovered, stale]}}]
repair: {{roster_student_missing: drop, roster_class_missing: drop, class_instructor_missing: drop}}
"""


def _from_files(
    session: Session, district: District, inbox: Inbox, patch: pytest.MonkeyPatch
) -> None:
    """A folder in, a folder out; each way in which such a run can end."""
    project = session.project
    roster, flow = project / "roster.zip", project / "flows" / "home.yaml"
    flow.parent.mkdir()
    (project / "out").mkdir()
    hook = inbox.url.replace("pass-canary", HOOK).replace("hook-canary", HOOK)
    files.write_private(project / ".env", f"HOOK='{hook}'\n")
    whole = FLOW.format(path=roster)
    flow.write_text(whole)
    (project / ".gitignore").write_text(".env\n.etlrunner/\nout/\nroster.zip\n")

    def has(what: District) -> None:
        roster.unlink(missing_ok=True)
        what.write_csv(roster)

    def run(code: int, *more: str) -> Said:
        return session("run", "home", "--as-of", DAY, *more, code=code)

    has(district)
    _git(project, "init", "-q")
    _git(project, "add", "-A")
    _git(project, "commit", "-qm", "first")
    run(6)
    session("approve", "home", code=2)  # nobody is there to be asked
    session("approve", "home", "--yes", "--json")
    run(0)
    _looked_at(session)

    gone = f"leave_out: {{students: {{{PUPIL}: {{reason: opted out, expires: 2030-01-01}}}}}}\n"
    narrowed = gone + "select: {schools: {exclude: [zqidsch-102]}}\n"
    flow.write_text(whole + narrowed)
    for form in ("text", "json", "github", "gitlab", "junit"):
        session("validate", "home", "--format", form)
    session("show", "home")
    session("show", "home", "--origins")
    session("plan", "home", "--compare", "HEAD")
    session("plan", "home", "--compare", "HEAD", "--json")
    session("plan", "home", "--compare", "HEAD", "--format", "markdown")
    run(6)
    run(6, "--json")
    session("history", "last")
    session("history", "last", "--all")
    session("history", "last", "--json")
    session("why", "home", "students", PUPIL)
    flow.write_text(whole + gone.replace("2030", "2020"))
    for form in ("text", "json", "github", "gitlab", "junit"):
        session("validate", "home", "--format", form, code=2)
    run(2)
    session("run", "--due", code=None)
    flow.write_text(whole + f"leave_out: {{students: {{{PUPIL}: opted out}}}}\n")
    for form in ("text", "github", "gitlab", "junit"):
        session("validate", "home", "--format", form, code=2)
    flow.write_text(whole)

    has(district.without_school("zqidsch-101"))
    run(6)
    has(district.rekeyed("q"))
    run(6)
    proposed = next((project / ".etlrunner" / "home" / "runs").glob("*/crosswalks/*users.csv"))
    (project / "mappings" / "crosswalks").mkdir(parents=True)
    used = project / "mappings" / "crosswalks" / "users.csv"
    used.write_text(f"sourcedId,known_as\n{PUPIL},zqidstu-2\n")
    flow.write_text(whole + "crosswalks: {users: crosswalks/users.csv}\n")
    has(district)
    run(5)
    rows = proposed.read_text().splitlines()
    used.write_text(
        "\n".join([*rows, rows[1].replace("qzq", "zzq"), rows[2], ",qzqidstu-1,"]) + "\n"
    )
    for form in ("text", "github"):
        session("validate", "home", "--format", form, code=2)
    run(2)
    flow.write_text(whole)
    _wrong_rosters(session, district, has, run)

    with patch.context() as broken:
        broken.setattr(stages, "package_archive", _bug)
        run(1)
        session("plan", "home", "--as-of", DAY, code=1)
    with patch.context() as broken:
        broken.setattr(History, "runs", _bug)
        session("history", code=1)
    current = project / ".etlrunner" / "home" / "delivered" / "current"
    version = current.read_text()
    current.write_text("nothing of ours\n")
    run(9)
    current.write_text(version)


def _looked_at(session: Session) -> None:
    """What people ask about a run that went well."""
    project = session.project
    runs = session("history", "--json").document["runs"]
    last, sent_as = runs[0]["id"], next(run["id"] for run in runs if run["outcome"] == "delivered")
    for how in ((), ("--json",), ("--show-values",), ("--show-values", "--json")):
        session("why", "home", "students", PUPIL, *how)
        session("preview", "home", "students", *how)
        session("preview", "home", "students", "--steps", "--id", PUPIL, *how)
    session("why", "home", "students", "nobody-is-called-so")
    session("preview", "home", "students", "--id", "nobody-is-called-so", code=None)
    session("history", "home")
    session("history", last)
    session("history", last, "--json")
    session("history", last, "--all")
    session("fixlists", "home", "--to", project / "lists")
    session("fixlists", "home", "--to", project / "lists", "--json")
    session("baseline", "show", "home")
    session("baseline", "show", "home", "--json")
    session("test", "record", "home", "--to", project / "tests" / "recorded.yaml")
    session("test", code=None)
    session("test", "--json", code=None)
    session("run", "home", "--from", last, "--as-of", DAY)
    session("resend", sent_as, "--because", "lost", "--yes")
    [sent] = (project / "out").glob("*.zip")
    spoilt = _spoilt(sent, project / "spoilt.zip")
    for form in ("text", "json", "junit"):
        session("validate", sent, "--format", form)
        session("validate", spoilt, "--format", form, code=5)
    session("baseline", "import", sent, "home", "--replace", "--because", "again")
    session("baseline", "import", spoilt, "home", "--replace", "--because", "again", code=None)
    log = project / "log.csv"
    log.write_text(
        "OPERATION,SYNC_SOURCE\nACTIVITY_ID,7\nSTARTED AT,2027-03-01T08:00:00Z\nSTATUS,COMPLETED\n"
        "SUB_STATUS,COMPLETED_WITH_ERROR\n\n"
        "person_id,last_name,first_name,person_number,operation_status,operation_substatus,"
        "timestamp,email\n"
        f"{PUPIL},zqname,zqname,zqnum,ISSUE,INTERNAL_ERROR,2027-03-01T08:01:00Z,zqmail\n"
    )
    for how in ((), ("--json",), ("--show-values",)):
        session("outcome", log, sent_as, *how, code=5)


def _spoilt(sent: Path, path: Path) -> Path:
    """The same zip, with a pupil who has no name and a roster line of nobody."""
    with zipfile.ZipFile(sent) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            text = source.read(name).decode()
            if name == "rosters.csv":
                text += text.splitlines()[1].replace("zqidstu-", "zqidstu-gone") + "\n"
            if name == "students.csv":
                text = text.replace("zqidsch-101", "zqidsch-gone", 1)
            target.writestr(name, text)
    return path


def _wrong_rosters(
    session: Session,
    district: District,
    has: Callable[[District], None],
    run: Callable[..., Said],
) -> None:
    """What a source can do wrong: nothing of it is somebody's in a message that travels."""
    users = district.tables["users"]
    first = users.head(1)
    with_other = {
        **district.tables,
        "users": pl.concat([users, first.with_columns(givenName=pl.lit("zqnameOther"))]),
    }
    has(district._with(with_other))
    run(3)
    odd = {**district.tables, "users": users.with_columns(role=pl.lit("zqnamerole"))}
    has(district._with(odd))
    session("run", "home", "--as-of", DAY, code=None)
    session.project.joinpath("roster.zip").write_bytes(b"zqbody is no zip")
    session("run", "home", "--as-of", DAY, code=None)
    session.project.joinpath("roster.zip").unlink()
    session("run", "home", "--as-of", DAY, code=None)
    has(district)


def _git(folder: Path, *words: str) -> None:
    who = ("-c", "user.email=a@example.org", "-c", "user.name=a", "-c", "init.defaultBranch=main")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def _bug(*_: object, **__: object) -> None:
    raise ValueError(SPOKEN)
