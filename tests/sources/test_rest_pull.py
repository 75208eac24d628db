"""A whole roster over REST, from a server on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etlrunner import roster
from etlrunner.extract import extract
from etlrunner.lib.clock import SystemClock
from etlrunner.model import Secret, SilentProgress
from etlrunner.sources import rest
from tests.support import rosters
from tests.support.http_fault import FaultServer

TABLES = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments")


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer(tables=rosters.v11()) as running:
        yield running


def options(server: FaultServer, **more: Any) -> dict[str, Any]:
    return {
        "type": "skyward", "variant": "sms-2.0", "domain": server.domain, "allow_http": True,
        "key": Secret(server.key), "secret": Secret(server.secret), **more,
    }  # fmt: skip


def pull(options: dict[str, Any], folder: Path, tables: tuple[str, ...] = TABLES) -> Any:
    clock, progress = SystemClock(), SilentProgress()
    with rest.connect(options, clock=clock, progress=progress) as connection:
        return extract(connection, tables, folder, clock=clock, progress=progress)


def test_every_table_arrives_with_the_models_columns(server: FaultServer, tmp_path: Path) -> None:
    raw = pull(options(server), tmp_path)
    assert {name: table.rows for name, table in raw.items()} == {
        name: len(server.tables[name]) for name in TABLES
    }
    for name in TABLES:
        frame = pl.read_parquet(tmp_path / "raw" / f"{name}.parquet")
        assert frame.columns == ["_row", *roster.TABLES[name]]
        assert frame["_row"].to_list() == list(range(len(frame)))
