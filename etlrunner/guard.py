"""All or nothing: reasons why a person has to look before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from etlrunner.model import (
    Changes,
    Counts,
    FinishedTable,
    Flow,
    Hold,
    Limit,
    TableChanges,
    TableSafeguards,
)

VERBS = {"max_removed": "removed", "max_added": "added", "max_changed": "changed"}


def guard(
    flow: Flow,
    changes: Changes,
    tables: Mapping[str, FinishedTable],
    *,
    delivered_scope: Mapping[str, Any] | None,
) -> tuple[Hold, ...]:
    """Every reason to hold the run; none means that it may be sent."""
    holds = list(_empty(changes))
    if changes.baseline is None:
        holds += _first_delivery(flow, changes)
    else:
        for name, change in changes.tables.items():
            limits = flow.safeguards.tables.get(name, TableSafeguards())
            holds += _beyond(limits, change, flow.safeguards.small_change)
        holds += _narrowed(delivered_scope, scope_of(flow))
    for name, table in tables.items():
        limits = flow.safeguards.tables.get(name, TableSafeguards())
        holds += _rejected(limits.max_rejected, table, flow.safeguards.small_change)
    return tuple(holds)


def scope_of(flow: Flow) -> dict[str, Any]:
    """What part of the roster a flow takes, as plain data: kept with each delivery."""
    choice = flow.select
    return {
        "schools_include": sorted(one.text for one in choice.schools.include),
        "schools_exclude": sorted(one.text for one in choice.schools.exclude),
        "statuses": sorted(choice.statuses),
        "grades": sorted(choice.grades),
        "leave_out": {table: sorted(many) for table, many in sorted(flow.leave_out.items())},
    }


def allowed(limit: Limit, of: int, small_change: int) -> int:
    """How many rows a limit lets through; a share lets at least `small_change` rows through."""
    if limit.count is not None:
        return limit.count
    # shares are written in per cent with few digits: rounding takes the float's noise away
    return max(int(round((limit.share or 0) * of, 6)), small_change)


def _empty(changes: Changes) -> Iterator[Hold]:
    for name, change in changes.tables.items():
        if change.after == 0:
            yield Hold(
                "empty_table", f"{name}.csv would be empty", table=name, value="0", limit="1"
            )


def _first_delivery(flow: Flow, changes: Changes) -> Iterator[Hold]:
    """Held unless the flow states minima and all of them are met."""
    expect = flow.safeguards.expect
    if not expect:
        rows = changes.tables["students"].after if "students" in changes.tables else 0
        yield Hold(
            "first_delivery",
            f"this is the flow's first delivery ({rows:,} students); somebody has to look first",
        )
    for name, least in expect.items():
        after = changes.tables[name].after if name in changes.tables else 0
        if after < least:
            yield Hold(
                f"expect.{name}",
                f"the first delivery has {after:,} {name}; at least {least:,} are expected",
                table=name,
                value=str(after),
                limit=str(least),
            )


def _beyond(limits: TableSafeguards, change: TableChanges, small: int) -> Iterator[Hold]:
    """Removed, added or changed rows beyond their limits, over the whole table and per school."""
    for key, verb in VERBS.items():
        limit: Limit | None = getattr(limits, key)
        count: int = getattr(change, verb)
        if limit is not None and count > allowed(limit, change.before, small):
            yield Hold(
                f"{change.table}.{key}",
                f"{count:,} of {change.before:,} {change.table} would be {verb}"
                f"{_where(change, verb)}; the limit is {limit}",
                table=change.table,
                value=str(count),
                limit=str(limit),
            )
    if limits.max_removed_per_school is not None:
        yield from _beyond_per_school(limits.max_removed_per_school, change, small)


def _beyond_per_school(limit: Limit, change: TableChanges, small: int) -> Iterator[Hold]:
    for school, (before, _, removed, _) in change.schools.items():
        if removed > allowed(limit, before, small):
            gone = "all " if removed == before else ""
            yield Hold(
                f"{change.table}.max_removed_per_school",
                f"{gone}{removed:,} of {before:,} {change.table} of school {school or '(none)'} "
                f"would be removed; the limit is {limit}",
                table=change.table,
                school=school,
                value=str(removed),
                limit=str(limit),
            )


def _where(change: TableChanges, verb: str) -> str:
    """The schools that lose or gain most, by their ids."""
    place = {"added": 1, "removed": 2, "changed": 3}[verb]
    ranked = sorted(change.schools.items(), key=lambda item: -item[1][place])
    named = [
        f"{school}: {counts[place]:,}" for school, counts in ranked[:3] if counts[place] and school
    ]
    return f" ({', '.join(named)})" if named else ""


def _rejected(limit: Limit | None, table: FinishedTable, small: int) -> Iterator[Hold]:
    """Too many rows that could not be mapped, or were repaired away."""
    if limit is None:
        return
    counts: Counts = table.counts
    rejected = sum(counts.rejected.values())
    of = counts.written + rejected
    if rejected > allowed(limit, of, small):
        rules = sorted(counts.rejected.items(), key=lambda item: -item[1])[:3]
        named = ", ".join(f"{rule}: {count:,}" for rule, count in rules)
        yield Hold(
            f"{table.name}.max_rejected",
            f"{rejected:,} of {of:,} rows of {table.name} were rejected ({named}); the limit is {limit}",
            table=table.name,
            value=str(rejected),
            limit=str(limit),
        )


def _narrowed(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> Iterator[Hold]:
    """A scope that takes less than the last delivery did: those left out would be deactivated."""
    if not before:
        return
    for what in _less(before, now):
        yield Hold(
            "narrowed_scope",
            f"the configuration takes less than the last delivery: {what}; "
            "the accounts left out would be deactivated",
        )


def _less(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for key, what in (("schools_include", "select.schools.include"), ("grades", "select.grades")):
        old, new = set(before.get(key, ())), set(now[key])
        if new and (not old or old - new):
            gone = (
                f" without {', '.join(sorted(old - new))}"
                if old
                else f" only {', '.join(sorted(new))}"
            )
            yield f"{what}{gone}"
    fewer = set(before.get("statuses", ())) - set(now["statuses"])
    if fewer:
        yield f"select.statuses without {', '.join(sorted(fewer))}"
    more = set(now["schools_exclude"]) - set(before.get("schools_exclude", ()))
    if more:
        yield f"select.schools.exclude has {', '.join(sorted(more))} now"
    for table, ids in now["leave_out"].items():
        fresh = set(ids) - set(before.get("leave_out", {}).get(table, ()))
        if fresh:
            yield f"leave_out of {table} has {len(fresh)} more"
