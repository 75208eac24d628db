"""The complete tables of a pull that was not finished: the next one may use them, for a short while.

A SIS that broke down in the fifth table need not send the first four again two minutes later. A table is
taken over only whole: with its count, as its bytes were when it was proven complete.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from etlrunner.lib import files
from etlrunner.model.tables import RawTable

NAME = "unfinished.json"
"""Which tables of the folder are complete, since when, and what their bytes were."""


def leave(raw: Path, tables: Iterable[RawTable], ended: Mapping[str, datetime]) -> None:
    """Note the complete tables of a pull that ends early."""
    notes = [
        {
            "name": table.name, "rows": table.rows, "pages": table.pages, "stated": table.stated,
            "duplicates": table.duplicates, "ended": ended[table.name].isoformat(),
            "sha256": files.sha256(table.path),
        }
        for table in tables
    ]  # fmt: skip
    if notes:
        files.write_private(raw / NAME, json.dumps(notes))


def take(
    before: Path, raw: Path, wanted: Collection[str], now: datetime, window: timedelta
) -> dict[str, RawTable]:
    """Move the tables that are not older than `window` from an unfinished pull into this one.

    What is too old, not wanted, or not what it was, is deleted: it will be pulled again.
    """
    taken: dict[str, RawTable] = {}
    for note in _notes(before):
        path = before / f"{note['name']}.parquet"
        age = now - datetime.fromisoformat(note["ended"])
        is_young = timedelta(0) <= age <= window
        if note["name"] in wanted and is_young and _is_intact(path, note["sha256"]):
            files.private_folder(raw)
            with contextlib.suppress(FileNotFoundError):  # a plan beside this run was quicker
                os.replace(path, raw / path.name)
                taken[note["name"]] = _table(note, raw / path.name)
        path.unlink(missing_ok=True)
    (before / NAME).unlink(missing_ok=True)
    return taken


def ends(before: Path) -> dict[str, datetime]:
    """When each table of an unfinished pull was complete."""
    return {note["name"]: datetime.fromisoformat(note["ended"]) for note in _notes(before)}


def _notes(before: Path) -> list[dict[str, Any]]:
    with contextlib.suppress(OSError, ValueError):
        notes: list[dict[str, Any]] = json.loads((before / NAME).read_bytes())
        return notes
    return []


def _is_intact(path: Path, sha256: str) -> bool:
    try:
        return path.is_file() and files.sha256(path) == sha256
    except OSError:
        return False


def _table(note: Mapping[str, Any], path: Path) -> RawTable:
    table = RawTable(note["name"], path, note["rows"], note["pages"], note["stated"])
    return replace(table, duplicates=note["duplicates"])
