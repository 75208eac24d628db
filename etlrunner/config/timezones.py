"""Time zones by name, with advice for the names that people try."""

from __future__ import annotations

import difflib
import re
import zoneinfo
from functools import cache

ABBREVIATIONS = {
    "EST": "US/Eastern", "EDT": "US/Eastern", "ET": "US/Eastern",
    "CST": "US/Central", "CDT": "US/Central", "CT": "US/Central",
    "MST": "US/Mountain", "MDT": "US/Mountain", "MT": "US/Mountain",
    "PST": "US/Pacific", "PDT": "US/Pacific", "PT": "US/Pacific",
    "AKST": "US/Alaska", "AKDT": "US/Alaska", "AKT": "US/Alaska", "HST": "US/Hawaii", "HT": "US/Hawaii",
}  # fmt: skip
WITHOUT_SUMMER_TIME = frozenset({"EST", "MST", "HST"})


@cache
def names() -> frozenset[str]:
    """Every zone there is; the tzdata package has those that the system lacks."""
    return frozenset(zoneinfo.available_timezones())


def trouble(zone: str) -> str:
    """What is wrong with a zone's name and what is meant, or the empty text."""
    if zone in names() and zone not in ABBREVIATIONS:
        return ""
    if zone in WITHOUT_SUMMER_TIME & names():
        return ""
    if zone.upper() in ABBREVIATIONS:
        return f"'{zone}' is an abbreviation, not a time zone: write {ABBREVIATIONS[zone.upper()]}"
    if re.match(r"(UTC|GMT)?\s*[+-]\s*\d", zone, re.I):
        return (
            f"'{zone}' is an offset, which knows no summer time: write a place, such as US/Central"
        )
    by_lower = {name.lower(): name for name in names()}
    if zone.lower() in by_lower:
        return f"there is no time zone '{zone}': write {by_lower[zone.lower()]}"
    last = [name for name in sorted(names()) if name.rsplit("/", 1)[-1].lower() == zone.lower()]
    places = [name for name in last if not name.startswith(("Etc/", "SystemV/"))]
    if places:
        places.sort(key=lambda name: not name.startswith("US/"))
        return f"there is no time zone '{zone}': write {' or '.join(places)}"
    close = difflib.get_close_matches(zone.lower(), by_lower, n=3, cutoff=0.5)
    meant = ", ".join(by_lower[name] for name in close) or "US/Eastern, US/Central, US/Pacific"
    return f"there is no time zone '{zone}' (did you mean {meant}?)"


def warning(zone: str) -> str:
    """What is odd about a zone that exists."""
    if zone in WITHOUT_SUMMER_TIME:
        return f"'{zone}' knows no summer time; most districts mean {ABBREVIATIONS[zone]}"
    return ""
