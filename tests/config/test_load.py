"""The loader guesses nothing, keeps places, and ends in ConfigurationError or a document."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etlrunner.config import load
from etlrunner.errors import ConfigurationError
from etlrunner.lib.document import Scalar
from etlrunner.model.problems import Problem

PIECES = st.sampled_from(
    [
        "key", "a", "b", ":", ": ", " ", "  ", "\n", "- ", "{", "}", "[", "]", ", ", '"', "'", "#",
        " #", "&x", "*x", "!!int", "<<", "---", "...", "|", ">", "?", "%", "@", "\t", "{{ a }}",
        "null", "~", "\\", "\r\n", "é", "\u00a0", "“",
    ]
)  # fmt: skip


def codes_of(text: str) -> list[str]:
    return [problem.code for problem in load.attempt("x.yaml", text)[1]]


def problems_of(path: Path, text: str | None = None) -> list[Problem] | None:
    """What the loader refuses a file for; None when it gives a document."""
    try:
        load.load(path, text)
    except ConfigurationError as error:
        return list(error.problems)
    return None


@given(st.lists(PIECES, max_size=40).map("".join))
@settings(max_examples=400, deadline=None)
def test_pieces_of_yaml_end_in_a_document_or_a_configuration_error(text: str) -> None:
    problems = problems_of(Path("x.yaml"), text)
    assert all(problem.code and problem.place for problem in problems or ())
    assert problems != []


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_end_in_a_document_or_a_configuration_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(data)
    assert problems_of(path) != []


@pytest.mark.parametrize(
    "written",
    [
        "07",
        "NO",
        "no",
        "12:30",
        "1e5",
        "0x1F",
        "1_000",
        ".inf",
        ".nan",
        "2027-03-01",
        "true",
        "010",
    ],
)
def test_a_plain_scalar_stays_the_text_it_is(written: str) -> None:
    value = load.load("x.yaml", f"a: {written}\n").data["a"]
    assert value == written
    assert value.plain


def test_only_null_and_the_tilde_are_nothing() -> None:
    data = load.load("x.yaml", 'a: null\nb: ~\nc: Null\nd: "null"\n').data
    assert data == {"a": None, "b": None, "c": "Null", "d": "null"}


def test_a_quoted_text_begins_after_its_quote() -> None:
    document = load.load("x.yaml", 'a: "{{ x }}"\nb: y\nc: |\n    z\n')
    places = [document.data[key].place for key in "abc"]
    assert [(place.line, place.column) for place in places] == [(1, 5), (2, 4), (4, 5)]
    assert document.places[("a",)].column == 4
    assert document.places.key(("c",)).line == 3


def test_a_byte_order_mark_and_windows_line_ends_are_fine() -> None:
    document = load.load("x.yaml", "\ufeffa: 1\r\nb: 2\r\n")
    assert document.data == {"a": "1", "b": "2"}
    assert document.places[("b",)].line == 2


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: &x 1\n", "E106"),
        ("a: *x\n", "E106"),
        ("a: !!python/object:os.system x\n", "E106"),
        ("a: !!binary x\n", "E106"),
        ("<<: {a: 1}\n", "E106"),
        ("%YAML 1.1\n---\na: 1\n", "E106"),
        ("a: 1\na: 2\n", "E105"),
        ("a: {b: 1, b: 2}\n", "E105"),
        ("a: 1\n---\nb: 2\n", "E107"),
        ("", "E107"),
        ("# only a comment\n", "E107"),
        ("a:\n\tb: 1\n", "E108"),
        ("a:\n", "E111"),
        ("a: " + "[" * 3000, "E103"),
        ("a: \0\n", "E102"),
        ("a: 1\u2028b: 2\n", "E102"),
        ("a" * (load.MOST_BYTES + 1), "E103"),
    ],
)
def test_what_no_configuration_needs_is_refused_by_name(text: str, code: str) -> None:
    assert code in codes_of(text)


def test_an_alias_bomb_is_refused_before_it_grows() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40)
    )
    began = time.process_time()
    assert set(codes_of(bomb)) == {"E106"}
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("data", "code"),
    [("a: é".encode("utf-16"), "E102"), ("a: é".encode("latin-1"), "E102"), (b"\xff\xfe", "E102")],
)
def test_other_encodings_are_refused(tmp_path: Path, data: bytes, code: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(data)
    with pytest.raises(ConfigurationError) as caught:
        load.load(path)
    assert caught.value.problems[0].code == code


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_what_is_no_file_is_a_problem_too(tmp_path: Path, kind: str) -> None:
    path = tmp_path if kind == "folder" else tmp_path / "x.yaml"
    with pytest.raises(ConfigurationError) as caught:
        load.load(path)
    assert caught.value.problems[0].code == "E101"


@pytest.mark.parametrize(
    ("line", "mended"),
    [
        ('a: "x" ~ b', "a: '\"x\" ~ b'"),
        ("a: 'x' ~ b", "a: \"'x' ~ b\""),
        ("a: {{ b }}", "a: '{{ b }}'"),
        ("a: {{ b }}-{{ c }}  # why", "a: '{{ b }}-{{ c }}'  # why"),
        ('a: b if c == "d: e" else f', "a: 'b if c == \"d: e\" else f'"),
        ('a: b ~ " #" ~ c', "a: 'b ~ \" #\" ~ c'"),
        ("a: [1, 2] ~ b", "a: '[1, 2] ~ b'"),
        ("a: %5", "a: '%5'"),
        ("a:b\nc: d", "a: b"),
    ],
)
def test_a_line_that_yaml_breaks_is_shown_as_it_should_be(line: str, mended: str) -> None:
    mapping = "table: students\n"  # elsewhere the line might hold a secret, and is not shown
    document, problems = load.attempt("x.yaml", f"{mapping}{line}\n")
    assert [problem.hint for problem in problems] == [f"write it as:  {mended}"]
    again = load.load("x.yaml", mapping + "\n".join([mended, *line.split("\n")[1:]]) + "\n")
    assert document is not None
    assert document.data == again.data


@pytest.mark.parametrize(
    "line",
    [
        "a: b # comment", "a: Joe's # it's", 'a: "x: y" # z', "a: {b: c}", "a: [b, c]", "a: 'it''s'",
        "a: x ~ y[:1]", "a: S-{{ b }}", "a: https://x", 'a: "x \\" y"',
    ],
)  # fmt: skip
def test_a_line_that_is_right_is_left_alone(line: str) -> None:
    assert codes_of(line + "\n") == []


def test_every_problem_is_told_at_once() -> None:
    text = 'a: "x" ~ y\nb: &q 1\nb: 2\nc:\nd: {{ z }}\n'
    assert codes_of(text) == ["E110", "E106", "E105", "E111", "E110"]


def test_a_scalar_is_text_and_keeps_how_it_was_written() -> None:
    import pickle

    plain, quoted = Scalar("1"), Scalar("1", plain=False)
    assert plain == quoted == "1"
    assert (plain.plain, quoted.plain) == (True, False)
    assert pickle.loads(pickle.dumps(quoted)).plain is False
