"""Forgetting in two steps: a run's rows after `keep_rows`, its counts after `keep`."""

from __future__ import annotations

import contextlib
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from etlrunner.history.store import History as Store
from etlrunner.model.flow import History

COUNTS_ONLY = frozenset({"run.json", "log.jsonl", "notify.txt"})
"""What stays of a run's folder until its row goes: no names, no identifiers."""


class Pruned(NamedTuple):
    """How many runs lost their rows, and how many were forgotten altogether."""

    rows: int
    runs: int


def prune(store: Store, flow: str, runs: Path, keeping: History, *, now: datetime) -> Pruned:
    """Prune the runs of a flow; `runs` is the folder that theirs lie in.

    The last delivery lies elsewhere and is never touched; a run that is under way is left alone.
    """
    forgotten = set(store.prune(flow, before=now - keeping.keep))
    emptied = 0
    for folder in sorted(runs.iterdir()) if runs.is_dir() else ():
        if folder.is_symlink() or not folder.is_dir():
            continue
        record = store.get(folder.name)
        began = record.started if record else _last_touched(folder)
        if record is not None and record.outcome == "running":
            continue
        if folder.name in forgotten or (record is None and began < now - keeping.keep_rows):
            _remove(folder)
        elif began < now - keeping.keep_rows:
            emptied += _remove_rows(folder)
    return Pruned(emptied, len(forgotten))


def _remove_rows(folder: Path) -> bool:
    """Take away what holds rows; the archive first, so that a half-pruned run is never sent."""
    found = [each for each in folder.iterdir() if each.name not in COUNTS_ONLY]
    for each in sorted(found, key=lambda path: path.name != "roster.zip"):
        _remove(each)
    return bool(found)


def _remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError, PermissionError):
        if path.is_dir() and not path.is_symlink():
            (path / "roster.zip").unlink(missing_ok=True)
            shutil.rmtree(path)
        else:
            path.unlink()


def _last_touched(folder: Path) -> datetime:
    return datetime.fromtimestamp(folder.stat().st_mtime, UTC)
