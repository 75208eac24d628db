"""filter, dedupe, sort and union: the verbs that move rows."""

from __future__ import annotations

import pytest

from etlrunner.errors import ConfigurationError
from etlrunner.transforms import dedupe, filter, sort, union
from tests.support.transform_driver import columns_of, run_transform, run_with_numbers

ROWS = [
    ("id", "school", "grades"),
    ("2", "North", ["09"]),
    ("10", "South", []),
    ("2", "East", ["10"]),
    ("1", "", ["09", "10"]),
]


def numbers(rows: list[tuple]) -> list[int]:
    return [row[-1] for row in rows[1:]]


def test_filter_keeps_the_rows_for_which_the_condition_holds():
    assert numbers(run_with_numbers(filter, ROWS, where='school != ""')) == [0, 1, 2]
    assert numbers(run_with_numbers(filter, ROWS, where='"09" in grades')) == [0, 3]
    assert numbers(run_with_numbers(filter, ROWS, where='id == "7"')) == []


def test_filter_tells_a_misspelt_column_where_it_stands():
    with pytest.raises(ConfigurationError) as raised:
        columns_of(filter, {"school": "text"}, {}, where='scool == "North"')
    assert "school" in raised.value.problems[0].hint


def test_first_row_for_a_key_is_kept():
    assert numbers(run_with_numbers(dedupe, ROWS, key=["id"])) == [0, 1, 3]


def test_dedupe_by_a_list():
    rows = [*ROWS, ("5", "West", ["09"])]
    assert numbers(run_with_numbers(dedupe, rows, key=["grades"])) == [0, 1, 2, 3]


def test_dedupe_names_a_key_that_is_not_there():
    with pytest.raises(ConfigurationError):
        columns_of(dedupe, {"id": "text"}, {}, key=["ID"])


def test_sort_goes_by_text_and_equal_rows_keep_their_order():
    assert numbers(run_with_numbers(sort, ROWS, by=["id"])) == [3, 1, 0, 2]
    assert numbers(run_with_numbers(sort, ROWS, by=["id desc", "school"])) == [2, 0, 1, 3]


def test_sort_goes_by_code_point_and_not_by_language():
    rows = [("name",), ("é",), ("z",), ("Z",), ("a",), ("😀",), ("\uffee",)]
    came = [row[0] for row in run_transform(sort, rows, by=["name"])[1:]]
    assert came == sorted((row[0] for row in rows[1:]), key=lambda text: text.encode())


THEIRS = {
    "orgs": [("sourcedId", "name", "type"), ("d", "District", "district"), ("s", "Elm", "school")]
}


def test_union_adds_their_rows_below_with_no_source_row():
    options = {"from": "orgs", "take": {"id": "sourcedId", "school": "name"}}
    rows = run_with_numbers(union, ROWS, THEIRS, **options)
    assert rows[5:] == [("d", "District", [], None), ("s", "Elm", [], None)]
    assert numbers(rows)[:4] == [0, 1, 2, 3]


def test_union_takes_their_rows_for_which_the_condition_holds():
    options = {"from": "orgs", "take": {"id": "sourcedId"}, "where": 'type == "school"'}
    assert run_transform(union, ROWS, THEIRS, **options)[5:] == [("s", "", [])]


def test_union_refuses_a_text_for_a_list():
    ours, theirs = {"id": "text", "grades": "list"}, {"orgs": {"name": "text"}}
    refused = False
    try:
        columns_of(union, ours, theirs, **{"from": "orgs", "take": {"grades": "name"}})
    except ConfigurationError:
        refused = True
    assert refused
