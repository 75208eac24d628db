"""A project in a temporary folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from etlrunner import plan as plans
from etlrunner.config.project import Project
from etlrunner.model.safeguards import Safeguards
from tests.support.project import TestProject


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestProject]:
    monkeypatch.setenv("HOME", str(tmp_path))
    made = TestProject(tmp_path / "project")
    yield made
    made.close()


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Safeguards:
    """The safeguards of a flow that says nothing about them."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "flows").mkdir()
    (folder / "flows" / "plain.yaml").write_text(
        "version: 1\nsource: {type: oneroster-csv, path: nowhere.zip}\n"
        "mapping: apple-school-manager\nsink: {type: local-folder, path: out}\n"
    )
    return plans.make(Project.find(folder, folder), "plain").flow.safeguards
