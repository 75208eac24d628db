"""What the target last got: the other side of every comparison.

    delivered/current            the name of the version that counts; replaced in one step
    delivered/<version>/         one Parquet file per table, and manifest.json with their hashes;
                                 assigned.parquet: the numbered values, where the mapping gives some

A version is complete and on the disk before `current` names it, and the one before goes only afterwards:
a kill or a power cut at any moment leaves the old delivery or the new one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etlrunner.errors import LocalTrouble
from etlrunner.lib import files

POINTER = "current"
MANIFEST = "manifest.json"
ASSIGNED = "assigned"
_PIECE = 1 << 20


@dataclass(frozen=True)
class Delivered:
    """The last delivery of a flow."""

    run_id: str
    content_hash: str
    scope: Mapping[str, Any]
    tables: Mapping[str, Path]
    rows: Mapping[str, int]
    """Rows per table, where whoever promoted knew."""
    trail: Sequence[Mapping[str, Any]] = ()
    """The figures of the last deliveries, this one last (`figures.as_data`)."""
    marks: Sequence[Mapping[str, Any]] = ()
    """The sizes of one delivery in each month of the last year (`figures.marked`)."""


def read(folder: Path) -> Delivered | None:
    """The last delivery, every byte checked against its manifest; None when there was none yet.

    Without a pointer there was none: the next run is then a first delivery, which waits for approval.
    """
    pointer = folder / POINTER
    if not os.path.lexists(pointer):
        return None
    with _readable(folder):
        version = folder / _version_name(folder, pointer.read_text(encoding="utf-8").strip())
        manifest = json.loads((version / MANIFEST).read_text(encoding="utf-8"))
        tables = {name: version / f"{name}.parquet" for name in manifest["files"]}
        for name, path in tables.items():
            if _fingerprint(path) != manifest["files"][name]:
                raise _damaged(folder, f"{path.name} is not what was delivered")
        return Delivered(
            manifest["run_id"],
            manifest["content_hash"],
            manifest["scope"],
            {name: path for name, path in tables.items() if name != ASSIGNED},
            manifest["rows"],
            tuple(manifest["trail"]),
            tuple(manifest.get("marks", ())),
        )


def assigned(folder: Path) -> Path | None:
    """The memory of numbered values alone, checked like the rest; None where there is none."""
    pointer = folder / POINTER
    if not os.path.lexists(pointer):
        return None
    with _readable(folder):
        version = folder / _version_name(folder, pointer.read_text(encoding="utf-8").strip())
        wanted = json.loads((version / MANIFEST).read_text(encoding="utf-8"))["files"]
        path = version / f"{ASSIGNED}.parquet"
        if ASSIGNED not in wanted:
            return None
        if _fingerprint(path) != wanted[ASSIGNED]:
            raise _damaged(folder, f"{path.name} is not what was delivered")
    return path


def promote(
    folder: Path,
    run_id: str,
    finished: Mapping[str, Path],
    content_hash: str,
    scope: Mapping[str, Any],
    rows: Mapping[str, int] | None = None,
    trail: Sequence[Mapping[str, Any]] = (),
    memory: Path | None = None,
    marks: Sequence[Mapping[str, Any]] = (),
) -> Delivered:
    """Make these finished tables the last delivery; the one before is removed afterwards."""
    files.private_folder(folder)
    version = folder / f"{run_id}.{uuid.uuid4().hex[:8]}"
    try:
        with files.trouble(folder):
            version.mkdir(mode=files.PRIVATE_FOLDER)
            tables = {name: _copy(path, version) for name, path in finished.items()}
            kept = dict(tables)
            if memory is not None:
                kept[ASSIGNED] = _copy(memory, version)
            manifest = {
                "run_id": run_id,
                "content_hash": content_hash,
                "scope": scope,
                "rows": rows or {},
                "trail": list(trail),
                "marks": list(marks),
                "files": {name: _fingerprint(path) for name, path in kept.items()},
            }
            files.write_private(version / MANIFEST, json.dumps(manifest, indent=2))
            files.flush(folder)
        files.write_private(folder / POINTER, version.name + "\n")
    except BaseException:
        if not _counts(folder, version):
            _remove(version)
        raise
    _remove_others(folder, version)
    return Delivered(run_id, content_hash, scope, tables, rows or {}, tuple(trail), tuple(marks))


def tidy(folder: Path) -> None:
    """Remove what promotions that were cut off left beside the version that counts."""
    pointer = folder / POINTER
    if not os.path.lexists(pointer):
        return  # nothing counts yet; the first promotion tidies up
    with _readable(folder):
        name = _version_name(folder, pointer.read_text(encoding="utf-8").strip())
        _remove_others(folder, folder / name)


def _copy(path: Path, version: Path) -> Path:
    """A copy of its own, not a link: the run's folder may be pruned, or written to."""
    target = version / f"{path.stem}.parquet"
    with files.placing(target) as beside, open(path, "rb") as source, open(beside, "wb") as handle:
        shutil.copyfileobj(source, handle, _PIECE)
    return target


def _fingerprint(path: Path) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    with open(path, "rb") as handle:
        while piece := handle.read(_PIECE):
            digest.update(piece)
            size += len(piece)
    return {"sha256": digest.hexdigest(), "size": size}


def _version_name(folder: Path, text: str) -> str:
    if not text or text.startswith(".") or "/" in text or "\\" in text:
        raise _damaged(folder, f"{POINTER} names no version")
    return text


def _counts(folder: Path, version: Path) -> bool:
    """Whether the pointer names a version already: the last flush may fail after the replacement."""
    with contextlib.suppress(OSError):
        return (folder / POINTER).read_text(encoding="utf-8").strip() == version.name
    return False


def _remove_others(folder: Path, version: Path) -> None:
    """Older versions, and what an earlier promotion left when it was cut off."""
    for other in folder.iterdir():
        if other != version and other.is_dir() and not other.is_symlink():
            _remove(other)


def _remove(version: Path) -> None:
    with contextlib.suppress(OSError):  # a left-over costs room, nothing else
        shutil.rmtree(version)


@contextlib.contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _damaged(folder, error.strerror or type(error).__name__) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(folder, "its manifest cannot be read") from error


def _damaged(folder: Path, why: str) -> LocalTrouble:
    return LocalTrouble(
        f"the last delivery in {folder} is damaged: {why}",
        hint="bring the folder back from a copy; or move it aside, and the next run is a first delivery"
        " that waits for approval",
    )
