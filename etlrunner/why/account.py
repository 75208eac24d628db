"""The account of one source record: every rule with its verdict, every cell with its way, and what came of it.

An account is plain data with identifiers in it; values of people were masked when it was made (`accounts`), unless
somebody asked to see them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Rule:
    """One condition, its verdict, the values that decided, and where it stands."""

    kind: str
    """where, select, filter, or reject."""
    name: str
    out: bool
    values: Mapping[str, Any]
    wanted: str = ""
    because: str = ""
    """For a rule that follows from another record: what took that one out."""
    place: str = ""


@dataclass(frozen=True)
class Step:
    """One transform: how many rows went in and came out, and what it added to them."""

    name: str
    before: int
    after: int
    what: str
    added: Mapping[str, Any]
    rules: Sequence[Rule] = ()
    place: str = ""


@dataclass(frozen=True)
class Column:
    """One cell of the target."""

    name: str
    value: str
    made_from: str
    """The expression, or the text."""
    reads: Mapping[str, Any]
    """The columns that it reads, with what they hold."""
    notes: Sequence[str] = ()
    """Lookup hit or miss, default taken, cleaned."""
    place: str = ""


@dataclass(frozen=True)
class Change:
    """The row against what was last delivered: `new`, `unchanged`, `changed`, `removed`, or `never sent`."""

    kind: str
    run: str
    columns: Mapping[str, tuple[str, str]]
    """Changed columns: before, after."""


@dataclass(frozen=True)
class Row:
    """One row of the target that came of the record, or would have."""

    key: str
    fate: str
    """`written`, or the rule that took it out."""
    columns: Sequence[Column]
    rejects: Sequence[Rule] = ()
    noted: Sequence[Mapping[str, str]] = ()
    """What checks and repairs did to it: rule, title, column, verdict, before, after."""
    change: Change | None = None


@dataclass(frozen=True)
class Account:
    """Everything about one source record and one target table in one run."""

    flow: str
    run: str
    outcome: str
    as_of: str
    table: str
    source: str
    number: int
    """The record's place in what the source delivered, from 1."""
    record: Mapping[str, Any]
    values_shown: bool
    folded: int
    """Records of the whole source table that came twice, equal, and were folded by the pull."""
    elsewhere: Mapping[str, Sequence[str]]
    """Other targets that are made from the same source table, and what became of the record there."""
    beside: Sequence[str]
    """Other records that make the same row of the target, or would."""
    rules: Sequence[Rule]
    steps: Sequence[Step]
    rows: Sequence[Row]
    left_out: Mapping[str, str]
    """What the flow says where it leaves this record out by id: reason, owner, expires, place."""
    mapping: str
    """The mapping's file."""
    fates: Mapping[str, int]
    agrees: bool
    """Whether the run wrote down the same."""
    change: Change | None = None
    """Of a record that came to no row."""
    held_over: Mapping[str, Any] = field(default_factory=dict)
    """Where grace sent the last known row instead: since when it is gone, in how many runs."""
