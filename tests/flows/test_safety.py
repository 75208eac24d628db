"""Ways in which something wrong could be sent, or be taken for what was sent; each was tried once."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etlrunner import attempt, plan, stages
from etlrunner.cli import run as run_command
from etlrunner.errors import Busy, Interrupted, UsageError
from etlrunner.history import delivered as deliveries
from etlrunner.sandbox.district import District
from tests.support.project import TestProject


@pytest.fixture
def lakeside(project: TestProject, district: District, tmp_path: Path) -> TestProject:
    project.csv("lakeside", district.write_csv(tmp_path / "roster.zip"))
    return project


def sent(project: TestProject) -> list[Path]:
    return sorted((project.root / "out").glob("*.zip"))


def delivered(project: TestProject) -> deliveries.Delivered | None:
    return deliveries.read(project.project.state / "lakeside" / "delivered")


# ---------------------------------------------------------------- the baseline is what was sent


def remove(path: Path) -> None:
    path.unlink()


def halve(path: Path) -> None:
    frame = pl.read_parquet(path)
    frame.head(len(frame) // 2).write_parquet(path)


def break_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize("damage", [remove, halve, break_off])
def test_an_approval_needs_the_tables_that_its_archive_was_made_from(
    lakeside: TestProject, damage: Callable[[Path], None]
):
    held = lakeside.run("lakeside")
    damage(held.folder / "finished" / "students.parquet")
    with pytest.raises(UsageError, match="not what was shown"):
        lakeside.approve(held.record.id)
    assert sent(lakeside) == []
    assert delivered(lakeside) is None


def test_a_table_from_elsewhere_does_not_become_part_of_the_baseline(lakeside: TestProject):
    held = lakeside.run("lakeside")
    folder = held.folder / "finished"
    (folder / "other.parquet").write_bytes((folder / "students.parquet").read_bytes())
    lakeside.approve(held.record.id)
    last = delivered(lakeside)
    assert last is not None
    assert set(last.tables) == set(held.finished)


# ---------------------------------------------------------------- approvals


def test_an_approval_looks_again_when_it_has_the_lease(
    lakeside: TestProject, monkeypatch: pytest.MonkeyPatch
):
    """Two people approve the same run: the second may not send it once more."""
    held = lakeside.run("lakeside")
    begin, first = attempt.begin, []

    def begin_late(*given: Any) -> Any:
        if not first:
            first.append(True)
            first.append(lakeside.approve(held.record.id))
        return begin(*given)

    monkeypatch.setattr(attempt, "begin", begin_late)
    with pytest.raises(UsageError, match="not held"):
        lakeside.approve(held.record.id)
    assert first[1].record.outcome == "delivered"
    assert [run.outcome for run in lakeside.history.runs("lakeside")].count("delivered") == 1


def test_an_approval_that_has_to_wait_leaves_a_row(lakeside: TestProject):
    held = lakeside.run("lakeside")
    with lakeside.history.lease("lakeside", owner="another", clock=lakeside.clock):
        result = lakeside.approve(held.record.id)
    assert isinstance(result.error, Busy)
    assert (result.record.outcome, result.exit_code) == ("skipped", 8)
    assert lakeside.history.get(result.record.id) == result.record
    assert lakeside.history.get(held.record.id).outcome == "held"
    assert sent(lakeside) == []


def test_who_approves_is_shown_why_the_run_is_held(lakeside: TestProject):
    held = lakeside.run("lakeside")
    kept = lakeside.history.get(held.record.id)
    assert kept.holds == tuple(hold.message for hold in held.holds) != ()


# ---------------------------------------------------------------- every ending has its record


def test_a_bug_while_planning_leaves_a_row(lakeside: TestProject, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: Any, **__: Any) -> Any:
        raise RecursionError("invented")

    monkeypatch.setattr(plan, "make", broken)
    result = lakeside.run("lakeside")
    assert (result.record.outcome, result.exit_code) == ("failed", 1)
    assert lakeside.history.last("lakeside") == result.record
    text = (result.folder / "traceback.txt").read_text()
    assert "RecursionError" in text


@pytest.mark.parametrize(
    ("error", "code"),
    [(KeyboardInterrupt(), 130), (Interrupted("terminated", signal_number=15), 143)],
)
def test_an_interrupted_run_of_all_begins_no_further_flow(
    project: TestProject,
    district: District,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
):
    names = [f"flow-{number}" for number in range(6)]
    for name in names:
        project.csv(name, district.write_csv(tmp_path / "roster.zip"))

    def stopped(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(stages, "extract_roster", stopped)
    results = run_command._run_all(project.project, names, project.services, 1, None, {}, "")
    assert [result.exit_code for result in results] == [code]
    assert [name for name in names if project.history.last(name) is not None] == names[:1]


def test_a_signal_to_flows_side_by_side_begins_no_further_one(
    project: TestProject, district: District, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Signals reach the main thread, which only waits for the others."""
    names = [f"flow-{number}" for number in range(6)]
    for name in names:
        project.csv(name, district.write_csv(tmp_path / "roster.zip"))
    walk, once = stages.extract_roster, iter([signal.SIGINT])

    def with_signal(*given: Any) -> Any:
        for number in once:
            signal.raise_signal(number)
        return walk(*given)

    monkeypatch.setattr(stages, "extract_roster", with_signal)
    # a shell's `&` leaves it ignored
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_command._run_all(project.project, names, project.services, 2, None, {}, "")
    finally:
        signal.signal(signal.SIGINT, before)
    runs = project.history.runs()
    assert len(runs) < len(names)
    assert "running" not in {run.outcome for run in runs}
