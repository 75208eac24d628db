"""explode, unpivot, pivot and fill: the verbs that change a table's shape."""

from __future__ import annotations

import pytest

from etlrunner.errors import ChecksFailed, ConfigurationError
from etlrunner.transforms import explode, fill, pivot, unpivot
from tests.support.transform_driver import columns_of, run_transform, run_with_numbers

SHEET = [("id", "p1", "p2", "list"), ("7", "k1", "k2", ["a"]), ("8", "", "k3", [])]
WIDE = {"columns": ["p1", "p2"], "name": "period", "value": "class"}


def test_the_items_of_a_list_are_rows_of_the_same_number():
    rows = [("id", "orgs"), ("1", ["s1", " s2", ""]), ("2", []), ("3", ["s3"])]
    assert run_with_numbers(explode, rows, column="orgs")[1:] == [
        ("1", "s1", 0),
        ("1", "s2", 0),
        ("2", "", 1),
        ("3", "s3", 2),
    ]


def test_the_parts_of_a_text_are_rows():
    rows = [("id", "orgs"), ("1", "s1; s2;;"), ("2", ""), ("3", "s3")]
    made = run_transform(explode, rows, column="orgs", separator=";")
    assert made[1:] == [("1", "s1"), ("1", "s2"), ("2", ""), ("3", "s3")]


def test_columns_with_a_value_become_rows():
    assert run_with_numbers(unpivot, SHEET, **WIDE) == [
        ("id", "list", "period", "class", "_row"),
        ("7", ["a"], "p1", "k1", 0),
        ("7", ["a"], "p2", "k2", 0),
        ("8", [], "p2", "k3", 1),
    ]


def test_names_that_do_not_fit_are_refused():
    kinds = {"id": "text", "p1": "text", "p2": "text", "list": "list"}
    for wrong in ({"columns": ["list"]}, {"name": "id"}, {"name": "x", "value": "x"}):
        with pytest.raises(ConfigurationError):
            columns_of(unpivot, kinds, {}, **{**WIDE, **wrong})


LONG = {"key": ["class"], "name": "role", "value": "who", "columns": {"aide": "A", "nurse": "N"}}
ROLES = [("class", "role", "who"), ("k2", "A", "7"), ("k1", "N", "9"), ("k2", "N", "8")]


def test_rows_of_a_key_become_one_in_the_order_of_the_keys():
    rows = [*ROLES, ("k1", "Z", "5"), ("k1", "N", ""), ("k1", "N", "9")]
    assert run_with_numbers(pivot, rows, **LONG) == [
        ("class", "aide", "nurse", "_row"),
        ("k2", "7", "8", 0),
        ("k1", "", "9", 1),
    ]


def test_two_values_for_one_cell_end_the_run():
    with pytest.raises(ChecksFailed, match="two different values"):
        run_transform(pivot, [*ROLES, ("k2", "A", "6")], **LONG)


def test_empty_cells_take_the_value_above():
    rows = [("class", "who"), ("", "1"), ("k1", "2"), ("", "3"), ("k2", "")]
    made = run_transform(fill, rows, columns=["class"])
    assert [row[0] for row in made[1:]] == ["", "k1", "k1", "k2"]
