"""Mapping tests from YAML files, as plain values; the mapping runs them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from etlrunner.config import load
from etlrunner.config.project import Project
from etlrunner.errors import ConfigurationError
from etlrunner.lib import schema
from etlrunner.lib.document import Document
from etlrunner.model import Place, Problem

AS_OF = date(2027, 3, 1)


@dataclass(frozen=True)
class CaseFile:
    """One file of mapping tests."""

    path: Path
    mapping: str
    tests: tuple[Mapping[str, Any], ...]
    places: tuple[Place | None, ...]


def files(project: Project) -> list[Path]:
    """Every YAML file below tests/ that says it holds mapping tests."""
    found = sorted((project.root / "tests").rglob("*.yaml"))
    return [path for path in found if _is_one(path)]


def read(project: Project, path: Path) -> CaseFile:
    """One file. Raises ConfigurationError with every problem of it."""
    document = load.load(path, shown=project.shown(path))
    data, problems = schema.check(document, "mapping-test")
    if problems:
        raise ConfigurationError(problems)
    tests = tuple(_plain(test, document, n) for n, test in enumerate(data["tests"]))
    places = tuple(document.places.at(("tests", number)) for number in range(len(tests)))
    return CaseFile(path, str(data["mapping"]), tests, places)


def _is_one(path: Path) -> bool:
    """By its first keys: cheap, and other YAML below tests/ is left alone.

    Two of the three are enough: a file with a misspelt one must be told, not passed over.
    """
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    keys = {line.split(":")[0] for line in lines if line[:1].isalpha()}
    return len({"version", "mapping", "tests"} & keys) >= 2 and "source" not in keys


def _plain(test: Mapping[str, Any], document: Document, number: int) -> dict[str, Any]:
    place = document.places.at(("tests", number))
    text = str(test.get("as_of", AS_OF))
    try:
        as_of = date.fromisoformat(text)
    except ValueError:
        raise ConfigurationError([Problem("E205", f"'{text}' is no day", place, "as_of")]) from None
    parts = ("given", "expect", "rejected", "filtered")
    values = {key: _values(test.get(key) or {}) for key in parts}
    return {"name": str(test["name"]), "as_of": as_of, **values}


def _values(data: Any) -> Any:
    """Maps, lists and text, without our own types."""
    if isinstance(data, Mapping):
        return {str(key): _values(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_values(item) for item in data]
    return "" if data is None else str(data)


def of(found: CaseFile) -> Iterator[tuple[Mapping[str, Any], Place | None]]:
    """Each test with its place."""
    yield from zip(found.tests, found.places, strict=True)
