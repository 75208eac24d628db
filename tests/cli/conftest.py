"""A folder to work in, and the program in this process: arguments in, exit code and both outputs out."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from etlrunner.cli import flow_file, main
from etlrunner.cli.flow_file import Answers
from etlrunner.lib import files
from etlrunner.sandbox import sftp, skyward
from etlrunner.sandbox.district import District
from tests.support.prepared import Prepared


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def last(self) -> str:
        """The last line of the result, or of the complaint if there is no result."""
        return (self.out.strip() or self.err.strip()).splitlines()[-1]

    @property
    def document(self) -> Any:
        """The one JSON document on stdout; anything else there is an error."""
        return json.loads(self.out)


Etlrunner = Callable[..., Ended]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the working directory."""
    made = tmp_path / "work"
    made.mkdir()
    monkeypatch.chdir(made)
    monkeypatch.setenv("HOME", str(tmp_path))
    return made


@pytest.fixture
def etlrunner(folder: Path, capfd: pytest.CaptureFixture[str]) -> Etlrunner:
    def run(*args: str) -> Ended:
        capfd.readouterr()
        code = main.run([str(arg) for arg in args])
        return Ended(code, *capfd.readouterr())

    return run


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """What comes through a pipe on standard input."""
    import io

    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))


@pytest.fixture(autouse=True)
def _nothing_typed(typed: Callable[[str], None]) -> None:
    typed("")


@pytest.fixture
def lakeside(folder: Path, etlrunner: Etlrunner) -> Path:
    """A project with one flow, as `init` writes it; its servers do not exist."""
    flow_file.write(Answers("lakeside", "qmlativ", "lakeside.invalid/API"), folder)
    return folder / "flows" / "lakeside.yaml"


@pytest.fixture(scope="session")
def district() -> District:
    return District(students=60, seed=4)


@dataclass
class Servers:
    skyward: Any
    sftp: Any

    @property
    def secrets(self) -> list[str]:
        return [self.skyward.key, self.skyward.secret, self.sftp.username, self.sftp.password]


@pytest.fixture
def servers(district: District) -> Iterator[Servers]:
    with skyward.start(district, variant="qmlativ") as source, sftp.start() as sink:
        yield Servers(source, sink)


@pytest.fixture
def live(folder: Path, servers: Servers) -> Servers:
    """A project whose flow `live` leads to the sandbox; the host key is not learnt yet."""
    answers = Answers(
        "live",
        "qmlativ",
        servers.skyward.domain,
        allow_http=True,
        host=servers.sftp.host,
        port=servers.sftp.port,
    )
    flow_file.write(answers, folder)
    pairs = zip(answers.secret_names(), servers.secrets, strict=True)
    files.write_private(folder / ".env", "".join(f"{name}='{value}'\n" for name, value in pairs))
    return servers


@pytest.fixture
def trusted(folder: Path, live: Servers) -> Servers:
    (folder / "flows" / "live.known_hosts").write_text(live.sftp.host_key_line + "\n")
    return live


@dataclass
class Pinewood:
    """A flow from a zip of OneRoster files into a folder, and what the SIS has."""

    folder: Path
    district: District

    @property
    def flow(self) -> Path:
        return self.folder / "flows" / "pinewood.yaml"

    @property
    def sent(self) -> list[Path]:
        return sorted((self.folder / "out").glob("*.zip"))

    @property
    def runs(self) -> Path:
        return self.folder / ".etlrunner" / "pinewood" / "runs"

    def has(self, district: District) -> None:
        """From now on this is what the SIS has."""
        (self.folder / "roster.zip").unlink(missing_ok=True)
        district.write_csv(self.folder / "roster.zip")

    def configured(self, text: str) -> None:
        self.flow.write_text(self.flow.read_text() + text)


@pytest.fixture
def pinewood(folder: Path, district: District) -> Pinewood:
    return _pinewood(folder, district)


def _pinewood(folder: Path, district: District) -> Pinewood:
    files.private_folder(folder / "flows")
    files.private_folder(folder / "out")
    made = Pinewood(folder, district)
    made.flow.write_text(
        "version: 1\nsource:\n  type: oneroster-csv\n  path: roster.zip\n"
        "mapping: apple-school-manager\n"
        "sink:\n  type: local-folder\n  path: out\n"
    )
    made.has(district)
    return made


@pytest.fixture
def delivered(
    pinewood: Pinewood, district: District, etlrunner: Etlrunner, prepared: Prepared
) -> Pinewood:
    """The first delivery was approved."""

    def make(project: Path) -> None:
        _pinewood(project, district)
        with contextlib.chdir(project):
            assert etlrunner("run").code == 6
            assert etlrunner("approve", "pinewood", "--yes", "--because", "counted").code == 0

    prepared.copy("pinewood, delivered once", make, pinewood.folder)
    return pinewood
