from __future__ import annotations

import pytest

from etlrunner.errors import ConfigurationError
from etlrunner.transforms import add
from tests.support.transform_driver import columns_of, run_transform

ROWS = [("id", "first", "last", "grades"), ("1", "Ann", "Lee", ["09", "10"]), ("2", "", "Oz", [])]


def test_a_template_makes_text():
    rows = run_transform(add, ROWS, **{"as": "base", "expr": "{{ first[:1] }}{{ last }}"})
    assert [row[-1] for row in rows] == ["base", "ALee", "Oz"]


def test_an_expression_may_make_a_list():
    rows = run_transform(add, ROWS, **{"as": "more", "expr": "grades | sort"})
    assert [row[-1] for row in rows] == ["more", ["09", "10"], []]


def test_the_new_column_must_be_new():
    with pytest.raises(ConfigurationError, match="1 problem"):
        columns_of(add, {"id": "text"}, {}, **{"as": "id", "expr": "id"})


def test_an_expression_that_does_not_compile_is_told_where_it_stands():
    with pytest.raises(ConfigurationError) as raised:
        columns_of(add, {"family": "text"}, {}, **{"as": "base", "expr": "famly | lower"})
    (problem,) = raised.value.problems
    assert (problem.code, problem.path) == ("E352", "expr")
    assert "family" in problem.hint
