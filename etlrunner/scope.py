"""What a flow selects, and whether that is less than at the last delivery: accounts outside are deactivated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from etlrunner.lib.listed import listed
from etlrunner.model.changes import Hold
from etlrunner.model.flow import Flow


def of(flow: Flow, absent: Mapping[str, Sequence[str]] | None = None) -> dict[str, Any]:
    """What the flow selects, as plain data that is kept with a delivery and compared by the next.

    `absent` are the ids of each table's `leave_out` that the roster does not have.
    """
    return {
        "absent": {table: sorted(ids) for table, ids in sorted((absent or {}).items()) if ids},
        "schools": {
            "include": sorted(located.text for located in flow.select.schools.include),
            "exclude": sorted(located.text for located in flow.select.schools.exclude),
        },
        "grades": sorted(flow.select.grades),
        "statuses": sorted(flow.select.statuses),
        "leave_out": {table: sorted(ids) for table, ids in sorted(flow.leave_out.items()) if ids},
    }


def narrowed(now: Mapping[str, Any], then: Mapping[str, Any] | None) -> Iterator[Hold]:
    """A flow that selects less than it did deactivates whoever it no longer selects."""
    if then is None:
        return
    schools, before = now["schools"], then.get("schools") or {}
    excluded = _more(before.get("exclude"), schools["exclude"])
    if excluded:
        who = _schools_of(excluded)
        yield _scope("schools.exclude", f"{who} newly excluded", listed(excluded))
    yield from _fewer("schools.include", before.get("include"), schools["include"])
    yield from _fewer("grades", then.get("grades"), now["grades"])
    yield from _fewer("statuses", then.get("statuses"), now["statuses"])
    left_out = then.get("leave_out") or {}
    absent = then.get("absent") or {}
    for table, ids in now["absent"].items():
        here_before = set(left_out.get(table) or ()) - set(absent.get(table) or ())
        if lost := len(here_before & set(ids)):
            what = "record" if lost == 1 else "records"
            yield Hold(
                f"scope.leave_out.{table}",
                f"{lost:,} {what} of leave_out.{table} left the roster since the last delivery; whoever "
                "has another id there now is left out no more, and would be sent",
                table=table,
                value=str(lost),
            )
    for table, ids in now["leave_out"].items():
        if more := _more(left_out.get(table), ids):
            what = "record is" if len(more) == 1 else "records are"
            yield Hold(
                f"scope.leave_out.{table}",
                f"the flow now leaves out more: {len(more):,} {what} newly listed in "
                f"leave_out.{table}; their accounts would be deactivated",
                table=table,
                value=str(len(more)),
            )


def unmatched(
    now: Mapping[str, int], then: Mapping[str, Any] | None, small_change: int
) -> Iterator[Hold]:
    """Crosswalks that did their work at the last delivery and fit no more, or are gone: ids would change.

    `now` are the lines of each that have an id of the roster. Who leaves takes one line; nine in ten at
    once are a file, or a roster, of another kind.
    """
    for name, before in ((then or {}).get("crosswalks") or {}).items():
        here = now.get(name, 0)
        if before >= small_change and here * 10 < before:
            what = f"{here:,} lines of crosswalks.{name} fit the roster"
            if name not in now:
                what = f"the flow has no crosswalks.{name} any more"
            yield Hold(
                "crosswalk_unmatched",
                f"{what}, and {before:,} lines fitted at the last delivery: whom they name would get ids "
                "that Apple does not know",
                value=str(here),
                limit=str(before),
            )


def wider(flow: Flow, then: Mapping[str, Any]) -> Iterator[Hold]:
    """What an earlier archive, made with the scope `then`, has and the flow does not send any more."""
    keys = [hold.safeguard.removeprefix("scope.") for hold in narrowed(of(flow), then)]
    if keys:
        yield Hold(
            "scope.older",
            f"the flow selects less by now ({', '.join(keys)}): this archive has whoever it leaves out "
            "since, and they would be sent again",
        )


def _fewer(key: str, then: Sequence[str] | None, now: Sequence[str]) -> Iterator[Hold]:
    """An empty list takes everything."""
    if not now:
        return
    are_ids = key.startswith("schools")  # grades and statuses are none, and may be said everywhere
    if not then:
        who = _schools_of(now) if are_ids else f"{listed(now)} {_is(now)}"
        what = f"only {who} taken, and before there was no such limit"
        yield _scope(key, what, listed(now) if are_ids else "")
    elif gone := sorted(set(then) - set(now)):
        who = _schools_of(gone) if are_ids else f"{listed(gone)} {_is(gone)}"
        yield _scope(key, f"{who} no longer taken", listed(gone) if are_ids else "")


def _scope(key: str, what: str, detail: str) -> Hold:
    return Hold(
        f"scope.{key}",
        f"the flow now selects less (select.{key}): {what}; "
        "accounts outside the selection would be deactivated",
        detail=detail,
    )


def _more(then: Sequence[str] | None, now: Sequence[str]) -> list[str]:
    return sorted(set(now) - set(then or ()))


def _schools_of(ids: Sequence[str]) -> str:
    return "1 school is" if len(ids) == 1 else f"{len(ids):,} schools are"


def _is(words: Sequence[str]) -> str:
    return "is" if len(words) == 1 else "are"
