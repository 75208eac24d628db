"""Mapping tests, the ones that users write: what passes, what differs, what is no test at all."""

from __future__ import annotations

from typing import Any

import pytest

from etlrunner.errors import ConfigurationError
from etlrunner.mapping import cases
from etlrunner.mapping.cases import Case
from tests.support.mapped import resolve, shipped, student

ELM = {"sourcedId": "s1", "type": "school", "name": "Elm"}
GIVEN = {"orgs": [ELM], "users": [student("p1"), student("p2", givenName="")]}


def differences(**parts: Any) -> tuple[str, ...]:
    case = Case("a test", **{"given": GIVEN, **parts})
    return cases.run_case(case, shipped(), resolve=resolve).differences


def refused(**parts: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        differences(**parts)
    return [f"{problem.message} {problem.hint}" for problem in raised.value.problems]


def test_only_the_columns_named_are_compared():
    assert differences(expect={"students": [{"person_id": "p1", "location_id": "s1"}]}) == ()


def test_a_cell_that_differs_is_shown_from_both_sides():
    (found,) = differences(expect={"students": [{"person_id": "p1", "first_name": "Other"}]})
    assert "first_name" in found
    assert "- 'Other'" in found
    assert "+ 'Invented'" in found


def test_the_number_of_rows_is_exact():
    assert differences(expect={"students": []})
    assert differences(expect={"students": [{"person_id": "p1"}, {"person_id": "p2"}]})


def test_rejected_rows_are_expected_with_their_rule():
    rejected = {"students": {"p2": "required.first_name"}}
    assert differences(rejected=rejected) == ()
    assert differences(rejected={"students": {"p2": "required.last_name"}})
    assert differences(rejected={"students": {"p1": "required.first_name"}})


def test_a_test_that_expects_nothing_is_an_error():
    assert refused()


def test_misspelt_tables_and_columns_are_errors_with_suggestions():
    assert "givenName" in refused(given={"users": [{"givenname": "A"}]}, expect={"students": []})[0]
    assert "users" in refused(given={"user": []}, expect={"students": []})[0]
    assert "first_name" in refused(expect={"students": [{"firstname": "A"}]})[0]
    assert "students" in refused(expect={"student": []})[0]
    assert "students" in refused(rejected={"studnets": {}})[0]


def test_two_rows_expected_under_one_key_are_not_satisfied_by_one():
    row = {"person_id": "p1"}
    assert differences(expect={"students": [row, row]})
