"""From a flow to a plan: every component bound, every secret named, nothing read from outside yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from types import ModuleType

from etlrunner import registry
from etlrunner.config import secrets, surroundings, validate
from etlrunner.config.project import Project
from etlrunner.errors import ConfigurationError
from etlrunner.model.flow import Flow
from etlrunner.model.mapping import MappingSet
from etlrunner.model.problems import Problem
from etlrunner.model.secrets import SecretRef
from etlrunner.target import TARGETS, Target


@dataclass(frozen=True)
class Plan:
    """What a run of a flow would do. The modules are bound; the secrets are still references."""

    project: Project
    flow: Flow
    target: Target
    raw_tables: tuple[str, ...]
    """Tables of the roster that the mapping needs, and no others."""
    raw_columns: Mapping[str, tuple[str, ...]]
    """Their columns that the mapping or the engine needs, and no others."""
    source: ModuleType
    sink: ModuleType
    checks: Mapping[str, ModuleType]
    secrets: tuple[SecretRef, ...]
    warnings: tuple[Problem, ...] = field(default=())


transform = partial(registry.component, "transforms")
"""A transform's module by its verb."""


def make(
    project: Project,
    name: str,
    sets: Mapping[str, str] | None = None,
    *,
    today: date | None = None,
) -> Plan:
    """Read, validate and bind the flow `name`; `today` (a date or a moment) decides what has expired.

    Raises ConfigurationError with every problem of flow and mappings at once.
    """
    try:
        flow, warnings = validate.read_flow_with_warnings(
            project, name, sets or {}, today=today, judge=problems_of_tables
        )
        return bind(project, flow, warnings)
    except ConfigurationError as error:
        raise ConfigurationError(surroundings.pointed_out(project, error.problems)) from None


def problems_of_tables(mapping: MappingSet) -> list[Problem]:
    """What compiling shows of those tables that could be read, though others could not."""
    from etlrunner.mapping import foreseen

    found = foreseen.problems(mapping, resolve=transform)
    return [problem for problem in found if problem.code != "E314"]


def problems_of_mapping(project: Project, name: str) -> list[Problem]:
    """What is wrong with a folder of the project's mappings, whether a flow uses it or not."""
    try:
        mapping = validate.read_mapping_set(project, name, judge=problems_of_tables)
        found = problems_of_tables(mapping)
    except ConfigurationError as error:
        found = list(error.problems)
    return surroundings.pointed_out(project, found)


def bind(project: Project, flow: Flow, warnings: list[Problem] | None = None) -> Plan:
    """Bind a validated flow. Raises ConfigurationError for what only a compiled mapping shows."""
    from etlrunner.checks import merging, policy, rulings

    # loads polars: only who plans pays for it
    from etlrunner.mapping import apply, crosswalk, foreseen, needed

    problems = foreseen.problems(flow.mapping, resolve=transform)
    problems += crosswalk.check(flow.crosswalks)
    problems += rulings.problems(flow)
    problems += merging.problems(flow)
    problems += policy.problems(flow.policy)
    source = registry.component("sources", flow.source.type)
    problems += source.problems(flow.source.options) if hasattr(source, "problems") else []
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise ConfigurationError(problems)
    return Plan(
        project=project,
        flow=flow,
        target=TARGETS[flow.mapping.name] if flow.mapping.name in TARGETS else default_target(),
        raw_tables=apply.tables_needed(flow.mapping),
        raw_columns=needed.columns_needed(flow.mapping),
        source=source,
        sink=registry.component("sinks", flow.sink.type),
        checks={check: registry.component("checks", check) for check in registry.CHECKS},
        secrets=references(flow),
        warnings=(*(warnings or ()), *problems),
    )


def references(flow: Flow) -> tuple[SecretRef, ...]:
    """Every secret that a run of this flow may need, each once."""
    wanted = [
        *secrets.references(flow.sink.options),
        *pulled_with(flow),
        *(notify.url for notify in flow.notify if isinstance(notify.url, SecretRef)),
    ]
    return tuple(dict.fromkeys(wanted))


def pulled_with(flow: Flow) -> tuple[SecretRef, ...]:
    """The secrets that pulling needs: those of the source, and of the databases of the mapping."""
    databases = [one.url for table in flow.mapping.tables.values() for one in table.databases]
    return tuple(dict.fromkeys([*secrets.references(flow.source.options), *databases]))


def default_target() -> Target:
    """A project's own mapping set under another name still makes Apple's six files."""
    return TARGETS["apple-school-manager"]
