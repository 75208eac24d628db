"""Mapping tests from YAML files: what is given and expected, each part with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from etlrunner.config import case_rows, load
from etlrunner.config.case_rows import Rows
from etlrunner.config.project import Project
from etlrunner.errors import ConfigurationError
from etlrunner.lib import schema
from etlrunner.lib.document import Document, Key, Scalar
from etlrunner.model.problems import Located, Place, Problem

AS_OF = date(2027, 3, 1)
LAYER = ("select", "leave_out")
"""What a test may lay over its flow: keys of a flow, checked by the flow's own schema."""
PARTS = ("expect", "rejected", "filtered", "findings")

Fates = Mapping[Scalar, Mapping[Scalar, Scalar]]
"""Target table -> id -> rule."""


@dataclass(frozen=True)
class Case:
    """One test; of `expect`, `rejected`, `filtered` and `findings` at least one says something."""

    name: str
    given: Mapping[Scalar, Rows]
    expect: Mapping[Scalar, Rows] = field(default_factory=dict)
    rejected: Fates = field(default_factory=dict)
    filtered: Fates = field(default_factory=dict)
    findings: Mapping[Scalar, Mapping[Scalar, int]] = field(default_factory=dict)
    lookups: Mapping[Scalar, Mapping[Scalar, Mapping[str, str]]] = field(default_factory=dict)
    as_of: date = AS_OF
    place: Place | None = None
    layer: Document | None = None
    """`select` and `leave_out` of the test, to lie over the flow."""


@dataclass(frozen=True)
class CaseFile:
    """One file of mapping tests: of a mapping, or of a flow with its overrides."""

    path: Path
    shown: str
    mapping: Located | None
    flow: Located | None
    cases: tuple[Case, ...]
    problems: tuple[Problem, ...] = ()
    """Of tests that are wrong themselves; the others can still be run."""


def files(project: Project) -> list[Path]:
    """Every YAML file below tests/ that says it holds mapping tests."""
    found = sorted((project.root / "tests").rglob("*.yaml"))
    return [path for path in found if _is_one(path)]


def read(project: Project, path: Path) -> CaseFile:
    """One file. Raises ConfigurationError when the file as a whole cannot be understood."""
    shown = project.shown(path)
    document = load.load(path, shown=shown)
    data, problems = schema.check(document, "mapping-test")
    problems += _subject_problems(data, document)
    if problems:
        raise ConfigurationError(problems)
    beside = case_rows.beside(project, path)
    cases: list[Case] = []
    for number, test in enumerate(data["tests"]):
        try:
            cases.append(_case(test, document, ("tests", number), beside))
        except ConfigurationError as error:
            problems += error.problems
    problems += _named_twice(cases)
    mapping, flow = (_located(data, document, key) for key in ("mapping", "flow"))
    return CaseFile(path, shown, mapping, flow, tuple(cases), tuple(problems))


def _is_one(path: Path) -> bool:
    """By its first keys: cheap, and other YAML below tests/ is left alone.

    Two of them are enough: a file with a misspelt one must be told, not passed over.
    """
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    keys = {line.split(":")[0] for line in lines if line[:1].isalpha()}
    return len({"version", "mapping", "flow", "tests"} & keys) >= 2 and "source" not in keys


def _subject_problems(data: Any, document: Document) -> Iterator[Problem]:
    """Exactly one of mapping and flow."""
    if not isinstance(data, Mapping) or len({"mapping", "flow"} & data.keys()) == 1:
        return
    both = "flow" in data
    message = f"a file of tests needs exactly one of mapping, flow{', not both' if both else ''}"
    place = document.places.key(("flow",)) if both else document.places.at(())
    hint = "mapping: apple-school-manager, or flow: NAME for a district's overrides"
    yield Problem("E206", message, place, hint=hint)


def _located(data: Mapping[str, Any], document: Document, key: str) -> Located | None:
    return Located(str(data[key]), document.places.at((key,))) if key in data else None


def _case(test: Mapping[str, Any], document: Document, way: Key, beside: Any) -> Case:
    place = document.places.at((*way, "name"))
    rows: dict[str, dict[Scalar, Rows]] = {}
    problems: list[Problem] = []
    for part in ("given", "expect"):
        rows[part] = {}
        for key, value in (test.get(part) or {}).items():
            try:
                rows[part][key] = _rows(value, key, document, (*way, part, str(key)), beside)
            except ConfigurationError as error:
                problems += error.problems
    as_of = AS_OF
    if "as_of" in test:
        try:
            as_of = date.fromisoformat(str(test["as_of"]))
        except ValueError:
            spot = document.places.at((*way, "as_of"))
            hint = "write a day of the calendar, as 2027-03-01"
            problems.append(Problem("E205", f"'{test['as_of']}' is no day", spot, "as_of", hint))
    if not any(test.get(part) for part in PARTS):
        hint = "say what is expected: expect:, rejected:, filtered: or findings:"
        problems.append(Problem("E401", "the test expects nothing", place, hint=hint))
    if problems:
        raise ConfigurationError(problems)
    return Case(
        name=str(test["name"]),
        given=rows["given"],
        expect=rows["expect"],
        rejected=test.get("rejected") or {},
        filtered=test.get("filtered") or {},
        findings=test.get("findings") or {},
        lookups=test.get("lookups") or {},
        as_of=as_of,
        place=place,
        layer=_layer(test, document, way),
    )


def _rows(value: Any, key: Scalar, document: Document, way: Key, beside: Any) -> Rows:
    count = len(value) if isinstance(value, list) else 0
    places = [document.places.at((*way, number)) for number in range(count)]
    return case_rows.read(value, key, places, beside)


def _layer(test: Mapping[str, Any], document: Document, way: Key) -> Document | None:
    data = {key: test[key] for key in LAYER if key in test}
    return Document(data, document.places.below(way), document.path) if data else None


def _named_twice(cases: list[Case]) -> Iterator[Problem]:
    """A name is how a test is found in a report; two of one name are one too many."""
    first: dict[str, Place | None] = {}
    for case in cases:
        if case.name in first:
            message = f"there is a test of this name already, at {first[case.name]}"
            yield Problem("E404", message, case.place, "name", "say what is different about it")
        first.setdefault(case.name, case.place)
