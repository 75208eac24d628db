"""A pull that broke off leaves its complete tables to the next one, for a short while."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from etlrunner.lib import files, schema, unfinished
from etlrunner.model.tables import RawTable
from etlrunner.run import Result
from etlrunner.sources import rest
from tests.support.http_fault import JSON, FaultServer
from tests.support.lakeside import NOW, Lakeside, clean_server

SMALL = ("academicSessions", "courses", "classes", "users")


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with clean_server() as running:
        yield running


@pytest.fixture
def lakeside(
    server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Lakeside]:
    # one table after the other, so that it is certain which ones are complete
    monkeypatch.setattr(rest.RestConnection, "tables_at_once", 1)
    made = Lakeside(tmp_path / "project", server, resume="15m")
    yield made
    made.close()


def broken(lakeside: Lakeside, **sets: Any) -> Result:
    """A run whose enrollments cannot be had, after everything else could."""
    lakeside.keeps_rows = True
    lakeside.server.requests.clear()
    lakeside.server.scripts["/enrollments"] = [(503, JSON, b"")] * 6
    result = lakeside.run(concurrency=1, **sets)
    assert result.exit_code == 3
    return result


def asked(server: FaultServer) -> set[str]:
    return {each.path.rpartition("/")[2] for each in server.requests} - {"token", "orgs"}


def test_complete_tables_are_not_fetched_again(lakeside: Lakeside, server: FaultServer) -> None:
    first = broken(lakeside)
    assert (first.folder / "raw" / "users.parquet").is_file()
    lakeside.clock.move(120)
    server.requests.clear()
    again = lakeside.run(concurrency=1)
    assert again.exit_code == 0, again.record.message
    assert asked(server) == {"enrollments"}
    assert again.record.raw_rows == server.counts()
    assert list((first.folder / "raw").iterdir()) == []


def test_they_are_fetched_again_when_they_are_old(lakeside: Lakeside, server: FaultServer) -> None:
    first = broken(lakeside)
    lakeside.clock.move(timedelta(minutes=16))
    broken(lakeside)
    assert asked(server) == {*SMALL, "enrollments"}
    assert list((first.folder / "raw").iterdir()) == []


def test_their_age_counts_from_when_they_came_however_often_they_are_handed_on(
    lakeside: Lakeside, server: FaultServer
) -> None:
    broken(lakeside)
    lakeside.clock.move(timedelta(minutes=8))
    broken(lakeside)
    assert asked(server) == {"enrollments"}
    lakeside.clock.move(timedelta(minutes=8))
    broken(lakeside)
    assert asked(server) == {*SMALL, "enrollments"}


@pytest.mark.parametrize("change", ["configuration", "damage", "never", "next day", "another end"])
def test_they_are_fetched_again_when_anything_is_different(
    lakeside: Lakeside, server: FaultServer, change: str
) -> None:
    first = broken(lakeside, **({"resume": "0s"} if change == "never" else {}))
    wanted = {*SMALL, "enrollments"}
    if change == "configuration":
        lakeside.path.write_text(lakeside.path.read_text() + "description: another\n")
    if change == "damage":
        path = first.folder / "raw" / "users.parquet"
        path.write_bytes(path.read_bytes()[:-9] + b"different")
        wanted = {"users", "enrollments"}
    if change == "next day":
        lakeside.clock.move(timedelta(hours=15, minutes=58))
    if change == "another end":
        server.scripts["/orgs"] = [(403, JSON, b"")] * 2
        assert lakeside.run().exit_code == 4
    broken(lakeside, **({"resume": "0s"} if change == "never" else {}))
    assert asked(server) == wanted


def test_a_refusal_keeps_nothing(lakeside: Lakeside, server: FaultServer) -> None:
    server.forbidden = ("enrollments",)
    result = lakeside.run(concurrency=1)
    assert result.exit_code == 4
    assert list(result.folder.rglob("*.parquet")) == []


def test_a_table_that_a_plan_took_meanwhile_is_pulled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files.private_folder(tmp_path / "before")
    (before / "orgs.parquet").write_bytes(b"whole")
    unfinished.leave(before, [RawTable("orgs", before / "orgs.parquet", 1, 1)], {"orgs": NOW})
    intact = unfinished._is_intact

    def taken(path: Path, sha256: str) -> bool:
        found = intact(path, sha256)
        path.unlink()
        return found

    monkeypatch.setattr(unfinished, "_is_intact", taken)
    raw, window = tmp_path / "raw", timedelta(minutes=15)
    assert unfinished.take(before, raw, ["orgs"], NOW, window) == {}


@pytest.mark.parametrize(
    ("written", "is_taken"),
    [
        ("0s", True), ("0d", True), ("90s", True), ("15m", True), ("59m59s", True), ("1h", True),
        ("3600s", True), ("3601s", False), ("61m", False), ("1h1s", False), ("2h", False),
        ("1d", False), ("15", False),
    ],
)  # fmt: skip
def test_an_hour_is_the_most_that_a_flow_may_ask_for(written: str, is_taken: bool) -> None:
    for source in ("skyward", "oneroster", "rest"):
        pattern = schema.load(f"sources/{source}")["properties"]["resume"]["pattern"]
        assert bool(re.search(pattern, written)) is is_taken
