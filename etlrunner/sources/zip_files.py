"""Opens what a file source's `path` names: a folder, a zip, or with `watch` a folder into which zips arrive."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from etlrunner.errors import ConfigurationError, Unreachable
from etlrunner.lib import dropped
from etlrunner.model import Options, Problem


@dataclass(frozen=True, slots=True)
class Opened:
    """A folder with the files, and the digest of the zip they came from (empty: from none)."""

    folder: Path
    digest: str = ""


@contextlib.contextmanager
def opened(
    options: Options, wanted: AbstractSet[str], *, rule: str, strangers: Mapping[str, str]
) -> Iterator[Opened]:
    """The files of a folder or zip, ready to be examined; what was unpacked is gone with the block."""
    path = _path(options)
    if path.is_dir():
        yield Opened(path)
        return
    # private (0700)
    with tempfile.TemporaryDirectory(prefix="etlrunner-") as name:
        folder = Path(name)
        try:
            with open(path, "rb") as handle:
                digest = dropped.digest(handle)
                dropped.unpack(handle, path.name, folder, wanted, rule=rule, strangers=strangers)
        except OSError as error:
            raise Unreachable(f"{path} cannot be read: {error.strerror}") from None
        yield Opened(folder, digest)


def _path(options: Options) -> Path:
    path = Path(options["path"])
    if options.get("watch"):
        if path.is_file():
            message = (
                f"{path.name} is a file; with `watch` the folder is named into which zips arrive"
            )
            raise ConfigurationError([Problem("E205", message, path="source.path")], message)
        return dropped.newest_complete(path)
    if not path.exists():
        raise Unreachable(f"{path} is not there: neither a folder nor a zip file")
    return path
