"""What `leave_out` of a flow will do, in plain words: by id, with reason and owner, never by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from etlrunner.model.flow import LeftOut

ACCOUNTS = ("students", "staff")
"""Tables whose rows are accounts."""
ONE = {"courses": "course", "classes": "class"}


def told(leave_out: Mapping[str, Mapping[str, LeftOut]]) -> list[str]:
    """One line in all, then one for each record; nothing when nothing is left out."""
    return [*summary(leave_out), *_records(leave_out)]


def summary(leave_out: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """How many accounts, and how many classes and courses, in at most two sentences."""
    counts = {table: len(many) for table, many in leave_out.items() if many}
    people = sum(counts.get(table, 0) for table in ACCOUNTS)
    lines = []
    if people:
        kinds = [table for table in ACCOUNTS if table in counts]
        which = " and ".join(f"{counts[table]} {table}" for table in kinds)
        kind = f"{kinds[0].removesuffix('s')} " if len(kinds) == 1 else ""
        noun = "account" if people == 1 else "accounts"
        apart = f" ({which})" if len(kinds) > 1 else ""
        lines.append(f"leave_out: {people} {kind}{noun} will be deactivated{apart}")
    rest = [
        f"{count} {ONE[table] if count == 1 else table}"
        for table, count in counts.items()
        if table in ONE
    ]
    if rest:
        lines.append(f"leave_out: {' and '.join(rest)} will be gone from Apple School Manager")
    return lines


def _records(leave_out: Mapping[str, Mapping[str, LeftOut]]) -> Iterator[str]:
    for table, many in leave_out.items():
        for key, one in many.items():
            owner = (
                f", decided by {one.owner}" if one.owner else ", and nobody is named as its owner"
            )
            until = f", until {one.expires}" if one.expires else ", for ever"
            yield f"  {table} {key}: {one.reason}{owner}{until}"
