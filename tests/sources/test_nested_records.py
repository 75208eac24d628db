"""Records that lie deeper in an answer, or inside others."""

from __future__ import annotations

import polars as pl
import pytest

from etlrunner.errors import Incomplete
from etlrunner.lib.nested_records import NestedReader
from etlrunner.lib.records import parse_field

FIELDS = {"sourcedId": parse_field("outer.id"), "userSourcedId": parse_field("pupil")}


SCHEMA = dict.fromkeys(FIELDS, pl.String)


def reader() -> NestedReader:
    return NestedReader("enrollments", FIELDS, (), SCHEMA, place=("data", "rows"), each=("pupils",))


def test_each_item_of_a_record_is_a_row_and_the_records_are_counted() -> None:
    body = b'{"data":{"rows":[{"id":"c1","pupils":[{"pupil":"a"},{"pupil":"b"}]},{"id":"c2","pupils":[]}]}}'
    decoded = reader().decode(body)
    assert decoded.count == 2
    assert reader().frame(decoded).rows() == [("c1", "a"), ("c1", "b")]


@pytest.mark.parametrize(
    ("twice", "name"),
    [
        (b'{"data":{"rows":[]},"data":{"rows":[{"id":"c","pupils":[{"pupil":"a"}]}]}}', "data"),
        (b'{"data":{"rows":[{"id":"c","pupils":[{"pupil":"a"}],"pupils":[]}]}}', "pupils"),
        (b'{"data":{"rows":[{"id":"c","id":"d","pupils":[{"pupil":"a"}]}]}}', "id"),
        (b'{"data":{"rows":[{"id":"c","pupils":[{"pupil":"a","pupil":"b"}]}]}}', "pupil"),
    ],
)
def test_a_key_said_twice_ends_the_pull(twice: bytes, name: str) -> None:
    with pytest.raises(Incomplete, match=f"says '{name}' twice"):
        reader().decode(twice)


def test_a_list_that_the_definition_does_not_name_is_not_said_twice_either() -> None:
    nested = NestedReader("classes", FIELDS, (), SCHEMA, place=(), each=("pupils",))
    with pytest.raises(Incomplete, match="says 'rows' twice"):
        nested.decode(b'{"rows":[{"id":"c","pupils":[]}],"rows":[{"id":"d","pupils":[]}]}')


@pytest.mark.parametrize("odd", [b"5", b"null", b'"c2"', b"[]"])
def test_a_record_that_is_no_object_is_not_passed_over(odd: bytes) -> None:
    with pytest.raises(Incomplete, match="a record is no object"):
        reader().decode(b'{"data":{"rows":[{"id":"c1","pupils":[]},' + odd + b"]}}")
