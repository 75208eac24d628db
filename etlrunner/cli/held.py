"""The one screen of a held run: why, since when, where, how many, and the commands to go on."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from etlrunner.cli import brief, screen, whole
from etlrunner.model.changes import Changes, Hold
from etlrunner.run import Result

MOST_LINES = 14
"""Of reasons; a typical hold stays within 40 lines."""


def show(result: Result, holds: Sequence[Hold]) -> None:
    """The most important first; what is folded away is named with the command that shows it."""
    record = result.record
    first = f"HELD  {record.id}: nothing was sent.{_since(result)}"
    if record.trigger == "plan":
        first = f"PLAN  {record.id}: nothing was sent, and nothing waits. A run would be held:"
    screen.say(textwrap.fill(first, screen.width(), break_on_hyphens=False) + "\n")
    _reasons(holds)
    whole.unmatched(result)
    if result.changes is not None:
        _tables(result, result.changes)
        brief.schools(result)
    _crosswalks(result)
    _next(result)


def _since(result: Result) -> str:
    first = result.held_since
    if result.changes is not None and result.changes.baseline is None and first is None:
        return ""  # a first delivery
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
            f"{hold.told} [{name}]",
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


def _tables(result: Result, changes: Changes) -> None:
    """Against what Apple has, and against each upload that it may have instead and that stops this."""
    if not result.against:
        brief.tables(changes, ("Apple has", "it would be"))
    elif any(one.added or one.changed or one.removed for one in changes.tables.values()):
        brief.tables(changes, ("it has", "it would be"), f"If Apple has {changes.baseline} still:")
    for sent, against in result.against:
        brief.tables(against, ("it has", "it would be"), f"If Apple has {sent.id} by now:")


def _crosswalks(result: Result) -> None:
    """What to do with a proposal: the lines to write, ready to be copied."""
    if not result.crosswalks:
        return
    folder = screen.path(next(iter(result.crosswalks.values())).parent)
    screen.say(
        "The same ones under new ids: approving would give each of them a second account. A\n"
        "crosswalk keeps the ids that Apple knows. Review the files of the proposal in\n"
        f"  {folder}\n"
        "copy them into mappings/crosswalks (make that folder if it is not there), and write\n"
        f"into flows/{result.record.flow}.yaml:\n  crosswalks:"
    )
    for table, path in result.crosswalks.items():
        screen.say(f"    {table}: crosswalks/{path.name}")
    screen.say()


def _next(result: Result) -> None:
    """The commands to go on; where ids are new, the one that doubles accounts stands last."""
    record = result.record
    send = ""
    if record.trigger == "plan":
        send = f"etlrunner run {record.flow}, then approve what it holds"
    elif record.content_hash:
        send = f'etlrunner approve {record.id} --because "…"'
    if result.crosswalks:
        screen.say(f"The same ones:  put the crosswalk in place, then etlrunner run {record.flow}")
    elif send:
        screen.say(f"It is right:    {send}")
    screen.say(f"It is wrong:    mend it in the SIS, then etlrunner run {record.flow}")
    screen.say(f"One record:     etlrunner why {record.flow} students ID --run {record.id}")
    brief.for_clerks(result)
    screen.say(f"Everything:     etlrunner history {record.id} --all")
    if result.crosswalks and send:
        screen.say(f"Somebody else:  {send}")
