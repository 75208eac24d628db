"""Whatever a slip of the hand makes of a valid project: it is valid, or a problem with a place in a file."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etlrunner.errors import EtlError
from tests.mistakes import planted

FILES = sorted(
    path.relative_to(planted.HERE / "project").as_posix()
    for path in (planted.HERE / "project").rglob("*.*")
    if path.suffix in (".yaml", ".csv")
)
Draw = Callable[[st.SearchStrategy[int]], int]
ODD = [
    "true",
    "12",
    '""',
    "[]",
    "{}",
    "[a, b]",
    "{a: b}",
    "null",
    "2027-02-30",
    "{{",
    "'",
    "é\u200b",
    "-",
    "|",
    "&a",
]


def lost(lines: list[str], at: int, draw: Draw) -> list[str]:
    """A line is gone."""
    return lines[:at] + lines[at + 1 :]


def twice(lines: list[str], at: int, draw: Draw) -> list[str]:
    """A line stands there twice."""
    return lines[: at + 1] + lines[at:]


def deeper(lines: list[str], at: int, draw: Draw) -> list[str]:
    """A line is one space too far to the right."""
    return [*lines[:at], " " + lines[at], *lines[at + 1 :]]


def shallower(lines: list[str], at: int, draw: Draw) -> list[str]:
    """A line is one space too far to the left."""
    return [*lines[:at], lines[at].removeprefix(" "), *lines[at + 1 :]]


def swapped(lines: list[str], at: int, draw: Draw) -> list[str]:
    """Two letters that stand side by side have changed places."""
    line = lines[at]
    spot = draw(st.integers(0, max(0, len(line) - 2)))
    line = line[:spot] + line[spot : spot + 2][::-1] + line[spot + 2 :]
    return [*lines[:at], line, *lines[at + 1 :]]


def dropped(lines: list[str], at: int, draw: Draw) -> list[str]:
    """A character is gone."""
    spot = draw(st.integers(0, max(0, len(lines[at]) - 1)))
    return [*lines[:at], lines[at][:spot] + lines[at][spot + 1 :], *lines[at + 1 :]]


def retyped(lines: list[str], at: int, draw: Draw) -> list[str]:
    """The value is of another kind."""
    value = ODD[draw(st.integers(0, len(ODD) - 1))]
    return [
        *lines[:at],
        re.sub(r"(: |- ).*", rf"\g<1>{value}", lines[at], count=1),
        *lines[at + 1 :],
    ]


SLIPS = [lost, twice, deeper, shallower, swapped, dropped, retyped]


def slip(draw: Draw, text: str) -> str:
    """The text after one slip."""
    lines = text.split("\n")
    at = draw(st.integers(0, max(0, len(lines) - 2)))
    return "\n".join(SLIPS[draw(st.integers(0, len(SLIPS) - 1))](lines, at, draw))


def check(draw: Draw, slips: int) -> None:
    """Never a traceback; every error has its place inside a file of the project."""
    with tempfile.TemporaryDirectory() as scratch:
        root = planted.project(Path(scratch).resolve() / "project")
        for _ in range(slips):
            path = root / FILES[draw(st.integers(0, len(FILES) - 1))]
            path.write_text(slip(draw, path.read_text(encoding="utf-8")), encoding="utf-8")
        try:
            found = planted.problems_of(root)
        except EtlError:  # one sentence, such as a file name that cannot be
            return
        for problem in found:
            place = problem.place
            assert place is not None, problem
            if place.file.startswith("etlrunner/"):  # a shipped file
                continue
            lines = (root / place.file).read_text(encoding="utf-8").split("\n")
            assert 0 <= place.line <= len(lines), problem
            if place.line:
                assert 1 <= place.column <= len(lines[place.line - 1]) + 2, problem


@settings(max_examples=25, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_slip_is_valid_or_a_problem_with_a_place(data: st.DataObject) -> None:
    check(data.draw, 1)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_so_are_many_slips_at_once(data: st.DataObject) -> None:
    check(data.draw, data.draw(st.integers(1, 4)))
