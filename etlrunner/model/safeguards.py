"""What a flow says must not change by itself: limits, grace, and seasons with other limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

from etlrunner.model.problems import Place


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so much may change: a count of rows, or a share (0.05) of the last delivery."""

    count: int | None = None
    share: float | None = None

    def __str__(self) -> str:
        if self.count is not None:
            return str(self.count)
        return f"{(self.share or 0) * 100:g}%"


@dataclass(frozen=True, slots=True)
class TableSafeguards:
    """What one delivery may change in one table; None means no limit."""

    max_removed: Limit | None = None
    max_removed_per_school: Limit | None = None
    max_shrunk: Limit | None = None
    """Below what was usual in the last deliveries, in the table and in each school: a slow loss."""
    max_shrunk_in_a_year: Limit | None = None
    """Below the most that it had at any of the marks of a year: a loss too slow for the last deliveries."""
    max_shrunk_in_a_year_per_school: Limit | None = None
    max_added: Limit | None = None
    max_added_per_school: Limit | None = None
    max_changed: Limit | None = None
    max_moved_per_school: Limit | None = None
    """Rows of one school that are at another one now: nobody is gone, and the school is empty."""
    max_emptied: Limit | None = None
    max_renamed: Limit | None = None
    max_rejected: Limit | None = None
    max_repaired: Limit | None = None
    max_rekeyed: Limit | None = None
    max_swapped: Limit | None = None
    max_replaced: Limit | None = None
    max_role_changed: Limit | None = None
    max_retaught: Limit | None = None


@dataclass(frozen=True, slots=True)
class Safeguards:
    tables: Mapping[str, TableSafeguards] = field(default_factory=dict)
    small_change: int = 10
    expect: Mapping[str, int] = field(default_factory=dict)
    """Minimum rows per table that let a first delivery pass without approval."""
    approve_within: timedelta = timedelta(days=7)
    """How long a held run may be approved."""
    stale_after: int | None = 7
    """Weekdays without any change after which a run warns; None for never."""


@dataclass(frozen=True, slots=True)
class Grace:
    """How long the last known row of somebody who is gone is still sent: both must have passed."""

    runs: int
    days: int


@dataclass(frozen=True, slots=True)
class Season:
    """Days, both included, on which other rules hold; afterwards they are what they were."""

    name: str
    first: date
    last: date
    mode: Literal["normal", "additive", "paused"] = "normal"
    safeguards: Safeguards = Safeguards()
    """The flow's own with what the season changes."""
    place: Place | None = None
