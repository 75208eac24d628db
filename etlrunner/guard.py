"""Safeguards: what one delivery would change against what it may change. All or nothing.

Apple deactivates whoever is missing from an upload, so a plausible but wrong upload is the worst that
can happen: a total within its limit says little when one school is gone, which is why schools are
looked at one by one, and why the first delivery, an empty table and a narrower scope are always held.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from etlrunner import figures, scope, shrunk, within
from etlrunner.lib.listed import listed
from etlrunner.model.changes import Changes, Figures, Hold, TableChanges
from etlrunner.model.flow import Flow
from etlrunner.model.problems import Finding
from etlrunner.model.run import RunRecord
from etlrunner.model.safeguards import Limit, Safeguards
from etlrunner.model.tables import FinishedTable

NAMED = 8
"""So many schools are named in a sentence."""

EVERY_SIZE: Mapping[str, tuple[str, ...]] = {figures.EVERYTHING: ()}

KINDS = {
    "rekeyed": "look like ones that Apple knows under other ids",
    "swapped": "have the name that another id had",
    "replaced": "mean somebody else than before",
    "role_changed": "change between students and staff",
    "renamed": "have other first and last names than before",
    "emptied": "have lost a number, an address, a user name, a grade or their instructors",
    "retaught": "have none of the instructors that they had",
}
"""What the changes mean -> how a hold says it; the limit is `max_<kind>`."""
OF_THINGS = {
    ("classes", "replaced"): "have none of the students that they had",
    ("locations", "swapped"): "have the name that another school had",
}
NOTICED = ("rekeyed", "swapped", "replaced", "role_changed")
"""Said each time, within the limits, too."""

EXPLAIN = frozenset({"empty_table", "scope", *(f"max_{kind}" for kind in KINDS)})
"""Safeguards whose reasons say why there are others."""


def guard(
    flow: Flow,
    changes: Changes,
    tables: Mapping[str, FinishedTable],
    *,
    delivered_scope: Mapping[str, Any] | None,
    now: Figures | None = None,
    trail: Sequence[Figures] = (),
    marks: Sequence[Figures] = (),
    absent: Mapping[str, Sequence[str]] | None = None,
) -> tuple[Hold, ...]:
    """Every reason to hold this delivery; none means that it may go.

    `now` are this delivery's figures and `trail` those of the last ones, oldest first; `marks` are as in
    `figures.marked`, and `absent` left-out ids as in `scope.of`.
    """
    holds = [*_holds(flow, changes, tables, delivered_scope, absent or {})]
    if now is not None:
        holds += shrunk.holds(flow.safeguards, now, trail, marks, holds)
    return tuple(sorted(holds, key=_is_explained))


def _is_explained(hold: Hold) -> bool:
    """By others, which come first: whoever has another id is also removed, and added. Else the order stays."""
    return not any(part in EXPLAIN for part in hold.safeguard.split("."))


def noticed(changes: Changes) -> Iterator[Finding]:
    """What the changes mean, said each time: a limit may let it go, and still somebody has to know."""
    for change in changes.tables.values():
        for kind in NOTICED:
            if count := change.kinds.get(kind, 0):
                rule = rule_of(kind)
                message = f"{count:,} of {change.before:,} {_words(change.table, kind)}"
                yield Finding(rule, "warning", message, change.table, count=count)


def rule_of(kind: str) -> str:
    """The rule of a finding about what the changes mean."""
    return f"identity-{kind.replace('_', '-')}"


def lost(flow: Flow, changes: Changes, gone: Mapping[str, int]) -> tuple[Hold, ...]:
    """Rows that the source lost since the last delivery, and that grace sends once more.

    Nothing would be removed by them today; a mass loss is still seen on its first day, and not when the
    grace is over.
    """
    return tuple(_lost(changes, gone, flow.safeguards))


def older(changes: Changes, earlier: RunRecord) -> Hold:
    """Why data of an earlier day is held whatever the limits are: who came since would be deactivated."""
    lost = [
        f"{change.removed:,} {name}" for name, change in changes.tables.items() if change.removed
    ]
    who = f"{', '.join(lost)} that Apple has by now would go" if lost else "nobody would go"
    return Hold(
        "older",
        f"this is the state of {earlier.started:%Y-%m-%d} ({earlier.id}), and something else was "
        f"delivered since: {who}",
        value=str(sum(change.removed for change in changes.tables.values())),
        limit="0",
    )


def unproven(sent: RunRecord, why_not: str, *, tables_are_gone: bool = False) -> Hold:
    """An upload without a known end: what would change against it, or that this cannot be known."""
    again = (
        f"it cannot be sent again: {why_not}" if why_not else "the next run sends it again first"
    )
    then = "what this would change there cannot be counted: its tables are gone from here"
    if not tables_are_gone:
        then = "this would change too much there"
    return Hold(
        "unproven_delivery",
        f"{sent.id} was sent on {sent.started:%Y-%m-%d}, and whether it arrived is not known ({again}); "
        f"if Apple has it by now, {then}",
    )


def _holds(
    flow: Flow,
    changes: Changes,
    tables: Mapping[str, FinishedTable],
    delivered_scope: Mapping[str, Any] | None,
    absent: Mapping[str, Sequence[str]],
) -> Iterator[Hold]:
    safeguards = flow.safeguards
    yield from _empty(changes)
    if changes.baseline is None:
        yield from _first(changes, safeguards)
    else:
        yield from scope.narrowed(scope.of(flow, absent), delivered_scope)
        for change in changes.tables.values():
            yield from _table(change, safeguards)
    for finished in tables.values():
        yield from _rejected(finished, safeguards)
        yield from _repaired(finished, safeguards)


# ---------------------------------------------------------------- always


def _empty(changes: Changes) -> Iterator[Hold]:
    for name, change in changes.tables.items():
        if not change.after:
            yield Hold(
                "empty_table",
                f"{name}: there are no rows; the last delivery had {change.before:,}",
                table=name,
                value="0",
                limit="1",
                sizes={name: ()},
            )


def _first(changes: Changes, safeguards: Safeguards) -> Iterator[Hold]:
    """A first delivery has nothing to be compared with; stated minima can vouch for it."""
    if not safeguards.expect:
        yield Hold(
            "first_delivery",
            "this is the first delivery of this flow, and nothing says what to expect of it",
            sizes=EVERY_SIZE,
        )
    for name, least in safeguards.expect.items():
        after = changes.tables[name].after if name in changes.tables else 0
        if after < least:
            yield Hold(
                f"safeguards.expect.{name}",
                f"{name}: this first delivery has {after:,} rows, and at least {least:,} are expected",
                table=name,
                value=str(after),
                limit=str(least),
                sizes=EVERY_SIZE,
            )


# ---------------------------------------------------------------- limits


def _table(change: TableChanges, safeguards: Safeguards) -> Iterator[Hold]:
    limits = safeguards.tables.get(change.table)
    if limits is None:
        return
    for key, limit, value, verb in (
        ("max_removed", limits.max_removed, change.removed, "would be removed"),
        ("max_added", limits.max_added, change.added, "would be added"),
        ("max_changed", limits.max_changed, change.changed, "would change"),
    ):
        if limit is not None and within.is_over(
            value, limit, change.before, safeguards.small_change
        ):
            yield _over(change, key, limit, value, verb)
    for kind in KINDS:
        kind_limit: Limit | None = getattr(limits, f"max_{kind}")
        value = change.kinds.get(kind, 0)
        if kind_limit is not None and within.is_over(
            value, kind_limit, change.before, safeguards.small_change
        ):
            yield _over(change, f"max_{kind}", kind_limit, value, _words(change.table, kind))
    for key, per_school, place in (
        ("max_removed_per_school", limits.max_removed_per_school, 2),
        ("max_added_per_school", limits.max_added_per_school, 1),
    ):
        if per_school is not None:
            yield from _schools(change, key, per_school, place, safeguards.small_change)
    if limits.max_moved_per_school is not None:
        yield from _moved(change, limits.max_moved_per_school, safeguards.small_change)


def _moved(change: TableChanges, limit: Limit, small_change: int) -> Iterator[Hold]:
    """Schools whose rows are at other schools now: nobody is removed, and the school is not what it was."""
    for school, value in change.moved_from.items():
        before = change.schools[school][0] if school in change.schools else 0
        if before and within.is_over(value, limit, before, small_change):
            where, detail = within.where(school)
            yield Hold(
                f"safeguards.{change.table}.max_moved_per_school",
                f"{change.table}: {value:,} of {before:,} {where} are at other schools now, and the "
                f"limit per school is {limit}",
                table=change.table,
                detail=detail,
                school=school,
                value=within.share(value, before, limit),
                limit=str(limit),
                sizes={change.table: (school,)},
            )


def _lost(changes: Changes, gone: Mapping[str, int], safeguards: Safeguards) -> Iterator[Hold]:
    for name, count in gone.items():
        limit = safeguards.tables[name].max_removed if name in safeguards.tables else None
        before = changes.tables[name].before if name in changes.tables else 0
        if limit is not None and within.is_over(count, limit, before, safeguards.small_change):
            yield Hold(
                f"safeguards.{name}.max_removed",
                f"{name}: {count:,} of {before:,} are gone from the source since the last delivery, and "
                f"the limit is {limit}; grace would send them as last known, but that many are no accident",
                table=name,
                value=within.share(count, before, limit),
                limit=str(limit),
                sizes={name: ()},
            )


def _over(change: TableChanges, key: str, limit: Limit, value: int, verb: str) -> Hold:
    gone = [school for school, counts in change.schools.items() if counts[2]]
    return Hold(
        f"safeguards.{change.table}.{key}",
        f"{change.table}: {value:,} of {change.before:,} {verb}, and the limit is {limit}",
        table=change.table,
        detail=listed(gone) if key == "max_removed" and change.table == "locations" else "",
        value=within.share(value, change.before, limit),
        limit=str(limit),
        sizes={change.table: ()} if key in ("max_removed", "max_added") else {},
    )


def _schools(
    change: TableChanges, key: str, limit: Limit, place: int, small_change: int
) -> Iterator[Hold]:
    """The schools that lose or gain too much in one sentence, those with most first.

    A new school gains by nature.
    """
    over = [
        (counts[place], counts[0], school)
        for school, counts in change.schools.items()
        if counts[0] and within.is_over(counts[place], limit, counts[0], small_change)
    ]
    over.sort(key=lambda one: (-one[0], one[2]))
    for value, before, school in over[:1] if len(over) == 1 else ():
        where, detail = within.where(school)
        yield _school_hold(change, key, limit, where, value, before, (school,), detail)
    if len(over) > 1:
        named = [f"{school or 'none'}: {value:,} of {before:,}" for value, before, school in over]
        value, before = sum(one[0] for one in over), sum(one[1] for one in over)
        where, detail = f"in {len(over):,} schools", listed(named, NAMED)
        schools = tuple(school for _, _, school in over)
        yield _school_hold(change, key, limit, where, value, before, schools, detail)


def _school_hold(
    change: TableChanges,
    key: str,
    limit: Limit,
    where: str,
    value: int,
    before: int,
    schools: tuple[str, ...],
    detail: str,
) -> Hold:
    verb = "added" if "added" in key else "removed"
    return Hold(
        f"safeguards.{change.table}.{key}",
        f"{change.table}: {value:,} of {before:,} {where} would be {verb}, "
        f"and the limit per school is {limit}",
        table=change.table,
        detail=detail,
        school=schools[0],
        value=within.share(value, before, limit),
        limit=str(limit),
        sizes={change.table: schools},
    )


def _rejected(finished: FinishedTable, safeguards: Safeguards) -> Iterator[Hold]:
    """Rows left out with a reason, repairs included, of those that were meant to be written.

    Not of those that were read: users are read for staff too, and a hundred times as many are pupils.
    """
    limits = safeguards.tables.get(finished.name)
    rejected = sum(finished.counts.rejected.values())
    meant = rejected + finished.counts.written
    if limits is None or limits.max_rejected is None:
        return
    limit = limits.max_rejected
    if within.is_over(rejected, limit, meant, safeguards.small_change):
        rules = sorted(finished.counts.rejected.items(), key=lambda one: (-one[1], one[0]))
        why = listed([f"{rule}: {count:,}" for rule, count in rules if count])
        yield Hold(
            f"safeguards.{finished.name}.max_rejected",
            f"{finished.name}: {rejected:,} of {meant:,} were rejected ({why}), "
            f"and the limit is {limit}",
            table=finished.name,
            value=within.share(rejected, meant, limit),
            limit=str(limit),
        )


def _repaired(finished: FinishedTable, safeguards: Safeguards) -> Iterator[Hold]:
    """Rows that repairs and merges touched: a few are housekeeping, many are a broken pull."""
    limits = safeguards.tables.get(finished.name)
    limit = limits.max_repaired if limits is not None else None
    repaired, whole = finished.repaired, finished.counts.written
    if limit is not None and within.is_over(repaired, limit, whole, safeguards.small_change):
        yield Hold(
            f"safeguards.{finished.name}.max_repaired",
            f"{finished.name}: {repaired:,} rows were repaired or merged, of {whole:,} that are "
            f"written, and the limit is {limit}",
            table=finished.name,
            value=within.share(repaired, whole, limit),
            limit=str(limit),
        )


# ---------------------------------------------------------------- words


def _words(table: str, kind: str) -> str:
    return OF_THINGS.get((table, kind), KINDS[kind])
