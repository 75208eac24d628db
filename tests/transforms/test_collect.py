from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etlrunner.errors import ConfigurationError
from etlrunner.transforms import collect
from tests.support.transform_driver import columns_of, run_transform

CLASSES = [("id",), ("k2",), ("k1",), ("k3",)]
HEADER = ("class", "user", "role", "primary")
TEACHING = [
    HEADER,
    ("k1", "t3", "teacher", "false"),
    ("k1", "t1", "teacher", "false"),
    ("k1", "p1", "student", "false"),
    ("k2", "t1", "teacher", ""),
    ("k1", "t2", "teacher", "true"),
]
OPTIONS = {
    "as": "instructors",
    "from": "enrollments",
    "match": {"class": "id"},
    "where": 'role == "teacher"',
    "order": ["primary desc", "user"],
    "take": "user",
}


def test_the_primary_teacher_is_first_and_the_others_follow_by_id():
    assert run_transform(collect, CLASSES, {"enrollments": TEACHING}, **OPTIONS) == [
        ("id", "instructors"),
        ("k2", ["t1"]),
        ("k1", ["t2", "t1", "t3"]),
        ("k3", []),
    ]


def test_without_an_order_values_come_as_their_rows_do():
    options = {name: value for name, value in OPTIONS.items() if name != "order"}
    rows = run_transform(collect, CLASSES, {"enrollments": TEACHING}, **options)
    assert dict(rows[1:])["k1"] == ["t3", "t1", "t2"]


def test_empty_values_are_not_collected_and_equal_ones_once():
    rows = [HEADER, *[("k1", user, "teacher", "") for user in ("t1", "", "t2", "t1")]]
    came = run_transform(collect, CLASSES, {"enrollments": rows}, **OPTIONS)
    assert dict(came[1:])["k1"] == ["t1", "t2"]
    came = run_transform(collect, CLASSES, {"enrollments": rows}, distinct=False, **OPTIONS)
    assert dict(came[1:])["k1"] == ["t1", "t1", "t2"]


def test_a_blank_key_matches_nothing():
    rows = [HEADER, ("", "t1", "teacher", "")]
    came = run_transform(collect, [("id",), ("",)], {"enrollments": rows}, **OPTIONS)
    assert came[1:] == [("", [])]


def test_names_that_are_not_there_are_named_at_once():
    theirs = {"enrollments": {"class": "text", "user": "text", "role": "text"}}
    with pytest.raises(ConfigurationError) as raised:
        columns_of(collect, {"ident": "text"}, theirs, **OPTIONS)
    named = " ".join(problem.message for problem in raised.value.problems)
    assert "'id'" in named
    assert "'primary'" in named


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["k1", "k2", "k3"]),
            st.sampled_from("abcdé"),
            st.sampled_from(["true", "false", ""]),
        ),
        max_size=30,
    )
)
def test_it_agrees_with_python(pairs: list[tuple[str, str, str]]):
    rows = [HEADER, *[(k, user, "teacher", primary) for k, user, primary in pairs]]
    came = dict(run_transform(collect, CLASSES, {"enrollments": rows}, **OPTIONS)[1:])
    for class_id in ("k1", "k2", "k3"):
        mine = [(user, primary) for k, user, primary in pairs if k == class_id]
        ordered = sorted(
            sorted(mine, key=lambda pair: pair[0].encode()), key=lambda p: p[1], reverse=True
        )
        assert came[class_id] == list(dict.fromkeys(user for user, _ in ordered))
