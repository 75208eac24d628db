"""From rules over columns to findings: one pass counts, and only what is broken is looked at again.

A rule over rows is a boolean column, true where a row breaks it. All of a table's rules are counted in
one pass, so a table without faults costs one scan. The first rows that break a rule are named one by
one; the rest share one finding whose `count` says how many they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from etlrunner import table
from etlrunner.checks.rules import RULES
from etlrunner.model import Finding
from etlrunner.target import TargetTable

LISTED = 100
"""Findings that are listed one by one, per rule."""

LONGEST = 80
"""Characters of an identifier that a message shows."""
REST = 0
"""The row number of a finding that stands for rows which are not listed."""
NUMBER = "_number"
Tables = Mapping[str, pl.LazyFrame]
Message = Callable[[Mapping[str, str]], str]


@dataclass(frozen=True)
class RowRule:
    """`broken` is true where a row breaks the rule; `message` gets the cells named in `shows`.

    `gate`, if given, is cheaper and is true when any row may break it.
    """

    rule: str
    broken: pl.Expr
    message: Message
    column: str | None = None
    shows: Sequence[str] = ()
    gate: pl.Expr | None = field(default=None)


def broken_rows(
    spec: TargetTable, frame: pl.LazyFrame, rules: Sequence[RowRule]
) -> Iterator[Finding]:
    """The findings of row rules over one table, in the order of the rules."""
    if not rules:
        return
    asked = [(rule.gate if rule.gate is not None else rule.broken.any()) for rule in rules]
    verdict = table.collect(frame.select(e.alias(str(n)) for n, e in enumerate(asked))).row(0)
    for rule, broken in zip(rules, verdict, strict=True):
        if broken:
            yield from _listed(spec, frame, rule)


def limited(findings: Iterable[Finding], most: int = LISTED) -> Iterator[Finding]:
    """At most `most` findings per rule one by one, then one per rule, table and column for the rest."""
    listed: Counter[str] = Counter()
    rest: Counter[tuple[str, str, str | None]] = Counter()
    for finding in findings:
        if finding.row == REST or (finding.row and listed[finding.rule] >= most):
            rest[finding.rule, finding.table, finding.column] += finding.count
        else:
            listed[finding.rule] += 1
            yield finding
    for (rule, name, column), count in rest.items():
        message = f"{count:,} more {'row breaks' if count == 1 else 'rows break'} this rule"
        severity = RULES[rule].severity
        yield Finding(rule, severity, message, name, column=column, count=count)


def shown(value: str) -> str:
    """An identifier as a message may show it: what cannot be seen as its code, and not too long."""
    text = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in value[:LONGEST])
    return text + "…" if len(value) > LONGEST else text


def whole_file(rule: str, name: str, message: str, *, column: str | None = None) -> Finding:
    """A finding about a file as a whole."""
    return Finding(rule, RULES[rule].severity, message, name, column=column)


def _listed(spec: TargetTable, frame: pl.LazyFrame, rule: RowRule) -> Iterator[Finding]:
    """The first rows one by one, then one finding that stands for the rest."""
    names = frame.collect_schema().names()
    wanted = [n for n in dict.fromkeys((spec.key, "location_id", *rule.shows)) if n in names]
    found = (
        frame.with_row_index(NUMBER, offset=1)
        .filter(rule.broken)
        .select(NUMBER, *wanted)
        .with_columns(pl.len().alias("_all"))
        .head(LISTED)
    )
    rows = table.collect(found)
    for row in rows.iter_rows(named=True):
        yield _finding(spec, rule, row)
    if rows.height and (more := rows["_all"][0] - rows.height):
        severity = RULES[rule.rule].severity
        yield Finding(rule.rule, severity, "", spec.name, row=REST, column=rule.column, count=more)


def _finding(spec: TargetTable, rule: RowRule, row: Mapping[str, object]) -> Finding:
    cells = {name: str(value) for name, value in row.items()}
    number = int(cells[NUMBER])
    return Finding(
        rule=rule.rule,
        severity=RULES[rule.rule].severity,
        message=rule.message(cells),
        table=spec.name,
        row=number,
        line=number + 1,
        column=rule.column,
        key=cells.get(spec.key) or None,
        school=cells.get("location_id") or None,
    )
