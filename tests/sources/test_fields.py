"""Only the wanted fields are asked for, where the server is seen to send them all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from etlrunner.extract import extract
from etlrunner.model.secrets import Secret
from etlrunner.model.surroundings import SilentProgress
from etlrunner.sources import rest
from tests.support import rosters
from tests.support.clock import SimulatedClock
from tests.support.http_fault import FaultServer

WANTED = ("sourcedId", "givenName", "email", "grades")


@pytest.fixture(autouse=True)
def _many(server: FaultServer) -> None:
    server.token_path = "/oauth/token"
    server.tables["users"] = rosters.pupils(85)


def pulled(server: FaultServer, clock: SimulatedClock, folder: Path, **more: Any) -> list[str]:
    """The addresses that arrived."""
    import polars as pl

    options = {
        "type": "oneroster", "oneroster": "1.1", "domain": server.domain, "allow_http": True,
        "key": Secret(server.key), "secret": Secret(server.secret), "page_size": 4, **more,
    }  # fmt: skip
    with rest.connect(options, clock=clock, progress=SilentProgress()) as connection:
        raw = extract(
            connection, ["users"], folder, clock=clock, progress=SilentProgress(),
            columns={"users": WANTED},
        )  # fmt: skip
    frame = pl.read_parquet(raw["users"].path)
    assert frame.columns == ["_row", *WANTED]
    return frame["email"].to_list()


def lean(server: FaultServer) -> int:
    return sum(1 for each in server.asked("/users") if "fields" in each.query)


def test_a_server_that_honours_fields_sends_only_those(
    server: FaultServer, clock: SimulatedClock, tmp_path: Path
) -> None:
    server.fields = "honoured"
    assert pulled(server, clock, tmp_path) == [each["email"] for each in server.tables["users"]]
    assert lean(server) == len(server.asked("/users")) - 1
    assert server.asked("/users")[-1].query["fields"] == "sourcedId,givenName,email,grades"


@pytest.mark.parametrize("fields", ["refused", "broken", "email", "grades"])
def test_a_server_that_does_not_is_asked_once_and_then_for_whole_records(
    server: FaultServer, clock: SimulatedClock, tmp_path: Path, fields: str
) -> None:
    server.fields = fields
    assert pulled(server, clock, tmp_path) == [each["email"] for each in server.tables["users"]]
    assert lean(server) <= 3
    assert "fields" not in server.asked("/users")[-1].query


def test_a_column_that_nobody_has_yet_may_be_one_that_is_left_out(
    server: FaultServer, clock: SimulatedClock, tmp_path: Path
) -> None:
    server.fields = "email"
    for user in server.tables["users"][:10]:
        del user["email"]
    came = pulled(server, clock, tmp_path)
    assert came == [each.get("email", "") for each in server.tables["users"]]
    assert lean(server) == 0


def test_small_tables_and_skyward_are_not_asked(
    server: FaultServer, clock: SimulatedClock, tmp_path: Path
) -> None:
    server.fields = "honoured"
    pulled(server, clock, tmp_path, page_size=50)
    server.token_path = "/token"
    pulled(server, clock, tmp_path, type="skyward", variant="sms-2.0")
    assert lean(server) == 0
