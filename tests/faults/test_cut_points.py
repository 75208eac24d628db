"""Each page cut at each of many bytes, by reset, close and silence: whole and equal, or nothing.

The sample runs always; every page at forty bytes in three ways is `slow`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from etlrunner.errors import Unreachable
from tests.support import sweeps
from tests.support.http_fault import Answer, FaultServer, Request, Wire, raw, reset, stall
from tests.support.lakeside import Lakeside, clean_server
from tests.support.pulls import TABLES, pull

CUTS = 40
SHORT = timedelta(seconds=0.25)
"""How long a silence is borne."""
Case = tuple[str, str, float, str]
"""Table and offset of a page, at which share of its bytes it is cut, and how."""
Frames = dict[str, pl.DataFrame]


def close(sent: bytes) -> bytes:
    return sent


WAYS = {"reset": reset, "close": close, "silence": stall}


class Cutter:
    """Cuts one page of one table, once or each time that it is asked for."""

    def __init__(self, table: str, offset: str, way: str, share: float, once: bool) -> None:
        self.table, self.offset, self.way, self.share, self.once = table, offset, way, share, once
        self.done = 0

    def __call__(self, request: Request, page: Answer) -> bytes | Answer | Wire:
        here = request.path.endswith("/" + self.table)
        if not here or request.query["offset"] != self.offset or (self.once and self.done):
            return page
        if request.query["limit"] == "1":  # the look whether there is a roster at all
            return page
        self.done += 1
        whole = raw(*page)
        return WAYS[self.way](whole[: int(self.share * len(whole))])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Frames:
    with clean_server() as server:
        lakeside = Lakeside(tmp_path_factory.mktemp("whole") / "project", server)
        frames = pull(lakeside, tmp_path_factory.mktemp("frames"))
        lakeside.close()
    return frames


def pages(server: FaultServer) -> Iterator[tuple[str, str]]:
    """Table and offset of every page of a pull."""
    for table in TABLES:
        count, offset = len(server.tables[table]), 0
        while True:
            yield table, str(offset)
            if offset + 4 >= count:
                break
            offset += 3


def cases(server: FaultServer, cuts: int) -> list[Case]:
    """Every page, cut at so many places in each way."""
    return [
        (table, offset, cut / cuts, way)
        for table, offset in pages(server)
        for cut in range(cuts)
        for way in WAYS
    ]


def attempt(lakeside: Lakeside, folder: Path, cutter: Cutter) -> Frames | None:
    """What arrived, or None; then there is no file either."""
    lakeside.server.after_page = cutter
    lakeside.server.requests.clear()
    short = {"timeouts": {"read": SHORT}} if cutter.way == "silence" else {}
    try:
        return pull(lakeside, folder, cutter.table, concurrency=1, **short)
    except Unreachable:
        assert list(folder.rglob("*.parquet")) == []
        return None


def is_overcome(lakeside: Lakeside, folder: Path, whole: Frames, case: Case) -> None:
    table, offset, share, way = case
    cutter = Cutter(table, offset, way, share, once=True)
    came = attempt(lakeside, folder, cutter)
    assert cutter.done == 1, case
    assert came is not None, case
    assert came[table].equals(whole[table]), case


def test_a_page_cut_once_changes_nothing(
    lakeside: Lakeside, server: FaultServer, tmp_path: Path, whole: Frames
) -> None:
    for place, (table, offset) in enumerate(list(pages(server))[::6]):
        for way, share in zip(WAYS, (0.1 + place / 9, 0.5, place / 9), strict=True):
            is_overcome(lakeside, tmp_path, whole, (table, offset, share, way))


@pytest.mark.slow
def test_every_page_cut_once_at_forty_places_changes_nothing(
    lakeside: Lakeside, server: FaultServer, tmp_path: Path, whole: Frames
) -> None:
    going = sweeps.Sweep(
        "each page of a pull, cut once at 40 places by reset, close and silence",
        "the tables are equal to those of a clean pull",
    )
    for case in going.over(cases(server, CUTS)):
        is_overcome(lakeside, tmp_path, whole, case)
        going.ended["whole"] += 1


@pytest.mark.slow
def test_every_page_that_is_always_cut_leaves_nothing(
    lakeside: Lakeside, server: FaultServer, tmp_path: Path
) -> None:
    going = sweeps.Sweep(
        "each page of a pull, cut at 8 places however often it is asked for", "no file is left"
    )
    for table, offset, share, way in going.over(cases(server, 8)):
        cutter = Cutter(table, offset, way, share, once=False)
        assert attempt(lakeside, tmp_path, cutter) is None, (table, offset, share, way)
        going.ended["exit 3"] += 1


@pytest.mark.slow
def test_a_whole_run_with_any_page_cut_once_sends_what_a_clean_one_sends(
    server: FaultServer, tmp_path: Path, clean: bytes
) -> None:
    going = sweeps.Sweep(
        "whole runs, each page cut once at 4 places by reset, close and silence",
        "the archive is that of a clean run, byte for byte",
    )
    for number, (table, offset, share, way) in enumerate(going.over(cases(server, 4))):
        lakeside = Lakeside(tmp_path / str(number), server)
        server.after_page = Cutter(table, offset, way, share, once=True)
        result = lakeside.run(**({"timeouts.read": "1s"} if way == "silence" else {}))
        assert result.exit_code == 0, result.record.message
        assert lakeside.archive() == clean, (table, offset, share, way)
        lakeside.close()
        shutil.rmtree(lakeside.root)
        going.ended["exit 0"] += 1


@pytest.mark.parametrize("way", ["reset", "close"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_page_that_is_always_cut_leaves_nothing(
    lakeside: Lakeside, tmp_path: Path, way: str, share: float
) -> None:
    assert attempt(lakeside, tmp_path, Cutter("users", "3", way, share, once=False)) is None


@pytest.mark.parametrize("way", ["reset", "close"])
def test_a_whole_run_with_a_cut_in_every_page_sends_what_a_clean_one_sends(
    lakeside: Lakeside, server: FaultServer, clean: bytes, way: str
) -> None:
    seen: set[str] = set()

    def cut_each_once(request: Request, page: Answer) -> bytes | Answer | Wire:
        key = json.dumps([request.path, request.query], sort_keys=True)
        if key in seen:
            return page
        seen.add(key)
        sent = raw(*page)
        return WAYS[way](sent[: len(sent) * (len(seen) % 7) // 7])

    server.after_page = cut_each_once
    result = lakeside.run()
    if result.exit_code == 0:
        assert lakeside.archive() == clean
    else:  # more repeats than the budget allows, and then nothing was sent
        assert result.exit_code == 3
