"""Tables on their way through a run, and the law that their counts obey."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from etlrunner.model.problems import Finding, Verdict


@dataclass(frozen=True, slots=True)
class RawTable:
    """A table of the roster, complete and frozen. `stated` is the total the server named, if it did."""

    name: str
    path: Path
    rows: int
    pages: int = 0
    stated: int | None = None
    duplicates: int = 0
    """Equal records that came twice and were folded into one."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class StepCounts:
    """Rows through one transform: before + added == after + filtered.

    `name` is the step's verb and what tells it from others (`join: orgs`), as in `Counts.filtered`. A
    row that goes while others made from the same source row stay counts here, but there has no fate.
    """

    name: str
    before: int
    after: int
    filtered: int = 0
    added: int = 0

    def holds(self) -> bool:
        return self.before + self.added == self.after + self.filtered


@dataclass(frozen=True, slots=True)
class Counts:
    """The law, per target table: read + added == written + filtered + rejected.

    `added` are rows that a transform made (a join that fans out, a union); `steps` tells them apart.
    """

    read: int = 0
    added: int = 0
    filtered: Mapping[str, int] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)
    written: int = 0
    steps: tuple[StepCounts, ...] = ()
    """One for each transform of the mapping, in order: each begins with the rows of the one before."""

    def holds(self) -> bool:
        return self.read + self.added == self.written + sum(self.filtered.values()) + sum(
            self.rejected.values()
        )


@dataclass(frozen=True, slots=True)
class CodeUse:
    """What a code table met: of columns that hold codes only, never of what people are called."""

    column: str
    lookup: str
    codes: int
    """How many the table has."""
    unused: tuple[str, ...] = ()
    unknown: Mapping[str, int] = field(default_factory=dict)
    """Code that is not in the table -> how many rows have it; the most frequent first."""


@dataclass(frozen=True, slots=True)
class FinishedTable:
    """A target table in its final form: every column text, sorted by key, in Parquet."""

    name: str
    path: Path
    columns: tuple[str, ...]
    counts: Counts
    fate_path: Path | None = None
    """Parquet with `_row`, `key`, `fate`: 0 is written, else 1 + the index in `reasons`."""
    reasons: tuple[str, ...] = ()
    notes: tuple[Finding, ...] = ()
    """What the mapping noticed: warnings that go beside the checks' findings."""
    touched: tuple[Touched, ...] = ()
    """Cells that a verdict emptied or cut."""
    repaired: int = 0
    """Rows that repairs and merges changed, made or dropped."""
    codes: tuple[CodeUse, ...] = ()
    """What the code tables of columns that hold codes met."""
    withdrawn_path: Path | None = None
    """The `key` that filtered rows would have at the target, and `fate`; None where that is not known."""


@dataclass(frozen=True, slots=True)
class Touched:
    """Cells of one column that are not sent as they came, because they broke a rule: how many."""

    rule: str
    table: str
    column: str
    verdict: Verdict
    count: int


@dataclass(frozen=True, slots=True)
class Repair:
    """One change that a repair made, by identifiers only."""

    rule: str
    table: str
    key: str
    column: str | None
    before: str
    after: str
    row_dropped: bool = False
    row_added: bool = False
