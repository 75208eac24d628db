"""One school district's flow, merged and validated, and its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from pathlib import Path
from typing import Literal

from etlrunner.model.components import Component
from etlrunner.model.mapping import LookupTable, MappingSet
from etlrunner.model.problems import Located, Place, Verdict
from etlrunner.model.safeguards import Grace, Safeguards, Season
from etlrunner.model.secrets import SecretRef


@dataclass(frozen=True, slots=True)
class SchoolSelection:
    """Schools to take: `include` empty means all. Values are a sourcedId or the SIS's own number."""

    include: tuple[Located, ...] = ()
    exclude: tuple[Located, ...] = ()


@dataclass(frozen=True, slots=True)
class Select:
    """Which part of the roster takes part."""

    schools: SchoolSelection = SchoolSelection()
    term_lead: timedelta = timedelta(days=14)
    term_lag: timedelta = timedelta(days=14)
    statuses: tuple[str, ...] = ("active",)
    grades: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a flow runs, in its own zone. Either `cron`, or hour and minute and weekend."""

    timezone: str
    hour: int = 2
    minute: int = 0
    weekend: bool = True
    skip: tuple[tuple[date, date], ...] = ()
    catch_up: timedelta | None = None
    """How late a missed run may still start; None: until the next occurrence."""
    cron: str | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """Pauses before each further attempt, none of which starts after `until` (local time)."""

    delays: tuple[timedelta, ...] = ()
    until: time | None = None


@dataclass(frozen=True, slots=True)
class Notify:
    url: SecretRef
    on: tuple[str, ...] = ("failed", "held", "recovered")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A record that is left out by id; its account will be deactivated."""

    reason: str
    owner: str = ""
    expires: date | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Merge:
    """Which rows of people are one person, and whose id stays."""

    match: tuple[str, ...]
    keep: Literal["delivered", "newest", "first"] = "delivered"
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Assertion:
    """A rule of the district's own: `holds` must be true of every row of a finished table."""

    table: str
    holds: Located
    message: str
    verdict: Verdict = "warn"


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a flow decides about one rule, in place of what holds by itself."""

    verdict: Verdict
    reason: str = ""
    owner: str = ""
    expires: date | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class FixLists:
    """What the lists for the schools' clerks say in this district."""

    contact: str = ""
    screens: Mapping[str, str] = field(default_factory=dict)
    """Where a clerk finds something in the SIS, over what the source's definition says."""
    words: Mapping[str, str] = field(default_factory=dict)
    """Rule -> what is wrong, in place of the rule's own words."""
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class History:
    keep: timedelta = timedelta(days=400)
    keep_rows: timedelta = timedelta(days=14)


@dataclass(frozen=True)
class Flow:
    """One school district's flow, merged and validated. No dict from YAML lives beyond it."""

    name: str
    path: Path
    source: Component
    sink: Component
    mapping: MappingSet
    schedule: Schedule | None = None
    description: str = ""
    enabled: bool = True
    select: Select = Select()
    safeguards: Safeguards = field(default_factory=Safeguards)
    repair: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, Ruling] = field(default_factory=dict)
    policy: Mapping[str, Assertion] = field(default_factory=dict)
    merge_duplicates: Mapping[str, Merge] = field(default_factory=dict)
    leave_out: Mapping[str, Mapping[str, LeftOut]] = field(default_factory=dict)
    grace: Mapping[str, Grace] = field(default_factory=dict)
    seasons: tuple[Season, ...] = ()
    """In the order of their days; no two share one."""
    crosswalks: Mapping[str, LookupTable] = field(default_factory=dict)
    """Table of the roster (users, classes, courses, orgs) -> its new ids as the ids Apple knows."""
    retry: Retry = Retry()
    notify: tuple[Notify, ...] = ()
    fix_lists: FixLists = FixLists()
    history: History = History()
    config_hash: str = ""
    """SHA-256 over the merged flow, its mappings, crosswalks and source definition, as text."""
    layers: tuple[Path, ...] = ()
    """Every file that had a part in it, for the history and for `show --origins`."""
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Everything that was read for it, by its name in a project: what `config_hash` is made of."""
