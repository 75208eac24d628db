"""What a change of the configuration would do, for a terminal and for a pull request: counts only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from etlrunner.cli import screen
from etlrunner.lib import plain
from etlrunner.model.changes import TableChanges
from etlrunner.revisions import Comparison
from etlrunner.target import FILE_ORDER

MOST_SCHOOLS = 15
Grid = tuple[str, Sequence[str], list[list[object]]]
"""Title, header, rows."""


def show(found: Comparison) -> None:
    """Everything on one screen; the last line is the answer."""
    screen.say(f"{found.flow}: {found.before.name} → {found.after.name}")
    screen.say(f"on the roster of {found.run}, as of {found.as_of}")
    if found.files:
        screen.say(f"files that differ: {', '.join(found.files)}")
    for line in _remarks(found):
        screen.say(line)
    for title, header, rows in _grids(found):
        screen.table(header, rows, title=title)
    screen.say("\n" + summary(found))


def markdown(found: Comparison) -> str:
    """The same as a comment on a pull request."""
    lines = [
        f"### etlrunner: what `{found.flow}` would send",
        "",
        f"**{summary(found)}**",
        "",
        f"`{found.before.name}` → `{found.after.name}`, on the roster of {found.run}, as of "
        f"{found.as_of}. Counts only; nothing was sent.",
    ]
    if found.files:
        lines += ["", "Files that differ: " + ", ".join(f"`{name}`" for name in found.files)]
    lines += [line for remark in _remarks(found) for line in ("", f"> {remark}")]
    for title, header, rows in _grids(found):
        lines += ["", f"#### {title}", "", "| " + " | ".join(header) + " |"]
        lines.append("|" + " --- |" * len(header))
        lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines)


def as_data(found: Comparison) -> dict[str, Any]:
    """The same as data."""
    sides = {
        name: {"name": side.name, "there": side.there, "errors": side.errors, "ended": side.ended}
        for name, side in (("before", found.before), ("after", found.after))
    }
    return {
        "flow": found.flow,
        "run": found.run,
        "as_of": found.as_of.isoformat(),
        **sides,
        "files": list(found.files),
        "tables": plain.of(found.changes.tables) if found.changes else None,
        "rules": plain.of(found.rules),
        "summary": summary(found),
    }


def summary(found: Comparison) -> str:
    """One sentence for each table that changes, in one line."""
    if found.changes is None:
        side = found.before if found.before.ended else found.after
        return f"No comparison: with {side.name} the run would end: {side.ended}."
    told = [text for name in FILE_ORDER if (text := _table(found.changes.tables[name]))]
    if told:
        return "; ".join(told) + "."
    rules = ", though rules concern other rows" if found.rules else ""
    return f"Nothing that is sent would change{rules}."


def _table(one: TableChanges) -> str:
    """`students: 412 of 2,000 change (grade_level 412), 3 removed`."""
    parts = []
    if one.changed:
        columns = sorted(one.columns.items(), key=lambda item: -item[1])
        listed = ", ".join(f"{name} {count:,}" for name, count in columns)
        count = f"{len(columns)} column{'s change' if len(columns) > 1 else ' changes'}"
        parts.append(f"{count} in {one.changed:,} of {one.before:,} ({listed})")
    parts += [f"{one.added:,} added"] if one.added else []
    parts += [f"{one.removed:,} removed"] if one.removed else []
    return f"{one.table}: {', '.join(parts)}" if parts else ""


def _remarks(found: Comparison) -> Iterator[str]:
    if not found.before.there:
        yield f"The flow is not there at {found.before.name}: everything counts as added."
    if found.after.errors > found.before.errors:
        yield (
            f"With {found.after.name} the checks find {found.after.errors:,} errors "
            f"({found.before.errors:,} before): a run would end with exit code 5 and send nothing."
        )


def _grids(found: Comparison) -> Iterator[Grid]:
    if found.changes is not None:
        changes = [found.changes.tables[name] for name in FILE_ORDER]
        yield (
            "Rows",
            ["table", "before", "after", "added", "changed", "removed"],
            [
                [one.table, one.before, one.after, one.added, one.changed, one.removed]
                for one in changes
            ],
        )
        columns: list[list[object]] = [
            [one.table, name, count, one.before]
            for one in changes
            for name, count in one.columns.items()
        ]
        if columns:
            yield "Changed cells", ["table", "column", "rows", "of"], columns
        schools = _schools(changes)
        if schools:
            more = (
                f" (the {MOST_SCHOOLS} largest of {len(schools)})"
                if len(schools) > MOST_SCHOOLS
                else ""
            )
            header = ["school", "table", "before", "added", "changed", "removed"]
            yield f"Schools{more}", header, schools[:MOST_SCHOOLS]
    if found.rules:
        yield (
            "Rules that concern another number of rows",
            ["table", "", "rule", "before", "after"],
            [[one.table, one.what, one.rule, one.before, one.after] for one in found.rules],
        )


def _schools(changes: Sequence[TableChanges]) -> list[list[object]]:
    rows: list[tuple[int, list[object]]] = [
        (added + changed + removed, [school, one.table, before, added, changed, removed])
        for one in changes
        for school, (before, added, removed, changed) in one.schools.items()
        if added or changed or removed
    ]
    return [row for _, row in sorted(rows, key=lambda pair: -pair[0])]


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|")
