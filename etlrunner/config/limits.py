"""What one delivery may change: the flow's limits, and those of its seasons laid over them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from etlrunner.config import calendar
from etlrunner.config.mappings import Reading
from etlrunner.lib.document import Places
from etlrunner.model.problems import Problem
from etlrunner.model.safeguards import Limit, Safeguards, Season, TableSafeguards
from etlrunner.target import TARGETS


def safeguards(values: Mapping[str, Any]) -> Safeguards:
    """The limits of each table, with what holds for all of them."""
    tables = {
        table: TableSafeguards(**{key: _limit(one) for key, one in values[table].items()})
        for table in TARGETS["apple-school-manager"].tables
    }
    stale = values["stale_after"]
    return Safeguards(
        tables,
        small_change=values["small_change"],
        expect=values.get("expect", {}),
        approve_within=values["approve_within"],
        stale_after=None if stale == "none" else stale,
    )


def seasons(
    declared: Mapping[str, Any], usual: Mapping[str, Any], places: Places, reading: Reading
) -> tuple[Season, ...]:
    """By their days. What a season says of safeguards is laid over `usual`, the flow's own."""
    found = []
    for name, one in declared.items():
        way = ("seasons", str(name))
        days = calendar.span(f"{one['from']}/{one['to']}")
        if days is None:
            message = f"{one['from']} to {one['to']} is no span of days"
            hint = "the last day is not before the first, and both are in the calendar"
            reading.problems.append(places.problem("E205", message, (*way, "to"), one["to"], hint))
            continue
        mode = one.get("mode", "normal")
        limits = safeguards(_over(usual, one.get("safeguards", {})))
        found.append(Season(str(name), *days, mode, limits, places.key(way)))
    found.sort(key=lambda one: one.first)
    for one, following in pairwise(found):
        if following.first <= one.last:
            message = f"'{following.name}' begins on {following.first}, and '{one.name}' lasts until {one.last}"
            path = f"seasons.{following.name}"
            reading.problems.append(Problem("E233", message, following.place, path, also=one.place))
    return tuple(found)


def _limit(value: int | str) -> Limit | None:
    """A count, a share, or no limit."""
    if isinstance(value, int):
        return Limit(count=value)
    return None if value == "none" else Limit(share=float(value.removesuffix("%")) / 100)


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Maps merge, everything else replaces."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(under, Mapping)
        merged[str(key)] = _over(under, value) if both else value  # type: ignore[arg-type]
    return merged
