"""A value against a limit, and how both are said."""

from __future__ import annotations

from fractions import Fraction

from etlrunner.model.safeguards import Limit


def is_over(value: int, limit: Limit, whole: int, small_change: int) -> bool:
    """Exactly at the limit is within it. A share says nothing about a handful of rows."""
    if limit.count is not None:
        return value > limit.count
    if value < small_change:
        return False
    share = Fraction(limit.share or 0).limit_denominator(1_000_000)
    return value > share * whole


def share(value: int, whole: int, limit: Limit) -> str:
    """The value in the limit's own unit."""
    if limit.count is not None or not whole:
        return str(value)
    return f"{100 * value / whole:.4g}%"


def where(school: str) -> tuple[str, str]:
    """Of a school as it is said everywhere, and which one it is, for whoever may see ids."""
    return ("in one school", f"school {school}") if school else ("in rows of no known school", "")
