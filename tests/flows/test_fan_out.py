"""A join that makes several rows of one: refused, found by its keys, or held by how much comes."""

from __future__ import annotations

from pathlib import Path

import pytest

from etlrunner.sandbox.district import District
from tests.support.project import TestProject

JOIN = """
overrides:
  {table}:
    transforms:
      - join: {{from: enrollments, match: {{{theirs}: {ours}}}, take: {{other: sourcedId}}{more}}}
    columns:
      {column}
"""
NUMBER = "person_number: other"


@pytest.fixture
def delivered(project: TestProject, district: District, tmp_path: Path) -> TestProject:
    project.csv("lakeside", district.write_csv(tmp_path / "roster.zip"))
    project.approve(project.run("lakeside").record.id)
    return project


def joined(project: TestProject, table: str, theirs: str, ours: str, column: str, more: str) -> str:
    text = JOIN.format(table=table, theirs=theirs, ours=ours, column=column, more=more)
    project.append("lakeside", text)
    result = project.run("lakeside")
    assert result.record.outcome in ("failed", "held"), result.record.message
    assert len(list((project.root / "out").glob("*.zip"))) == 1
    rules = {finding.rule for finding in result.findings}
    return " ".join([result.record.message, *result.record.held_by, *sorted(rules)])


def test_a_join_takes_one_row_unless_it_says_otherwise(delivered: TestProject):
    said = joined(delivered, "students", "userSourcedId", "sourcedId", NUMBER, "")
    assert "stand in several rows of enrollments" in said


def test_rows_that_share_a_key_after_a_join_are_found(delivered: TestProject):
    many = ", many: allowed"
    said = joined(delivered, "students", "userSourcedId", "sourcedId", NUMBER, many)
    assert "asm-unique-key" in said


def test_rows_that_a_join_gives_keys_of_their_own_are_held_as_growth(delivered: TestProject):
    made = 'roster_id: classSourcedId ~ "--" ~ userSourcedId ~ "--" ~ other'
    many = ", many: allowed"
    said = joined(delivered, "rosters", "userSourcedId", "userSourcedId", made, many)
    assert "safeguards.rosters.max_added" in said
    assert "asm-roster-twice" in said
