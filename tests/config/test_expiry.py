"""What carries `expires`: a warning for a week, then an error, by the date in the flow's own zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from etlrunner.config import left_out, validate
from etlrunner.config.project import Project
from etlrunner.errors import ConfigurationError
from etlrunner.lib import render
from etlrunner.model.problems import Problem

FLOW = """\
version: 1
source: {type: oneroster-csv, path: roster}
mapping: apple-school-manager
sink: {type: local-folder, path: out}
schedule: {timezone: US/Hawaii}
"""
DAY = date(2027, 6, 30)
LEAVE_OUT = (
    "leave_out:\n  students:\n    '4711':\n      reason: opted out\n      owner: registrar\n"
)
EXPIRES = "expires: 2027-06-30"
KINDS = {
    "leave_out": (LEAVE_OUT + f"      {EXPIRES}\n", "leaving out a record of students"),
    "column": (
        f'overrides: {{students: {{columns: {{middle_name: {{text: "", {EXPIRES}}}}}}}}}\n',
        "the override of middle_name",
    ),
    "code table": (
        f"overrides: {{students: {{lookups: {{no_email: {{rows: {{none: a}}, {EXPIRES}}}}}}}}}\n",
        "the code table no_email",
    ),
    "table": (
        f"overrides: {{students: {{where: role == 'student', reason: a trial, {EXPIRES}}}}}\n",
        "the override of students (a trial)",
    ),
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "flows" / "base").mkdir(parents=True)
    return Project(tmp_path.resolve())


def read(project: Project, text: str, today: date) -> list[Problem]:
    """Warnings, or the problems that stop it."""
    (project.root / "flows" / "north.yaml").write_text(text)
    try:
        return validate.read_flow_with_warnings(project, "north", today=today)[1]
    except ConfigurationError as error:
        return list(error.problems)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("days", "code"), [(-8, ""), (-7, "E232"), (0, "E232"), (1, "E231"), (400, "E231")]
)
def test_a_week_of_warnings_then_an_error(project: Project, kind: str, days: int, code: str):
    text, what = KINDS[kind]
    found = read(project, FLOW + text, DAY + timedelta(days=days))
    assert [one.code for one in found] == [code] * bool(code)
    for one in found:
        assert one.message.startswith(what)
        place = one.place
        assert place is not None
        line = (FLOW + text).splitlines()[place.line - 1]
        assert line[place.column - 1 :].startswith("2027-06-30"), "the place is that of the day"
        assert one.path.endswith(".expires")
        assert one.hint == "give it a later day, or remove it"


def test_the_message_says_why_and_who(project: Project):
    [problem] = read(project, FLOW + KINDS["leave_out"][0], date(2027, 7, 1))
    assert render.problem(problem).splitlines()[0] == (
        "flows/north.yaml:11:16: error[E231]: leave_out.students.*.expires: leaving out a record of "
        "students (opted out; registrar) expired: 2027-06-30 was its last day"
    )


def test_days_are_those_of_the_flows_own_zone(project: Project):
    text = FLOW + KINDS["leave_out"][0]
    still_june_in_hawaii = datetime(2027, 7, 1, 9, 59, tzinfo=UTC)
    assert [one.code for one in read(project, text, still_june_in_hawaii)] == ["E232"]
    july = still_june_in_hawaii + timedelta(minutes=1)
    assert [one.code for one in read(project, text, july)] == ["E231"]
    unknown = read(project, text.replace("US/Hawaii", "Nowhere"), july)
    assert [one.code for one in unknown] == ["E224"]


def test_a_day_that_is_none_is_told(project: Project):
    [problem] = read(project, FLOW + LEAVE_OUT + "      expires: 2027-02-30\n", DAY)
    assert problem.code == "E205"


def test_both_places_are_named_when_a_district_gives_another_day_than_its_base(project: Project):
    (project.root / "flows" / "base" / "low.yaml").write_text(FLOW + KINDS["leave_out"][0])
    text = "extends: base/low.yaml\nleave_out: {students: {'4711': {expires: 2027-03-01}}}\n"
    [problem] = read(project, text, DAY)
    said = render.problem(problem)
    assert said.startswith("flows/north.yaml:2:42: error[E231]")
    assert "it replaces what stands at flows/base/low.yaml:11:16" in said


def test_what_is_left_out_is_told_in_plain_words(project: Project):
    text = FLOW + (
        "leave_out:\n  students: {'4711': {reason: opted out, owner: registrar}, p2: {reason: asked}}\n"
        "  staff: {t1: {reason: on leave, owner: HR, expires: 2027-06-30}}\n"
        "  classes: {k1: {reason: a test, owner: IT}}\n"
    )
    (project.root / "flows" / "north.yaml").write_text(text)
    flow = validate.read_flow(project, "north", today=date(2027, 1, 1))
    assert left_out.told(flow.leave_out) == [
        "leave_out: 3 accounts will be deactivated (2 students and 1 staff)",
        "leave_out: 1 class will be gone from Apple School Manager",
        "  students 4711: opted out, decided by registrar, for ever",
        "  students p2: asked, and nobody is named as its owner, for ever",
        "  staff t1: on leave, decided by HR, until 2027-06-30",
        "  classes k1: a test, decided by IT, for ever",
    ]
    assert left_out.told({}) == []
