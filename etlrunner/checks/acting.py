"""Does what a flow decides about rows that break a rule: leaves them out, empties or cuts the cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from etlrunner.checks.books import NUMBER, Books
from etlrunner.checks.listing import Items, RowRule, TableRules, broken
from etlrunner.model.problems import Verdict


@dataclass(frozen=True)
class Act:
    """One rule's verdict on some rows of a table."""

    table: str
    rule: RowRule
    verdict: Verdict
    rows: pl.DataFrame


def act(books: Books, items: Items, verdicts: Mapping[str, Verdict]) -> bool:
    """Act on every rule that has one of these verdicts; False when there was nothing to do.

    All rules are looked up before anything changes; a row that one of them leaves out has that one as
    its reason, and its cells are no matter any more.
    """
    found: dict[str, list[Act]] = {}
    for item in items:
        if isinstance(item, TableRules):
            found.setdefault(item.spec.name, []).extend(_acts(books, item, verdicts))
    acting = {name: acts for name, acts in found.items() if acts}
    for name, acts in acting.items():
        _change(books, name, acts)
    return bool(acting)


def _acts(books: Books, item: TableRules, verdicts: Mapping[str, Verdict]) -> list[Act]:
    wanted = [rule for rule in item.rules if _verdict(rule, verdicts)]
    acts = []
    for rule in broken(TableRules(item.spec, item.frame, wanted)):
        rows = books.rows(item.spec.name, rule.broken, frame=item.frame)
        if rows.height:
            acts.append(Act(item.spec.name, rule, verdicts[rule.rule], rows))
    return acts


def _verdict(rule: RowRule, verdicts: Mapping[str, Verdict]) -> bool:
    """An identifier is not cut: there the rule's own verdict holds."""
    verdict = verdicts.get(rule.rule)
    return verdict is not None and (verdict != "cut" or rule.cut is not None)


def _change(books: Books, name: str, acts: list[Act]) -> None:
    key = books.target.tables[name].key
    frame = books.frame(name).with_row_index(NUMBER)
    gone = pl.Series(NUMBER, [], dtype=pl.UInt32)
    drops: list[tuple[RowRule, pl.DataFrame]] = []
    for one in acts:
        if one.verdict == "reject":
            rows = one.rows.filter(~pl.col(NUMBER).is_in(gone.implode()))
            gone = gone.append(rows[NUMBER])
            drops.append((one.rule, rows))
    for one in acts:
        if one.verdict != "reject" and one.rule.column is not None:
            rows = one.rows.filter(~pl.col(NUMBER).is_in(gone.implode()))
            instead = pl.lit("") if one.verdict == "blank" else one.rule.cut
            chosen = pl.when(pl.col(NUMBER).is_in(rows[NUMBER].implode())).then(instead)
            column = one.rule.column
            frame = frame.with_columns(chosen.otherwise(pl.col(column)).alias(column))
            books.touch(name, one.rule.rule, column, one.verdict, rows[key])
    books.write(name, frame.filter(~pl.col(NUMBER).is_in(gone.implode())).drop(NUMBER))
    for rule, rows in drops:
        books.dropped(name, rule.rule, rule.column, rows)
