"""A project in a temporary folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.project import TestProject


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestProject]:
    monkeypatch.setenv("HOME", str(tmp_path))
    made = TestProject(tmp_path / "project")
    yield made
    made.close()
