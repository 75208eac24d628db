"""The spot of a mistake is exact to the character in every way of writing text in YAML."""

from __future__ import annotations

import tempfile
import unicodedata
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etlrunner.config import load
from etlrunner.errors import ConfigurationError
from etlrunner.expressions import Type, compile_value
from etlrunner.lib.document import Scalar
from etlrunner.model.problems import Located

WRONG = "zzz"
"""A column that is not there; it stands once in each file."""

PIECES = (
    "givenName", "'x'", '"y"', "'é'", "'東京'", "'😀'", "'e\u0301'", "'👩‍👩‍👧'", r"'a\\b'", "'\u2028'", "' two  spaces '", "\"it's\"", "'# no'", "'a: b'", "'-'",
    "('x' if givenName == 'y' else \"z\")", "givenName[:2]",
)  # fmt: skip

pieces = st.lists(st.sampled_from(PIECES), min_size=1, max_size=4)
gaps = st.sampled_from([" ", "  ", "\n"])


def plain(parts: list[str], draw: st.DrawFn) -> str:
    return draw(st.sampled_from([" ", "\n      "])).join(parts)


def single(parts: list[str], draw: st.DrawFn) -> str:
    between = draw(st.sampled_from([" ", "  ", "\n      ", " \n\n      "]))
    return "'" + between.join(part.replace("'", "''") for part in parts) + "'"


def double(parts: list[str], draw: st.DrawFn) -> str:
    def escaped(character: str) -> str:
        code = ord(character)
        plain_one = {'"': '\\"', "\\": "\\\\"}.get(character, character)
        ways = [plain_one, f"\\U{code:08x}"]
        ways += [f"\\x{code:02x}"] if code < 256 else []
        ways += [f"\\u{code:04X}"] if code < 0x10000 else []
        return draw(st.sampled_from(ways)) if not character.isalnum() or code > 127 else plain_one

    between = draw(st.sampled_from([" ", "\\t", "\n      ", " \\\n      ", "\\n", "\\\n    \\  "]))
    return '"' + between.join("".join(map(escaped, part)) for part in parts) + '"'


def block(sign: str) -> Callable[[list[str], st.DrawFn], str]:
    def written(parts: list[str], draw: st.DrawFn) -> str:
        head = sign + draw(st.sampled_from(["", "-", "+", "4", "-4", " # a note"]))
        between = draw(st.sampled_from([" ", "\n      ", "\n        ", "\n\n      ", " \n      "]))
        lead = draw(st.sampled_from(["", "\n"]))
        return f"{head}\n{lead}      " + between.join(parts)

    return written


STYLES = {
    "plain": plain,
    "single quotes": single,
    "double quotes": double,
    "literal block": block("|"),
    "folded block": block(">"),
}


@st.composite
def files(draw: st.DrawFn, style: str) -> str:
    parts = [*draw(pieces), WRONG, *draw(pieces)]
    joined = [part for piece in parts for part in (piece, "~")][:-1]
    lead = draw(st.sampled_from(["version: 1\n", "# é😀\n\n", ""]))
    return f"{lead}columns:\n  a: {STYLES[style](joined, draw)}\n  b: x\n"


@pytest.mark.parametrize("style", STYLES)
def test_the_mark_stands_below_the_mistake_in_every_style(style: str) -> None:
    reached = []

    @settings(
        max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(files(style))
    def check(written: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "m.yaml")
            path.write_bytes(written.encode())
            document, problems = load.attempt(path)
            if document is None or problems:
                return  # YAML itself stumbles, say over a quote at the start
            scalar = document.data["columns"]["a"]
            assert isinstance(scalar, Scalar)
            if WRONG not in scalar:
                return  # a comment, to YAML
            source = Located(str(scalar), scalar.place or document.places.at(("columns", "a")))
            with pytest.raises(ConfigurationError) as caught:
                compile_value(source, {"givenName": Type.TEXT}, today=date(2027, 1, 15))
        (problem,) = caught.value.problems
        at = written.index(WRONG)
        line, column = written.count("\n", 0, at) + 1, at - written.rfind("\n", 0, at)
        assert problem.place is not None
        assert (problem.place.line, problem.place.column) == (line, column), written
        shown, marks = problem.excerpt.split("\n")
        assert shown.strip("…").strip() in written.split("\n")[line - 1]
        before = shown[: shown.index(WRONG)]
        assert marks == " " * sum(map(cells, before)) + "^" * len(WRONG), written
        reached.append(1)

    check()
    assert len(reached) > 10


def cells(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) == "W" else 1
