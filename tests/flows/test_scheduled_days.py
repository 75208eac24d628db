"""The engine under the schedule: fourteen simulated days, starters side by side, retries, lost days."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from etlrunner.cli import starting
from etlrunner.lib.http import SLICE
from etlrunner.sandbox import skyward
from etlrunner.sandbox.district import District
from tests.support.clock import SimulatedClock
from tests.support.project import DAY, TestProject

# US/Central is UTC-6 then: hour 2 is 08:00 UTC
FIRST = datetime(2027, 3, 1, 7, 30, tzinfo=UTC)


class StoppingClock(SimulatedClock):
    """Sets `stop` once its time is over."""

    def __init__(self, now: datetime, end: datetime, stop: threading.Event) -> None:
        super().__init__(now)
        self.end = end
        self.stop = stop

    def sleep(self, seconds: float) -> None:
        waits = seconds > SLICE  # pauses between requests come in slices, how many is up to chance
        super().sleep(max(seconds, 1200.0) if waits else seconds)
        if self.now() >= self.end:
            self.stop.set()


def served(root: Path, days: float) -> tuple[TestProject, threading.Event]:
    stop = threading.Event()
    clock = StoppingClock(FIRST, FIRST + timedelta(days=days), stop)
    return TestProject(root, clock), stop


def test_eight_days_have_one_run_each_and_none_on_a_weekend(tmp_path: Path, district: District):
    project, stop = served(tmp_path / "project", days=7.9)
    project.csv("lakeside", district.write_csv(tmp_path / "roster.zip"))
    project.approve(project.run("lakeside").record.id)
    starting.serve(project.project, project.services, stop, workers=0)
    runs = [run for run in project.history.runs("lakeside", limit=100) if run.scheduled_date]
    days = sorted(run.scheduled_date for run in runs)
    assert days == [day for n in range(8) if (day := DAY + timedelta(days=n)).weekday() < 5]
    assert {run.outcome for run in runs} <= {"unchanged", "delivered", "held"}
    project.close()


def test_what_may_heal_is_tried_again_at_the_delays(tmp_path: Path, district: District):
    project, stop = served(tmp_path / "project", days=1)
    with skyward.start(district) as server:
        project.skyward("lakeside", server)
    starting.serve(project.project, project.services, stop, workers=0)
    runs = sorted(project.history.runs("lakeside", limit=100), key=lambda run: run.attempt)
    assert [run.attempt for run in runs] == [1, 2, 3, 4, 5, 6]
    assert {run.exit_code for run in runs} == {3}
    assert [run.trigger for run in runs] == ["schedule"] + ["retry"] * 5
    project.close()


def test_a_delivery_that_failed_is_sent_again_with_the_same_bytes(
    tmp_path: Path, district: District, sftp_server
):
    project, _ = served(tmp_path / "project", days=1)
    with skyward.start(district, variant="qmlativ") as server:
        project.skyward("lakeside", server, sftp_server)
        project.approve(project.run("lakeside").record.id)
        server.change(district.grown(days=1))
        sftp_server.faults.cut_after = 10_000
        failed = project.run("lakeside", trigger="schedule", scheduled_date=DAY)
        assert failed.exit_code == 7, failed.record.message
        sftp_server.faults.cut_after = None
        asked = len(server.requests)
        again = project.run("lakeside", trigger="retry", scheduled_date=DAY, attempt=2)
        assert again.exit_code == 0, again.record.message
        assert len(server.requests) == asked, "the roster was pulled again"
    assert again.record.archive_sha256 == failed.record.archive_sha256
    assert again.receipt.remote_name.endswith(f"{failed.record.content_hash[:12]}.zip")
    project.close()


def test_two_starters_at_once_make_one_run(tmp_path: Path, district: District):
    project = TestProject(tmp_path / "project", SimulatedClock(FIRST + timedelta(minutes=31)))
    project.csv("lakeside", district.write_csv(tmp_path / "roster.zip"))
    project.history.note_off("lakeside", FIRST - timedelta(days=1))
    threads = [
        threading.Thread(target=starting.run_due, args=(project.project, project.services))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([run for run in project.history.runs("lakeside") if run.outcome != "skipped"]) == 1
    project.close()


def test_a_disabled_flow_never_starts_by_itself(tmp_path: Path, district: District):
    project, stop = served(tmp_path / "project", days=3)
    project.csv("lakeside", district.write_csv(tmp_path / "roster.zip"), "enabled: false\n")
    starting.serve(project.project, project.services, stop, workers=0)
    assert project.history.runs("lakeside") == []
    project.close()
