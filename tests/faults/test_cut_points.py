"""Each page cut at each of many bytes, by reset, close and silence: whole and equal, or nothing.

The sample runs always; every page at forty bytes in three ways is `slow`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from etlrunner.errors import Unreachable
from tests.support.http_fault import Answer, FaultServer, Request, Wire, raw, reset, stall
from tests.support.lakeside import Lakeside, clean_server
from tests.support.pulls import TABLES, pull

CUTS = 40
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


def attempt(lakeside: Lakeside, folder: Path, cutter: Cutter) -> Frames | None:
    """What arrived, or None; then there is no file either."""
    lakeside.server.after_page = cutter
    lakeside.server.requests.clear()
    short = {"timeouts": {"read": timedelta(seconds=0.05)}} if cutter.way == "silence" else {}
    try:
        return pull(lakeside, folder, cutter.table, concurrency=1, **short)
    except Unreachable:
        assert list(folder.rglob("*.parquet")) == []
        return None


def sweep(lakeside: Lakeside, folder: Path, whole: Frames, cuts: int, step: int) -> None:
    """Every `step`-th page, cut at so many places in each way: overcome, whatever was cut."""
    for place, (table, offset) in enumerate(pages(lakeside.server)):
        if place % step:
            continue
        for cut in range(cuts):
            for way in WAYS:
                if way == "silence" and cut % 8:
                    continue  # each of them costs its time-out
                cutter = Cutter(table, offset, way, cut / cuts, once=True)
                came = attempt(lakeside, folder, cutter)
                assert cutter.done == 1, (table, offset)
                assert came is not None, (table, offset, cut, way)
                assert came[table].equals(whole[table]), (table, offset, cut, way)


def test_a_page_cut_once_changes_nothing(lakeside: Lakeside, tmp_path: Path, whole: Frames) -> None:
    sweep(lakeside, tmp_path, whole, cuts=4, step=6)


@pytest.mark.slow
def test_every_page_cut_once_at_forty_places_changes_nothing(
    lakeside: Lakeside, tmp_path: Path, whole: Frames
) -> None:
    sweep(lakeside, tmp_path, whole, cuts=CUTS, step=1)


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
