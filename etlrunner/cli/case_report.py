"""What became of the mapping tests, for people, programs and CI systems."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from etlrunner.lib import junit, render
from etlrunner.mapping.case_diff import Difference
from etlrunner.mapping.cases import Outcome
from etlrunner.model.problems import Problem

MOST_CELLS = 24


@dataclass
class FileOutcome:
    """One file: how its tests ended, and what is wrong with the tests themselves."""

    shown: str
    outcomes: list[Outcome] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def failure(outcome: Outcome) -> str:
    """The test with its place, and what differs below it."""
    lines = [f"{outcome.case.place}: failed: {outcome.case.name}"]
    for difference in outcome.differences:
        lines += [f"  {line}" for line in _lines(difference, outcome)]
    return "\n".join(lines)


def as_data(files: Sequence[FileOutcome]) -> dict[str, Any]:
    """Everything as one JSON-able document."""
    outcomes = [one for file in files for one in file.outcomes]
    return {
        "passed": sum(one.passed for one in outcomes),
        "failed": sum(not one.passed for one in outcomes),
        "problems": [render.problem_as_data(one) for file in files for one in file.problems],
        "tests": [_test(file, one) for file in files for one in file.outcomes],
    }


def as_junit(files: Sequence[FileOutcome]) -> str:
    """The same as JUnit XML; a file that is wrong itself has a case of its own, in error."""
    return junit.text_of([junit.TestSuite(file.shown, list(_cases(file))) for file in files])


def as_problems(files: Sequence[FileOutcome]) -> dict[str, list[Problem]]:
    """Every difference at its own place, beside what is wrong with the tests, for annotations."""
    return {
        file.shown: [
            *file.problems,
            *(_problem(one, outcome) for outcome in file.outcomes for one in outcome.differences),
        ]
        for file in files
    }


def _problem(one: Difference, outcome: Outcome) -> Problem:
    said = (
        f"{name}: {_quoted(wanted)} expected, {_quoted(came)} came"
        for name, wanted, came in one.cells
    )
    message = "; ".join([f"{outcome.case.name}: {one}", *said])
    return Problem("E400", message, one.place or outcome.case.place)


def _cases(file: FileOutcome) -> Iterator[junit.TestCase]:
    if file.problems:
        text = "\n".join(render.problem(problem) for problem in file.problems)
        yield junit.TestCase("the tests themselves", error=text)
    for one in file.outcomes:
        yield junit.TestCase(one.case.name, one.seconds, "" if one.passed else failure(one))


def _test(file: FileOutcome, outcome: Outcome) -> dict[str, Any]:
    place = outcome.case.place
    return {
        "file": file.shown,
        "line": place.line if place else 0,
        "column": place.column if place else 0,
        "name": outcome.case.name,
        "passed": outcome.passed,
        "seconds": round(outcome.seconds, 3),
        "differs": [_difference(one) for one in outcome.differences],
    }


def _difference(one: Difference) -> dict[str, Any]:
    cells = [{"column": name, "expected": want, "came": got} for name, want, got in one.cells]
    place = one.place
    return {
        "table": one.table,
        "key": one.key,
        "message": one.message,
        "cells": cells,
        "file": place.file if place else "",
        "line": place.line if place else 0,
    }


def _lines(one: Difference, outcome: Outcome) -> Iterator[str]:
    """The row, and only its cells that differ, one below the other."""
    place = one.place
    where = f" (line {place.line})" if place and place.line else ""
    if place and outcome.case.place and place.file != outcome.case.place.file:
        where = f" ({place.file}:{place.line})"
    yield f"{one}{where}"
    width = max((len(name) for name, _, _ in one.cells), default=0)
    for name, wanted, came in one.cells[:MOST_CELLS]:
        if "missing" in one.message:
            yield f"  - {name:<{width}}  {_quoted(wanted)}"
        elif "not expected" in one.message:
            yield f"  + {name:<{width}}  {_quoted(came)}"
        else:
            wanted, came = _told_apart(wanted, came)
            yield f"  - {name:<{width}}  {wanted}"
            yield f"  + {'':<{width}}  {came}"
    if len(one.cells) > MOST_CELLS:
        yield f"  … and {len(one.cells) - MOST_CELLS} more columns"


def _told_apart(wanted: str, came: str) -> tuple[str, str]:
    """Both as people read them; by their code points where they would look the same."""
    if _looks(wanted) == _looks(came):
        return ascii(wanted), ascii(came)
    return _quoted(wanted), _quoted(came)


def _quoted(text: str) -> str:
    """In quotes, so that white space shows; characters that do not print are escaped."""
    return '"' + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text) + '"'


def _looks(text: str) -> str:
    kept = (c for c in unicodedata.normalize("NFC", text) if c.isprintable())
    return "".join(" " if c.isspace() else c for c in kept)
