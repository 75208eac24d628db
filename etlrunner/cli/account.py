"""An account on the terminal: what a person with somebody on the phone reads from top to bottom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from etlrunner.cli import screen
from etlrunner.lib import shapes
from etlrunner.why.account import Account, Change, Column, Row, Rule, Step
from etlrunner.why.accounts import WRITTEN

SENT = ("delivered", "unchanged", "approved")
MOST_ROWS = 4
ASKED_ABOUT = {
    "select.class": ("classes", "classSourcedId"),
    "select.user": ("students", "userSourcedId"),
}
TABLE_OF = {
    "class_id": "classes",
    "student_id": "students",
    "instructor_id": "staff",
    "location_id": "locations",
}
"""Where to ask about what a column refers to."""
INDENT = " " * 10


def show(account: Account, key: str = "") -> None:
    """The whole account; of several rows of the target only the one with this `key`, if it is given."""
    _head(account)
    _rules(account.rules)
    _steps(account.steps)
    rows = [row for row in account.rows if not key or row.key == key] or list(account.rows)
    for row in rows[:MOST_ROWS]:
        _row(account, row, few=len(rows) == 1)
    if len(account.rows) > len(rows[:MOST_ROWS]):
        screen.say(f"\n{len(account.rows)} rows came of this record; ask with one of their keys:")
        screen.say("  " + ", ".join(row.key for row in account.rows))
    if not account.agrees:
        screen.complain(
            f"warning: the run wrote down another fate than this; was {account.run} changed by hand?"
        )
    for question in dict.fromkeys(_next(account, rows)):
        screen.say(f"next      {question}")
    screen.say("\n" + verdict(account, rows))


def verdict(account: Account, rows: Sequence[Row]) -> str:
    """The answer in one sentence."""
    name = f"{account.table} {_named(account, rows)}"
    tense = "is" if account.outcome in SENT else "would be"
    if account.held_over:
        since, runs = account.held_over["since"], account.held_over["runs"]
        known = f"as last known (grace): gone since {since}, run {runs}"
        return f"{name} {tense} in {account.table}.csv {known}; {_reason(account, rows)}."
    if any(row.fate == WRITTEN for row in rows):
        row = next(row for row in rows if row.fate == WRITTEN)
        return f"{name} {tense} in {account.table}.csv{_since(row.change)}."
    change = rows[0].change if rows else account.change
    gone = change is not None and change.kind == "removed"
    known = (
        f" {change.run} delivered it, so it goes with the next delivery." if gone and change else ""
    )
    return f"{name} {tense} not in {account.table}.csv: {_reason(account, rows)}.{known}".replace(
        "would be not", "would not be"
    )


def _named(account: Account, rows: Sequence[Row]) -> str:
    return rows[0].key if rows and rows[0].key else str(account.record.get("sourcedId", ""))


def _reason(account: Account, rows: Sequence[Row]) -> str:
    if rows:
        rule = rows[0].fate
        if rule == "duplicate":
            return "another record makes the same row"
        return f"`{rule}` took it out"
    for one in account.rules:
        if one.out:
            place = f" ({one.place})" if one.place else ""
            because = f"; {one.because}" if one.because else ""
            return f"`{one.name}` took it out{place}{because}"
    last = next((step for step in account.steps if not step.after), None)
    return f"`{last.name}` took it out ({last.place})" if last else "no row came of it"


def _next(account: Account, rows: Sequence[Row]) -> Iterator[str]:
    """What to ask about the record that this one hangs on."""
    ask = f"etlrunner why {account.flow}"
    for rule in account.rules:
        if rule.out and rule.name in ASKED_ABOUT:
            table, column = ASKED_ABOUT[rule.name]
            yield f"{ask} {table} {account.record.get(column)}"
    for one in (line for row in rows for line in row.noted if line["before"]):
        table = TABLE_OF.get(one["column"], "")
        kept = one["after"].split(", ")
        for lost in (value for value in one["before"].split(", ") if table and value not in kept):
            yield f"{ask} {table} {lost}"


def _since(change: Change | None) -> str:
    if change is None:
        return ""
    return {
        "new": f"; new since {change.run}",
        "unchanged": f", as {change.run} delivered it",
        "changed": f"; changed since {change.run}: {', '.join(change.columns)}",
    }.get(change.kind, "")


# ---------------------------------------------------------------- parts


def _head(account: Account) -> None:
    screen.say(f"run       {account.run} ({account.outcome}), as of {account.as_of}")
    screen.say(f"source    {account.source}, record {account.number:,}")
    record = (
        account.record if account.values_shown else shapes.opened(account.record, account.source)
    )
    _wrapped(_pairs({name: value for name, value in record.items() if value not in ("", [])}))
    if account.folded:
        what = f"records of {account.source} came twice, equal, and were folded into one each"
        screen.say(f"{INDENT}{account.folded:,} {what}")
    for table, fates in account.elsewhere.items():
        screen.say(f"{INDENT}{table}: {', '.join(fates)}")
    if account.beside:
        _wrapped(["the same row comes of", *account.beside])
    if account.left_out:
        _wrapped(["left out by the flow", *(f"{k}: {v}" for k, v in account.left_out.items())])


def _rules(rules: Sequence[Rule]) -> None:
    """Conditions one by one; the rules of `select` that had nothing against the record in one line."""
    for kind, lead in (("where", "where"), ("select", "select")):
        for rule in rules:
            if rule.kind != kind or not (rule.out or rule.because or kind == "where"):
                continue
            screen.say(f"{lead:<10}{_verdict(rule)}  {rule.name}")
            told = filter(None, (rule.wanted, rule.because, rule.place))
            _wrapped([*_pairs(rule.values), *told], 18)
            lead = ""
        silent = [one for one in rules if one.kind == kind == "select" and not one.because]
        passed = [rule.name for rule in silent if not rule.out]
        if passed:
            lines = _lines(passed, screen.width() - 18)
            for line in lines:
                screen.say(f"{lead:<10}passed  {line}")
                lead = ""


def _verdict(rule: Rule) -> str:
    return "OUT   " if rule.out else "passed"


def _steps(steps: Sequence[Step]) -> None:
    for number, step in enumerate(steps):
        is_out = bool(step.before and not step.after)
        lead, verdict = "" if number else "steps", "OUT   " if is_out else "passed"
        screen.say(f"{lead:<10}{verdict}  {step.name}")
        looked_at = {name: value for rule in step.rules for name, value in rule.values.items()}
        words = [] if step.what in ("kept", "took it out") else [step.what]
        places = [step.place] if is_out else []
        broken = [f"not so: {rule.name}" for rule in step.rules if rule.out and len(step.rules) > 1]
        _wrapped([*words, *_pairs(step.added), *broken, *_pairs(looked_at), *places], 18)


def _row(account: Account, row: Row, *, few: bool) -> None:
    fate = "written" if row.fate == WRITTEN else f"OUT by {row.fate}"
    screen.say(f"\nrow       {row.key or '(no key)'}: {fate}")
    if few or row.fate != WRITTEN:
        _columns(account, row.columns)
    for rule in row.rejects:
        screen.say(f"OUT     {rule.name}")
    for one in row.noted:
        screen.say(f"{one['verdict']:<9} {one['rule']}")
        moved = f"{one['before'] or 'nothing'} → {one['after'] or 'nothing'}"
        cell = f"{one['column']}: {moved}" if one["before"] or one["after"] else one["column"]
        _wrapped(filter(None, (cell, one["title"])))
    if row.change and row.change.kind == "changed":
        pairs = [
            f"{name} {old or 'nothing'} → {new or 'nothing'}"
            for name, (old, new) in row.change.columns.items()
        ]
        screen.say(f"changed   since {row.change.run}:")
        _wrapped(pairs)


def _columns(account: Account, columns: Iterable[Column]) -> None:
    rows = [
        [one.name, one.value, _made_from(one, account.mapping), _line(one.place, account.mapping)]
        for one in columns
    ]
    header = ["column", "value", "made from", "line"]
    screen.table(header, rows, width=screen.width())
    if any(row[3].isdigit() for row in rows):
        screen.say(f"lines in  {account.mapping}")


def _made_from(column: Column, mapping: str) -> str:
    reads = _pairs({k: v for k, v in column.reads.items() if k != column.made_from})
    overridden = [] if _line(column.place, mapping) else [f"overridden in {column.place}"]
    return "; ".join([column.made_from, *reads, *column.notes, *overridden])


def _line(place: str, mapping: str) -> str:
    """A line of the mapping; nothing for a place in another file."""
    file, _, line = place.rpartition(":")
    return line if file == mapping else ""


def _pairs(values: Mapping[str, Any]) -> list[str]:
    return [f"{name} = {_text(value)}" for name, value in values.items()]


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "(none)"
    return str(value) if value != "" else '""'


def _wrapped(parts: Iterable[str], indent: int = 10) -> None:
    """Parts, as many as fit on a line; none is broken unless it is longer than a line."""
    for line in _lines(list(parts), screen.width() - indent):
        screen.say(" " * indent + line)


def _lines(parts: list[str], width: int) -> Iterator[str]:
    line = ""
    for part in parts:
        longer = f"{line} · {part}" if line else part
        if line and len(longer) > width:
            yield line
            longer = part
        line = longer
    if line:
        yield line
