"""A server on loopback, and a flow's source options for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from etlrunner.extract import extract
from etlrunner.lib.clock import SystemClock
from etlrunner.model.secrets import Secret
from etlrunner.model.surroundings import SilentProgress
from etlrunner.sources import rest
from tests.support import rosters
from tests.support.clock import SimulatedClock
from tests.support.http_fault import FaultServer


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer(tables=rosters.v11()) as running:
        yield running


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(datetime(2027, 3, 1, 8, 0, tzinfo=UTC))


@pytest.fixture
def options(server: FaultServer) -> dict[str, Any]:
    return {
        "type": "skyward", "variant": "sms-2.0", "domain": server.domain, "allow_http": True,
        "key": Secret(server.key), "secret": Secret(server.secret),
    }  # fmt: skip


Pull = Callable[..., Any]


@pytest.fixture
def pull(options: dict[str, Any], tmp_path: Path) -> Pull:
    """Pull tables into tmp_path/raw; keyword arguments change the options."""

    def run(*tables: str, clock: Any = None, verify: str = "auto", **more: Any) -> Any:
        clock, progress = clock or SystemClock(), SilentProgress()
        changed = {**options, **more}
        with rest.connect(changed, clock=clock, progress=progress) as connection:
            return extract(
                connection, tables, tmp_path, clock=clock, progress=progress, verify=verify
            )

    return run
