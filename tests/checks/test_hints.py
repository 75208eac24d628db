"""What is asked of a whole column first never changes what is found: gated or not, the findings are the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etlrunner.checks import apple_school_manager, references
from etlrunner.checks.listing import Items, TableRules, look
from etlrunner.model.problems import Finding
from etlrunner.target import APPLE_SCHOOL_MANAGER as TARGET
from tests.support import finished
from tests.support.finished import District

MODULES = (apple_school_manager, references)
OPTIONS = {
    "target": TARGET,
    "account_name_uses": ("sis_username",),
    "federated_domains": ("example.org",),
}
SIGNS = (
    "aAB30- .\\“”\t\n\r\0\x85\u200b\u200f\u202e\u2028\ufeff\u00a0\u3000Ã©ée\u0301\ue000#N/٣３İıΣςﬁ"
)
ODD = st.text(st.sampled_from(SIGNS), max_size=5)
WORDS = st.sampled_from(
    ["nan", "N/A", "#NAME?", "#####", "1.0", "1.0\n", "5E+4", "undefined", "007", "12", "7", "x" * 1025,
     "null\n", "\\", " \\ ", "", "A1", "a1", "A 1", "Ann@Example.org", "ann@example.org", "ΑΣ@example.org", "É1", "é1"]
)  # fmt: skip
CELLS = ODD | WORDS


@st.composite
def districts(draw: Any) -> District:
    """Few values for many cells, so that they repeat, refer to each other, or nearly do."""
    pool = st.sampled_from(draw(st.lists(CELLS, min_size=1, max_size=5)))
    made: District = {}
    for name, spec in TARGET.tables.items():
        header = spec.header({"location_id": 3, "instructor_id": 16})
        if name not in ("students", "staff"):
            header = spec.header({"instructor_id": 16})
        rows = draw(st.lists(st.lists(pool, min_size=6, max_size=6), max_size=4))
        made[name] = [
            {column: row[(place * place + 1) % 6] for place, column in enumerate(header)}
            for row in rows
        ]
    return made


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(districts(), st.booleans())
def test_gated_findings_are_those_of_a_careful_look(tables: District, is_sorted: bool) -> None:
    frames = {}
    for name, rows in tables.items():
        frame = finished.frame(name, rows)
        frames[name] = (frame if is_sorted else frame.reverse()).lazy()
    for module in MODULES:
        quick = look(module.check(frames, OPTIONS))
        careful = look(_careful(module.check(frames, OPTIONS)))
        assert _told(quick.findings) == _told(careful.findings)
        assert [one.rows() for one in quick.keys] == [one.rows() for one in careful.keys]


def _careful(items: Items) -> Items:
    """The same rules without what decides that a table needs no look."""
    for item in items:
        if isinstance(item, TableRules):
            rules = [
                replace(rule, hint=None, gate=pl.lit(value=True), among=None) for rule in item.rules
            ]
            yield replace(item, rules=rules)
        else:
            yield item


def _told(findings: list[Finding]) -> list[str]:
    return [repr(finding) for finding in findings]
