"""Tables in memory are those on the disk: each is read once, and what is put in its place is read anew."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from etlrunner import table
from etlrunner.loaded import Loaded


def test_a_table_is_read_again_only_when_another_is_put_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, loaded, reads = tmp_path / "students.parquet", Loaded(), list[Path]()
    scan = table.scan
    monkeypatch.setattr(table, "scan", lambda path: (reads.append(path), scan(path))[1])

    def put(*ids: str) -> None:
        table.sink(pl.LazyFrame({"person_id": ids}), path)

    def seen() -> list[str]:
        return table.collect(loaded.frame(path))["person_id"].to_list()

    put("S-1", "S-2")
    assert seen() == seen() == ["S-1", "S-2"]
    assert len(reads) == 1
    put("S-1", "S-3")  # as many bytes as before
    assert seen() == seen() == ["S-1", "S-3"]
    assert len(reads) == 2
    loaded.let_go()
    assert seen() == ["S-1", "S-3"]
    assert len(reads) == 3
