"""`etlrunner test`: the mapping tests, offline, by the engine of the real runs; and `test record`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from etlrunner.cli import options, screen
from etlrunner.config.project import Project
from etlrunner.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from etlrunner.cli.case_report import FileOutcome
    from etlrunner.config.cases import Case, CaseFile
    from etlrunner.mapping.cases import Engine
    from etlrunner.model.flow import Flow
    from etlrunner.model.problems import Finding, Problem
    from etlrunner.model.tables import FinishedTable


class Tests(click.Group):
    """Runs tests, unless the first word is the name of a subcommand."""

    __test__ = False

    def list_commands(self, context: click.Context) -> list[str]:
        return ["record"]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name == "run":
            return run
        if name == "record":
            record: click.Command = import_module("etlrunner.cli.test_record").command
            return record
        return None

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        if args[:1] not in (["record"], ["run"], ["-h"], ["--help"]):
            args = ["run", *args]
        return super().parse_args(context, args)

    def format_help(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """The help of running them, which is what nearly everybody wants."""
        run.format_help(context, formatter)
        self.format_commands(context, formatter)


@click.group(cls=Tests)
def command() -> None:
    """Run mapping tests, or record one."""


@click.command()
@click.argument("paths", nargs=-1, metavar="[FILE…]", type=click.Path(path_type=Path))
@click.option("-k", "word", default="", metavar="WORD", help="Only tests whose name holds WORD.")
@click.option("-v", "verbose", is_flag=True, help="Name every test, with the time it took.")
@click.option(
    "--junit",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a report for CI systems, as JUnit XML.",
)
@options.format_option("github", "gitlab", "junit")
@options.project_option
def run(
    paths: tuple[Path, ...],
    word: str,
    verbose: bool,
    junit: Path | None,
    form: str,
    project: Project,
) -> int:
    """Run the mapping tests in FILEs (else all below tests/) and show what differs.

    Exit code 5 when one fails; 2 when a test is wrong itself (a misspelt column, nothing expected), or
    when there is none to run. Values are shown: in tests people are invented.
    """
    from etlrunner.cli import case_report

    files = [run_file(project, path, word) for path in _files(project, paths)]
    if junit is not None:
        _write(junit, case_report.as_junit(files))
    outcomes = [one for file in files for one in file.outcomes]
    problems = [problem for file in files for problem in file.problems]
    failed = [one for one in outcomes if not one.passed]
    if not outcomes and not problems:
        raise _nothing_to_run(project, paths, word)
    code = 2 if problems else 5 if failed else 0
    if form != "text":
        screen.say(_in_form(project, files, form).rstrip("\n"))
        return code
    screen.problems(problems)
    for outcome in outcomes:
        if not outcome.passed:
            screen.say(case_report.failure(outcome))
        elif verbose:
            screen.say(f"passed: {outcome.case.name} ({outcome.seconds:.2f} s)")
    seconds = sum(one.seconds for one in outcomes)
    screen.say(_verdict(len(outcomes), len(failed), len(problems), seconds))
    return code


def _in_form(project: Project, files: Sequence[FileOutcome], form: str) -> str:
    """The outcome for programs and CI systems."""
    import json

    from etlrunner.cli import case_report
    from etlrunner.lib import annotations, git

    if form == "json":
        return json.dumps(case_report.as_data(files), indent=2, ensure_ascii=False)
    if form == "junit":
        return case_report.as_junit(files)
    return annotations.FORMATS[form](case_report.as_problems(files), git.way_to(project.root))


def files_below(project: Project) -> list[Path]:
    """Every file of mapping tests in the project."""
    from etlrunner.config import cases

    return cases.files(project)


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


def _files(project: Project, paths: Sequence[Path]) -> list[Path]:
    """The files named, those in a folder that is named, or all below tests/."""
    from etlrunner.config import cases

    if not paths:
        return cases.files(project)
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = path.resolve()
            found += [one for one in cases.files(project) if one.resolve().is_relative_to(inside)]
        elif path.is_file():
            found.append(path.resolve())
        else:
            raise UsageError(f"there is no file {path}", hint="without a FILE, all of tests/ run")
    return list(dict.fromkeys(found))


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
    from etlrunner.mapping import apply

    layer = case.layer if case else None
    if found.flow is not None:
        _known_flow(project, found)
        then = validate.BEFORE_ANY_EXPIRY  # a test that passes today passes next year
        flow = validate.read_flow(project, found.flow.text, today=then, above=layer)
    else:
        assert found.mapping is not None
        mapping = validate.read_mapping_set(project, found.mapping.text, found.mapping.place)
        flow = validate.flow_of_mapping(project, mapping, layer)
    problems = apply.check_mapping(flow.mapping, resolve=plan.transform) if case is None else []
    if any(problem.severity == "error" for problem in problems):
        raise ConfigurationError(problems)
    return flow


def _known_flow(project: Project, found: CaseFile) -> None:
    """A flow that is not there is the test file's mistake, with its place."""
    from etlrunner.model.problems import Problem

    assert found.flow is not None
    try:
        project.flow_path(found.flow.text)
    except UsageError as error:
        problem = Problem("E222", error.message, found.flow.place, "flow", error.hint)
        raise ConfigurationError([problem]) from None


def _write(path: Path, text: str) -> None:
    from etlrunner.lib import files

    with files.trouble(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _nothing_to_run(project: Project, paths: Sequence[Path], word: str) -> UsageError:
    """Nothing proved is no success."""
    if word:
        names = f"no test has '{word}' in its name"
        return UsageError(names, hint="etlrunner test -v names them all")
    where = " and ".join(str(path) for path in paths) or f"{project.root.name}/tests/"
    hint = "docs/testing-mappings.md shows how to write one; etlrunner test record FLOW makes one"
    return UsageError(f"there are no mapping tests in {where}", hint=hint)


def _verdict(total: int, failed: int, wrong: int, seconds: float) -> str:
    told = f"{total - failed} passed, {failed} failed"
    if wrong:
        told += f"; {wrong} problem{'' if wrong == 1 else 's'} in the tests themselves"
    return f"{told}, in {seconds:.1f} s."
