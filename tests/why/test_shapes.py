"""Identifiers and codes are shown, everything else as its shape."""

from __future__ import annotations

import pytest

from etlrunner import roster
from etlrunner.lib import shapes
from etlrunner.target import APPLE_SCHOOL_MANAGER

OPEN_OF_PEOPLE = {
    "sourcedId", "status", "dateLastModified", "enabledUser", "orgSourcedIds", "role", "roles",
    "agentSourcedIds", "grades", "primaryOrgSourcedId",
}  # fmt: skip


def test_of_people_only_identifiers_and_codes_are_open():
    """A column that OneRoster adds to people is a shape until somebody says that it is no value."""
    columns = roster.TABLES["users"]
    assert {name for name in columns if shapes.is_open(name, "users")} == OPEN_OF_PEOPLE
    assert not shapes.is_open("birthDate", "demographics")


def test_what_apple_s_columns_call_personal_is_never_open():
    for table in APPLE_SCHOOL_MANAGER.tables.values():
        for column in table.columns:
            if column.personal:
                assert not shapes.is_open(column.name, "users"), column.name
            if column.identifier:
                assert shapes.is_open(column.name, "users"), column.name
    assert shapes.is_open("location_id_2")
    assert shapes.is_open("instructor_id_15")


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("Zoë O'Neil-7", "Xxx X'Xxxx-9"),
        ("a.b@c.example", "x.x@x.xxxxxxx"),
        (["Ann", "2"], ["Xxx", "9"]),
        ("", ""),
        ("李", "x"),
    ],
)
def test_a_shape_keeps_the_form_and_nothing_else(value: object, shape: object):
    assert shapes.shape(value) == shape


def test_a_school_s_number_is_open_and_a_person_s_is_not():
    assert shapes.masked({"identifier": "800", "name": "North"}, "orgs") == {
        "identifier": "800",
        "name": "Xxxxx",
    }
    assert shapes.masked({"identifier": "4711"}, "users") == {"identifier": "9999"}
    assert shapes.masked({"ownerType": "school"}, "courses", {"ownerType"}) == {
        "ownerType": "school"
    }
