from __future__ import annotations

import itertools
import logging
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from etlrunner import notify
from etlrunner.config.project import Project
from etlrunner.lib import notify as messenger
from etlrunner.model.components import Component
from etlrunner.model.flow import Flow, Notify
from etlrunner.model.mapping import MappingSet
from etlrunner.model.run import RunRecord
from etlrunner.model.secrets import Secret, SecretRef
from etlrunner.model.tables import Counts
from tests.support.inbox import Inbox


@pytest.fixture
def inbox():
    with_server = Inbox()
    yield with_server
    with_server.close()


@pytest.fixture
def project(tmp_path, monkeypatch, inbox):
    (tmp_path / "flows").mkdir()
    monkeypatch.setenv("ALERTS", inbox.url)
    monkeypatch.delenv("MISSING", raising=False)
    return Project(tmp_path)


def a_flow(*targets: Notify) -> Flow:
    part = Component("none", {})
    return Flow("lakeside-isd", Path("f.yaml"), part, part, MappingSet("m", {}), notify=targets)


def alerts(name: str = "ALERTS", on: tuple[str, ...] = ("failed", "held", "recovered")) -> Notify:
    return Notify(SecretRef("env", name), on)


def a_run(outcome: str, code: int | None = 0, **more) -> RunRecord:
    return RunRecord(
        id="lakeside-isd-2027-03-01-1",
        flow="lakeside-isd",
        trigger="schedule",
        started=datetime(2027, 3, 1, 8, 30, tzinfo=UTC),
        scheduled_date=date(2027, 3, 1),
        outcome=outcome,
        exit_code=code,
        **more,
    )


WELL, FAILED, HELD = a_run("delivered"), a_run("failed", 3), a_run("held", 6)
STALE, BUSY = a_run("skipped", None), a_run("skipped", 8)


@pytest.mark.parametrize(
    ("before", "now", "event"),
    [
        (None, WELL, None),
        (WELL, WELL, None),
        (WELL, a_run("unchanged"), None),
        (None, FAILED, "failed"),
        (WELL, FAILED, "failed"),
        (FAILED, FAILED, None),
        (FAILED, a_run("failed", 4), None),
        (FAILED, WELL, "recovered"),
        (WELL, HELD, "held"),
        (FAILED, HELD, "held"),
        (HELD, HELD, None),
        (HELD, WELL, "recovered"),
        (HELD, FAILED, "failed"),
        (WELL, STALE, "stale"),
        (STALE, STALE, None),
        (STALE, WELL, "recovered"),
        (WELL, BUSY, None),
        (WELL, a_run("interrupted", None), None),
    ],
)
def test_only_a_change_of_state_is_worth_a_message(before, now, event):
    assert notify.event_of(now, before) == event


def test_a_fortnight_of_trouble_is_four_messages(project, inbox):
    runs = [WELL, FAILED, FAILED, FAILED, WELL, WELL, HELD, HELD, WELL, WELL]
    for before, now in itertools.pairwise(runs):
        assert notify.notify(a_flow(alerts()), now, before, project=project) == []
    assert [message["title"] for message in inbox.messages] == [
        "etlrunner: lakeside-isd failed",
        "etlrunner: lakeside-isd works again",
        "etlrunner: lakeside-isd is held: somebody has to look",
        "etlrunner: lakeside-isd works again",
    ]


def test_only_what_was_asked_for_is_sent(project, inbox):
    flow = a_flow(alerts(on=("held",)))
    notify.notify(flow, FAILED, WELL, project=project)
    assert inbox.messages == []
    notify.notify(flow, HELD, WELL, project=project)
    assert len(inbox.messages) == 1


def test_a_message_says_what_happened_in_counts_and_what_to_type(project, inbox):
    run = a_run(
        "held",
        6,
        stage="guard",
        message="held: 1,000 students would be removed, the limit is 5%",
        counts={"students": Counts(read=9000, written=8000)},
        changes={"students": (1, 2, 1000)},
    )
    notify.notify(a_flow(alerts()), run, WELL, project=project)
    body = inbox.messages[0]["message"]
    assert "students: 8,000 rows, 1 added, 2 changed, 1,000 removed" in body
    assert "etlrunner approve lakeside-isd-2027-03-01-1" in body
    assert "Outcome: held (exit code 6), in stage guard" in body


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 7, 9])
def test_every_exit_code_that_is_told_says_what_to_do(code):
    body = notify.body_of(a_run("failed", code))
    assert body.splitlines()[-2] == ""


def test_a_target_that_fails_is_returned_without_its_address(project, inbox, caplog):
    inbox.status = 500
    with caplog.at_level(logging.DEBUG):
        troubles = notify.notify(a_flow(alerts()), FAILED, WELL, project=project)
    assert troubles == ["env:ALERTS was not told (failed): the other side did not take it"]
    ours = [each.getMessage() for each in caplog.records if each.name.startswith("apprise")]
    assert ours == []
    assert "canary" not in " ".join(troubles)


def test_a_dead_target_leaves_the_others_alone(project, inbox, monkeypatch):
    monkeypatch.setenv("DEAD", "json://127.0.0.1:1/canary")
    flow = a_flow(alerts("DEAD"), alerts("MISSING"), alerts())
    troubles = notify.notify(flow, FAILED, WELL, project=project)
    assert len(troubles) == 2
    assert "MISSING" in troubles[1]
    assert len(inbox.messages) == 1


def test_everybody_can_be_sent_a_test_message(project, inbox, monkeypatch):
    monkeypatch.setenv("DEAD", "json://127.0.0.1:1/canary")
    told = notify.try_out(a_flow(alerts(), alerts("DEAD")), project=project)
    assert told == [("env:ALERTS", ""), ("env:DEAD", "the other side did not take it")]
    [message] = inbox.messages
    assert "Nothing has happened" in message["message"]
    assert notify.try_out(a_flow(), project=project) == []


def test_an_address_that_is_none_is_said_without_showing_it():
    said = messenger.send(Secret("canary"), "title", "body")
    assert said == "its address is not one that apprise understands"


def test_an_inbox_that_never_answers_does_not_stop_the_run(inbox):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"json://127.0.0.1:{silent.getsockname()[1]}/?rto=60&cto=60"
        assert messenger.send(Secret(url), "t", "b", seconds=0.3) == "no answer within 0.3 s"


def test_addresses_of_etlrunner_yaml_hold_for_all_flows(project, inbox):
    (project.root / "etlrunner.yaml").write_text(
        "version: 1\nnotify:\n  - url: {env: ALERTS}\n    on: [failed]\n"
    )
    assert notify.notify(a_flow(), FAILED, WELL, project=project) == []
    assert len(inbox.messages) == 1
    notify.notify(a_flow(alerts()), FAILED, WELL, project=project)
    assert len(inbox.messages) == 2
