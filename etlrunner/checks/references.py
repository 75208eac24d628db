"""Every reference between the files resolves inside the same delivery."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from etlrunner import table
from etlrunner.checks.listing import Items, RowRule, TableRules, Tables, shown
from etlrunner.model.components import Options
from etlrunner.target import Target, TargetTable

RULE_OF = {
    "locations": "asm-ref-location",
    "courses": "asm-ref-course",
    "staff": "asm-ref-instructor",
    "classes": "asm-ref-class",
    "students": "asm-ref-student",
}
"""The rule for a reference into a table."""


def check(tables: Tables, options: Options) -> Items:
    """Yield the rules about what refers to nothing; an empty cell is no reference."""
    target: Target = options["target"]
    ids: dict[tuple[str, str], pl.Series] = {}
    for spec in target.tables.values():
        if spec.name in tables:
            frame = tables[spec.name]
            yield TableRules(spec, frame, list(_rules(spec, frame, tables, ids)))


def _rules(
    spec: TargetTable,
    frame: pl.LazyFrame,
    tables: Tables,
    ids: dict[tuple[str, str], pl.Series],
) -> Iterator[RowRule]:
    for name in frame.collect_schema().names():
        column = spec.column(name)
        if column is not None and column.references is not None:
            known = _known(column.references, tables, ids)
            if known is not None:
                yield _rule(name, column.references, known)


def _known(
    reference: tuple[str, str], tables: Tables, ids: dict[tuple[str, str], pl.Series]
) -> pl.Series | None:
    """The identifiers that may be referred to; None when that file itself is missing."""
    name, key = reference
    if name not in tables or key not in tables[name].collect_schema().names():
        return None
    if reference not in ids:
        ids[reference] = table.collect(tables[name].select(key)).to_series()
    return ids[reference]


def _rule(name: str, reference: tuple[str, str], known: pl.Series) -> RowRule:
    other, key = reference

    def message(cells: Mapping[str, str]) -> str:
        return f"{name} = '{shown(cells[name])}' does not reference any {key} in {other}.csv"

    cell = pl.col(name)
    return RowRule(
        RULE_OF[other], (cell != "") & ~cell.is_in(known.implode()), message, name, shows=(name,)
    )
