"""One execution, as the history keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from etlrunner.model.delivery import Delivery, Receipt
from etlrunner.model.tables import Counts

IDENTIFIERS: Mapping[str, bool] = MappingProxyType({"identifiers": True})
"""Marks a field of `RunRecord` that holds identifiers: it lies with the run's rows, never in the history."""


@dataclass(frozen=True)
class RunRecord:
    """One execution as the history keeps it: counts, hashes and times, no names.

    `outcome`: running, delivered, unchanged, planned, held, approved, failed, interrupted,
    skipped, paused.
    """

    id: str
    flow: str
    trigger: str
    """manual, plan, schedule, catch-up, retry, watch, approve, resend, again, import."""
    started: datetime
    """UTC."""
    timezone: str = "UTC"
    scheduled_date: date | None = None
    ended: datetime | None = None
    stage: str = "load"
    """The last stage that began."""
    outcome: str = "running"
    exit_code: int | None = None
    message: str = ""
    config_hash: str = ""
    git_commit: str = ""
    raw_rows: Mapping[str, int] = field(default_factory=dict)
    raw_sha256: Mapping[str, str] = field(default_factory=dict)
    """Of the file of each raw table, so that a run from them has just what was pulled."""
    counts: Mapping[str, Counts] = field(default_factory=dict)
    findings: Mapping[str, int] = field(default_factory=dict)
    """Findings per rule."""
    repairs: Mapping[str, int] = field(default_factory=dict)
    touched: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Cells that rules emptied (`blank`) or cut: verdict -> rule -> cells."""
    changes: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    """Per table: added, changed, removed."""
    holds: tuple[str, ...] = ()
    held_by: tuple[str, ...] = ()
    """The safeguards that held it, one for each of `holds`."""
    sizes: Mapping[str, tuple[str, ...]] = field(default_factory=dict, metadata=IDENTIFIERS)
    """Those that it was held for, and that its approval makes the usual ones (`Hold.sizes`)."""
    held_at: tuple[str, ...] = field(default=(), metadata=IDENTIFIERS)
    """Which schools, one for each of `holds`; empty where a reason has none."""
    content_hash: str = ""
    archive_sha256: str = ""
    archive_size: int = 0
    assigned_sha256: str = ""
    """Of the memory of numbered values that goes with this archive; empty where there is none."""
    baseline: str = ""
    """The run whose delivery this one was compared with; empty for a first delivery."""
    kinds: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Per table: what the changes mean (rekeyed, swapped, replaced, role_changed, moved)."""
    counters: Mapping[str, int] = field(default_factory=dict)
    """Sanity counters over all schools."""
    held_over: Mapping[str, int] = field(default_factory=dict)
    """Rows per table that are no longer in the source and were sent once more."""
    season: str = ""
    scope: Mapping[str, Any] = field(default_factory=dict, metadata=IDENTIFIERS)
    """What `select` and `leave_out` took (etlrunner.scope), to notice a narrowed scope."""
    identifiers_sha256: str = ""
    """Of the file that holds those fields; empty where there is none."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Time per stage."""
    delivery: Delivery | None = None
    """Present from the moment before something is sent."""
    archive_of: str = ""
    """The run whose folder holds the archive that this one sent; empty for its own."""
    roster_of: str = ""
    """The run whose raw tables this one mapped again; empty for its own."""
    receipt: Receipt | None = None
    source_file: Mapping[str, str] = field(default_factory=dict)
    """Of a source that reads a zip: its `sha256`, and when it was `changed` (ISO, UTC)."""
    apple: Mapping[str, int] = field(default_factory=dict)
    """What Apple's activity log said of the rows: code -> rows (`etlrunner outcome`)."""
    approved_by: str = ""
    approved_because: str = ""
    """Who let it go, and why."""
    attempt: int = 1
