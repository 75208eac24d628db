"""A few of many, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence


def listed(words: Sequence[str], most: int = 10) -> str:
    """At most so many, with commas, and how many more there are."""
    shown = ", ".join(words[:most])
    return shown if len(words) <= most else f"{shown} and {len(words) - most} more"
