"""A zip that somebody drops starts its flow: once, when it is complete, and the newest only."""

from __future__ import annotations

import os
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from etlrunner.history.store import History
from etlrunner.model.components import Component
from etlrunner.model.flow import Flow, Retry, Schedule
from etlrunner.model.mapping import MappingSet
from etlrunner.model.run import RunRecord
from etlrunner.model.safeguards import Season
from etlrunner.schedule.serve import run_due, serve
from tests.support.clock import SimulatedClock

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


class Inbox:
    """A watched folder, a clock, and a starter that writes records as the engine does."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "inbox"
        self.folder.mkdir()
        self.clock = SimulatedClock(NOW)
        self.history = History.open(root / "state")
        options = {"path": self.folder, "watch": True}
        source = Component("oneroster-csv", options)
        self.flow = Flow(
            "lakeside", root / "lakeside.yaml", source, Component("none", {}), MappingSet("m", {})
        )
        self.codes: list[int] = []
        self.started: list[tuple[str, int, str]] = []
        self.said: list[str] = []
        self.outcomes: dict[int, str] = {}

    def drop(self, name: str, text: str = "", at: datetime | None = None) -> bytes:
        path = self.folder / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            entry = zipfile.ZipInfo("users.csv")  # without the hour: the same text, the same bytes
            archive.writestr(entry, (text or name) * 500, zipfile.ZIP_DEFLATED)
        self.touch(name, at)
        return path.read_bytes()

    def touch(self, name: str, at: datetime | None = None) -> None:
        seconds = (at or self.clock.now()).timestamp()
        os.utime(self.folder / name, (seconds, seconds))

    def start(
        self,
        name: str,
        trigger: str,
        day: date | None,
        attempt: int,
        *,
        source_file: Any = (),
    ) -> int:
        known = dict(source_file)
        self.started.append((trigger, attempt, known.get("sha256", "")))
        code = self.codes.pop(0) if self.codes else 0
        words = {0: "delivered", 6: "held", 8: "skipped", 130: "interrupted"} | self.outcomes
        outcome = words.get(code, "failed")
        now = self.clock.now()
        record = RunRecord(
            id=self.history.new_run_id(name, now.date()), flow=name, trigger=trigger, started=now,
            ended=now, scheduled_date=day, attempt=attempt, outcome=outcome, exit_code=code,
            source_file=known,
        )  # fmt: skip
        self.history.save(record)
        return code

    def serve(self, minutes: float = 2, **more: Any) -> list[tuple[str, int, str]]:
        """Serve for so long; what was started meanwhile."""
        before, stop = len(self.started), threading.Event()
        end = self.clock.now() + timedelta(minutes=minutes)

        def flows() -> dict[str, Flow]:
            if self.clock.now() >= end:
                stop.set()
                return {}
            for at, act in list(self.later.items()):
                if self.clock.now() >= at:
                    del self.later[at]
                    act()
            return {"lakeside": self.flow}

        serve(flows, self.start, stop=stop, workers=0, **self.services, **more)
        return self.started[before:]

    later: dict[datetime, Any]

    def due(self) -> dict[str, int]:
        return run_due(lambda: {"lakeside": self.flow}, self.start, **self.services)

    @property
    def services(self) -> dict[str, Any]:
        return {"clock": self.clock, "history": self.history, "report": self.said.append}


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    made = Inbox(tmp_path)
    made.later = {}
    yield made
    made.history.close()


def triggers(started: list[tuple[str, int, str]]) -> list[tuple[str, int]]:
    return [(trigger, attempt) for trigger, attempt, _ in started]


def test_a_zip_that_arrives_starts_its_flow_once(inbox: Inbox) -> None:
    assert inbox.serve() == []
    inbox.drop("monday.zip")
    assert triggers(inbox.serve(60)) == [("watch", 1)]
    assert inbox.history.runs("lakeside")[0].source_file["sha256"]
    assert (inbox.folder / "monday.zip").exists()


def test_the_same_content_is_not_taken_again_under_another_name_or_by_another_process(
    inbox: Inbox,
) -> None:
    inbox.drop("monday.zip", "same")
    inbox.serve()
    inbox.clock.move(3600)
    inbox.drop("tuesday.zip", "same")
    assert inbox.serve() == []
    inbox.touch("monday.zip")
    assert inbox.due() == {}


def test_other_content_under_the_same_name_is_taken(inbox: Inbox) -> None:
    inbox.drop("roster.zip", "one")
    inbox.serve()
    inbox.clock.move(3600)
    inbox.drop("roster.zip", "two")
    assert triggers(inbox.serve()) == [("watch", 1)]


def test_run_due_looks_twice_and_takes_it_in_one_round(inbox: Inbox) -> None:
    inbox.drop("roster.zip")
    assert inbox.due() == {"lakeside": 0}
    assert inbox.clock.slept == [5.0]
    assert inbox.due() == {}


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_half_written_zip_is_not_taken_however_long_it_lies_there(
    inbox: Inbox, share: float
) -> None:
    whole = inbox.drop("roster.zip")
    (inbox.folder / "roster.zip").write_bytes(whole[: int(len(whole) * share)])
    assert inbox.serve(120) == []


def test_a_slow_writer_is_waited_for(inbox: Inbox) -> None:
    whole = inbox.drop("roster.zip")
    path = inbox.folder / "roster.zip"
    path.write_bytes(b"")

    def write(end: int) -> Any:
        return lambda: path.write_bytes(whole[:end])

    for minute in range(1, 11):
        at = NOW + timedelta(minutes=minute)
        inbox.later[at] = write(len(whole) * minute // 10)
    assert inbox.serve(9.5) == []
    assert triggers(inbox.serve(3)) == [("watch", 1)]


def test_a_file_that_has_its_size_before_its_content_is_waited_for(inbox: Inbox) -> None:
    """As Windows copies to a share: the space first, the bytes then, the end perhaps before the middle."""
    whole = inbox.drop("roster.zip")
    path = inbox.folder / "roster.zip"
    path.write_bytes(bytes(len(whole)))
    assert inbox.serve(10) == []
    path.write_bytes(bytes(60) + whole[60:])
    assert inbox.serve(10) == []
    path.write_bytes(whole)
    inbox.touch("roster.zip")
    assert triggers(inbox.serve(10)) == [("watch", 1)]


def test_a_zip_that_is_renamed_into_place_is_taken(inbox: Inbox) -> None:
    inbox.drop("roster.zip.filepart")
    inbox.drop(".roster.zip")
    assert inbox.serve() == []
    (inbox.folder / "roster.zip.filepart").rename(inbox.folder / "ROSTER.ZIP")
    assert triggers(inbox.serve()) == [("watch", 1)]


def test_of_several_the_newest_complete_one_wins_and_the_others_are_noted(inbox: Inbox) -> None:
    inbox.drop("a.zip", at=NOW - timedelta(hours=1))
    inbox.drop("b.zip", at=NOW - timedelta(hours=3))
    newest = inbox.drop("c.zip", at=NOW)
    (inbox.folder / "c.zip").write_bytes(newest[:-5])
    inbox.touch("c.zip", NOW)
    [(_, _, first)] = inbox.serve()
    assert inbox.history.runs("lakeside")[0].source_file["changed"].startswith("2027-03-01T11:00")
    assert inbox.said == ["lakeside: a.zip is the newest; 1 older beside it: not taken"]
    (inbox.folder / "c.zip").write_bytes(newest)
    inbox.touch("c.zip", NOW)
    [(_, _, second)] = inbox.serve()
    assert first != second


def test_yesterdays_file_does_not_come_back_when_todays_is_taken_away(inbox: Inbox) -> None:
    inbox.drop("yesterday.zip", at=NOW - timedelta(days=1))
    inbox.drop("today.zip", at=NOW)
    inbox.serve()
    (inbox.folder / "today.zip").unlink()
    assert inbox.serve() == []
    assert "yesterday.zip is older than the file that was taken last" in inbox.said[-1]
    inbox.touch("yesterday.zip")
    assert triggers(inbox.serve()) == [("watch", 1)]


def test_times_in_the_future_count_as_now_and_equal_ones_go_by_name(inbox: Inbox) -> None:
    inbox.drop("2027-03-01.zip", at=NOW + timedelta(days=4000))
    inbox.serve()
    inbox.drop("2027-03-02.zip", at=NOW + timedelta(days=3000))
    assert triggers(inbox.serve()) == [("watch", 1)]
    changed = inbox.history.runs("lakeside")[0].source_file["changed"]
    assert changed < (NOW + timedelta(hours=1)).isoformat()


def test_what_may_heal_is_tried_again_at_the_flows_pauses(inbox: Inbox) -> None:
    delays = (timedelta(minutes=2), timedelta(minutes=8))
    inbox.flow = replace(inbox.flow, retry=Retry(delays))
    inbox.codes = [7, 3, 3]
    inbox.drop("roster.zip")
    assert triggers(inbox.serve(60)) == [("watch", 1), ("retry", 2), ("retry", 3)]


@pytest.mark.parametrize("code", [2, 4, 5, 6])
def test_what_needs_a_person_is_not_tried_again(inbox: Inbox, code: int) -> None:
    inbox.flow = replace(inbox.flow, retry=Retry((timedelta(minutes=2),)))
    inbox.codes = [code]
    inbox.drop("roster.zip")
    assert triggers(inbox.serve(60)) == [("watch", 1)]


def test_a_run_that_was_cut_off_is_made_again(inbox: Inbox) -> None:
    inbox.drop("roster.zip")
    inbox.codes = [130]
    inbox.due()
    assert inbox.due() == {"lakeside": 0}
    assert triggers(inbox.started) == [("watch", 1), ("retry", 2)]


def test_a_file_that_came_while_a_season_pauses_is_taken_when_it_ends(inbox: Inbox) -> None:
    first, last = NOW.date(), NOW.date() + timedelta(days=1)
    season = Season(name="break", first=first, last=last, mode="paused")
    inbox.flow = replace(inbox.flow, seasons=(season,))
    inbox.drop("roster.zip")
    inbox.outcomes = {0: "paused"}
    assert triggers(inbox.serve(60)) == [("watch", 1)]
    inbox.outcomes = {}
    inbox.clock.move_to(NOW + timedelta(days=2))
    assert triggers(inbox.serve(60)) == [("watch", 2)]


def test_a_flow_that_is_switched_off_takes_nothing(inbox: Inbox) -> None:
    inbox.flow = replace(inbox.flow, enabled=False)
    inbox.drop("roster.zip")
    assert inbox.serve() == []


def test_with_a_schedule_a_file_is_taken_besides(inbox: Inbox) -> None:
    inbox.flow = replace(inbox.flow, schedule=Schedule("UTC", 13))
    inbox.drop("roster.zip")
    assert triggers(inbox.serve(90)) == [("watch", 1), ("schedule", 1)]


def test_a_folder_that_is_away_is_said_once_and_comes_back(inbox: Inbox) -> None:
    inbox.drop("roster.zip")
    away = inbox.folder.rename(inbox.folder.with_name("away"))
    assert inbox.serve() == []
    assert len(inbox.said) == 1
    assert "cannot be looked into" in inbox.said[0]
    away.rename(inbox.folder)
    assert triggers(inbox.serve()) == [("watch", 1)]


def test_two_schedulers_take_a_file_once(inbox: Inbox, tmp_path: Path) -> None:
    inbox.drop("roster.zip")
    other = Inbox.__new__(Inbox)
    other.__dict__ |= {**inbox.__dict__, "history": History.open(tmp_path / "state")}
    threads = [threading.Thread(target=each.due) for each in (inbox, other)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    other.history.close()
    assert triggers(inbox.started) == [("watch", 1)]


def test_links_and_folders_are_no_files(inbox: Inbox, tmp_path: Path) -> None:
    inbox.drop("roster.zip")
    (inbox.folder / "roster.zip").rename(tmp_path / "elsewhere.zip")
    (inbox.folder / "link.zip").symlink_to(tmp_path / "elsewhere.zip")
    (inbox.folder / "folder.zip").mkdir()
    assert inbox.serve() == []
