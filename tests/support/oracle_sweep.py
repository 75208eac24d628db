"""The oracle over many expressions: counts what was compared and keeps what differed.

`python -m tests.support.oracle_sweep --pairs 25000 --write docs/oracle.md` writes the result down;
the slow suite runs the same sweep with another seed each time.
"""

from __future__ import annotations

import argparse
import platform
import random
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import hypothesis
import jinja2
import polars as pl
from hypothesis import HealthCheck, Phase, given, settings

from etlrunner.expressions import Type, compile_value, compile_where
from etlrunner.model.problems import Located
from tests.support import expression_texts as texts
from tests.support import oracle

TODAY = date(2027, 1, 15)
SCHEMA = {
    name: pl.List(pl.String) if kind is Type.LIST else pl.String()
    for name, kind in texts.COLUMNS.items()
}
INNER = texts.deep(2)
Rows = Sequence[Mapping[str, Any]]


def agrees(kind: Type, expression: str, rows: Rows) -> None:
    """The compiled column, or condition, is what Jinja2 computes row by row; raises AssertionError."""
    if kind is Type.TRUTH:
        _condition_agrees(expression, rows)
    else:
        _column_agrees(expression, rows)


def _column_agrees(expression: str, rows: Rows) -> None:
    compiled = compile_value(Located(expression), texts.COLUMNS, today=TODAY)
    column = computed(compiled.expr, rows, batches=len(expression) % 2 == 0)
    expected = [oracle.cell(expression, row, TODAY) for row in rows]
    assert column.to_list() == expected, expression
    assert column.dtype == (pl.List(pl.String) if compiled.type is Type.LIST else pl.String)


def _condition_agrees(expression: str, rows: Rows) -> None:
    """The rules together are the condition, and each rule is what its own name says."""
    rules = compile_where(Located(expression), texts.COLUMNS, today=TODAY)
    together = [True] * len(rows)
    for rule in rules:
        column = computed(rule.expr, rows, batches=len(expression) % 2 == 0).to_list()
        assert column == [oracle.cell(rule.name, row, TODAY) for row in rows], rule.name
        together = [one and other for one, other in zip(together, column, strict=True)]
    assert together == [oracle.cell(expression, row, TODAY) for row in rows], expression


def computed(expr: pl.Expr, rows: Rows, *, batches: bool) -> pl.Series:
    """The column in a table of the rows, by either of the engines that a run uses."""
    frame = pl.DataFrame(list(rows), schema=SCHEMA, orient="row").lazy()
    made = frame.with_columns(expr.alias("result"))
    return made.collect(engine="streaming" if batches else "in-memory")["result"]


@dataclass
class Result:
    """What a sweep saw: how often each thing was in a pair, and each pair that differed."""

    pairs: int = 0
    """Different ones; a pair that comes up again does not count."""
    rows: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    differences: dict[str, str] = field(default_factory=dict)
    """Expression -> what went wrong, with the rows."""
    known: set[int] = field(default_factory=set)

    def compare(self, kind: Type, expression: str, rows: Rows) -> None:
        pair = hash((expression, repr(rows)))
        if pair in self.known:
            return
        self.known.add(pair)
        self.pairs += 1
        self.rows += len(rows)
        self.seen.update(set(texts.held(expression)))
        try:
            agrees(kind, expression, rows)
        except Exception as error:  # whatever goes wrong is a difference
            self.differences[expression] = f"{type(error).__name__}: {error} {rows}"


def sweep(pairs: int, seed: int) -> Result:
    """At least so many pairs, the same number for each operator, filter and test."""
    result = Result()
    each = -(-pairs // len(texts.DECLARED))
    for place, operator in enumerate(texts.DECLARED):

        @hypothesis.seed(seed * 1000 + place)
        @settings(
            max_examples=each, deadline=None, suppress_health_check=list(HealthCheck),
            phases=[Phase.generate], database=None,
        )  # fmt: skip
        @given(texts.cell(operator, INNER), texts.rows)
        def compare(written: tuple[Type, str], rows: Rows) -> None:
            result.compare(*written, rows)

        compare()
    return result


# ------------------------------------------------------------ writing it down


def page(result: Result, seed: int, seconds: float) -> str:
    """The result as a page."""
    lead = (
        "<!-- Written by `python -m tests.support.oracle_sweep --write docs/oracle.md`; do not edit. -->\n\n"
        "# Expressions against Jinja2\n\n"
        "Pairs of an expression and a handful of rows, both made at random: the column that the compiler makes of the\n"
        "expression is compared with what Jinja2 itself, with the published differences and nothing else, computes row by\n"
        "row. The rows hold the empty text, accents, combining marks, emoji, odd white space, long text and lists.\n\n"
    )
    facts = {
        "different pairs": f"{result.pairs:,}",
        "rows in them": f"{result.rows:,}",
        "pairs that differ": f"{len(result.differences):,}",
        "written on": datetime.now(UTC).date().isoformat(),
        "seed": str(seed),
        "Python": f"{platform.python_version()} (Unicode {unicodedata.unidata_version})",
        "Polars": pl.__version__,
        "Jinja2": jinja2.__version__,
        "Hypothesis": hypothesis.__version__,
        "minutes": f"{seconds / 60:.0f}",
    }
    table = [f"| {name} | {value} |" for name, value in facts.items()]
    counts = [
        f"| `{name.replace('|', chr(92) + '|')}` | {result.seen[name]:,} |"
        for name in sorted(texts.everything(), key=lambda one: (one.split("(")[0], one))
    ]
    return (
        lead
        + "\n".join(["| | |", "| --- | --- |", *table])
        + "\n\n## What the pairs hold\n\nIn how many pairs each operator, filter, test and written argument stood.\n\n"
        + "\n".join(["| | pairs |", "| --- | --- |", *counts])
        + "\n"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=25_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    start = time.monotonic()
    result = sweep(options.pairs, options.seed)
    text = page(result, options.seed, time.monotonic() - start)
    if options.write:
        options.write.write_text(text, "utf-8")
    sys.stdout.write(text.split("## What")[0])
    for expression, reason in sorted(result.differences.items(), key=lambda one: len(one[0]))[:20]:
        sys.stdout.write(f"\n{expression}\n    {reason[:400]}\n")
    return 1 if result.differences else 0


if __name__ == "__main__":
    sys.exit(main())
