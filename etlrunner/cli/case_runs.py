"""Mapping tests of a file, run through the parts of a real run; what `test` and `test record` share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etlrunner.config.project import Project
from etlrunner.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from etlrunner.cli.case_report import FileOutcome
    from etlrunner.config.cases import Case, CaseFile
    from etlrunner.mapping.cases import Engine
    from etlrunner.model.flow import Flow
    from etlrunner.model.problems import Finding, Problem
    from etlrunner.model.tables import FinishedTable


def problems_of(project: Project, path: Path) -> list[Problem]:
    """What is wrong with the tests of one file themselves; nothing is run."""
    from etlrunner.checks import rules
    from etlrunner.config import cases as files
    from etlrunner.config import surroundings
    from etlrunner.mapping import cases

    problems: list[Problem] = []
    try:
        found = files.read(project, path)
        problems += found.problems
        flow = flow_of(project, found, None)
        for case in found.cases:
            problems += cases.problems_of(case, flow.mapping, frozenset(rules.RULES))
    except ConfigurationError as error:
        problems += error.problems
    return surroundings.pointed_out(project, problems)


def run_file(project: Project, path: Path, word: str = "") -> FileOutcome:
    """Every test of one file that can be run, and what is wrong with the others."""
    from etlrunner.cli.case_report import FileOutcome
    from etlrunner.config import cases as files
    from etlrunner.config import surroundings
    from etlrunner.mapping import cases

    done = FileOutcome(project.shown(path))
    try:
        found = files.read(project, path)
        done.problems += found.problems
        wanted = [case for case in found.cases if word.lower() in case.name.lower()]
        plain = flow_of(project, found, None)
    except ConfigurationError as error:
        done.problems += error.problems
        return done
    for case in wanted:
        try:
            flow = plain if case.layer is None else flow_of(project, found, case)
            done.outcomes.append(cases.run_case(case, flow, engine(flow)))
        except ConfigurationError as error:
            done.problems += error.problems
    done.problems[:] = surroundings.pointed_out(project, done.problems)
    done.problems.sort(key=lambda one: (one.place.line, one.place.column) if one.place else (0, 0))
    return done


def flow_of(project: Project, found: CaseFile, case: Case | None) -> Flow:
    """The flow that a file is about, with what one test lays over it; compiled without data once."""
    from etlrunner import plan
    from etlrunner.config import validate
    from etlrunner.mapping import foreseen

    layer = case.layer if case else None
    if found.flow is not None:
        _known_flow(project, found)
        then = validate.BEFORE_ANY_EXPIRY  # a test that passes today passes next year
        flow = validate.read_flow(project, found.flow.text, today=then, above=layer)
    else:
        assert found.mapping is not None
        mapping = validate.read_mapping_set(project, found.mapping.text, found.mapping.place)
        flow = validate.flow_of_mapping(project, mapping, layer)
    problems = foreseen.problems(flow.mapping, resolve=plan.transform) if case is None else []
    if any(problem.severity == "error" for problem in problems):
        raise ConfigurationError(problems)
    return flow


def engine(flow: Flow) -> Engine:
    """The parts of a real run that a test uses, for this flow's rules."""
    from etlrunner import plan, registry
    from etlrunner.checks import rules
    from etlrunner.mapping.cases import Engine

    modules = [registry.component("checks", name) for name in registry.CHECKS]
    return Engine(plan.transform, partial(_check, modules), frozenset(rules.RULES))


def _check(
    modules: Sequence[Any], flow: Flow, finished: Mapping[str, FinishedTable], folder: Path
) -> Sequence[Finding]:
    """What the checks find and what was repaired, each as a finding."""
    from etlrunner import check
    from etlrunner.model.problems import Finding
    from etlrunner.model.surroundings import SilentProgress
    from etlrunner.target import APPLE_SCHOOL_MANAGER

    checked = check.check(
        flow, APPLE_SCHOOL_MANAGER, finished, folder, modules=modules, progress=SilentProgress()
    )
    mended = [Finding(one.rule, "warning", "", one.table, key=one.key) for one in checked.repairs]
    return [*checked.findings, *mended]


def _known_flow(project: Project, found: CaseFile) -> None:
    """A flow that is not there is the test file's mistake, with its place."""
    from etlrunner.model.problems import Problem

    assert found.flow is not None
    try:
        project.flow_path(found.flow.text)
    except UsageError as error:
        problem = Problem("E222", error.message, found.flow.place, "flow", error.hint)
        raise ConfigurationError([problem]) from None
