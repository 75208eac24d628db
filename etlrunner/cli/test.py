"""`etlrunner test`: the mapping tests, offline, by the engine of the real runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from etlrunner.cli import options, screen
from etlrunner.config.project import Project
from etlrunner.errors import ConfigurationError

if TYPE_CHECKING:
    from etlrunner.mapping.cases import Case, Outcome
    from etlrunner.model import Problem


@click.command()
@click.option("-k", "word", default="", metavar="WORD", help="Only tests whose name holds WORD.")
@options.json_option
@options.project_option
def command(word: str, as_json: bool, project: Project) -> int:
    """Run every mapping test below tests/ and show what differs.

    Exit code 2 when a test is wrong itself (a misspelt column, nothing expected), 5 when one fails.
    """
    outcomes, problems = _run(project, word)
    failed = [outcome for outcome in outcomes if not outcome.passed]
    if as_json:
        screen.document(
            {
                "passed": len(outcomes) - len(failed),
                "failed": [{"name": one.case.name, "differs": one.differences} for one in failed],
            }
        )
    else:
        screen.problems(problems)
        for outcome in failed:
            screen.say(f"failed: {outcome.case.name} ({outcome.case.place})")
            for difference in outcome.differences:
                screen.say(f"  {difference}")
        screen.say(_verdict(len(outcomes), len(failed), len(problems)))
    return 2 if problems else 5 if failed else 0


def _run(project: Project, word: str) -> tuple[list[Outcome], list[Problem]]:
    from etlrunner import plan
    from etlrunner.config import cases as files
    from etlrunner.config import validate
    from etlrunner.mapping import cases

    outcomes: list[Outcome] = []
    problems: list[Problem] = []
    for path in files.files(project):
        try:
            found = files.read(project, path)
            mapping = validate.read_mapping_set(project, found.mapping)
            wanted = [case for case in _cases(found) if word.lower() in case.name.lower()]
            outcomes += [cases.run_case(case, mapping, resolve=plan.transform) for case in wanted]
        except ConfigurationError as error:
            problems += error.problems
    return outcomes, problems


def _cases(found: object) -> Iterator[Case]:
    from etlrunner.config import cases as files
    from etlrunner.mapping.cases import Case

    assert isinstance(found, files.CaseFile)
    for values, place in files.of(found):
        yield Case(**values, place=place)


def _verdict(total: int, failed: int, wrong: int) -> str:
    if wrong:
        return f"{wrong} problem{'' if wrong == 1 else 's'} in the tests themselves."
    if not total:
        return "There are no mapping tests below tests/."
    return f"{total - failed} passed, {failed} failed."
