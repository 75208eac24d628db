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
from etlrunner.lib import shipped
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


@dataclass(eq=False)
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


@pytest.fixture(scope="session")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """A mapping that numbers user names and keeps one row per number, with merges, stubs and verdicts."""
    root = tmp_path_factory.mktemp("odd")
    district = District(students=40, seed=5, as_of=DAY, rates=dict.fromkeys(DIRT, 0.08))
    users = district.tables["users"]
    twice = pl.when(pl.col("sourcedId") == "stu-4").then(pl.lit("100003")).otherwise("identifier")
    eight = users.filter(pl.col("sourcedId") == "stu-8").row(0, named=True)
    same = [
        pl.when(pl.col("sourcedId") == "stu-9")
        .then(pl.lit(eight[name]))
        .otherwise(name)
        .alias(name)
        for name in ("email", "givenName", "middleName", "familyName")
    ]
    lost = pl.when(pl.col("sourcedId") == "stu-10").then(pl.lit(["sch-lost"]))
    nowhere = lost.otherwise("orgSourcedIds").alias("orgSourcedIds")
    district.tables["users"] = users.with_columns(twice.alias("identifier"), *same, nowhere)
    project = TestProject(root / "project")
    own = project.root / "mappings" / "apple-school-manager"
    own.mkdir(parents=True)
    shipped_one = shipped.read("mappings", "apple-school-manager", "students.yaml")
    steps = """transforms:
  - dedupe: {key: [identifier]}
  - number: {as: login, base: "familyName | lower | ascii"}
"""
    text = shipped_one.replace("columns:\n", steps + "columns:\n", 1)
    text = text.replace("sis_username: username", "sis_username: login")
    (own / "students.yaml").write_text(text)
    crosswalks = own.parent / "crosswalks"
    crosswalks.mkdir()
    (crosswalks / "grades.csv").write_text(shipped.read("mappings", "crosswalks", "grades.csv"))
    roster = district.write_csv(root / "roster.zip", "1.1")
    project.csv("odd", roster, ODD)
    result = project.run("odd", as_of=DAY)
    kept = evidence.read(project.project, result.record)
    assert kept is not None, result.record.message
    yield Ran(project, result, kept)
    project.close()


ODD = """
repair:
  class_instructor_missing: drop
  roster_student_missing: drop
  roster_class_missing: drop
  person_location_missing: stub
merge_duplicates:
  students: {match: [email_address]}
rules:
  asm-class-no-instructor: reject
"""
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
