"""What is asked of a whole column first may err towards looking, and never the other way."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from etlrunner.checks import apple_school_manager
from etlrunner.checks.listing import RowRule, TableRules
from etlrunner.target import APPLE_SCHOOL_MANAGER as TARGET
from tests.support import finished

ODD = st.text(st.sampled_from("aAB30- .\\“”\t\u200b\ufeffÃ©e\u0301#N/"), max_size=6)
WORDS = st.sampled_from(
    ["nan", "N/A", "#NAME?", "#####", "1.0", "5E+4", "undefined", "007", "12", "x" * 1025]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ODD | WORDS, min_size=1, max_size=6), st.booleans())
def test_no_hint_and_no_gate_keeps_a_broken_rule_from_being_found(
    cells: list[str], is_sorted: bool
) -> None:
    for name in ("students", "rosters"):
        key = TARGET.tables[name].key
        rows = finished.frame(name, [{key: cell, "first_name": cell} for cell in cells])
        frame = rows if is_sorted else rows.reverse()
        items = apple_school_manager.check({name: frame.lazy()}, {"target": TARGET})
        for item in (one for one in items if isinstance(one, TableRules)):
            rules = {str(number): rule for number, rule in enumerate(item.rules)}
            broken = item.frame.select(r.broken.any().alias(n) for n, r in rules.items()).collect()
            asked = item.frame.select(_asked(r).alias(n) for n, r in rules.items()).collect()
            found = {n for n, is_broken in broken.row(0, named=True).items() if is_broken}
            looked = {n for n, may_be in asked.row(0, named=True).items() if may_be}
            assert [rules[number] for number in found - looked] == []


def _asked(rule: RowRule) -> pl.Expr:
    """True where the rule's rows are looked up."""
    hint = pl.lit(value=True) if rule.hint is None else rule.hint
    return hint & (pl.lit(value=True) if rule.gate is None else rule.gate)
