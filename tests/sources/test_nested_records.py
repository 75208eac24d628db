"""Records that lie deeper in an answer, or inside others."""

from __future__ import annotations

import polars as pl
import pytest

from etlrunner.errors import Incomplete
from etlrunner.lib.nested_records import NestedReader
from etlrunner.lib.records import parse_field

FIELDS = {"sourcedId": parse_field("outer.id"), "userSourcedId": parse_field("pupil")}


def reader() -> NestedReader:
    schema = dict.fromkeys(FIELDS, pl.String)
    return NestedReader("enrollments", FIELDS, (), schema, place=("data", "rows"), each=("pupils",))


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
