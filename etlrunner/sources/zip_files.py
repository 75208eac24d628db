"""Opens what a file source's `path` names: a folder, a zip, or with `watch` a folder into which zips arrive."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from etlrunner.errors import ConfigurationError, Unreachable
from etlrunner.lib import dropped, scratch, still
from etlrunner.model.components import Options
from etlrunner.model.problems import Problem
from etlrunner.model.surroundings import Clock


@dataclass(frozen=True, slots=True)
class Opened:
    """A folder with the files, and what is kept of the zip they came from (nothing: from none)."""

    folder: Path
    source_file: Mapping[str, str] = field(default_factory=dict)
    """`sha256`, `changed` and `older` (how many zips beside it): what the run's record keeps."""


@contextlib.contextmanager
def opened(
    options: Options,
    wanted: AbstractSet[str],
    *,
    rule: str,
    strangers: Mapping[str, str],
    clock: Clock,
) -> Iterator[Opened]:
    """The files of a folder or zip, ready to be examined; what was unpacked is gone with the block.

    The files of a folder have to stand still until the end of the block; a zip has its CRCs.
    """
    path, older = _path(options, clock)
    if path.is_dir():
        files = still.Files()
        for name in wanted:
            files.look(path / name)
        with files.watched():
            yield Opened(path)
        return
    with scratch.folder() as folder:
        try:
            with open(path, "rb") as handle:
                taken = {
                    "sha256": dropped.digest(handle),
                    "changed": _changed(handle.fileno(), clock),
                    **({"older": str(older)} if older else {}),
                }
                dropped.unpack(handle, path.name, folder, wanted, rule=rule, strangers=strangers)
        except OSError as error:
            raise Unreachable(f"{path} cannot be read: {error.strerror}") from None
        yield Opened(folder, taken)


def _path(options: Options, clock: Clock) -> tuple[Path, int]:
    """What is to be read, and how many older zips lie beside it in a watched folder."""
    path = Path(options["path"])
    if options.get("watch"):
        if path.is_file():
            message = (
                f"{path.name} is a file; with `watch` the folder is named into which zips arrive"
            )
            raise ConfigurationError([Problem("E205", message, path="source.path")], message)
        return dropped.newest_complete(path, clock.now())
    if not path.exists():
        raise Unreachable(f"{path} is not there: neither a folder nor a zip file")
    return path, 0


def _changed(handle: int, clock: Clock) -> str:
    """When an open file was changed last; a time in the future counts as now."""
    changed = min(os.fstat(handle).st_mtime, clock.now().timestamp())
    return datetime.fromtimestamp(changed, UTC).isoformat()
