"""What goes into a run and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from etlrunner.lib.clock import SystemClock
from etlrunner.loaded import Loaded
from etlrunner.model.changes import Changes, Figures, Hold
from etlrunner.model.delivery import Archive, Receipt
from etlrunner.model.problems import Finding
from etlrunner.model.run import RunRecord
from etlrunner.model.surroundings import Clock, Progress, SilentProgress
from etlrunner.model.tables import FinishedTable, RawTable, Repair

if TYPE_CHECKING:
    from etlrunner.compare import Comparison
    from etlrunner.history.delivered import Delivered
    from etlrunner.history.leases import Lease
    from etlrunner.history.store import History
    from etlrunner.holdover import HeldOver
    from etlrunner.plan import Plan


@dataclass(frozen=True)
class Request:
    """Why and how a flow is run. Without `deliver` the walk ends before anything could leave."""

    trigger: str = "manual"
    scheduled_date: date | None = None
    attempt: int = 1
    as_of: date | None = None
    deliver: bool = True
    sets: Mapping[str, str] = field(default_factory=dict)
    source_file: Mapping[str, str] = field(default_factory=dict)
    """The file that started it, as the record keeps it."""
    roster_of: str = ""
    """The run whose raw tables are mapped again; then no source is asked."""


@dataclass
class Services:
    """What a run uses of this machine."""

    history: History
    clock: Clock = field(default_factory=SystemClock)
    progress: Progress = field(default_factory=SilentProgress)


@dataclass(frozen=True)
class Unproven:
    """An upload that may have arrived, and that nothing proves."""

    record: RunRecord
    why_not: str = ""
    """Why the same bytes cannot be sent again; empty where the next run does that first."""


@dataclass
class Result:
    """All that a run made, filled stage by stage; `error` says why it ended early."""

    record: RunRecord
    folder: Path
    plan: Plan | None = None
    raw: Mapping[str, RawTable] = field(default_factory=dict)
    finished: Mapping[str, FinishedTable] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    crosswalks_met: Mapping[str, int] = field(default_factory=dict)
    """Table of the roster -> lines of its crosswalk that have an id of the roster."""
    repairs: tuple[Repair, ...] = ()
    loaded: Loaded = field(default_factory=Loaded)
    """The finished tables, while stages ask them."""
    last: Delivered | None = None
    """What the target last got."""
    held_over: HeldOver | None = None
    comparison: Comparison | None = None
    """The rows that differ from the last delivery's; `changes` are its counts."""
    changes: Changes | None = None
    figures: Figures | None = None
    trail: tuple[Figures, ...] = ()
    """Those of the last deliveries, oldest first."""
    holds: tuple[Hold, ...] = ()
    crosswalks: Mapping[str, Path] = field(default_factory=dict)
    """Proposed for a district that has new ids: table of the roster -> file in the run's folder."""
    archive: Archive | None = None
    receipt: Receipt | None = None
    error: BaseException | None = None
    untold: tuple[str, ...] = ()
    """Messages that were not sent, and why."""
    held_since: RunRecord | None = None
    """The first of the runs without a good one between that were held for one of the same reasons."""
    older: RunRecord | None = None
    """The run whose roster is mapped again, where a younger one was delivered since."""
    unproven: tuple[Unproven, ...] = ()
    """What Apple may have by now instead of `last`; one of each content, the newest first."""
    against: tuple[tuple[RunRecord, Changes], ...] = ()
    """Of those, the ones against which a safeguard stops this run."""
    leftovers: tuple[str, ...] = ()
    """Names at the server under which an earlier delivery of ours may have left something."""
    lease: Lease | None = None
    """Held while the run is under way; asked once more before anything is sent."""

    def raw_paths(self) -> dict[str, Path]:
        """Everything that this run maps: the roster, and the memory of numbered values."""
        memory = self.folder / "raw" / "assigned.parquet"
        known = {memory.stem: memory} if memory.is_file() else {}
        return {name: table.path for name, table in self.raw.items()} | known

    @property
    def assigned(self) -> Path | None:
        """The memory as this run leaves it, if it has one."""
        path = self.folder / "assigned.parquet"
        return path if path.is_file() else None

    @property
    def exit_code(self) -> int:
        return self.record.exit_code if self.record.exit_code is not None else 1
