"""Laws of masking: the same in, the same out; another in, another out; nothing of the old is left."""

from __future__ import annotations

import re
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from etlrunner.mapping.masking import NO_VALUE, Ids, Masks, moved

letters = st.text("abcdefghijklmnopqrstuvwxyzABCÄÉñøßé", min_size=1, max_size=9)
words = st.lists(letters | st.text("0123456789", min_size=1, max_size=6), min_size=1, max_size=3)
names = st.builds("".join, st.lists(st.sampled_from([" ", "-", "'", "."]) | letters, max_size=5))
texts = st.lists(names | words.map("-".join), min_size=1, max_size=6)
WORD = re.compile(r"[^\W_]+")


@given(texts)
def test_nothing_of_the_old_is_left(olds: list[str]) -> None:
    olds = [old for old in olds if old.strip().casefold() not in NO_VALUE]
    masks = Masks(olds)
    for new in map(masks.text, olds):
        assert not [part for part in masks.taken if part in new.casefold()]


@given(texts)
def test_the_same_in_is_the_same_out_and_another_is_another(olds: list[str]) -> None:
    masks = Masks(olds)
    first = {old: masks.text(old) for old in olds}
    assert {old: masks.text(old) for old in reversed(olds)} == first
    told_apart = {old.casefold() for old in olds if old.isascii()}
    assert len({first[old].casefold() for old in olds if old.isascii()}) == len(told_apart)


@given(texts)
def test_what_stands_between_words_stays(olds: list[str]) -> None:
    masks = Masks(olds)
    for old in olds:
        assert WORD.sub("", masks.text(old)) == WORD.sub("", old)


@given(letters)
def test_capitals_and_accents_stay(old: str) -> None:
    new = Masks([old]).text(old)
    assert new.isascii() or not old.isascii()
    if len(old) > 1:
        assert new.isupper() == old.isupper()
        assert new.islower() == old.islower()


@given(st.lists(st.text("abc123", min_size=1, max_size=4), unique=True, max_size=30))
def test_ids_sort_as_they_did(olds: list[str]) -> None:
    ids = Ids()
    ids.number("person", olds)
    assert [ids.new("person", old) for old in sorted(olds)] == sorted(
        ids.new("person", old) for old in olds
    )
    assert ids.new("person", "other") == "person-elsewhere"
    assert ids.new("person", "") == ""


def test_an_address_keeps_its_form_and_not_its_domain() -> None:
    masks = Masks(["Ada", "Lovelace"])
    new = masks.text("ada.lovelace@district.example")
    assert new == f"{masks.text('ada')}.{masks.text('lovelace')}@example.org"
    assert masks.text("x@other.example").endswith("@d2.example.org")


def test_days_move_together_and_other_texts_are_dropped() -> None:
    by = timedelta(days=10)
    assert moved("2027-02-25T00:00:00Z", by) == "2027-03-07"
    assert moved("soon", by) == moved("", by) == ""
