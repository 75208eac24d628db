"""From files to a frozen `Flow`: layers, schema, and what only the whole can tell. No dict goes further."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

from etlrunner.config import layers, load, mappings, surroundings
from etlrunner.config.flow_reader import FlowReader, Judge
from etlrunner.config.mappings import Reading
from etlrunner.config.project import Project
from etlrunner.errors import ConfigurationError
from etlrunner.lib import schema
from etlrunner.lib.document import Document, Places
from etlrunner.model.flow import Flow
from etlrunner.model.mapping import MappingSet
from etlrunner.model.problems import Place, Problem

BEFORE_ANY_EXPIRY = datetime(1970, 1, 2, tzinfo=UTC)
"""A moment at which nothing has expired: for tests, and to learn whom to tell that something has."""


def read_flow(
    project: Project,
    name: str,
    sets: Mapping[str, str] | None = None,
    *,
    today: date | None = None,
    above: Document | None = None,
) -> Flow:
    """A flow by its name or path. Raises ConfigurationError with all problems at once.

    `today` is the day that `expires` is held against: a date, or a moment (else this one), whose date in
    the flow's own time zone counts. `above` is one more layer, as a mapping test has.
    """
    return read_flow_with_warnings(project, name, sets, today=today, above=above)[0]


def read_flow_with_warnings(
    project: Project,
    name: str,
    sets: Mapping[str, str] | None = None,
    *,
    today: date | None = None,
    above: Document | None = None,
    judge: Judge | None = None,
) -> tuple[Flow, list[Problem]]:
    """The same, with what is odd but no error.

    `judge` adds what it knows of the tables of a mapping when other things are wrong already.
    """
    path = project.flow_path(name)
    surroundings.check_name(project, path)
    _complain_at_once(project, path)
    document, files = layers.merged_flow(project, path, sets)
    if above is not None:
        document = layers.over(document, above)
    reader = FlowReader(project, path, document, files, sets or {}, today)
    flow = reader.flow(judge=judge)
    return flow, [*reader.reading.warnings, *surroundings.warnings(project, files)]


def read_mapping_set(
    project: Project, name: str, place: Place | None = None, *, judge: Judge | None = None
) -> MappingSet:
    """A mapping without a flow, as its tests use it; `place` is where it is named."""
    reading = Reading(project, BEFORE_ANY_EXPIRY.date())
    found = mappings.read(reading, name, place, None)
    if reading.problems:
        raise ConfigurationError([*reading.problems, *(judge(found) if judge else ())])
    return found


def flow_of_mapping(project: Project, mapping: MappingSet, above: Document | None = None) -> Flow:
    """A flow with nothing in it but a mapping, and what a test lays over it."""
    nowhere = {"source": {"type": "oneroster-csv", "path": "."}, "version": 1}
    data = {**nowhere, "mapping": mapping.name, "sink": {"type": "local-folder", "path": "."}}
    document = Document(data, Places({}, {}))
    if above is not None:
        document = layers.over(document, above)
    path = project.root / "flows" / "test.yaml"
    reader = FlowReader(project, path, document, (), {}, BEFORE_ANY_EXPIRY)
    return reader.flow(mapping)


def _complain_at_once(project: Project, path: Path) -> None:
    """A file that YAML stumbles over: its own problems beside those of what can be understood."""
    document, problems = load.attempt(path, shown=project.shown(path))
    if not problems:
        return
    if (
        document is not None
        and isinstance(document.data, Mapping)
        and "extends" not in document.data
    ):
        problems = problems + schema.check(document, "flow")[1]
    raise ConfigurationError(problems)
