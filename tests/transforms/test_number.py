"""number: who has a text keeps it, no two share one, and none is given again too soon."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etlrunner.errors import ChecksFailed, ConfigurationError
from etlrunner.mapping import assigned as memory
from etlrunner.mapping.conditions import TODAY
from etlrunner.table import collect
from etlrunner.transforms import number
from tests.support.transform_driver import (
    columns_of,
    filled_options,
    run_transform,
    table_of,
)

HEADER = ("sourcedId", "base", "since")
NAME = {"as": "account", "base": "base"}
TODAY_IS = date(2027, 3, 1)


def accounts(*people: tuple[str, str], known: Any = (), **options: Any) -> dict[str, str]:
    """sourcedId -> account, through the driver."""
    rows = [HEADER, *((key, base, "") for key, base in people)]
    tables = {"assigned": [memory.COLUMNS, *known]}
    made = run_transform(number, rows, tables, **{**NAME, **options})
    return {row[0]: row[-1] for row in made[1:]}


def test_the_first_has_the_base_alone_and_the_others_are_numbered_by_key():
    people = [("3", "jsmith"), ("1", "jsmith"), ("2", "jsmith"), ("4", "alee")]
    assert accounts(*people) == {"1": "jsmith", "2": "jsmith2", "3": "jsmith3", "4": "alee"}


def test_by_says_who_comes_first():
    rows = [HEADER, ("1", "lee", "2020"), ("2", "lee", "2019"), ("3", "lee", "2020")]
    made = run_transform(number, rows, **NAME, by=["since"])
    assert [row[-1] for row in made[1:]] == ["lee2", "lee", "lee3"]
    made = run_transform(number, rows, **NAME, by=["since desc"])
    assert [row[-1] for row in made[1:]] == ["lee", "lee3", "lee2"]


def test_without_a_base_or_a_key_there_is_no_text():
    assert accounts(("1", ""), ("", "lee"), ("2", "lee")) == {"1": "", "": "", "2": "lee"}


def test_rows_of_one_person_have_one_text():
    rows = [HEADER, ("1", "lee", "a"), ("2", "lee", "b"), ("1", "lee", "c")]
    assert [row[-1] for row in run_transform(number, rows, **NAME)[1:]] == ["lee", "lee2", "lee"]


def test_capitals_make_no_difference_and_accents_only_if_one_says_so():
    people = [("1", "Lée"), ("2", "LÉE"), ("3", "lee")]
    assert accounts(*people) == {"1": "Lée", "2": "LÉE2", "3": "lee"}
    assert accounts(*people, ignore_accents=True) == {"1": "Lée", "2": "LÉE2", "3": "lee3"}


def test_a_text_that_looks_like_a_number_of_another_base_is_given_once():
    assert accounts(("1", "lee"), ("2", "lee"), ("3", "lee2")) == {
        "1": "lee",
        "2": "lee3",
        "3": "lee2",
    }


def test_the_form_is_the_users():
    people = [("1", "jsmith"), ("2", "jsmith"), ("3", "jsmith")]
    form = {"format": "{base}.{n}", "start": 1, "width": 2}
    assert list(accounts(*people, **form).values()) == ["jsmith", "jsmith.01", "jsmith.02"]
    assert list(accounts(*people, **form, first="numbered").values()) == [
        "jsmith.01",
        "jsmith.02",
        "jsmith.03",
    ]


def test_the_base_is_cut_and_the_number_is_not():
    people = [(f"{n:02}", "longname") for n in range(11)]
    came = list(accounts(*people, max_length=5).values())
    assert (came[0], came[1], came[10]) == ("longn", "long2", "lon11")


def test_where_no_number_fits_the_run_ends():
    with pytest.raises(ChecksFailed, match="max_length"):
        accounts(*[(f"{n:02}", "ab") for n in range(20)], max_length=2)


def test_who_is_remembered_keeps_the_text_and_nobody_else_gets_it():
    known = [
        ("account", "2", "lee", "lee", "2027-02-01"),
        ("account", "9", "lee", "lee2", "2027-01-01"),
        ("other", "7", "lee", "lee3", "2027-01-01"),
    ]
    assert accounts(("1", "lee"), ("2", "lee"), known=known) == {"1": "lee3", "2": "lee"}


def test_a_new_base_is_a_new_text_and_the_old_one_stays_taken():
    known = [("account", "1", "lee", "lee", "2027-02-01")]
    assert accounts(("1", "stone"), ("2", "lee"), known=known) == {"1": "stone", "2": "lee2"}
    back = [*known, ("account", "1", "stone", "stone", "2027-02-28")]
    assert accounts(("1", "lee"), known=back) == {"1": "lee"}


def test_other_options_change_nobody_who_has_a_text():
    known = [("account", "1", "lee", "lee2", "2027-02-01")]
    assert accounts(("1", "lee"), ("2", "lee"), known=known, format="{base}-{n}") == {
        "1": "lee2",
        "2": "lee",
    }


def after(rows: list[tuple[str, str, str]], known: Any, day: date, **options: Any) -> Any:
    """What is remembered after a run on that day: (series, key, base, value, seen)."""
    tables = {"assigned": table_of([memory.COLUMNS, *known])}
    values = {**filled_options(number, {**NAME, **options}), TODAY: day}
    made = number.apply(table_of([HEADER, *rows]), values, tables)
    kept = number.assigned(made, values, tables)
    return collect(kept.frame).rows(), dict(
        collect(made.frame).select("sourcedId", "account").iter_rows()
    )


def test_the_memory_holds_who_is_there_and_who_was_within_the_time():
    known = [
        ("account", "1", "lee", "lee", "2027-02-01"),
        ("account", "2", "lee", "lee2", "2027-02-01"),
        ("account", "3", "lee", "lee3", "2026-12-01"),
        ("other", "3", "lee", "lee3", "2020-01-01"),
    ]
    kept, _ = after([("1", "lee", "")], known, TODAY_IS, remember="30d")
    assert sorted(kept) == [
        ("account", "1", "lee", "lee", "2027-03-01"),
        ("account", "2", "lee", "lee2", "2027-02-01"),
        ("other", "3", "lee", "lee3", "2020-01-01"),
    ]


def test_a_format_without_a_number_is_refused():
    for wrong in ("{base}", "{n}", "{base}{n}{n}", "x"):
        with pytest.raises(ConfigurationError) as raised:
            columns_of(number, {"sourcedId": "text", "base": "text"}, {}, **NAME, format=wrong)
        assert raised.value.problems[0].code == "E306"


def test_lists_are_no_keys_and_no_bases():
    kinds = {"sourcedId": "text", "base": "text", "grades": "list"}
    for wrong in ({"key": "grades"}, {"by": ["grades"]}, {"base": "grades"}):
        with pytest.raises(ConfigurationError):
            columns_of(number, kinds, {}, **{**NAME, **wrong})


# ---------------------------------------------------------------- over many days


PEOPLE = st.sampled_from([f"p{n}" for n in range(12)])
BASES = st.sampled_from(["lee", "Lee", "LEE2", "lee2", "lée", "ß", "ss", "longer", "longest", ""])
DAYS = st.lists(
    st.tuples(st.dictionaries(PEOPLE, BASES, max_size=12), st.integers(1, 20)),
    min_size=1,
    max_size=8,
)
FORMS = st.fixed_dictionaries(
    {"first": st.sampled_from(["plain", "numbered"]), "ignore_accents": st.booleans()},
    optional={"max_length": st.sampled_from([4, 5]), "width": st.just(2)},
)
REMEMBER = 30


ANY = given(DAYS, FORMS, st.randoms(use_true_random=False))


@settings(deadline=None, max_examples=40)
@ANY
def test_whoever_comes_and_goes(days: list[Any], form: dict[str, Any], shuffled: Any):
    _come_and_go(days, form, shuffled)


@pytest.mark.slow
@settings(deadline=None, max_examples=1000)
@ANY
def test_many_come_and_go(days: list[Any], form: dict[str, Any], shuffled: Any):
    _come_and_go(days, form, shuffled)


def _come_and_go(days: list[Any], form: dict[str, Any], shuffled: Any) -> None:
    known: list[Any] = []
    had: dict[tuple[str, str], str] = {}
    last: dict[str, tuple[str, date]] = {}
    today = TODAY_IS
    for people, pause in days:
        previous, today = today, today + timedelta(days=pause)
        rows = [(key, base, "") for key, base in people.items()]
        kept, came = after(rows, known, today, remember=f"{REMEMBER}d", **form)

        shuffled.shuffle(rows)
        other_kept, other_came = after(rows, known, today, remember=f"{REMEMBER}d", **form)
        assert other_came == came, "the order of the rows says nothing"
        assert sorted(other_kept) == sorted(kept)

        texts = [text.casefold() for text in came.values() if text]
        assert len(texts) == len(set(texts)), "no two people share one"
        assert all(bool(came[key]) == bool(base) for key, base in people.items())
        for key, text in came.items():
            before = had.get((key, people[key]))
            assert before in (None, text), "who stays keeps it"
            owner, until = last.get(text.casefold(), (key, today))
            assert owner == key or until < previous - timedelta(days=REMEMBER), (
                "nobody gets what somebody else is remembered for"
            )
        had = {
            pair: text for pair, text in had.items() if any(row[1:3] == pair for row in kept)
        } | {(key, people[key]): text for key, text in came.items() if text}
        last |= {text.casefold(): (key, today) for key, text in came.items() if text}
        known = kept
