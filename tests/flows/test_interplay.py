"""Where two parts meet: ways to lose an account or to send somebody, each tried once."""

from __future__ import annotations

import shutil
from datetime import timedelta

import polars as pl
import pytest

from etlrunner.sandbox.district import District
from tests.flows.test_grace_and_seasons import GRACE, Days, pupils, season, without_pupils
from tests.support.prepared import Prepared
from tests.support.project import DAY, TestProject

NEXT = DAY + timedelta(days=1)


def nameless(district: District) -> District:
    """Nothing but their ids tells the people apart: no address, no user name, no number."""
    users = district.tables["users"]
    blank = {id: {"email": "", "username": "", "identifier": ""} for id in users["sourcedId"]}
    return district.changed("users", blank)


@pytest.mark.parametrize(
    "extra", [GRACE + "  staff: {runs: 3, days: 5}\n", season("additive", NEXT, NEXT)]
)
def test_new_ids_for_everybody_are_held_though_nobody_would_be_removed(
    project: TestProject, district: District, extra: str
):
    days = Days.first(project, nameless(district), extra)
    held = days.run(days.district.rekeyed(), 1)
    assert held.exit_code == 6
    assert "safeguards.students.max_rekeyed" in {hold.safeguard for hold in held.holds}
    assert "users" in held.crosswalks


def test_new_ids_of_enrollments_do_not_double_rosters_in_an_additive_season(
    project: TestProject, district: District
):
    days = Days.first(project, district, season("additive", NEXT, NEXT))
    rows = days.district.tables["enrollments"]
    some = rows["sourcedId"].to_list()[:60]
    before = len(days.sent("rosters"))
    other = days.district.changed("enrollments", {id: {"sourcedId": f"new-{id}"} for id in some})
    result = days.run(other, 1)
    assert result.record.counts["rosters"].written == before


def test_somebody_left_out_does_not_come_back_under_a_new_id(
    project: TestProject, district: District
):
    [asked] = pupils(district, 1)
    extra = f"leave_out: {{students: {{{asked}: {{reason: asked}}}}}}\n"
    days = Days.first(project, district, extra)
    held = days.run(days.district.rekeyed(), 1)
    folder = project.root / "mappings" / "crosswalks"
    folder.mkdir(parents=True)
    for path in held.crosswalks.values():
        shutil.copy(path, folder)
    lines = [f"  {name}: crosswalks/{path.name}\n" for name, path in held.crosswalks.items()]
    project.append("lakeside", "crosswalks:\n" + "".join(lines))
    after = days.run(days.district.rekeyed(), 2)
    assert after.exit_code == 6
    assert "scope.leave_out.students" in {hold.safeguard for hold in after.holds}


def test_a_column_that_is_sent_no_more_does_not_come_back_with_a_row_held_over(days: Days):
    [gone] = pupils(days.district, 1)
    days.project.append(
        "lakeside",
        "overrides: {students: {columns: {email_address: null}}}\nsafeguards: {students: {max_changed: none}}\n",
    )
    result = days.run(without_pupils(days.district, [gone]), 1)
    rows = pl.read_parquet(result.folder / "finished" / "students.parquet")
    assert set(rows["email_address"]) == {""}


def test_a_school_no_longer_selected_is_not_held_over(project: TestProject, district: District):
    every = "".join(f"  {t}: {{runs: 3, days: 5}}\n" for t in ("students", "staff", "classes"))
    days = Days.first(project, district, "grace:\n" + every)
    school = district.schools[0]
    project.append("lakeside", f"select: {{schools: {{exclude: ['{school}']}}}}\n")
    held = days.run(days.district, 1)
    assert held.exit_code == 6
    assert not held.record.held_over


@pytest.fixture
def days(project: TestProject, district: District, prepared: Prepared) -> Days:
    return Days.with_grace(project, district, prepared)


NUMBERED = """
overrides:
  students: {columns: {person_id: '"p-" ~ sourcedId'}}
  rosters: {columns: {student_id: '"p-" ~ userSourcedId'}}
"""


@pytest.mark.parametrize("additive", [False, True])
@pytest.mark.parametrize("mapping", ["", NUMBERED])
def test_who_is_left_out_goes_at_once_whatever_the_key_is_made_from(
    project: TestProject, district: District, mapping: str, additive: bool
):
    """Filtered rows have the id of the source, and the account may have another; marked or not."""
    rule = season("additive", NEXT, NEXT) if additive else GRACE
    days = Days.first(project, district, rule + mapping)
    asked, marked = pupils(days.district, 2)
    ids = ", ".join(f"{id}: {{reason: asked}}" for id in (asked, marked))
    project.append("lakeside", f"leave_out: {{students: {{{ids}}}}}\n")
    after = days.district.changed("users", {marked: {"status": "tobedeleted"}})
    held = days.run(after, 1)
    assert {hold.safeguard for hold in held.holds} == {"scope.leave_out.students"}
    keys = set(pl.read_parquet(held.folder / "finished" / "students.parquet")["person_id"])
    assert not keys & {asked, marked, f"p-{asked}", f"p-{marked}"}


def test_who_is_withdrawn_goes_at_once_whatever_the_key_is_made_from(
    project: TestProject, district: District
):
    days = Days.first(project, district, GRACE + NUMBERED)
    [gone] = pupils(days.district, 1)
    withdrawn = days.district.changed("users", {gone: {"status": "tobedeleted"}})
    result = days.run(withdrawn, 1)
    assert result.record.outcome == "delivered"
    assert f"p-{gone}" not in days.sent()


def test_new_ids_of_enrollments_do_not_double_rosters_whatever_their_key_is_made_from(
    project: TestProject, district: District
):
    own = "overrides: {rosters: {columns: {roster_id: sourcedId}}}\n"
    days = Days.first(project, district, season("additive", NEXT, NEXT) + own)
    some = days.district.tables["enrollments"]["sourcedId"].to_list()[:60]
    before = len(days.sent("rosters"))
    other = days.district.changed("enrollments", {id: {"sourcedId": f"new-{id}"} for id in some})
    result = days.run(other, 1)
    assert result.record.counts["rosters"].written == before
    rows = pl.read_parquet(result.folder / "finished" / "rosters.parquet")
    assert rows.select("class_id", "student_id").is_unique().all()


def test_who_is_left_out_and_gone_on_one_day_is_not_held_over_under_a_key_of_the_mapping(
    project: TestProject, district: District
):
    """Nothing says any more which account was theirs, so nobody is held over on that day."""
    days = Days.first(project, district, GRACE + NUMBERED)
    asked, other = pupils(days.district, 2)
    project.append("lakeside", f"leave_out: {{students: {{{asked}: {{reason: asked}}}}}}\n")
    held = days.run(without_pupils(days.district, [asked, other]), 1)
    assert "scope.leave_out.students" in {hold.safeguard for hold in held.holds}
    keys = set(pl.read_parquet(held.folder / "finished" / "students.parquet")["person_id"])
    assert not keys & {f"p-{asked}", f"p-{other}"}
    project.approve(held.record.id)
    after = days.run(without_pupils(days.district, [asked, other, pupils(days.district)[5]]), 2)
    assert after.held_over is not None
    assert after.held_over.rows["students"] == 1  # the next day grace is what it was
