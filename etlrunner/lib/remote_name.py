"""The names that a delivered file may have on the far side."""

from __future__ import annotations

import re

from etlrunner.errors import UsageError

_ALLOWED = re.compile(r"[A-Za-z0-9._-]{1,100}\Z")


def checked(name: str) -> str:
    """The name itself, when it is safe in any folder of any server."""
    if not _ALLOWED.match(name) or not name.strip("."):
        raise UsageError(
            "a delivered file's name may hold letters A to Z, digits, '.', '_' and '-', at most 100 of them"
        )
    return name
