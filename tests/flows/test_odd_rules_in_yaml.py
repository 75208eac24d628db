"""Aides from an Excel file and numbered names, in YAML alone: mapping tests, and the configuration's hash."""

from __future__ import annotations

from pathlib import Path

import openpyxl
from click.testing import CliRunner

from etlrunner.cli.main import cli
from etlrunner.config import validate
from tests.support.project import TestProject

OVERRIDES = """
overrides:
  classes:
    tables:
      aides: {excel: ../crosswalks/aides.xlsx}
    transforms:
      - collect: {as: instructors, from: aides, match: {class: sourcedId}, take: employee}
    columns:
      course_id: courseSourcedId
      class_number: classCode
  students:
    transforms:
      - number: {as: account, base: familyName | lower}
    columns:
      sis_username: account
"""

TESTS = """
version: 1
flow: lakeside
tests:
  - name: aides of the file are instructors
    given:
      orgs: [{sourcedId: s1, type: school, name: Elm}]
      courses: [{sourcedId: c1, title: Art, orgSourcedId: s1}]
      classes: [{sourcedId: k1, courseSourcedId: c1, schoolSourcedId: s1}]
    expect:
      classes: [{class_id: k1, instructor_id: "7"}]
  - name: and those that the test gives instead
    given:
      orgs: [{sourcedId: s1, type: school, name: Elm}]
      classes: [{sourcedId: k1, courseSourcedId: c1, schoolSourcedId: s1}]
      aides: [{class: k1, employee: "8"}]
    expect:
      classes: [{class_id: k1, instructor_id: "8"}]
  - name: who was jsmith stays jsmith
    given:
      orgs: [{sourcedId: s1, type: school, name: Elm}]
      users:
        - {sourcedId: p1, role: student, givenName: Ann, familyName: Lee, orgSourcedIds: [s1]}
        - {sourcedId: p2, role: student, givenName: Ada, familyName: Lee, orgSourcedIds: [s1]}
      assigned: [{series: account, key: p2, base: lee, value: lee, seen: 2027-02-01}]
    expect:
      students:
        - {person_id: p1, sis_username: lee2}
        - {person_id: p2, sis_username: lee}
"""


def aides(project: TestProject, employee: int) -> Path:
    book = openpyxl.Workbook()
    book.active.append(["class", "employee"])
    book.active.append(["k1", employee])
    path = project.root / "mappings" / "crosswalks" / "aides.xlsx"
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    return path


def test_aides_and_numbered_names_have_mapping_tests(project: TestProject):
    aides(project, 7)
    project.csv("lakeside", project.root / "roster", OVERRIDES)
    (project.root / "tests").mkdir()
    (project.root / "tests" / "odd.yaml").write_text(TESTS)
    done = CliRunner().invoke(cli, ["test", "--project", str(project.root)])
    assert "3 passed, 0 failed" in done.output, done.output


def test_a_file_beside_the_mapping_counts_in_the_configuration_s_hash(project: TestProject):
    aides(project, 7)
    project.csv("lakeside", project.root / "roster", OVERRIDES)
    before = validate.read_flow(project.project, "lakeside").config_hash
    aides(project, 8)
    assert validate.read_flow(project.project, "lakeside").config_hash != before
