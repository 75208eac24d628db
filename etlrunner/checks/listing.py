"""From rules over columns to findings: one pass counts, and only what is broken is looked at again.

A rule over rows is a boolean column, true where a row breaks it. All of a table's rules are counted in
one pass, so a table without faults costs one scan. The first rows that break a rule are named one by
one; the rest share one finding whose `count` says how many they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from etlrunner import findings_file, table
from etlrunner.checks.rules import severity_of
from etlrunner.model.problems import Finding
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

    `hint` and `gate`, if given, are true when any row may break it: first all the hints of a table are
    asked, which many rules share, then the gates of the rules that are left. Only rows where `among` is
    true can break it, if that is given: a costly `broken` is asked of those alone. `cut` is what the
    column's cell becomes where a flow cuts off what breaks the rule.
    """

    rule: str
    broken: pl.Expr
    message: Message
    column: str | None = None
    shows: Sequence[str] = ()
    hint: pl.Expr | None = field(default=None)
    gate: pl.Expr | None = field(default=None)
    among: pl.Expr | None = field(default=None)
    cut: pl.Expr | None = field(default=None)


@dataclass(frozen=True)
class TableRules:
    """Rules over the rows of one table, for whoever looks them up or acts on them."""

    spec: TargetTable
    frame: pl.LazyFrame
    rules: Sequence[RowRule]


Items = Iterable[Finding | TableRules]


@dataclass
class Looked:
    """What was found: findings, the first of each rule one by one, and every key (findings_file)."""

    findings: list[Finding] = field(default_factory=list)
    keys: list[pl.DataFrame] = field(default_factory=list)


def look(items: Items, failing: Collection[str] = ()) -> Looked:
    """Look up every rule, in the order of the items; those in `failing` are errors to the flow."""
    looked = Looked()
    for item in items:
        if isinstance(item, Finding):
            looked.findings.append(item)
        else:
            for rule in broken(item):
                is_error = severity_of(rule.rule) == "error"
                verdict = "fail" if is_error or rule.rule in failing else "warn"
                looked.findings += _listed(item.spec, item.frame, rule, looked.keys, verdict)
    looked.findings = list(limited(looked.findings))
    return looked


def broken(item: TableRules) -> Iterator[RowRule]:
    """The rules that some row may break, counted in one pass over the table, or two."""
    hinted = [rule for rule in item.rules if rule.hint is not None]
    quiet = {
        id(rule)
        for rule, may_be in zip(hinted, _asked(item, [rule.hint for rule in hinted]), strict=True)
        if not may_be
    }
    rules = [rule for rule in item.rules if id(rule) not in quiet]
    asked = [(rule.gate if rule.gate is not None else rule.broken.any()) for rule in rules]
    for rule, is_broken in zip(rules, _asked(item, asked), strict=True):
        if is_broken:
            yield rule


def _asked(item: TableRules, asked: Sequence[pl.Expr | None]) -> tuple[bool, ...]:
    """The answers to questions about a whole table, in one pass; what stands there twice is done once."""
    if not asked:
        return ()
    named = [expr.alias(str(number)) for number, expr in enumerate(asked) if expr is not None]
    return table.collect(item.frame.select(named)).row(0)


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
        severity = severity_of(rule)
        yield Finding(rule, severity, message, name, column=column, count=count)


def always(message: str) -> Message:
    """The same message for every row."""
    return lambda _: message


def shown(value: str) -> str:
    """An identifier as a message may show it: what cannot be seen as its code, and not too long."""
    text = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in value[:LONGEST])
    return text + "…" if len(value) > LONGEST else text


def whole_file(rule: str, name: str, message: str, *, column: str | None = None) -> Finding:
    """A finding about a file as a whole."""
    return Finding(rule, severity_of(rule), message, name, column=column)


def _listed(
    spec: TargetTable,
    frame: pl.LazyFrame,
    rule: RowRule,
    keys: list[pl.DataFrame],
    verdict: str,
) -> Iterator[Finding]:
    """The first rows one by one, then one finding that stands for the rest; all of their keys."""
    names = frame.collect_schema().names()
    wanted = [n for n in dict.fromkeys((spec.key, "location_id", *rule.shows)) if n in names]
    found = frame.with_row_index(NUMBER, offset=1)
    if rule.among is not None:  # collected: both in one filter would be asked of every row
        found = table.collect(found.filter(rule.among)).lazy()
    rows = table.collect(found.filter(rule.broken).select(NUMBER, *wanted))
    if spec.key in names and rows.height:
        keys.append(findings_file.rows(spec.name, rows[spec.key], rule.rule, rule.column, verdict))
    for row in rows.head(LISTED).iter_rows(named=True):
        yield _finding(spec, rule, row)
    if (more := rows.height - LISTED) > 0:
        severity = severity_of(rule.rule)
        yield Finding(rule.rule, severity, "", spec.name, row=REST, column=rule.column, count=more)


def _finding(spec: TargetTable, rule: RowRule, row: Mapping[str, object]) -> Finding:
    cells = {name: str(value) for name, value in row.items()}
    number = int(cells[NUMBER])
    return Finding(
        rule=rule.rule,
        severity=severity_of(rule.rule),
        message=rule.message(cells),
        table=spec.name,
        row=number,
        line=number + 1,
        column=rule.column,
        key=cells.get(spec.key) or None,
        school=cells.get("location_id") or None,
    )
