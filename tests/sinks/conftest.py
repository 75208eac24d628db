from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from etlrunner import deliver
from etlrunner.lib.sftp_upload import unwatched
from etlrunner.model.delivery import Archive, Receipt
from etlrunner.model.surroundings import SilentProgress
from etlrunner.sinks import apple_school_manager
from tests.support import delivery
from tests.support.clock import SimulatedClock


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return delivery.archive(tmp_path)


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(datetime(2027, 3, 1, 8, tzinfo=UTC))


@pytest.fixture
def send(clock: SimulatedClock) -> Callable[..., Receipt]:
    """Deliver as a run does: `send(options, archive, sink=…)`."""

    def sending(
        options: Any, archive: Archive, sink: Any = apple_school_manager, **more: Any
    ) -> Receipt:
        more.setdefault("progress", SilentProgress())
        more.setdefault("reached", unwatched)
        return deliver.deliver(sink.connect, options, archive, "lakeside.zip", clock=clock, **more)

    return sending


@pytest.fixture(autouse=True)
def _no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a test does, nothing of paramiko's, and no secret, may reach a log."""
    caplog.set_level(logging.DEBUG)
    yield
    assert delivery.CANARY not in caplog.text
    assert "paramiko" not in {record.name.split(".")[0] for record in caplog.records}
