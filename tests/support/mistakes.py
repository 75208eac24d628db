"""Golden files of mistakes in expressions, each with the message that a user reads.

A line `>>> expression` and its message; `python -m tests.support.mistakes` writes the messages anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

from etlrunner.errors import ConfigurationError
from etlrunner.expressions import Type, compile_value, compile_where
from etlrunner.lib import render
from etlrunner.model.problems import Located, Place

FOLDER = Path(__file__).parents[1] / "expressions" / "mistakes"
COLUMNS = dict.fromkeys(
    ("sourcedId", "givenName", "familyName", "role", "enabledUser", "email", "grade", "birthDate"),
    Type.TEXT,
) | {"grades": Type.LIST, "orgSourcedIds": Type.LIST}

SHELVES: dict[str, Callable[..., object]] = {"columns": compile_value, "conditions": compile_where}


def path(shelf: str) -> Path:
    return FOLDER / f"{shelf}.txt"


def written(golden: Path) -> list[str]:
    """The expressions of a golden file."""
    lines = golden.read_text("utf-8").splitlines()
    return [line[4:] for line in lines if line.startswith(">>> ")]


def page(shelf: str, expressions: Iterable[str]) -> str:
    """Every expression with its messages."""
    return "\n".join(f">>> {one}\n{told(shelf, one)}" for one in expressions)


def told(shelf: str, expression: str) -> str:
    source = Located(expression, Place("m.yaml", 3, 10))
    try:
        SHELVES[shelf](source, COLUMNS, today=date(2027, 1, 15))
    except ConfigurationError as error:
        text = "\n".join(map(render.problem, error.problems))
        return "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    return "NO MISTAKE\n"


if __name__ == "__main__":
    for name in SHELVES:
        path(name).write_text(page(name, written(path(name))), "utf-8")
