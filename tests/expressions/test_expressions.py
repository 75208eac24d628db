"""Every declared example holds, the page says what the code says, and columns are safe in batches."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from jinja2 import nodes

from etlrunner import table
from etlrunner.errors import ConfigurationError
from etlrunner.expressions import CODES, Type, compile_value, compile_where, distinct, reference
from etlrunner.expressions.catalogue import Example, Operator
from etlrunner.expressions.characters import WHITE_SPACE
from etlrunner.expressions.compiler import ALLOWED
from etlrunner.expressions.filters import FILTERS, TESTS
from etlrunner.expressions.operators import OPERATORS
from etlrunner.expressions.spreadsheet import FROM_EXCEL
from etlrunner.model.problems import Located
from tests.support import oracle

TODAY = date(2027, 1, 15)
ROOT = Path(__file__).parents[2]
DECLARED = [*OPERATORS, *{one.name: one for one in [*FILTERS.values()]}.values(), *TESTS.values()]
EXAMPLES = [(one, example) for one in DECLARED for example in one.examples]


def column(expression: str, rows: dict[str, list[str] | list[list[str]]]) -> list[object]:
    kinds = {
        name: Type.LIST if isinstance(cells[0], list) else Type.TEXT for name, cells in rows.items()
    }
    compiled = compile_value(Located(expression), kinds, today=TODAY)
    frame = pl.DataFrame(
        rows,
        schema={
            name: pl.List(pl.String) if kind is Type.LIST else pl.String
            for name, kind in kinds.items()
        },
    )
    return frame.lazy().with_columns(compiled.expr.alias("result")).collect()["result"].to_list()  # fmt: skip


@pytest.mark.parametrize(
    ("operator", "example"), EXAMPLES, ids=lambda one: getattr(one, "expression", "")
)
def test_a_declared_example_gives_what_it_says(operator: Operator, example: Example) -> None:
    rows = {name: [cell] for name, cell in example.row.items()} or {"_": [""]}
    assert column(example.expression, rows) == [example.result]


@pytest.mark.parametrize(
    ("operator", "example"), EXAMPLES, ids=lambda one: getattr(one, "expression", "")
)
def test_a_declared_example_is_what_jinja_makes_of_it(operator: Operator, example: Example) -> None:
    assert oracle.cell(example.expression, example.row, TODAY) == example.result


def test_everything_declared_has_an_example_a_sentence_and_says_what_it_makes_of_nothing() -> None:
    for operator in DECLARED:
        assert operator.examples, operator.name
        assert operator.doc.endswith("."), operator.name
        assert operator.empty, operator.name
        assert (operator.build is None) == (operator.kind == "operator"), operator.name


def test_the_page_on_expressions_is_fresh() -> None:
    fresh = reference.page()
    assert (ROOT / "docs" / "expressions.md").read_text("utf-8") == fresh, (
        "run: python -m etlrunner.expressions.reference > docs/expressions.md"
    )


def test_every_code_that_is_raised_is_explained() -> None:
    folder = ROOT / "etlrunner" / "expressions"
    raised = {
        code
        for path in folder.glob("*.py")
        for code in re.findall(r'"(E3\d\d)"', path.read_text("utf-8"))
    }
    assert raised == set(CODES)


def test_white_space_is_what_python_strips() -> None:
    assert set(WHITE_SPACE) == {chr(point) for point in range(0x110000) if chr(point).isspace()}


def test_nodes_that_reach_python_are_not_allowed() -> None:
    assert not {
        nodes.Call,
        nodes.Getattr,
        nodes.For,
        nodes.If,
        nodes.Dict,
        nodes.Mul,
        nodes.Pow,
    } & set(ALLOWED)


def test_a_where_has_one_rule_for_each_part_of_its_top_level_and() -> None:
    rules = compile_where(
        Located("role  ==  'student' and (a == 'x' or\n b == 'y and z') and 'q' in grades"),
        {"role": Type.TEXT, "a": Type.TEXT, "b": Type.TEXT, "grades": Type.LIST},
        today=TODAY,
    )
    assert [rule.name for rule in rules] == [
        "role == 'student'", "(a == 'x' or b == 'y and z')", "'q' in grades",
    ]  # fmt: skip
    assert [rule.names for rule in rules] == [{"role"}, {"a", "b"}, {"grades"}]


def test_what_a_spreadsheet_calls_it_is_written_here_as_the_page_says() -> None:
    kinds = dict.fromkeys("abc", Type.TEXT)
    for here in FROM_EXCEL.values():
        for written in re.findall("`([^`]+)`", here):
            if written.startswith(("|", "…", "not …")) or written in ("lookups", "dedupe", "sort", "filter"):  # fmt: skip
                continue
            text = f"'yes' if {written} else 'no'" if re.search(r"==|!=|\bis\b|\bin\b", written) and " if " not in written else written  # fmt: skip
            compile_value(Located(text), kinds, today=TODAY)


@pytest.mark.parametrize(
    "text", ["(a == 'x' and b == 'y')", "a == 'x' and b == 'y' or b == 'z'", "a == 'x' if b == 'y' and a == 'z' else true"]
)  # fmt: skip
def test_an_and_further_inside_is_one_rule(text: str) -> None:
    assert len(compile_where(Located(text), {"a": Type.TEXT, "b": Type.TEXT}, today=TODAY)) == 1


def test_rules_together_are_the_whole_condition() -> None:
    frame = pl.DataFrame({"a": ["x", "x", "y", ""], "b": ["1", "2", "1", ""]})
    kinds = {"a": Type.TEXT, "b": Type.TEXT}
    rules = compile_where(Located("(a == 'x' and b != '') and not b == '2'"), kinds, today=TODAY)
    assert len(rules) == 2
    kept = frame.select(pl.all_horizontal([rule.expr for rule in rules])).to_series()
    assert kept.to_list() == [True, False, False, False]


CALLED = [(one, example) for one, example in EXAMPLES if one.kind != "operator"]


@pytest.mark.parametrize("odd", [0, 300], ids=["few different values", "mostly different values"])
@pytest.mark.parametrize(
    ("operator", "example"), CALLED, ids=lambda one: getattr(one, "expression", "")
)
def test_python_sees_each_distinct_value_once_in_every_filter_and_test(
    operator: Operator, example: Example, odd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = counted(monkeypatch)
    cells = ["Zoë a", "", "07", "ÉVA-x", "2027-01-15", *map("é{} 2027".format, range(odd))]
    lists = [[one, "b", "B"] for one in cells]
    kinds = {name: isinstance(cell, list) for name, cell in example.row.items()}
    rows = {name: [*(lists if a_list else cells), *[["07", "b"] if a_list else "é"] * 60] for name, a_list in kinds.items()}  # fmt: skip
    column(example.expression, rows or {"a": cells})  # type: ignore[arg-type]
    assert all(count == 1 for count in seen.values()), operator.name


def test_filters_that_polars_lacks_are_seen_by_the_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The count above is worth something: without it, nothing would be seen either way."""
    seen = counted(monkeypatch)
    for name in ("uuid", "hash", "title", "proper", "initials", "slug", "date | format_date", "split | sort | join"):  # fmt: skip
        seen.clear()
        column(f"a | {name}", {"a": ["é b", "2027-01-15 c", "é b"]})
        assert seen, name


def test_python_is_reached_by_way_of_distinct_values_only() -> None:
    folder = ROOT / "etlrunner" / "expressions"
    for path in folder.glob("*.py"):
        text = path.read_text("utf-8")
        assert not re.search("map_elements|map_rows", text), path.name
        functions = re.findall(r"\n(def \w+\(.*?)(?=\ndef |\Z)", text, re.S)
        for body in (one for one in functions if "map_batches" in one):
            assert re.search(r"each_once\(|known\[key\] = function", body), (path.name, body)


def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[object, ...]]:
    """How often a Python function was called, by function and value."""
    seen: Counter[tuple[object, ...]] = Counter()
    each_once, lists = distinct.each_once, distinct.lists_by_python

    def spied(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def call(value: Any) -> Any:
            seen[id(function), str(value)] += 1
            return function(value)

        return call

    monkeypatch.setattr(
        distinct,
        "each_once",
        lambda values, function, kind: each_once(values, spied(function), kind),
    )
    monkeypatch.setattr(
        distinct, "lists_by_python", lambda expr, function: lists(expr, spied(function))
    )
    return seen


def test_the_branch_of_an_if_that_is_not_taken_is_not_computed_and_does_no_harm() -> None:
    rows = {"a": ["Ada", "", "É", "2027-01-15"], "l": [["b", "A"], [], ["x"], ["y", "Y"]]}
    for inner in ("a | title", "a | lower", "a | uuid", "a | int | text", "a | date | format_date", "l | sort | join", "a | hash", "l[1:] | join", "a[-2:3]"):  # fmt: skip
        chosen = column(f"'-' if a == 'Ada' else ({inner})", rows)
        assert chosen == ["-", *column(inner, rows)[1:]], inner


@pytest.mark.parametrize("read", [table.collect, table.stream], ids=["memory", "batches"])
def test_rows_stay_in_order_over_row_groups_in_both_engines(tmp_path: Path, read: object) -> None:
    assert callable(read)
    many = 60_000
    names = [("é" if number % 7 == 0 else "") + f"Name {number}" for number in range(many)]
    path = tmp_path / "raw.parquet"
    pl.DataFrame({"_row": range(many), "name": names}).write_parquet(path, row_group_size=5_000)
    expressions = ["name | upper", "name | title", "name | uuid", "'odd' if name[:1] == 'é' else name | slug", "name | split | last | int"]  # fmt: skip
    compiled = [
        compile_value(Located(one), {"name": Type.TEXT}, today=TODAY).expr for one in expressions
    ]
    frame = pl.scan_parquet(path).select(
        "_row", *(expr.alias(str(place)) for place, expr in enumerate(compiled))
    )
    result = read(frame)
    assert result["_row"].to_list() == list(range(many))
    for place in (0, 1, 2, 6_999, 7_000, 59_999):
        row = {"name": names[place]}
        wanted = [oracle.cell(one, row, TODAY) for one in (*expressions[:3], *expressions[4:])]
        assert [result.row(place)[index] for index in (1, 2, 3, 5)] == wanted


def test_a_literal_fills_the_whole_column() -> None:
    assert column("'x' | upper", {"a": ["1", "2"]}) == ["X", "X"]
    assert column("today", {"a": ["1", "2"]}) == ["2027-01-15", "2027-01-15"]


@pytest.mark.parametrize("sign", ["==", "!=", "<", "<=", ">", ">="])
@pytest.mark.parametrize(
    ("fixed", "chosen"),
    [
        ("'x'", "(a if b == 'nobody' else 'x')"),
        ("'x'", "('x' if b == 'nobody' else 'y')"),
        ("5", "(a | length if b == 'nobody' else 5)"),
        ("today", "(a | date if b == 'nobody' else today)"),
        ("('soon' | date)", "(today if b == 'nobody')"),
        ("true", "(a == 'x' if b == 'nobody' else true)"),
    ],
)
def test_an_if_that_goes_one_way_in_every_row_is_compared_in_every_row(
    sign: str, fixed: str, chosen: str
) -> None:
    # Polars makes one row of `literal == column` where the column is one literal throughout
    if fixed == "true" and sign not in ("==", "!="):
        return
    for one, other in ((fixed, chosen), (chosen, fixed)):
        expression = f"'yes' if {one} {sign} {other} else 'no'"
        rows = {"a": ["x", "", "z"], "b": ["1", "2", "3"]}
        expected = [
            oracle.cell(expression, {"a": a, "b": b}, TODAY)
            for a, b in zip(rows["a"], rows["b"], strict=True)
        ]
        assert column(expression, rows) == expected


def test_uuid_is_python_s_version_5() -> None:
    cells = ["c1|u1", "é", "", "😀" * 50]
    assert column("a | uuid('roster')", {"a": cells}) == [
        oracle.cell("a | uuid('roster')", {"a": cell}, TODAY) for cell in cells
    ]


def test_a_column_may_be_named_like_a_filter() -> None:
    assert column("title | title", {"title": ["ada"]}) == ["Ada"]


def test_all_problems_of_one_expression_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        compile_value(Located("nope | lwoer ~ (x.y if a) ~ [a, 5]"), {"a": Type.TEXT}, today=TODAY)
    assert [problem.code for problem in caught.value.problems] == [
        "E353",
        "E352",
        "E356",
        "E354",
        "E355",
    ]
