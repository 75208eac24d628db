"""An upload whose end is unknown, and which cannot be sent again: what comes next is compared with it, too.

Each time twelve pupils come with an upload that breaks off when the file was just renamed; then the
configuration changes, so that the same bytes are not sent again.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator

import polars as pl
import pytest

from etlrunner import earlier
from etlrunner.cli import held as screen_of_held
from etlrunner.cli import screen
from etlrunner.errors import UsageError
from etlrunner.run import Result
from etlrunner.sandbox import sftp
from etlrunner.sandbox.district import District
from tests.support.killed import FLOW, NEXT, Scene
from tests.support.matrix import proves
from tests.support.project import TestProject

COUNT = 12


def with_newcomers(district: District, count: int = COUNT) -> District:
    users = district.tables["users"]
    pupils = users.filter(pl.col("role") == "student", pl.col("status") == "active")
    new = (
        pupils.gather_every(4)
        .head(count)
        .with_columns(
            sourcedId="new-" + pl.col("sourcedId"),
            identifier="8" + pl.col("identifier"),
            familyName=pl.col("familyName") + "berg",
            username="new." + pl.col("username"),
            email=pl.when(pl.col("email") != "")
            .then("new." + pl.col("email"))
            .otherwise(pl.lit("")),
        )
    )
    other = copy.copy(district)
    other.tables = {**district.tables, "users": pl.concat([users, new])}
    return other


def has(scene: Scene, district: District) -> None:
    scene.root.with_name("roster.zip").unlink()
    district.write_csv(scene.root.with_name("roster.zip"))


@pytest.fixture(autouse=True)
def restored(scene: Scene) -> Iterator[None]:
    """The roster is everybody's who uses the scene."""
    yield
    has(scene, scene.district.grown(days=1))


@pytest.fixture
def broken_off(scene: Scene, server: sftp.SftpServer) -> Iterator[TestProject]:
    """The twelve were sent, nobody knows whether they arrived, and the configuration is another one."""
    project = scene.opened()
    has(scene, with_newcomers(scene.district))
    upload(project, server)
    project.append(FLOW, "description: another configuration\n")
    yield project
    project.close()


def upload(project: TestProject, server: sftp.SftpServer) -> Result:
    """A run whose upload ends unknown."""
    server.faults.cut_at_rename = True
    cut = project.run(FLOW, as_of=NEXT)
    server.faults.cut_at_rename = False
    assert cut.record.delivery is not None, cut.record.message
    assert cut.record.delivery.state == "unknown"
    return cut


def held_by(result: Result) -> set[str]:
    return {hold.safeguard.removeprefix("safeguards.") for hold in result.holds}


def shown(result: Result) -> list[str]:
    with screen.kept() as text:
        screen_of_held.show(result, result.holds)
    return text.getvalue().splitlines()


@proves(
    "E5",
    fault="pupils came with an upload of unknown end that cannot be sent again, and then vanish",
    behaviour="the run equals what was last proven, and is held against what may be there; an approval ends it",
    exit=6,
)
def test_a_loss_against_what_may_be_there_is_held(scene: Scene, broken_off: TestProject) -> int:
    project = broken_off
    (sent,) = project.history.since_proven(FLOW)
    has(scene, scene.district)
    planned = project.run(FLOW, as_of=NEXT, deliver=False)
    held = project.run(FLOW, as_of=NEXT)
    for one in (planned, held):
        assert (one.exit_code, one.record.holds) == (6, held.record.holds), one.record.message
    assert held.last is not None
    assert held.last.content_hash == held.record.content_hash, (
        "against the proven one it is no news"
    )
    assert {"unproven_delivery", "students.max_removed"} <= held_by(held)
    lead, *losses = held.record.holds
    assert lead.startswith(f"{sent.id} was sent on ")
    assert "(it cannot be sent again: the configuration has changed since)" in lead
    assert f"against {sent.id}, students: 12 of " in losses[0]
    lines = shown(held)
    assert len(lines) <= 40
    assert f"If Apple has {sent.id} by now:" in lines
    again = earlier.resend(
        project.project, _first(project), by="a test", because="", services=project.services
    )
    assert held_by(again) == held_by(held), "an earlier archive sent once more has the same loss"
    approved = project.approve(held.record.id)
    assert approved.exit_code == 0, approved.record.message
    assert project.run(FLOW, as_of=NEXT).record.outcome == "unchanged"
    return held.exit_code


def _first(project: TestProject) -> str:
    return next(run.id for run in project.history.runs(FLOW) if run.outcome == "delivered")


def test_who_stays_needs_no_hold_and_a_proven_delivery_ends_the_state(
    broken_off: TestProject,
) -> None:
    project = broken_off
    (sent,) = project.history.since_proven(FLOW)
    shutil.rmtree(project.project.runs_folder(FLOW) / sent.id / "finished")
    same = project.run(FLOW, as_of=NEXT)
    assert same.record.outcome == "delivered", "its content needs no tables to be compared with"
    assert same.record.content_hash == sent.content_hash
    assert project.history.since_proven(FLOW) == []


@proves(
    "E5",
    fault="the tables of an upload of unknown end are gone from here",
    behaviour="what Apple has cannot be known: held, until a person decides",
    exit=6,
)
def test_what_cannot_be_compared_any_more_is_for_a_person_to_decide(
    scene: Scene, broken_off: TestProject, server: sftp.SftpServer
) -> int:
    project = broken_off
    (sent,) = project.history.since_proven(FLOW)
    shutil.rmtree(project.project.runs_folder(FLOW) / sent.id / "finished")
    has(scene, scene.district.grown(days=1))
    held = project.run(FLOW, as_of=NEXT)
    assert held_by(held) == {"unproven_delivery"}
    assert "its tables are gone from here" in held.record.holds[0]
    server.faults.wrong_password = True
    refused = project.approve(held.record.id)
    server.faults.wrong_password = False
    assert refused.exit_code == 4
    assert refused.record.delivery is not None
    assert refused.record.delivery.state == "failed"
    assert held_by(project.run(FLOW, as_of=NEXT)) == {"unproven_delivery"}, "nothing was proven"
    assert project.approve(held.record.id).exit_code == 0
    assert project.run(FLOW, as_of=NEXT).record.outcome == "unchanged"
    return held.exit_code


def test_ids_that_came_with_it_cannot_be_swapped_unseen(
    scene: Scene, broken_off: TestProject, server: sftp.SftpServer
) -> None:
    """The two of another upload that broke off since do not hide it, nor a refusal in between."""
    project = broken_off
    (first,) = project.history.since_proven(FLOW)
    newer = with_newcomers(scene.district, COUNT + 2)
    has(scene, newer)
    second = upload(project, server).record
    project.append(FLOW, "enabled: true\n")
    users = newer.tables["users"]
    new = users.filter(pl.col("sourcedId").str.starts_with("new-"))
    columns = ["givenName", "familyName", "identifier", "username", "email"]
    one, other = (
        dict(zip(columns, row, strict=True)) for row in new.select(columns).head(2).rows()
    )
    ids = new["sourcedId"].to_list()
    has(scene, newer.changed("users", {ids[0]: other, ids[1]: one}))
    held = project.run(FLOW, as_of=NEXT)
    assert held_by(held) == {"unproven_delivery", "students.max_swapped"}
    said = [hold for hold in held.record.holds if "have the name that another id had" in hold]
    assert [line.split(",")[0] for line in said] == [f"against {second.id}", f"against {first.id}"]
    assert "something else was tried since" in held.record.holds[2]


def test_what_was_held_before_it_cannot_be_approved_after_it(
    scene: Scene, server: sftp.SftpServer
) -> None:
    project = scene.opened()
    project.append(FLOW, "safeguards: {students: {max_added: 11}}\n")
    has(scene, with_newcomers(scene.district))
    held = project.run(FLOW, as_of=NEXT)
    assert held_by(held) == {"students.max_added"}
    has(scene, with_newcomers(scene.district, 11))
    cut = upload(project, server)
    with pytest.raises(UsageError, match=f"{cut.record.id} was sent since"):
        project.approve(held.record.id)
    project.close()
