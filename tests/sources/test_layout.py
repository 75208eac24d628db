"""A page that is read by its layout gives what reading it with care gives, or is left to that."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from etlrunner.errors import EtlError, Incomplete
from etlrunner.lib import repeated_keys
from etlrunner.lib.layout import Layout, Learner, Seen, Unlike
from etlrunner.lib.records import TableReader, parse_field
from etlrunner.lib.reply import Unfit
from tests.support import fuzzed_page, rosters

quick = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
NAMES = [
    "sourcedId",
    "status",
    "role",
    "orgs",
    "primaryOrg",
    "email",
    "grades",
    "enabledUser",
    "x",
    'a"b',
    "é",
]
texts = st.sampled_from(["", "a", " b ", 'say "hi"', "back\\", '\\"', "é", "\x1f", "x:1"])
scalars = st.one_of(texts, st.none(), st.booleans(), st.integers(-9, 9), st.just(2.5))
values = st.recursive(
    scalars,
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(NAMES), below, max_size=4)
    ),
)


def fresh() -> TableReader:
    made = fuzzed_page.reader()
    return TableReader(made.table, made.fields, made.wrappers, made.schema)


def text_of(value: Any, ascii_only: bool, spaced: bool) -> bytes:
    separators = (" , ", " : ") if spaced else (",", ":")
    return json.dumps(value, ensure_ascii=ascii_only, separators=separators).encode()


@st.composite
def alike(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Records of a server: some fields are always there, others at times, each with kinds of its own."""
    fields = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=True))
    reference = st.fixed_dictionaries({"sourcedId": texts}, optional={"href": texts, "type": texts})
    kinds = {
        name: draw(
            st.sampled_from(
                [
                    texts,
                    texts | st.none(),
                    st.booleans(),
                    st.integers(0, 9) | texts,
                    reference,
                    reference | st.none(),
                    st.lists(reference, max_size=3),
                    st.lists(texts, max_size=3),
                ]
            )
        )
        for name in fields
    }
    always = {name: kinds[name] for name in fields if draw(st.booleans())}
    at_times = {name: kind for name, kind in kinds.items() if name not in always}
    return draw(st.lists(st.fixed_dictionaries(always, optional=at_times), min_size=1, max_size=6))


def outcome(reader: TableReader, body: bytes, *, with_care: bool) -> Any:
    try:
        records = reader._with_care(body) if with_care else reader.decode(body)
        return reader.frame(records).to_dicts()
    except Unfit as unfit:
        return str(unfit.ending)
    except EtlError as error:
        return str(error)


@quick
@given(
    alike(),
    st.lists(alike() | st.lists(values, max_size=3), max_size=3),
    st.booleans(),
    st.booleans(),
)
def test_learning_changes_nothing(
    first: Any, others: list[Any], ascii_only: bool, spaced: bool
) -> None:
    reader = fresh()
    for records in [first, first, first, *others, first]:
        body = text_of({"users": records}, ascii_only, spaced)
        quickly = outcome(reader, body, with_care=False)
        assert quickly == outcome(fresh(), body, with_care=True)


@quick
@given(alike(), st.data())
def test_a_key_said_twice_never_fits(records: list[dict[str, Any]], data: st.DataObject) -> None:
    reader = fresh()
    whole = {"users": records}
    body = text_of(whole, True, False)
    try:
        for _ in range(2):
            reader.decode(body)
    except (Incomplete, Unfit):
        return
    count = sum(1 for _ in objects(whole))
    chosen = data.draw(st.integers(0, count - 1))
    twice = written(whole, chosen, data.draw(st.sampled_from(["", " ", "\\u"])))
    assert json.loads(twice) == json.loads(body)
    if twice != body:
        known = reader._learner.layout
        assert known is None or known.read(twice) is None


def objects(value: Any) -> Any:
    if isinstance(value, dict):
        yield value
    for below in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from objects(below)


def written(whole: Any, chosen: int, manner: str) -> bytes:
    """The text of `whole`, whose object number `chosen` says its first key twice, in a manner of its own."""
    target = list(objects(whole))[chosen]

    def put(value: Any) -> str:
        if isinstance(value, dict):
            parts = [f"{json.dumps(key)}:{put(below)}" for key, below in value.items()]
            if value is target and parts:
                key = next(iter(value))
                said = json.dumps(key)
                if manner == "\\u":
                    said = '"' + "".join(f"\\u{ord(each):04x}" for each in key) + '"'
                parts.insert(0, f"{said}{manner.strip(chr(92) + 'u')}:7")
            return "{" + ",".join(parts) + "}"
        if isinstance(value, list):
            return "[" + ",".join(map(put, value)) + "]"
        return json.dumps(value)

    return put(whole).encode()


@quick
@given(values, st.booleans(), st.booleans())
@example(["\\", '"', "\\\\", '\\"', '\\\\"'], True, False)
def test_strings_are_counted_by_their_quotes(value: Any, ascii_only: bool, spaced: bool) -> None:
    def count(one: Any) -> int:
        if isinstance(one, dict):
            return len(one) + sum(map(count, one.values()))
        return sum(map(count, one)) if isinstance(one, list) else isinstance(one, str)

    assert repeated_keys.strings(text_of(value, ascii_only, spaced)) == count(value)


def test_blanks_before_the_colon_hide_no_repeated_key() -> None:
    body = b'{"users":[{"sourcedId" :"a","role":"x"},{"role":"y","sourcedId":"b","sourcedId":"c"}]}'
    with pytest.raises(Incomplete, match="'sourcedId' twice"):
        fresh().decode(body)


def test_a_real_roster_is_read_by_its_layout_from_the_third_page_on() -> None:
    for version in (rosters.v11(), rosters.v12()):
        reader = fresh()
        body = json.dumps({"users": version["users"]}).encode()
        pages = [reader.frame(reader.decode(body)) for _ in range(3)]
        assert reader._learner.layout.read(body) is not None
        assert pages[0].equals(pages[2])


@pytest.mark.parametrize(
    "value",
    [
        [{"a": None}, {}],  # a null, or a key that is not there
        [{f"k{number}": 1 for number in range(300)}],
        json.loads("[" * 30 + "]" * 30),
    ],
    ids=["ambiguous", "keys that are data", "deep"],
)
def test_what_has_no_layout_is_read_with_care(value: Any) -> None:
    seen = Seen()
    with pytest.raises(Unlike):  # noqa: PT012
        seen.look(value)
        Layout(seen, None, {})
    learner = Learner({}, ["users"])
    for _ in range(4):
        learner.learn(json.dumps(value).encode())
    assert learner.layout is None


def test_a_server_that_never_writes_alike_is_learnt_from_a_few_times_only() -> None:
    learner = Learner({}, ["users"])
    for number in range(40):
        learner.learn(json.dumps({"users": [{f"k{number}": "x"}]}).encode())
    assert learner.layout is None


def test_a_list_whose_name_is_not_known_is_not_said_twice_either() -> None:
    body = b'{"people":[{"sourcedId":"1"}],"people":[{"sourcedId":"2"}]}'
    with pytest.raises(Incomplete, match="says 'people' twice"):
        fresh().decode(body)


@pytest.mark.parametrize("first", ["people", fuzzed_page.reader().wrappers[0]])
def test_another_list_in_the_place_of_the_records_is_no_empty_page(first: str) -> None:
    """A server that answers 200 with `{"errors": []}` has not said that there are no more records."""
    reader = fresh()
    reader.decode(b'{"%s":[{"sourcedId":"1"}]}' % first.encode())
    for other in (b'{"errors":[]}', b'{"errors":[{"code":"7"}]}'):
        with pytest.raises(Incomplete, match="another name than on an earlier page"):
            reader.decode(other)
    assert reader.decode(b'{"%s":[]}' % first.encode()).count == 0


def test_two_fields_never_share_a_place() -> None:
    """`a-b` and `a_2d_b` once did: the second's values were the first's."""
    fields = {"sourcedId": parse_field("a-b"), "givenName": parse_field("a_2d_b")}
    reader = TableReader("users", fields, ("users",), dict.fromkeys(fields, pl.String))
    body = b'{"users":[{"a-b":"1","a_2d_b":"Ada"}]}'
    for _ in range(4):  # with care, and by the layout
        assert reader.frame(reader.decode(body)).rows() == [("1", "Ada")]


def test_what_stands_around_the_records_is_said_once() -> None:
    fields = {"sourcedId": parse_field("id")}
    reader = TableReader("users", fields, ("users",), {"sourcedId": pl.String}, ("meta", "next"))
    for _ in range(4):  # with care, and by the layout
        assert reader.decode(b'{"users":[{"id":"1"}],"meta":{"next":"b"}}').count == 1
    for meta in (b'"meta":{"next":"b","next":null}', b'"meta":{"next":null},"meta":{"next":"b"}'):
        with pytest.raises(Incomplete, match="twice in one object"):
            reader.decode(b'{"users":[{"id":"1"}],%s}' % meta)
