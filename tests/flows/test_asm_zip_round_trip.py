"""An archive that is read back as a roster gives the same archive, byte for byte."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from etlrunner.sandbox.district import District
from tests.support.project import DAY, TestProject

FLOW = """version: 1
source: {{type: asm-zip, path: {path}}}
mapping: apple-school-manager
sink: {{type: local-folder, path: {out}}}
"""


@pytest.mark.parametrize("seed", [4, 9])
def test_an_archive_gives_itself(project: TestProject, tmp_path: Path, seed: int) -> None:
    roster = District(students=300, seed=seed, as_of=DAY).write_csv(tmp_path / "roster.zip")
    project.csv("first", roster)
    first = project.run("first")
    assert first.archive is not None, first.record.message
    out = project.root / "out"
    flow = project.root / "flows" / "again.yaml"
    flow.write_text(FLOW.format(path=first.archive.path, out=out))
    again = project.run("again")
    assert again.archive is not None, again.record.message
    with zipfile.ZipFile(first.archive.path) as one, zipfile.ZipFile(again.archive.path) as other:
        for name in one.namelist():
            assert one.read(name) == other.read(name), name
    assert again.archive.content_hash == first.archive.content_hash
