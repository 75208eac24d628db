"""Arbitrary text gives a compiled expression or a ConfigurationError, within bounds, and reaches no Python."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from etlrunner.errors import ConfigurationError
from etlrunner.expressions import CODES, Compiled, Rule, Type, compile_value, compile_where
from etlrunner.model.problems import Located
from tests.support import expression_texts as texts
from tests.support import oracle_sweep

TODAY = date(2027, 1, 15)

SCRAPS = (
    *"()[]{}|~'\"\\:,.=<>!%#-+*/&?$@^;\n\t ", "{{", "}}", "{%", "%}", "{#", "#}", "{{-", "-%}", "and", "or", "not", "in", "is", "if", "else", "given",
    "grades", "today", "trim", "| trim", "is empty", "'x'", '"y"', "12", "1.5", "1e9", "0x1f", "1_0", "none", "true", "__class__", "for", "set", "raw",
    "endraw", "block", "import", "| regex_replace(", "| date(", "%Y", "(a+)+$", "é", "東", "😀", "\u2028", "\0", "\ud800", "loop", "self", "super()",
)  # fmt: skip

FUZZ = settings(
    max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
LONG = settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))

arbitrary = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(SCRAPS), max_size=25).map(" ".join),
    st.lists(st.sampled_from(SCRAPS), max_size=25).map("".join),
)


def outcome(text: str) -> list[Compiled | Rule]:
    """What a text compiles to, as a column and as a condition; its problems are well formed."""
    made: list[Compiled | Rule] = []
    refused: list[ConfigurationError] = []
    for compiling in (compile_value, compile_where):
        try:
            found = compiling(Located(text), texts.COLUMNS, today=TODAY)  # type: ignore[operator]
            made += found if isinstance(found, tuple) else [found]
        except ConfigurationError as error:
            refused.append(error)
    for error in refused:
        assert error.problems, text
        for problem in error.problems:
            assert problem.code in CODES, text
            assert problem.excerpt.count("\n") == 1, text
    return made


def is_well_behaved(text: str) -> None:
    row = dict.fromkeys(texts.TEXTS, "é a") | {name: ["a"] for name in texts.LISTS}
    bare = dict.fromkeys(texts.TEXTS, "") | {name: [] for name in texts.LISTS}
    frame = pl.DataFrame([row, bare], schema=oracle_sweep.SCHEMA)
    for one in outcome(text):
        assert frame.with_columns(one.expr.alias("result"))["result"].null_count() == 0


@FUZZ
@given(arbitrary)
@example("{{ given }}\n{{")
@example("'\\N{x}'")
@example("{{ '\ud800' }}")
@example("{{ given }}\ud800")
@example("{# #}")
@example("given\r\n~\r'x'")
@example("and and 0")
def test_any_text_compiles_or_is_refused(text: str) -> None:
    is_well_behaved(text)


@FUZZ
@given(texts.deep(2)[Type.TEXT], st.data())
def test_a_good_expression_that_is_damaged_compiles_or_is_refused(
    expression: str, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(expression)))
    until = data.draw(st.integers(at, min(at + 4, len(expression))))
    scrap = data.draw(st.sampled_from(["", *SCRAPS]))
    is_well_behaved(expression[:at] + scrap + expression[until:])


@pytest.mark.slow
@LONG
@given(arbitrary)
def test_twenty_thousand_texts_compile_or_are_refused(text: str) -> None:
    is_well_behaved(text)


REFUSED = {
    "replace that grows",
    "replace in a constant",
    "regex_replace in a constant",
    "padding and replacing",
}

COSTLY = {
    "nested quantifiers": "given | regex_replace('(a+)+$', 'x')",
    "many alternatives": "given | regex_match('" + "|".join(f"a{n}" for n in range(900)) + "')",
    "large repeats": "given | regex_match('(?:a{1,200}){1,200}')",
    "large classes": "given | regex_match('" + r"\\w{100}" * 40 + "')",
    "replace that grows": "given" + " | replace('a', 'aaaaaaaaaa')" * 20,
    "replace in a constant": "'a'" + " | replace('a', 'aaaaaaaaaa')" * 12,
    "regex_replace in a constant": "'a'" + (" | regex_replace('a', '" + "a" * 100 + "')") * 6,
    "doubling": "".join(["{{ "] + ["("] * 30 + ["given"] + [" ~ given)"] * 30 + [" }}"]),
    "join that grows": "'aaaa' | replace('a', 'aaaaaaaaaaaaaaaaaaaa') | split('a') | join('" + "b" * 500 + "')",
    "padding and replacing": "given | pad_left(1000) | replace('0', '" + "x" * 1000 + "') | replace('x', '" + "y" * 1500 + "')",
    "padding": "given" + " | pad_left(1000)" * 50,
    "template of many parts": "{{ given }}-" * 700,
    "many comparisons": " or ".join(["given == 'x'"] * 600),
    "slices": "given" + "[-2:3]" * 30,
    "ifs": "'x' if given == 'a' else (" * 25 + "'y'" + ")" * 25,
    "ors": " or ".join(["given"] * 55),
    "lists": "[" + ", ".join(["given"] * 1500) + "] | sort | join",
    "in a long list": "'y' if given in [" + ", ".join(f"'{n}'" for n in range(1000)) + "] else 'n'",
    "number": "1" + " + 999999999999999" * 40,
}  # fmt: skip


@pytest.mark.parametrize("name", COSTLY)
def test_an_expression_cannot_take_minutes_or_gigabytes(name: str) -> None:
    """Refused, or done with a hundred ordinary cells; what is not would not come back from here."""
    frame = pl.DataFrame({"given": ["aaaaaaaaaa", "Ada", ""] * 33})
    for one in outcome(COSTLY[name]):
        result = frame.select(one.expr.alias("result"))
        assert result.estimated_size() < 50_000_000


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_would_grow_without_end_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        compile_value(Located(COSTLY[name]), texts.COLUMNS, today=TODAY)
    assert {problem.code for problem in caught.value.problems} <= {"E359", "E360"}
