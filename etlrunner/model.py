"""The nouns of the program: frozen values that the stages hand to each other.

Nothing here reads, writes or decides. Words are those of design section 11.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal, Protocol

Options = Mapping[str, Any]
"""A component's options after validation: defaults filled in, secrets still references."""

Severity = Literal["error", "warning"]

Verdict = Literal["fail", "reject", "blank", "cut", "warn"]
"""What happens to a row that breaks a rule (`docs/rules.md`)."""


# ---------------------------------------------------------------- places, problems, findings


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a file; line and column count from 1, 0 means the whole file."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with the configuration: the place, what is wrong, what to try.

    `code` is stable (`E104`; `etlrunner explain E104` tells more), `path` is the key's path inside the
    file (`source.domain`), `also` a second place when a value was merged from two files.
    """

    code: str
    message: str
    place: Place | None = None
    path: str = ""
    hint: str = ""
    severity: Severity = "error"
    also: Place | None = None
    excerpt: str = ""
    """The line of the file with the spot underlined, where that helps (expressions)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with the data. `message` holds identifiers at most, never names or e-mails.

    `row` counts data rows of the CSV file from 1; `count` is how many rows the finding stands for.
    """

    rule: str
    severity: Severity
    message: str
    table: str
    row: int | None = None
    column: str | None = None
    key: str | None = None
    school: str | None = None
    count: int = 1
    line: int | None = None
    """Physical line of the CSV file from 1 (header included): Apple does not say which it counts."""

    def __str__(self) -> str:
        file = f"{self.table}.csv" if self.table else "zip"
        where = file + (f":{self.row}" if self.row is not None else "")
        return f"{where} - {self.message} [{self.rule}]"


@dataclass(frozen=True, slots=True)
class Located:
    """A text from a YAML file and where it begins."""

    text: str
    place: Place | None = None

    def __str__(self) -> str:
        return self.text


# ---------------------------------------------------------------- secrets


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A reference to a secret: `{env: NAME}`, `{file: path}` or `{keyring: service/name}`."""

    kind: Literal["env", "file", "keyring"]
    name: str
    place: Place | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


class Secret:
    """A secret's value. It prints, formats, pickles and compares as `[secure]`; only `reveal()` tells."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one call that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "[secure]"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format("[secure]", spec)

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a secret is never written anywhere")


# ---------------------------------------------------------------- the flow


@dataclass(frozen=True, slots=True)
class Component:
    """A source, sink or check as a flow names it: its type and its validated options."""

    type: str
    options: Options
    place: Place | None = None


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
    max_added: Limit | None = None
    max_added_per_school: Limit | None = None
    max_changed: Limit | None = None
    max_rejected: Limit | None = None
    max_repaired: Limit | None = None
    max_rekeyed: Limit | None = None
    max_swapped: Limit | None = None
    max_replaced: Limit | None = None
    max_role_changed: Limit | None = None


@dataclass(frozen=True, slots=True)
class Safeguards:
    tables: Mapping[str, TableSafeguards] = field(default_factory=dict)
    small_change: int = 10
    expect: Mapping[str, int] = field(default_factory=dict)
    approve_within: timedelta = timedelta(days=7)
    """How long a held run may be approved."""
    """Minimum rows per table that let a first delivery pass without approval."""


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
    safeguards: Safeguards = Safeguards()
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
    history: History = History()
    config_hash: str = ""
    """SHA-256 over the merged flow, its mappings, crosswalks and source definition, as text."""
    layers: tuple[Path, ...] = ()
    """Every file that had a part in it, for the history and for `show --origins`."""
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Everything that was read for it, by its name in a project: what `config_hash` is made of."""


# ---------------------------------------------------------------- the mapping


@dataclass(frozen=True, slots=True)
class Column:
    """How one column of a target table is made; exactly one of expr, text, each is set."""

    name: str
    expr: Located | None = None
    text: str | None = None
    each: Located | None = None
    max: int | None = None
    """Most numbered columns that `each` may make."""
    lookup: str | None = None
    missing: Literal["keep", "blank", "reject", "fail", "default"] = "keep"
    default: str | None = None
    required: bool = False
    max_length: int | None = None
    place: Place | None = None
    named: Place | None = None
    """Where its name stands."""
    looked_up: Place | None = None
    """Where `lookup` names the table."""


@dataclass(frozen=True, slots=True)
class Step:
    """One transform of a mapping: a verb and its options."""

    type: str
    options: Options
    place: Place | None = None
    spots: Mapping[str, Place] = field(default_factory=dict, compare=False)
    """Where each text of the options stands, for messages about it."""


@dataclass(frozen=True, slots=True)
class DatabaseTable:
    """Rows of another program's database: of a table, or of a query."""

    url: SecretRef
    columns: tuple[str, ...]
    """Those that are read; declared, so that a mapping can be checked without the database."""
    table: str = ""
    """`name` or `schema.name`; empty where there is a query."""
    sql: str = field(default="", repr=False)
    """The query's text."""
    file: Path | None = None
    """Where the query stands."""
    shown: str = ""
    """The table's or the file's name in messages."""
    may_be_empty: bool = False
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class LookupTable:
    """A code table: inline rows, a file beside the mapping, or a table of a database."""

    name: str
    rows: Mapping[str, str] | None = None
    csv: Path | None = None
    on: str = "code"
    take: str = "value"
    place: Place | None = None
    excel: Path | None = None
    sheet: str = ""
    ignore: tuple[str, ...] = ()
    """What makes no difference between two codes: `case`, `spaces`."""
    shown: str = ""
    """The file's name in messages."""
    database: DatabaseTable | None = None


@dataclass(frozen=True, slots=True)
class ExtraTable:
    """A table beside the roster: a CSV file, a sheet of an Excel file, or a table of a database."""

    name: str
    csv: Path | None = None
    excel: Path | None = None
    sheet: str = ""
    """Empty: the only one."""
    shown: str = ""
    """The file's name in messages."""
    place: Place | None = None
    transforms: tuple[Step, ...] = field(default=(), hash=False)
    """What prepares its rows."""
    database: DatabaseTable | None = None


@dataclass(frozen=True)
class TableMapping:
    """How one target table is made from the roster."""

    table: str
    source: str
    key: str
    columns: Mapping[str, Column]
    where: Located | None = None
    transforms: tuple[Step, ...] = ()
    lookups: Mapping[str, LookupTable] = field(default_factory=dict)
    path: Path | None = None
    place: Place | None = None
    spots: Mapping[str, Place] = field(default_factory=dict, compare=False)
    """Where `key` and `columns` stand, and, by its name, each column that a null removes."""
    tables: Mapping[str, ExtraTable] = field(default_factory=dict)
    """What transforms may take from beside the roster."""

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file beside the mapping that has a part in it."""
        named = (one for many in (self.lookups, self.tables) for one in many.values())
        paths = [path for one in named for path in (one.csv, one.excel)]
        paths += [one.file for one in self.databases]
        return tuple(path for path in paths if path is not None)

    @property
    def databases(self) -> tuple[DatabaseTable, ...]:
        """What is read from databases: for code tables, then for tables beside the roster."""
        named = (one for many in (self.lookups, self.tables) for one in many.values())
        return tuple(one.database for one in named if one.database is not None)


@dataclass(frozen=True)
class MappingSet:
    """All tables of one target (`apple-school-manager`)."""

    name: str
    tables: Mapping[str, TableMapping]


# ---------------------------------------------------------------- what a run makes


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
    (an id has the name that another one had), replaced (an id means somebody else), role_changed
    (from this file to the other one for people)."""


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
    """One reason why a safeguard holds a run, in words and figures."""

    safeguard: str
    """The key in the flow: `safeguards.students.max_removed`, `first_delivery`, `empty_table`, …"""
    message: str
    table: str | None = None
    school: str | None = None
    value: str = ""
    limit: str = ""


@dataclass(frozen=True, slots=True)
class Archive:
    """The zip as it will be sent. `content_hash` is over names and CSV bytes, not over the zip."""

    path: Path
    content_hash: str
    size: int
    rows: Mapping[str, int]
    sha256: str = ""
    """Of the zip's own bytes: what a resend must equal."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof of a delivery."""

    sink: str
    remote_name: str
    size: int
    sha256: str
    sent_at: datetime
    host_key: str = ""
    attempts: int = 1
    taken_at_once: bool = False
    """The server had taken the file away before it could be asked: that is a success."""


@dataclass(frozen=True)
class Delivery:
    """One archive on its way: in the history before its first byte leaves, and anew after each step."""

    state: str
    """Where it is: a name of `lib/far_side.STATES`."""
    sink: str
    remote_name: str
    sha256: str
    size: int
    attempt: int = 1
    beside: str = ""
    """The name it is written under until it is whole; empty where it has its own from the start."""
    far_side: str = ""
    """What is known, or not known, of the other end."""


Reached = Callable[[str, str], None]
"""Told which state a delivery has come to, and the name beside, before the step that follows it."""


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
    scope: Mapping[str, Any] = field(default_factory=dict)
    """What `select` and `leave_out` took (guard.scope_of), to notice a narrowed scope."""
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


# ---------------------------------------------------------------- what components offer


class Progress(Protocol):
    """Told how far a stage is; shown on a terminal only."""

    def start(self, what: str, total: int | None = None, unit: str = "rows") -> None: ...

    def advance(self, what: str, amount: int) -> None: ...

    def done(self, what: str) -> None: ...


class SilentProgress:
    """Shows nothing."""

    def start(self, what: str, total: int | None = None, unit: str = "rows") -> None: ...

    def advance(self, what: str, amount: int) -> None: ...

    def done(self, what: str) -> None: ...


class Clock(Protocol):
    """Wall time (UTC), a monotonic second counter, and a pause; a test moves it by hand."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


class SourceConnection(Protocol):
    """An open source. `read` gives a petl table of the roster model, complete or it raises Incomplete."""

    def read(self, table: str) -> Any: ...

    def probe(self) -> Mapping[str, int]:
        """Counts of schools and terms, to prove the account works; reads no person."""
        ...


class SinkConnection(Protocol):
    """An open sink. `deliver` sends one archive and returns its receipt."""

    def deliver(self, archive: Archive, remote_name: str, reached: Reached) -> Receipt:
        """Send it; say `reached` before the first byte leaves, and before a whole file is renamed."""
        ...

    def explore(self, announce: Callable[[str], None]) -> Mapping[str, str]:
        """What the sink allows, found out with a tiny file that is removed again, and what a delivery does.

        `announce` is told, before it is written, what to remove if the program is killed.
        """
        ...

    def forget(self, name: str) -> None:
        """Take away what an earlier delivery of ours may have left under this name, if it can be done."""
        ...

    def probe(self) -> Mapping[str, str]:
        """What the sink says about itself; writes nothing there."""
        ...


class SourceModule(Protocol):
    """A module on the shelf `sources/`. Options have their secrets filled in (`Secret`)."""

    def connect(
        self, options: Options, *, clock: Clock, progress: Progress
    ) -> AbstractContextManager[SourceConnection]: ...


class SinkModule(Protocol):
    """A module on the shelf `sinks/`."""

    def connect(
        self, options: Options, *, clock: Clock, progress: Progress
    ) -> AbstractContextManager[SinkConnection]: ...


class CheckModule(Protocol):
    """A module on the shelf `checks/`: yields findings, and rules over a table's rows
    (`checks.listing.TableRules`), which are looked up for it."""

    def check(self, tables: Mapping[str, Any], options: Options) -> Iterable[Any]: ...
