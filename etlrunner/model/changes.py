"""What one delivery would change, how large it is, and why it is held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

NOTHING_CHANGES = "figure-nothing-changes"
"""The rule about a source that stands still."""


@dataclass(frozen=True, slots=True)
class TableChanges:
    """What one delivery would change in one table, in counts."""

    table: str
    before: int
    after: int
    added: int
    removed: int
    changed: int
    columns: Mapping[str, int] = field(default_factory=dict)
    """Changed rows per column."""
    schools: Mapping[str, tuple[int, int, int, int]] = field(default_factory=dict)
    """location_id -> (before, added, removed, changed); rosters count under their class's school."""
    kinds: Mapping[str, int] = field(default_factory=dict)
    """What the changes mean: moved (to another school), rekeyed (the same one under a new id), swapped
    (an id has the name, number or address that another one had), replaced (an id means somebody else; a
    class has none of its students), role_changed (from this file to the other one for people), renamed
    (both names are others), emptied (a value is gone), retaught (a class has none of its instructors)."""
    moved_from: Mapping[str, int] = field(default_factory=dict)
    """location_id -> rows that were there and are at other schools now."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Against what was last delivered; `baseline` is that run's id, None for a first delivery."""

    baseline: str | None
    tables: Mapping[str, TableChanges]


@dataclass(frozen=True, slots=True)
class Figures:
    """The size of one delivery and what is odd in it, in counts: the trail that the next is held against."""

    run_id: str
    day: date
    """The run's local date."""
    rows: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Table -> location_id -> rows; rosters count under their class's school."""
    counters: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Counter (`students_without_class`) -> location_id -> how many."""

    def total(self, table: str) -> int:
        """All rows of a table."""
        return sum(self.rows.get(table, {}).values())

    def totals(self) -> dict[str, int]:
        """Each counter over all schools."""
        return {name: sum(schools.values()) for name, schools in self.counters.items()}


@dataclass(frozen=True, slots=True)
class Hold:
    """One reason why a safeguard holds a run: a sentence in figures, which may be said everywhere."""

    safeguard: str
    """The key in the flow: `safeguards.students.max_removed`, `first_delivery`, `empty_table`, …"""
    message: str
    table: str | None = None
    school: str | None = None
    value: str = ""
    limit: str = ""
    sizes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What an approval makes the usual size: table -> schools, none of them for the whole table."""
    detail: str = ""
    """Which schools: identifiers, for a terminal and the run's folder only (design, section 10)."""

    @property
    def told(self) -> str:
        """The sentence with its detail, for whoever may see identifiers."""
        return f"{self.message} ({self.detail})" if self.detail else self.message
