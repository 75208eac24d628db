"""Rows that were unpacked do not outlive the program for long."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from etlrunner.lib import scratch


@pytest.fixture(autouse=True)
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def test_what_a_killed_process_left_goes_and_what_is_in_use_stays(tmp_path: Path) -> None:
    dead, young = tmp_path / "etlrunner-rows-dead", tmp_path / "etlrunner-rows-young"
    other = tmp_path / "etlrunner-rows-of-nobody"
    for path in (dead, young):
        path.mkdir()
        (path / "users.csv").write_text("x")
    other.symlink_to(young)
    os.utime(dead, (1, 1))
    with scratch.folder() as mine:
        os.utime(mine, (1, 1))
        with scratch.folder():
            assert mine.is_dir()
        assert not dead.exists()
        assert young.is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == [other.name, young.name]
