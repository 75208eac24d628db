"""Which commit a project folder is at; a project without git is fine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

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


def _ask(root: Path, *question: str) -> str | None:
    """What git answers; None when it cannot, or is not there."""
    try:
        answer = subprocess.run(  # noqa: S603
            ["git", *_QUIET, "-C", str(root), *question],  # noqa: S607
            capture_output=True,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            timeout=20,
            check=True,
            text=True,
            errors="replace",
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
