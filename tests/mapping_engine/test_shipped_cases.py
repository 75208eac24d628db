"""The mapping tests that the repository ships pass, and say something about every shipped table."""

from __future__ import annotations

from pathlib import Path

import pytest

from etlrunner.cli import case_runs
from etlrunner.config import cases
from etlrunner.config.project import Project
from etlrunner.target import APPLE_SCHOOL_MANAGER

PROJECT = Project(Path(__file__).resolve().parents[2])
FILES = cases.files(PROJECT)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_they_pass(path: Path):
    done = case_runs.run_file(PROJECT, path)
    assert done.problems == []
    assert [one.case.name for one in done.outcomes if not one.passed] == []


def test_every_table_and_every_column_that_the_shipped_mapping_makes_is_expected_somewhere():
    expected = {
        (str(table), APPLE_SCHOOL_MANAGER.tables[str(table)].column(column).name)  # type: ignore[union-attr]
        for path in FILES
        for case in cases.read(PROJECT, path).cases
        for table, rows in case.expect.items()
        for column in rows.columns()
    }
    made = {
        (name, column.name)
        for name, target in APPLE_SCHOOL_MANAGER.tables.items()
        for column in target.columns
    }
    assert made - expected == set()
