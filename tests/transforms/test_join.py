from __future__ import annotations

import pytest

from etlrunner.errors import ChecksFailed, ConfigurationError
from etlrunner.transforms import join
from tests.support.transform_driver import columns_of, run_transform, run_with_numbers

CLASSES = [
    ("id", "course"),
    ("k1", "c2"),
    ("k2", "c9"),
    ("k3", "c1"),
    ("k4", ""),
]
COURSES = {"courses": [("sourcedId", "title"), ("c1", "Art"), ("c2", "Latin")]}
MATCH = {"from": "courses", "match": {"sourcedId": "course"}, "take": {"courseTitle": "title"}}


def test_columns_are_added_and_the_order_kept():
    assert run_transform(join, CLASSES, COURSES, **MATCH) == [
        ("id", "course", "courseTitle"),
        ("k1", "c2", "Latin"),
        ("k2", "c9", ""),
        ("k3", "c1", "Art"),
        ("k4", "", ""),
    ]


def test_inner_drops_rows_without_a_match():
    rows = run_with_numbers(join, CLASSES, COURSES, kind="inner", **MATCH)
    assert [(row[0], row[-1]) for row in rows[1:]] == [("k1", 0), ("k3", 2)]


def test_lists_are_taken_as_lists_and_no_match_is_the_empty_list():
    tables = {"courses": [("sourcedId", "grades"), ("c1", ["09", "10"])]}
    options = {**MATCH, "take": {"courseGrades": "grades"}}
    rows = run_transform(join, CLASSES, tables, **options)
    assert [row[-1] for row in rows[1:]] == [[], [], ["09", "10"], []]


def test_many_makes_one_row_for_each_different_match_in_their_order():
    schools = [("course", "school"), ("c1", "s2"), ("c1", "s1"), ("c1", "s2"), ("c2", "s1")]
    options = {
        "from": "classes",
        "match": {"course": "course"},
        "take": {"taughtAt": "school"},
        "many": "allowed",
    }
    rows = run_with_numbers(join, CLASSES, {"classes": schools}, **options)
    assert rows[1:] == [
        ("k1", "c2", "s1", 0),
        ("k2", "c9", "", 1),
        ("k3", "c1", "s2", 2),
        ("k3", "c1", "s1", 2),
        ("k4", "", "", 3),
    ]


def test_where_chooses_among_their_rows():
    tables = {
        "courses": [("sourcedId", "title", "status"), ("c1", "Art", "old"), ("c2", "Latin", "")]
    }
    rows = run_transform(join, CLASSES, tables, where='status == ""', **MATCH)
    assert [row[-1] for row in rows[1:]] == ["Latin", "", "", ""]


def test_a_blank_key_matches_nothing():
    tables = {"courses": [("sourcedId", "title"), ("", "Nobody's"), ("c1", "Art")]}
    rows = run_transform(join, CLASSES, tables, **MATCH)
    assert rows[4] == ("k4", "", "")


def test_a_second_match_where_it_is_forbidden_is_wrong_data():
    tables = {"courses": [("sourcedId", "title"), ("c1", "Art"), ("c1", "Arts")]}
    with pytest.raises(ChecksFailed, match="courses"):
        run_transform(join, CLASSES, tables, **MATCH)


def test_several_columns_match_together():
    tables = {"courses": [("sourcedId", "org", "title"), ("c1", "s1", "Art"), ("c1", "s2", "Arts")]}
    ours = [("id", "course", "school"), ("k1", "c1", "s2")]
    options = {**MATCH, "match": {"sourcedId": "course", "org": "school"}}
    assert run_transform(join, ours, tables, **options)[1:] == [("k1", "c1", "s2", "Arts")]


def test_unknown_columns_on_both_sides_are_named_at_once():
    ours, theirs = {"id": "text", "course": "text"}, {"courses": {"sourcedId": "text"}}
    with pytest.raises(ConfigurationError) as raised:
        columns_of(
            join, ours, theirs,
            **{"from": "courses", "match": {"sourcedID": "curse"}, "take": {"t": "title"}},
        )  # fmt: skip
    named = " ".join(problem.message for problem in raised.value.problems)
    assert all(name in named for name in ("curse", "sourcedID", "title"))


def test_a_new_name_that_is_taken_is_refused():
    ours, theirs = {"id": "text", "course": "text"}, {"courses": {"sourcedId": "text"}}
    options = {"from": "courses", "match": {"sourcedId": "course"}, "take": {"id": "sourcedId"}}
    with pytest.raises(ConfigurationError):
        columns_of(join, ours, theirs, **options)
