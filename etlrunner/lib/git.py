"""What git knows of a project folder: which commit it is at, and its files at any other; never a checkout."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path, PurePosixPath

from etlrunner.errors import UsageError
from etlrunner.lib import files

MOST_BYTES = 20_000_000
_QUIET = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")


def head(root: Path) -> str:
    """The commit, with `+dirty` when the project's files differ from it; empty when there is none."""
    commit = _ask(root, "rev-parse", "--verify", "--short=12", "HEAD")
    if not commit:
        return ""
    changed = _ask(root, "status", "--porcelain", "--", ".")
    return commit if changed == "" else f"{commit}+dirty"


def top(root: Path) -> Path | None:
    """The repository's top folder; None where there is none."""
    answer = _ask(root, "rev-parse", "--show-toplevel")
    return Path(answer).resolve() if answer else None


def way_to(root: Path) -> str:
    """The way from the repository's top to a project, as `part/`; empty at the top, or without one."""
    above = top(root)
    inside = root.relative_to(above).as_posix() if above else "."
    return "" if inside == "." else f"{inside}/"


def commit(root: Path, revision: str) -> str:
    """The commit that a revision names (`main`, `HEAD~2`, a tag, a hash).

    Raises UsageError when the folder is not in a repository, or the revision is unknown there.
    """
    if _ask(root, "rev-parse", "--git-dir") is None:
        raise UsageError(
            f"{root} is not in a git repository",
            hint="comparing needs the configuration's history: git init, git add, git commit",
        )
    found = _ask(
        root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
    )
    if not found:
        hint = "a branch, a tag, HEAD~1 or a commit; in CI fetch enough history (fetch-depth: 0)"
        raise UsageError(f"git knows no revision '{revision}' here", hint=hint)
    return found


def export(root: Path, commit: str, into: Path) -> None:
    """Write a project's files as they were at a commit into a private folder.

    Read from git's objects, so neither the index nor the work tree nor any attribute has a say. Hidden
    files, links, submodules and files of more than `MOST_BYTES` stay away: no configuration is such.
    """
    listing = _bytes(root, "ls-tree", "-r", "-z", "-l", commit)
    wanted = dict(_configuration(listing.decode("utf-8", "surrogateescape")))
    batch = "".join(f"{blob}\n" for blob in wanted.values()).encode()
    contents = _bytes(root, "cat-file", "--batch", given=batch)
    at = 0
    for name in wanted:
        end = contents.index(b"\n", at)
        size = int(contents[at:end].split()[-1])
        path = into / name
        files.private_folder(path.parent)
        with files.trouble(path):
            path.write_bytes(contents[end + 1 : end + 1 + size])
        at = end + size + 2


def _configuration(listing: str) -> list[tuple[str, str]]:
    """(name, blob) of the files to take; names count from the project's folder."""
    found = []
    for entry in filter(None, listing.split("\0")):
        facts, _, name = entry.partition("\t")
        mode, _, blob, size = facts.split()
        parts = PurePosixPath(name).parts
        is_plain = not name.startswith("/") and not any(part.startswith(".") for part in parts)
        if mode.startswith("100") and is_plain and int(size) <= MOST_BYTES:
            found.append((name, blob))
    return found


def _bytes(root: Path, *question: str, given: bytes | None = None) -> bytes:
    try:
        return _run(root, question, given)
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f"git {question[0]} failed ({type(error).__name__})") from error


def _ask(root: Path, *question: str) -> str | None:
    """What git answers; None when it cannot, or is not there."""
    try:
        return _run(root, question).decode("utf-8", "replace").strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _run(root: Path, question: tuple[str, ...], given: bytes | None = None) -> bytes:
    done = subprocess.run(  # noqa: S603
        ["git", *_QUIET, "-C", str(root), *question],  # noqa: S607
        capture_output=True,
        input=given,
        env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
        timeout=60,
        check=True,
    )
    return done.stdout
