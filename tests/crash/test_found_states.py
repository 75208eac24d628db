"""Every state in which a delivery can be found, made by kills and cuts, and the one answer to it."""

from __future__ import annotations

import signal
from dataclasses import replace
from datetime import date

import pytest

from etlrunner.history import delivered as deliveries
from etlrunner.lib import far_side
from etlrunner.model.run import RunRecord
from etlrunner.sandbox import sftp
from tests.support.killed import FLOW, NEXT, Scene
from tests.support.matrix import proves
from tests.support.project import TestProject

FOUND = {
    "before the intent": "planned",
    "after the intent": "intended",
    "before the first byte": "uploading",
    "when the file is open": "uploading",
    "before it is closed": "uploading",
    "before the renaming": "uploaded",
    "after the renaming": "uploaded",
    "before the receipt is noted": "uploaded",
    "before it is promoted": "placed",
    "while it is promoted": "placed",
    "before the one before is removed": "promoted",
    "before the days of grace": "promoted",
    "before the success is noted": "promoted",
}
"""Where the run is killed -> the state that is found."""
SAMPLE = ["after the renaming", "before the one before is removed"]
CUT_OFF = [
    point if point in SAMPLE else pytest.param(point, marks=pytest.mark.slow) for point in FOUND
]


def last_sent(project: TestProject) -> RunRecord:
    runs = project.history.runs(FLOW, limit=None)
    return next(run for run in runs if run.scheduled_date or run.trigger != "plan")


def state_of(scene: Scene) -> tuple[str, RunRecord]:
    """The state in which the last run left its delivery."""
    project = scene.opened()
    project.history.mark_interrupted(FLOW)
    run = last_sent(project)
    last = deliveries.read(project.project.state / FLOW / "delivered")
    project.close()
    return far_side.found(run, last.run_id if last else ""), run


@proves(
    "C1",
    fault="kill -9 between any two steps of a delivery",
    behaviour="the next run finds the state and answers it: one archive, one success, nothing left over",
    exit=0,
)
@pytest.mark.parametrize("point", CUT_OFF)
def test_each_found_state_has_one_answer(scene: Scene, point: str) -> int:
    assert scene.start(point=point).go().end() == -signal.SIGKILL
    found, cut = state_of(scene)
    assert found == FOUND[point]
    assert cut.outcome == "interrupted"
    if cut.delivery is not None:
        assert far_side.told(cut.delivery) in cut.message
    with scene.again() as (project, result):
        assert scene.wrong(project) == []
        return result.exit_code


@proves(
    "C2",
    fault="kill -9 after the server has the whole file, before the history knows",
    behaviour="the same bytes again under the same name, as a run of their own; then the source is read",
    exit=0,
)
def test_what_nobody_noted_is_sent_again_before_anything_else(
    scene: Scene, server: sftp.SftpServer
) -> int:
    scene.start(point="before the receipt is noted").go().end()
    _, cut = state_of(scene)
    with scene.again() as (project, result):
        again = project.history.runs(FLOW, limit=None)[1]
        assert (again.trigger, again.outcome, again.attempt) == ("retry", "delivered", 2)
        assert again.archive_of == cut.id
        assert again.receipt is not None
        assert cut.delivery is not None
        assert again.receipt.remote_name == cut.delivery.remote_name
        assert result.record.outcome == "unchanged"
        return result.exit_code


@pytest.mark.slow
@pytest.mark.parametrize("point", ["when the file is open", "before the one before is removed"])
def test_a_retry_is_the_delivery_itself(scene: Scene, point: str) -> None:
    scene.start(point=point).go().end()
    project = scene.opened()
    project.history.mark_interrupted(FLOW)
    cut = last_sent(project)
    project.history.save(_scheduled(cut, NEXT))
    result = project.run(FLOW, as_of=NEXT, trigger="retry", scheduled_date=NEXT, attempt=2)
    assert result.exit_code == 0
    assert scene.wrong(project) == []
    assert [run.attempt for run in project.history.runs(FLOW) if run.scheduled_date] == [2, 1]
    project.close()


def _scheduled(run: RunRecord, day: date) -> RunRecord:
    return replace(run, trigger="schedule", scheduled_date=day)


@pytest.mark.parametrize(
    "point",
    [
        pytest.param("when the file is open", marks=pytest.mark.slow),
        pytest.param("after the renaming", marks=pytest.mark.slow),
        pytest.param("before it is promoted", marks=pytest.mark.slow),
        pytest.param("after the success is noted", marks=pytest.mark.slow),
    ],
)
def test_an_approval_that_was_killed_is_finished_by_the_next_run(scene: Scene, point: str) -> None:
    project = scene.opened()
    project.append(
        FLOW, "safeguards: {students: {max_added: 0, max_changed: 0}, small_change: 0}\n"
    )
    held = project.run(FLOW, as_of=NEXT)
    assert held.exit_code == 6, held.record.message
    project.close()
    approve = ("approve", held.record.id, "--yes")
    assert scene.start(approve, point).go().end() == -signal.SIGKILL
    with scene.again() as (project, result):
        assert result.record.outcome == "unchanged", result.record.message
        assert scene.wrong(project) == []
        known = project.history.get(held.record.id)
        assert known is not None
        assert known.outcome == "approved"


def test_a_retry_of_an_approved_delivery_is_as_approved_as_the_first_attempt(
    scene: Scene, server: sftp.SftpServer
) -> None:
    project = scene.opened()
    project.append(
        FLOW, "safeguards: {students: {max_added: 0, max_changed: 0}, small_change: 0}\n"
    )
    held = project.run(FLOW, as_of=NEXT, trigger="schedule", scheduled_date=NEXT)
    assert held.exit_code == 6, held.record.message
    server.faults.cut_after = 1000
    broken = project.approve(held.record.id, because="counted by hand")
    assert (broken.exit_code, broken.record.attempt) == (7, 1), broken.record.message
    server.faults.cut_after = None
    again = project.run(FLOW, as_of=NEXT, trigger="retry", scheduled_date=NEXT, attempt=2)
    assert (again.record.outcome, again.record.archive_of) == ("delivered", held.record.id)
    assert again.record.approved_because == "counted by hand"
    assert again.record.approved_by == broken.record.approved_by
    known = project.history.get(held.record.id)
    assert known is not None
    assert known.outcome == "approved"
    project.close()
    assert scene.recover() == ""


@proves(
    "E5",
    fault="the connection is lost when the file was just renamed: nobody can say whether it was",
    behaviour="says so and counts as unknown; nothing is promoted before the same bytes went again",
    exit=7,
)
def test_what_cannot_be_known_is_said_and_sent_again(scene: Scene, server: sftp.SftpServer) -> int:
    server.faults.cut_at_rename = True
    with scene.again() as (project, result):
        assert result.record.delivery is not None
        assert result.record.delivery.state == "unknown"
        assert "or already as" in result.record.message
        before = deliveries.read(project.project.state / FLOW / "delivered")
        assert before is not None
        assert before.run_id == result.record.baseline
        code = result.exit_code
    server.faults.cut_at_rename, server.faults.cut_after = False, 1000
    with scene.again() as (project, second):
        assert second.exit_code == 7, second.record.message
        assert second.archive is None, (
            "nothing else is sent meanwhile: the source was not even read"
        )
        assert [run.outcome for run in project.history.runs(FLOW, limit=2)] == ["failed"] * 2
    server.faults.cut_after = None
    assert scene.recover() == ""
    return code


@proves(
    "E5",
    fault="after a delivery with an unknown end somebody takes the configuration back, and all is as before it",
    behaviour="what was last proven to be there is sent again: the server may have the other one by now",
    exit=0,
)
def test_as_before_is_not_unchanged_while_something_else_may_be_there(
    scene: Scene, server: sftp.SftpServer
) -> int:
    project = scene.opened()
    flow = project.root / "flows" / f"{FLOW}.yaml"
    project.append(FLOW, "safeguards: {courses: {max_changed: none}}\n")
    whole = flow.read_text()
    assert project.run(FLOW, as_of=NEXT).exit_code == 0
    project.append(FLOW, 'overrides: {courses: {columns: {course_number: {text: "wrong"}}}}\n')
    server.faults.cut_at_rename = True
    wrong = project.run(FLOW, as_of=NEXT)
    assert wrong.record.delivery is not None, wrong.record.message
    assert wrong.record.delivery.state == "unknown"
    server.faults.cut_at_rename = False
    flow.write_text(whole)
    mended = project.run(FLOW, as_of=NEXT)
    assert mended.record.outcome == "delivered", mended.record.message
    assert mended.record.content_hash != wrong.record.content_hash
    assert project.run(FLOW, as_of=NEXT).record.outcome == "unchanged"
    project.close()
    return mended.exit_code


@proves(
    "E10",
    fault="half a file of an earlier delivery that cannot be repeated is still there",
    behaviour="the next delivery removes it by its exact name; never anything else",
    exit=0,
)
def test_a_delivery_that_cannot_be_repeated_gives_way_to_the_next_and_leaves_nothing(
    scene: Scene, server: sftp.SftpServer
) -> int:
    scene.start(point="when the file is open").go().end()
    (half,) = scene.arrived().glob(".*.part")
    project = scene.opened()
    project.append(FLOW, "description: another configuration\n")
    project.close()
    with scene.again() as (project, result):
        assert result.record.outcome == "delivered"
        assert not half.exists()
        assert scene.wrong(project) == []
        return result.exit_code


def test_the_table_of_states_names_every_state_and_each_has_words_for_both_ends() -> None:
    assert {*FOUND.values(), "failed", "unknown", "delivered"} == set(far_side.STATES)
    assert all(state.far_side and state.does for state in far_side.STATES.values())
