"""What an approval and a repeated delivery change, and what they leave alone."""

from __future__ import annotations

import json
from datetime import timedelta

import polars as pl
import pytest

from etlrunner import compare, earlier, evidence
from etlrunner.fixlists import make
from etlrunner.fixlists.words import Told
from etlrunner.history import delivered as deliveries
from etlrunner.history import rows
from etlrunner.lib import plain
from etlrunner.sandbox.district import District
from tests.flows.test_grace_and_seasons import GRACE, Days, pupils, without_pupils
from tests.support.prepared import Prepared
from tests.support.project import DAY, TestProject

STATE = ".etlrunner/lakeside/grace.json"


@pytest.fixture
def days(project: TestProject, district: District, prepared: Prepared) -> Days:
    return Days.with_grace(project, district, prepared)


def trail(days: Days) -> list[dict[str, dict[str, dict[str, int]]]]:
    last = deliveries.read(days.project.project.state / "lakeside" / "delivered")
    assert last is not None
    return [dict(one) for one in last.trail]  # type: ignore[misc]


def test_an_approval_of_one_table_leaves_what_is_usual_of_the_others(days: Days):
    """Otherwise small approvals would walk a slow loss past `max_shrunk`."""
    first = trail(days)[0]["rows"]
    ids = pupils(days.district)
    days.project.append("lakeside", "safeguards: {staff: {max_removed: 0, max_changed: 0}}\n")
    staff = days.district.tables["users"].filter(role="teacher", status="active")["sourcedId"]
    renamed = days.district.changed("users", {staff[0]: {"givenName": "Other"}})
    held = days.run(without_pupils(renamed, ids[:3]), 1)
    assert held.record.held_by == ("safeguards.staff.max_changed",)
    assert held.record.sizes == {}  # a change of cells is none of size
    days.project.approve(held.record.id)
    assert trail(days)[0]["rows"]["students"] == first["students"]

    held = days.run(without_pupils(renamed, ids[: len(ids) // 4]), 20)
    assert "safeguards.students.max_removed" in held.record.held_by
    assert held.record.sizes["students"] == ()
    days.project.approve(held.record.id)
    now = trail(days)
    assert now[0]["rows"]["students"] == now[-1]["rows"]["students"]
    assert now[0]["rows"]["staff"] == first["staff"]
    assert len(now) == 3


def test_what_goes_little_by_little_is_held_until_it_is_approved_or_a_season_takes_it(
    project: TestProject, district: District
):
    days = Days.first(project, district, "")
    ids = pupils(days.district)[::5]
    for day, gone in enumerate((14, 28), start=1):
        assert days.run(without_pupils(days.district, ids[:gone]), day).exit_code == 0
    last = without_pupils(days.district, ids[:41])
    held = days.run(last, 3)
    assert held.record.held_by == ("safeguards.students.max_shrunk_in_a_year",)
    flow = project.root / "flows" / "lakeside.yaml"
    before = flow.read_text()
    days_of_season = f"{{from: {DAY}, to: {DAY + timedelta(days=9)}, "
    limits = "safeguards: {students: {max_added: 30%}}}"
    project.append("lakeside", f"seasons:\n  autumn: {days_of_season}{limits}\n")
    assert days.run(last, 3, deliver=False).exit_code == 0
    flow.write_text(before)
    assert days.run(last, 3).record.held_by == held.record.held_by
    assert project.approve(project.history.runs("lakeside")[0].id).exit_code == 0
    again = days.run(without_pupils(days.district, ids[:53]), 4)
    assert again.exit_code == 0, again.record.message


def test_sizes_that_were_approved_survive_the_history(days: Days):
    held = days.run(without_pupils(days.district, pupils(days.district)[:80]), 1)
    text = json.dumps(plain.of(held.record), default=str)
    assert rows.from_text(text).sizes == held.record.sizes


def test_the_run_that_sends_says_all_that_the_held_one_found(days: Days):
    gone, *ids = pupils(days.district)
    again = days.run(without_pupils(days.district, [gone]), 1)
    assert again.record.outcome == "unchanged"
    days.project.append("lakeside", "safeguards: {students: {max_changed: 0}}\n")
    users = {ids[0]: {"givenName": "Other"}}
    held = days.run(without_pupils(days.district.changed("users", users), [gone]), 2)
    sent = days.project.approve(held.record.id).record
    assert sent.outcome == "delivered"
    assert held.record.held_over["students"] == 1
    for fact in ("held_over", "kinds", "counters", "season", "changes", "findings"):
        assert getattr(sent, fact) == getattr(held.record, fact), fact


# ---------------------------------------------------------------- grace


def test_who_was_gone_before_grace_was_taken_away_begins_anew_when_it_is_back(days: Days):
    [gone] = pupils(days.district, 1)
    missing = without_pupils(days.district, [gone])
    flow = days.project.root / "flows" / "lakeside.yaml"
    with_grace = flow.read_text()
    days.run(missing, 1)
    assert gone in (days.project.root / STATE).read_text()
    flow.write_text(with_grace.replace(GRACE, ""))
    days.run(days.district, 2)
    assert not (days.project.root / STATE).exists()
    flow.write_text(with_grace)
    after = days.run(missing, 9)
    assert after.record.outcome == "unchanged"
    assert after.held_over is not None
    assert after.held_over.gone["students"][gone] == (DAY + timedelta(days=9), 1)


def test_a_delivery_that_is_sent_again_neither_adds_nor_takes_a_day_of_grace(days: Days):
    [gone] = pupils(days.district, 1)
    first = days.project.history.runs("lakeside", limit=1)[0]
    missing = without_pupils(days.district, [gone])
    days.run(missing, 1)
    days.run(missing, 2)
    before = (days.project.root / STATE).read_text()
    services = days.project.services
    again = earlier.resend(
        days.project.project, first.id, by="a test", because="lost", services=services
    )
    assert again.record.outcome == "delivered"
    assert (days.project.root / STATE).read_text() == before


# ---------------------------------------------------------------- one new id


def test_one_new_id_is_held_and_its_crosswalk_proposed(days: Days):
    """The pupil would lose account and work; that nobody else is meant makes it no smaller."""
    [one] = pupils(days.district, 1)
    held = days.run(with_new_id(days.district, one), 1)
    assert held.record.held_by == ("safeguards.students.max_rekeyed",)
    lines = held.crosswalks["users"].read_text().splitlines()
    assert [line.split(",")[:2] for line in lines[1:]] == [["another-1", one]]


def test_whose_ids_mean_something_else_is_on_the_schools_list(days: Days):
    """A count alone helps nobody to mend the SIS; and of a whole district nobody goes through a list."""
    one, two, other = pupils(days.district, 3)
    users = days.district.tables["users"].rows_by_key("sourcedId", named=True, unique=True)
    swapped = {
        a: {k: users[b][k] for k in ("givenName", "familyName")}
        for a, b in ((two, other), (other, two))
    }
    held = days.run(with_new_id(days.district.changed("users", swapped), one), 1)
    noted = pl.read_parquet(held.folder / "findings.parquet").filter(
        pl.col("rule").str.starts_with("identity-")
    )
    assert set(noted.select("table", "key", "rule", "before").rows()) == {
        ("students", "another-1", "identity-rekeyed", one),
        ("students", two, "identity-swapped", ""),
        ("students", other, "identity-swapped", ""),
    }
    kept = evidence.find(days.project.project, days.project.history, "lakeside", held.record.id)
    made = make.of_run(kept, Told.by(kept.flow()), days.project.root / "lists")
    listed = [entry for school in made.lists for entry in school.entries]
    assert {(entry.rule, entry.number != "") for entry in listed if "identity" in entry.rule} == {
        ("identity-rekeyed", True), ("identity-swapped", True),
    }  # fmt: skip

    mass = days.run(days.district.rekeyed(), 2)
    noted = pl.read_parquet(mass.folder / "findings.parquet")
    assert mass.record.kinds["students"]["rekeyed"] > compare.MOST_TOLD
    assert noted.filter(table="students", rule="identity-rekeyed").height == 0


def test_new_ids_that_a_flow_lets_go_are_said_each_time(days: Days):
    [one] = pupils(days.district, 1)
    days.project.append("lakeside", "safeguards: {students: {max_rekeyed: 5}}\n")
    result = days.run(with_new_id(days.district, one), 1)
    assert result.record.outcome == "delivered"
    assert result.record.findings["identity-rekeyed"] == 1
    assert "users" in result.crosswalks


def with_new_id(district: District, one: str) -> District:
    """As when a registrar makes a second record of a pupil and deletes the first."""
    mine = district.tables["enrollments"].filter(userSourcedId=one)["sourcedId"]
    return district.changed("users", {one: {"sourcedId": "another-1"}}).changed(
        "enrollments", {id: {"userSourcedId": "another-1"} for id in mine}
    )
