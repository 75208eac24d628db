"""`etlrunner test`: the mapping tests, offline, by the engine of the real runs; and `test record`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etlrunner.cli import options, screen
from etlrunner.config.project import Project
from etlrunner.errors import UsageError

if TYPE_CHECKING:
    from etlrunner.cli.case_report import FileOutcome


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
    from etlrunner.cli import case_report, case_runs

    files = [case_runs.run_file(project, path, word) for path in _files(project, paths)]
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
