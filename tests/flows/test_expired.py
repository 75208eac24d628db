"""An expired `leave_out` at two in the morning: nothing is sent, and somebody is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from etlrunner import engine, notify
from etlrunner.model.flow import Flow
from etlrunner.run import Request
from tests.support.project import TestProject

EXTRA = """\
leave_out: {students: {'4711': {reason: opted out, owner: registrar, expires: 2027-02-28}}}
notify: [{url: {env: ALERTS}, on: [failed]}]
"""


def test_a_run_after_the_last_day_fails_sends_nothing_and_tells_the_flows_own_address(
    project: TestProject, monkeypatch: pytest.MonkeyPatch
):
    project.csv("north", Path("no-roster"), EXTRA)
    told: list[Flow | None] = []
    monkeypatch.setattr(notify, "notify", lambda flow, *_args, **_more: told.append(flow) or [])
    result = engine.run(project.project, "north", Request(), project.services)
    assert (result.exit_code, result.record.outcome) == (2, "failed")
    assert result.raw == {}
    assert list((project.root / "out").iterdir()) == []
    [flow] = told
    assert flow is not None
    assert len(flow.notify) == 1
