"""One project that has delivered once to a small SFTP server, set back before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from etlrunner.sandbox import sftp
from etlrunner.sandbox.district import District
from tests.support import killed
from tests.support.killed import Scene
from tests.support.project import DAY


@pytest.fixture(scope="session")
def running() -> Iterator[sftp.SftpServer]:
    with sftp.start() as server:
        yield server


@pytest.fixture(scope="session")
def made(running: sftp.SftpServer, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    root = tmp_path_factory.mktemp("killed") / "project"
    district = District(students=60, seed=4, as_of=DAY)
    dropbox = running.folder / running.directory
    return Scene(root, killed.sftp_flow(running), district, lambda: dropbox).prepare()


@pytest.fixture
def scene(made: Scene) -> Scene:
    made.reset()
    return made


@pytest.fixture
def server(running: sftp.SftpServer) -> Iterator[sftp.SftpServer]:
    yield running
    running.faults = sftp.Faults()
