"""A project in a temporary folder, and the sandbox's servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from etlrunner.sandbox import sftp
from etlrunner.sandbox.district import District
from tests.support.project import DAY, TestProject


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestProject]:
    monkeypatch.setenv("HOME", str(tmp_path))
    made = TestProject(tmp_path / "project")
    yield made
    made.close()


@pytest.fixture(scope="session")
def district() -> District:
    return District(students=300, seed=4, as_of=DAY)


@pytest.fixture
def sftp_server() -> Iterator[sftp.SftpServer]:
    with sftp.start() as server:
        yield server
