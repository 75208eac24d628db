"""Somebody who is gone for a day keeps the account; on some days of the year other rules hold."""

from __future__ import annotations

import zipfile
from collections.abc import Collection
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest

from etlrunner.errors import ConfigurationError, DeliveryFailed
from etlrunner.run import Result
from etlrunner.sandbox.district import District
from tests.support.prepared import Prepared
from tests.support.project import DAY, TestProject

GRACE = "grace:\n  students: {runs: 3, days: 5}\n  classes: {runs: 3, days: 5}\n"


def settled(district: District) -> District:
    """Without enrollments that begin or end in these days: nothing changes but what a test changes."""
    rows, first, last = district.tables["enrollments"], str(DAY), str(DAY + timedelta(days=10))
    within = rows["beginDate"].is_between(first, last) | rows["endDate"].is_between(first, last)
    return district.without("enrollments", rows.filter(within)["sourcedId"].to_list())


class Days:
    """A district that was delivered once, and whose roster a test replaces day by day."""

    def __init__(self, project: TestProject, district: District) -> None:
        self.project = project
        self.district = settled(district)
        self.roster = project.root / "roster.zip"

    @classmethod
    def first(cls, project: TestProject, district: District, extra: str) -> Days:
        """After the first delivery of a flow that says `extra`."""
        days = cls(project, district)
        project.csv("lakeside", days.district.write_csv(days.roster), extra)
        project.approve(project.run("lakeside").record.id)
        return days

    @classmethod
    def with_grace(cls, project: TestProject, district: District, prepared: Prepared) -> Days:
        """The first delivery with a time of grace, which many tests begin with."""

        def make(folder: Path) -> None:
            first = TestProject(folder)
            cls.first(first, district, GRACE)
            first.close()

        project.replaced(partial(prepared.copy, "days with grace", make))
        return cls(project, district)

    def run(self, district: District, days: int, **request: object) -> Result:
        """The run on the day `days` after the first, with this roster."""
        self.roster.unlink()
        district.write_csv(self.roster)
        return self.project.run("lakeside", as_of=DAY + timedelta(days=days), **request)

    def sent(self, table: str = "students") -> list[str]:
        """The keys in the newest archive."""
        newest = max(
            (self.project.root / "out").glob("*.zip"), key=lambda path: path.stat().st_mtime_ns
        )
        with zipfile.ZipFile(newest) as archive:
            lines = archive.read(f"{table}.csv").decode().splitlines()[1:]
        return [line.split(",")[0].strip('"') for line in lines]


@pytest.fixture
def days(project: TestProject, district: District, prepared: Prepared) -> Days:
    return Days.with_grace(project, district, prepared)


def pupils(district: District, most: int = 10**6) -> list[str]:
    """Active pupils who have a class."""
    taught = district.tables["enrollments"].filter(role="student", status="active", endDate="")
    users = district.tables["users"].filter(role="student", status="active")
    ids = users.filter(users["sourcedId"].is_in(taught["userSourcedId"].implode()))["sourcedId"]
    return ids.to_list()[:most]


def without_pupils(district: District, ids: Collection[str]) -> District:
    """As a pull that lost them: their enrollments are gone, too."""
    rows = district.tables["enrollments"]
    theirs = rows.filter(rows["userSourcedId"].is_in(list(ids)))["sourcedId"].to_list()
    return district.without("users", ids).without("enrollments", theirs)


# ---------------------------------------------------------------- grace


def test_a_pupil_missing_from_two_pulls_and_back_again_changes_nothing(days: Days):
    [gone] = pupils(days.district, 1)
    missing = without_pupils(days.district, [gone])
    for day in (1, 2):
        result = days.run(missing, day)
        assert result.record.outcome == "unchanged"
        assert result.record.held_over["students"] == 1
        assert result.record.held_over["rosters"] > 0
    result = days.run(days.district, 3)
    assert (result.record.outcome, result.record.held_over) == ("unchanged", {})
    assert days.run(missing, 4).held_over.gone["students"][gone] == (DAY + timedelta(days=4), 1)


def test_somebody_is_let_go_when_both_runs_and_days_have_passed(days: Days):
    [gone] = pupils(days.district, 1)
    missing = without_pupils(days.district, [gone])
    outcomes = [days.run(missing, day).record.outcome for day in range(1, 6)]
    assert (
        outcomes == ["unchanged"] * 5
    )  # three runs have passed on the fourth, five days on the sixth
    assert days.run(missing, 6).record.outcome == "delivered"
    assert gone not in days.sent()
    assert days.run(missing, 7).record.held_over == {}


def test_a_plan_counts_no_day_of_grace(days: Days):
    [gone] = pupils(days.district, 1)
    missing = without_pupils(days.district, [gone])
    for _ in range(5):
        plan = days.run(missing, 1, deliver=False)
        assert plan.held_over is not None
        assert plan.held_over.gone["students"][gone] == (DAY + timedelta(days=1), 1)


def test_who_the_source_marks_as_withdrawn_goes_at_once(days: Days):
    [gone] = pupils(days.district, 1)
    withdrawn = days.district.changed("users", {gone: {"status": "tobedeleted"}})
    assert days.run(withdrawn, 1).record.outcome == "delivered"
    assert gone not in days.sent()


def test_who_the_flow_leaves_out_goes_at_once(days: Days):
    [gone] = pupils(days.district, 1)
    days.project.append("lakeside", f"leave_out: {{students: {{{gone}: {{reason: asked}}}}}}\n")
    held = days.run(days.district, 1)
    assert {hold.safeguard for hold in held.holds} == {"scope.leave_out.students"}
    days.project.approve(held.record.id)
    assert gone not in days.sent()


def test_a_broken_record_is_sent_as_it_last_was(days: Days):
    [broken] = pupils(days.district, 1)
    result = days.run(days.district.changed("users", {broken: {"givenName": ""}}), 1)
    assert result.record.outcome == "unchanged"
    assert result.record.held_over["students"] == 1
    assert result.record.counts["students"].holds()


def test_a_class_that_is_gone_keeps_its_students_and_its_course(days: Days):
    rows = days.district.tables["enrollments"].filter(role="student", status="active", endDate="")
    gone = next(iter(set(rows["classSourcedId"]) & set(days.sent("classes"))))
    theirs = days.district.tables["enrollments"].filter(classSourcedId=gone)["sourcedId"].to_list()
    result = days.run(days.district.without("classes", [gone]).without("enrollments", theirs), 1)
    assert result.record.outcome == "unchanged"
    assert result.record.held_over["classes"] == 1
    assert result.record.held_over["rosters"] > 0


def test_a_table_that_has_nobody_left_is_not_filled_up_from_the_last_delivery(days: Days):
    users = days.district.tables["users"].filter(role="student")["sourcedId"].to_list()
    result = days.run(without_pupils(days.district, users), 1)
    assert result.record.outcome == "failed"
    assert result.record.held_over == {}
    wrong = {(one.rule, one.table) for one in result.findings if one.severity == "error"}
    assert wrong == {("empty-file", "students"), ("empty-file", "rosters")}


def without_student_enrollments(district: District) -> District:
    """As a pull after a role was renamed in the SIS."""
    rows = district.tables["enrollments"].filter(role="student")
    return district.without("enrollments", rows["sourcedId"].to_list())


LOOSE = ", safeguards: {classes: {max_replaced: none}, rosters: {max_removed: none, max_removed_per_school: none}}"  # fmt: skip


@pytest.mark.parametrize("mode", ["additive", "normal"])
def test_one_pupil_who_is_held_over_does_not_hide_that_no_roster_came(
    project: TestProject, district: District, mode: str
):
    grace, more = ("", "") if mode == "additive" else (GRACE, LOOSE)
    first, last = DAY + timedelta(days=1), DAY + timedelta(days=3)
    days = Days.first(project, district, grace + season(mode, first, last, more))
    [gone] = pupils(days.district, 1)
    result = days.run(without_student_enrollments(without_pupils(days.district, [gone])), 1)
    assert result.record.outcome == "failed"
    assert ("empty-file", "rosters") in {(one.rule, one.table) for one in result.findings}


def test_what_is_wrong_with_a_last_known_row_says_that_it_is_one(days: Days):
    [gone] = pupils(days.district, 1)
    holds = f"person_id != '{gone}'"
    rule = f'odd: {{table: students, holds: "{holds}", message: no such, verdict: fail}}'
    days.project.append("lakeside", f"policy:\n  {rule}\n")
    result = days.run(without_pupils(days.district, [gone]), 1)
    assert result.record.outcome == "failed"
    [message] = [one.message for one in result.findings if one.severity == "error"]
    assert message.endswith(
        "it is gone from the source, and grace sends its last known row: leave_out lets it go"
    )


def test_a_mass_loss_is_held_on_its_first_day_though_nobody_would_be_removed(days: Days):
    ids = pupils(days.district)
    lost = without_pupils(days.district, ids[: len(ids) // 4])
    held = days.run(lost, 1)
    assert held.exit_code == 6
    assert [hold.safeguard for hold in held.holds] == ["safeguards.students.max_removed"]
    assert "gone from the source" in held.holds[0].message


def test_an_address_that_somebody_else_has_now_is_not_sent_twice(days: Days):
    gone, heir = pupils(days.district, 2)
    users = days.district.tables["users"]
    address = users.filter(sourcedId=gone)["email"].item()
    assert address
    after = without_pupils(days.district, [gone]).changed("users", {heir: {"email": address}})
    assert days.run(after, 1).record.outcome == "delivered"
    assert gone not in days.sent()


def test_a_damaged_list_of_who_is_gone_stops_the_run(days: Days):
    (days.project.project.state / "lakeside" / "grace.json").write_text('{"students": 3}')
    result = days.run(days.district, 1)
    assert result.exit_code == 9
    assert "grace.json" in result.record.message


# ---------------------------------------------------------------- seasons


def season(mode: str, first: date, last: date, more: str = "") -> str:
    return f"seasons:\n  summer: {{from: {first}, to: {last}, mode: {mode}{more}}}\n"


def test_nothing_is_sent_or_pulled_in_a_pause_and_it_ends_by_itself(
    project: TestProject, district: District
):
    pause = season("paused", DAY + timedelta(days=1), DAY + timedelta(days=3))
    days = Days.first(project, district, pause)
    grown = days.district.grown(20)
    for day in (1, 2, 3):
        result = days.run(grown, day)
        assert (result.record.outcome, result.exit_code, result.raw) == ("paused", 0, {})
        assert "summer" in result.record.message
        assert days.run(grown, day, deliver=False).archive is not None  # a plan is still possible
    assert days.run(grown, 4).record.outcome == "delivered"


def test_nothing_is_removed_in_an_additive_season(project: TestProject, district: District):
    additive = season("additive", DAY + timedelta(days=1), DAY + timedelta(days=3))
    days = Days.first(project, district, additive)
    before = {
        name: set(days.sent(name)) for name in ("students", "classes", "rosters", "locations")
    }
    lost = days.district.grown(5).without_school(district.schools[0])
    result = days.run(lost, 1)
    assert result.record.outcome == "delivered", result.record.message
    assert result.changes is not None
    assert {
        name: change.removed for name, change in result.changes.tables.items()
    } == dict.fromkeys(result.changes.tables, 0)
    for name, keys in before.items():
        assert keys <= set(days.sent(name))
    assert days.run(lost, 4).exit_code == 6  # the season is over, and the school is still gone


def test_limits_of_a_season_come_back_by_themselves(project: TestProject, district: District):
    first, last = DAY + timedelta(days=1), DAY + timedelta(days=2)
    more = ", safeguards: {students: {max_removed: none, max_removed_per_school: none}, rosters: {max_removed: none, max_removed_per_school: none}}"
    days = Days.first(project, district, season("normal", first, last, more))
    ids = pupils(days.district)
    lost = without_pupils(days.district, ids[: len(ids) // 5])
    result = days.run(lost, 1)
    assert result.record.outcome == "delivered", result.record.message
    further = without_pupils(days.district, ids[: len(ids) // 2])
    held = days.run(further, 3)
    assert "safeguards.students.max_removed" in {hold.safeguard for hold in held.holds}


def test_a_season_is_looked_at_on_the_flows_own_date(project: TestProject, district: District):
    """At 02:00 UTC on the second it is still the first in Texas."""
    pause = season("paused", DAY + timedelta(days=1), DAY + timedelta(days=1))
    days = Days.first(project, district, pause)
    project.clock.move(timedelta(hours=18))
    assert days.project.run("lakeside", as_of=None).record.outcome == "unchanged"
    project.clock.move(timedelta(hours=6))
    assert days.project.run("lakeside", as_of=None).record.outcome == "paused"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("  a: {from: 2027-06-05, to: 2027-06-01}\n", "E205"),
        ("  a: {from: 2027-06-31, to: 2027-07-01}\n", "E205"),
        (
            "  a: {from: 2027-06-01, to: 2027-06-05}\n  b: {from: 2027-06-05, to: 2027-06-09}\n",
            "E233",
        ),
        ("  a: {from: 2027-06-01}\n", "E202"),
        ("  a: {from: 2027-06-01, to: 2027-06-05, mode: off}\n", "E204"),
        ("  a: {from: 2027-06-01, to: 2027-06-05, safeguards: {pupils: {}}}\n", "E104"),
    ],
)
def test_a_season_that_makes_no_sense_is_found_offline(project: TestProject, text: str, code: str):
    from etlrunner import plan

    project.csv("lakeside", Path("nowhere.zip"), "seasons:\n" + text)
    with pytest.raises(ConfigurationError) as caught:
        plan.make(project.project, "lakeside")
    assert [problem.code for problem in caught.value.problems] == [code]
    assert caught.value.problems[0].place is not None


def test_a_simulated_year_has_the_intended_season_on_each_day(project: TestProject):
    """Every day of a year: before, in and after each season, both ends included."""
    from etlrunner import plan, seasons

    text = (
        "seasons:\n  summer: {from: 2027-06-05, to: 2027-08-10, mode: paused}\n"
        "  rollover: {from: 2027-08-11, to: 2027-08-25, mode: additive}\n"
        "  exams: {from: 2027-05-24, to: 2027-05-24}\n"
    )
    project.csv("lakeside", Path("nowhere.zip"), text)
    flow = plan.make(project.project, "lakeside").flow
    found = [seasons.of(flow, date(2027, 1, 1) + timedelta(days=day)) for day in range(365)]
    names = [season.name if season else "" for season in found]
    assert {name: names.count(name) for name in set(names)} == {
        "": 365 - 67 - 15 - 1, "summer": 67, "rollover": 15, "exams": 1,
    }  # fmt: skip
    assert names[date(2027, 6, 5).timetuple().tm_yday - 2 :][:2] == ["", "summer"]
    assert names[date(2027, 8, 10).timetuple().tm_yday - 1 :][:2] == ["summer", "rollover"]


def test_who_was_merged_into_another_record_is_not_held_over_beside_it(days: Days):
    """Both were sent; now the flow makes them one, and the other id is no accident."""
    kept, other = pupils(days.district, 2)
    users = days.district.tables["users"]
    twin = (
        users.filter(sourcedId=kept).select("givenName", "familyName", "identifier").to_dicts()[0]
    )
    twins = days.district.changed("users", {other: twin})
    days.project.append(
        "lakeside",
        "merge_duplicates: {students: {match: [person_number], keep: first}}\n"
        "repair: {roster_student_missing: drop}\n",
    )
    result = days.run(twins, 1)
    assert result.record.counts["students"].rejected["merge.students"] == 1
    assert result.held_over is not None
    assert "students" not in result.held_over.rows


def test_a_retry_that_comes_in_a_pause_sends_nothing(
    project: TestProject, district: District, monkeypatch: pytest.MonkeyPatch
):
    """The delivery of the evening before failed; at the time of the retry the season has begun."""
    pause = season("paused", DAY + timedelta(days=1), DAY + timedelta(days=1))
    days = Days.first(project, district, pause)
    sink = "etlrunner.sinks.local_folder.Folder.deliver"

    def lost(*_: object, **__: object) -> None:
        raise DeliveryFailed("the line was lost", far_side="nothing is there")

    with monkeypatch.context() as patched:
        patched.setattr(sink, lost)
        failed = days.run(days.district.grown(9), 0, trigger="schedule", scheduled_date=DAY)
    assert failed.exit_code == 7
    before = sorted((project.root / "out").glob("*.zip"))
    again = {"trigger": "retry", "scheduled_date": DAY, "attempt": 2}
    result = project.run("lakeside", as_of=DAY + timedelta(days=1), **again)
    assert result.record.outcome == "paused"
    assert sorted((project.root / "out").glob("*.zip")) == before
    assert (
        project.run("lakeside", as_of=DAY + timedelta(days=2), **again).record.outcome
        == "delivered"
    )
