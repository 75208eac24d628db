"""The one screen of a held run: why, since when, where, how many, and the commands to go on."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence

from etlrunner.cli import screen
from etlrunner.model.changes import Changes, Hold
from etlrunner.run import Result
from etlrunner.target import FILE_ORDER

MOST_LINES = 14
"""Of reasons; a typical hold stays within 40 lines."""
MOST_SCHOOLS = 4


def show(result: Result, holds: Sequence[Hold]) -> None:
    """The most important first; what is folded away is named with the command that shows it."""
    record = result.record
    first = f"HELD  {record.id}: nothing was sent.{_since(result)}"
    screen.say(textwrap.fill(first, screen.width(), break_on_hyphens=False) + "\n")
    _reasons(holds)
    if result.changes is not None:
        _tables(result.changes)
        if result.changes.baseline:
            _schools(result.changes)
    _next(result)


def _since(result: Result) -> str:
    first = result.held_since
    if first is None:
        return " This is the first time."
    return f" So since {first.started:%Y-%m-%d %H:%M} UTC ({first.id})."


def _reasons(holds: Sequence[Hold]) -> None:
    lines: list[str] = []
    shown = 0
    for hold in holds:
        name = (
            hold.safeguard if hold.safeguard.startswith("scope") else hold.safeguard.split(".")[-1]
        )
        more = textwrap.wrap(
            f"{hold.message} [{name}]",
            screen.width() - 1,
            initial_indent="  * ",
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        if lines and len(lines) + len(more) > MOST_LINES:
            break
        lines += more
        shown += 1
    screen.say("\n".join(lines))
    if shown < len(holds):
        screen.say(f"  … and {len(holds) - shown} more reasons")


def _tables(changes: Changes) -> None:
    rows = [
        [name, one.before, one.added, one.changed, one.removed, one.after]
        for name in FILE_ORDER
        if (one := changes.tables.get(name)) is not None
    ]
    header = ["table", "Apple has", "added", "changed", "removed", "it would be"]
    screen.table(header, rows)


def _schools(changes: Changes) -> None:
    """Where most is lost or gained: one line for each school."""
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
        text = f"{school or 'no school'}: {', '.join(parts)}"
        screen.say(textwrap.fill(text, screen.width() - 1, subsequent_indent="    "))
    if len(listed) > MOST_SCHOOLS:
        screen.say(f"… and {len(listed) - MOST_SCHOOLS} more schools")


def _next(result: Result) -> None:
    record = result.record
    screen.say()
    if record.trigger != "plan" and record.content_hash:
        screen.say(f'It is right:    etlrunner approve {record.id} --because "…"')
    screen.say(f"It is wrong:    mend it in the SIS, then etlrunner run {record.flow}")
    screen.say(f"One record:     etlrunner why {record.flow} students ID --run {record.id}")
    screen.say(f"Everything:     etlrunner history {record.id} --all")
