"""One screen about a run that went well, and the parts that it shares with that of a held one."""

from __future__ import annotations

import textwrap
from collections import Counter

from etlrunner.cli import fixlists, screen, whole
from etlrunner.model.changes import Changes
from etlrunner.run import Result
from etlrunner.target import FILE_ORDER

MOST_SCHOOLS = 4
MOST_FIRST = 15
"""Schools of a first delivery: whoever approves it counts them."""
COUNTED = ("students", "staff", "courses", "classes", "rosters")


def show(result: Result) -> None:
    """What changed at the target, and whatever is out of the ordinary; not how it was made."""
    if result.changes is not None:
        tables(result.changes, ("Apple had", "Apple has"))
        schools(result)
    whole.codes(result, unused=False)
    whole.reasons(result, besides=("filtered",))
    whole.findings(result)
    whole.held_over(result)
    whole.proposals(result)
    whole.outside(result)
    for_clerks(result)
    if result.finished:
        screen.say(f"Everything:     etlrunner history {result.record.id} --all")


def for_clerks(result: Result) -> None:
    """The command that writes their lists, where there is something on them."""
    if fixlists.waiting(result):
        screen.say(f"For clerks:     {fixlists.told_by(result)}")


def tables(changes: Changes, ends: tuple[str, str], title: str = "") -> None:
    """What each file was, what comes and goes, and what it is then; `ends` name the first and the last."""
    rows = [
        [name, one.before, one.added, one.changed, one.removed, one.after]
        for name in FILE_ORDER
        if (one := changes.tables.get(name)) is not None
    ]
    before, after = ends
    screen.table(["table", before, "added", "changed", "removed", after], rows, title=title)
    whole.columns(changes)


def schools(result: Result) -> None:
    """Where most is lost or gained, one line for each school; of a first delivery, what each school has."""
    assert result.changes is not None
    names = school_names(result)
    if result.changes.baseline is None:
        _first(result.changes, names)
    elif not _is_rekeyed(result.changes):
        _moved(result.changes, names)


def _is_rekeyed(changes: Changes) -> bool:
    """Most schools have other ids: then each of them is gone, and come, and that says nothing."""
    places = changes.tables.get("locations")
    return places is not None and 2 * places.kinds.get("rekeyed", 0) > places.before


def _first(changes: Changes, names: dict[str, str]) -> None:
    listed = sorted({school for one in changes.tables.values() for school in one.schools})
    rows: list[list[object]] = []
    for school in listed[:MOST_FIRST]:
        counts = [changes.tables[name].schools.get(school, (0, 0))[1] for name in COUNTED]
        rows.append([school or "no school", names.get(school, ""), *counts])
    screen.table(["school", "", *COUNTED], rows)
    if len(listed) > MOST_FIRST:
        screen.say(f"… and {len(listed) - MOST_FIRST} more schools\n")


def _moved(changes: Changes, names: dict[str, str]) -> None:
    moved: Counter[str] = Counter()
    for one in changes.tables.values():
        for school, (_, added, removed, _) in one.schools.items():
            moved[school] += added + removed
    listed = [school for school, count in moved.most_common() if count]
    for school in listed[:MOST_SCHOOLS]:
        parts = []
        for name, one in changes.tables.items():
            before, added, removed, _ = one.schools.get(school, (0, 0, 0, 0))
            signs = [f"{sign}{count:,}" for sign, count in (("-", removed), ("+", added)) if count]
            if signs:
                parts.append(f"{name} {' '.join(signs)} of {before:,}")
        called = f" ({names[school]})" if school in names else ""
        text = f"{school or 'no school'}{called}: {', '.join(parts)}"
        screen.say(
            textwrap.fill(
                text, screen.width() - 1, subsequent_indent="    ", break_on_hyphens=False
            )
        )
    if len(listed) > MOST_SCHOOLS:
        screen.say(f"… and {len(listed) - MOST_SCHOOLS} more schools")
    if listed:
        screen.say()


def school_names(result: Result) -> dict[str, str]:
    """location_id -> location_name, as delivered last and as it would be now."""
    from etlrunner import table

    known = result.last.tables.get("locations") if result.last else None
    fresh = result.finished["locations"].path if "locations" in result.finished else None
    names: dict[str, str] = {}
    for path in (known, fresh):
        if path is not None and path.is_file():
            rows = table.collect(table.scan(path).frame.select("location_id", "location_name"))
            names |= {id: name for id, name in rows.iter_rows() if name}
    return names
