"""A project and a dirty district that has been run once, with everything that a run keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from etlrunner import evidence
from etlrunner.evidence import Evidence
from etlrunner.run import Result
from etlrunner.sandbox.district import District
from tests.support.project import DAY, TestProject

EXTRA = """
description: canary-free
repair:
  class_instructor_missing: drop
  roster_student_missing: drop
  roster_class_missing: drop
  person_location_missing: drop
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestProject]:
    monkeypatch.setenv("HOME", str(tmp_path))
    made = TestProject(tmp_path / "project")
    yield made
    made.close()


@dataclass
class Ran:
    """A project, its run, and what that kept."""

    project: TestProject
    result: Result
    kept: Evidence


@pytest.fixture(scope="session")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """Sixty pupils, everything odd many times over."""
    root = tmp_path_factory.mktemp("dirty")
    rates = dict.fromkeys(DIRT, 0.08)
    district = District(students=60, seed=11, as_of=date(2027, 3, 1), rates=rates)
    project = TestProject(root / "project")
    roster = district.write_csv(root / "roster.zip", "1.1")
    users = district.tables["users"]
    pupils = users.filter((pl.col("role") == "student") & (pl.col("status") == "active"))
    people = pupils["sourcedId"]
    leave_out = (
        f'leave_out: {{students: {{"{people[-1]}": {{reason: opted out, owner: registrar}}}}}}\n'
    )
    project.csv("dirty", roster, EXTRA + "select: {schools: {exclude: ['800']}}\n" + leave_out)
    result = project.run("dirty", as_of=DAY)
    kept = evidence.read(project.project, result.record)
    assert kept is not None, result.record.message
    yield Ran(project, result, kept)
    project.close()


DIRT = (
    "deleted_users",
    "emails_null",
    "identifiers_missing",
    "names_missing",
    "dual_enrolled",
    "census_students",
    "deleted_classes",
    "co_taught_classes",
    "past_classes",
    "deleted_enrollments",
    "dated_enrollments",
    "ended_enrollments",
    "coming_enrollments",
    "returned_enrollments",
    "missing_people",
    "missing_classes",
    "stale_enrollments",
)
