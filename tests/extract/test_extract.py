"""Tables side by side: each complete, or the run ends and nothing is left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import petl
import polars as pl
import pytest

from etlrunner import extract as extract_module
from etlrunner import roster
from etlrunner.errors import Incomplete, Refused, Unreachable
from etlrunner.extract import extract
from etlrunner.lib.clock import SystemClock
from etlrunner.lib.paging import Moved
from etlrunner.model.surroundings import SilentProgress
from etlrunner.table import BatchTable, schema_of

SCHEMA = schema_of(roster.TABLES["orgs"])


def frame(*ids: str) -> pl.DataFrame:
    empty = {name: [""] * len(ids) for name in SCHEMA}
    return pl.DataFrame({**empty, "sourcedId": list(ids)}, schema=SCHEMA)


class Source:
    """A connection whose tables come from functions."""

    def __init__(self, **tables: Callable[[], Iterator[pl.DataFrame]]) -> None:
        self.tables = tables
        self.aborted = threading.Event()
        self.reads: list[str] = []

    def read(self, table: str) -> Any:
        self.reads.append(table)
        return BatchTable(SCHEMA, self.tables[table]())

    def probe(self) -> dict[str, int]:
        return {}

    def abort(self, why: str) -> None:
        self.aborted.set()


def run(source: Any, folder: Path, *tables: str, **more: Any) -> Any:
    return extract(source, tables, folder, clock=SystemClock(), progress=SilentProgress(), **more)


def files(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.rglob("*") if each.is_file())


def good() -> Iterator[pl.DataFrame]:
    yield frame("a", "b")
    yield frame("c")


def failing(error: Exception) -> Callable[[], Iterator[pl.DataFrame]]:
    def pages() -> Iterator[pl.DataFrame]:
        yield frame("a")
        raise error

    return pages


def test_each_table_is_frozen_with_its_counts(tmp_path: Path) -> None:
    raw = run(Source(orgs=good, users=good), tmp_path, "orgs", "users")
    assert list(raw) == ["orgs", "users"]
    assert {name: table.rows for name, table in raw.items()} == {"orgs": 3, "users": 3}
    assert pl.read_parquet(raw["orgs"].path)["sourcedId"].to_list() == ["a", "b", "c"]
    assert raw["orgs"].path == tmp_path / "raw" / "orgs.parquet"
    assert raw["orgs"].path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("error", [Refused("no"), Incomplete("half"), Unreachable("gone")])
def test_the_sources_own_error_ends_the_run_and_leaves_no_file(
    tmp_path: Path, error: Exception
) -> None:
    source = Source(orgs=good, users=failing(error))
    with pytest.raises(type(error)) as caught:
        run(source, tmp_path, "orgs", "users", concurrency=1)
    assert caught.value is error
    assert source.aborted.is_set()
    assert files(tmp_path) == []


def test_a_mistake_of_ours_is_not_hidden_behind_another(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        run(Source(orgs=failing(ZeroDivisionError())), tmp_path, "orgs")


def test_tables_travel_side_by_side(tmp_path: Path) -> None:
    meeting = threading.Barrier(2, timeout=20)

    def pages() -> Iterator[pl.DataFrame]:
        meeting.wait()
        yield frame("a")

    raw = run(Source(orgs=pages, users=pages), tmp_path, "orgs", "users", concurrency=2)
    assert len(raw) == 2


def test_the_deadline_ends_a_pull_that_hangs(tmp_path: Path) -> None:
    source = Source()

    def pages() -> Iterator[pl.DataFrame]:
        yield frame("a")
        source.aborted.wait(20)
        raise Unreachable("aborted")

    source.tables = {"orgs": pages}
    began = time.monotonic()
    with pytest.raises(Unreachable, match="deadline"):
        run(source, tmp_path, "orgs", deadline=timedelta(seconds=0.1))
    assert time.monotonic() - began < 15
    assert files(tmp_path) == []


def test_a_table_that_moved_is_read_again_a_few_times(tmp_path: Path) -> None:
    attempts: list[int] = []

    def pages() -> Iterator[pl.DataFrame]:
        attempts.append(1)
        yield frame("a")
        if len(attempts) == 1:
            raise Moved("moved")

    assert run(Source(orgs=pages), tmp_path, "orgs")["orgs"].rows == 1
    source = Source(orgs=failing(Moved("moved")))
    with pytest.raises(Incomplete):
        run(source, tmp_path, "orgs")
    assert source.reads == ["orgs"] * 4


def test_any_petl_table_can_be_a_source(tmp_path: Path) -> None:
    class Rows(Source):
        def read(self, table: str) -> Any:
            empty = [""] * (len(roster.TABLES["orgs"]) - 1)
            return petl.wrap([roster.TABLES["orgs"], ["a", *empty], ["b", *empty]])

    assert run(Rows(), tmp_path, "orgs")["orgs"].rows == 2


def test_nothing_is_pulled_for_no_tables(tmp_path: Path) -> None:
    assert run(Source(), tmp_path) == {}


@pytest.mark.parametrize("at_once", [1, 3, 7, 500])
def test_ids_are_counted_in_parts_as_they_are_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(extract_module, "AT_ONCE", at_once)
    ids = [f"id{number % 41}" for number in range(60)]
    pl.DataFrame({"sourcedId": ids}).write_parquet(tmp_path / "ids.parquet")
    scan = pl.scan_parquet(tmp_path / "ids.parquet")
    assert extract_module._distinct(scan, len(ids)) == 41
