"""`etlrunner validate`: everything that can be checked without network or secrets."""

from __future__ import annotations

from pathlib import Path

import click

from etlrunner.cli import options, screen
from etlrunner.config.project import Project
from etlrunner.errors import ConfigurationError
from etlrunner.model import Finding, Problem


@click.command()
@click.argument("names", nargs=-1, metavar="[FLOW… | ZIP]")
@options.set_option
@options.json_option
@options.project_option
def command(names: tuple[str, ...], sets: dict[str, str], as_json: bool, project: Project) -> int:
    """Check flows (all of them, if none is named), or Apple's rules on any zip of six files."""
    archives = [name for name in names if name.lower().endswith(".zip")]
    if archives:
        return max(_validate_zip(Path(archive), as_json) for archive in archives)
    flows = options.flow_names(project, names, every=True)
    found = {name: _problems_of(project, name, sets) for name in flows}
    everything = list(dict.fromkeys(problem for many in found.values() for problem in many))
    errors = [problem for problem in everything if problem.severity == "error"]
    if as_json:
        from etlrunner.lib import render

        screen.document({"problems": [render.problem_as_data(item) for item in everything]})
    else:
        screen.problems(everything)
        screen.say(_verdict(found, errors))
    return 2 if errors or not flows else 0


def _problems_of(project: Project, name: str, sets: dict[str, str]) -> list[Problem]:
    from etlrunner import plan

    try:
        return list(plan.make(project, name, sets).warnings)
    except ConfigurationError as error:
        return list(error.problems)


def _verdict(found: dict[str, list[Problem]], errors: list[Problem]) -> str:
    if not found:
        return "There is no flow in flows/ yet; write one with: etlrunner init"
    if errors:
        one = len(errors) == 1
        return f"{len(errors)} problem{'' if one else 's'} to mend in {len(found)} flow(s)."
    if len(found) == 1:
        return f"{next(iter(found))} is valid."
    return f"All {len(found)} flows are valid."


def _validate_zip(path: Path, as_json: bool) -> int:
    """Exit code 5 when Apple would refuse the zip."""
    from etlrunner import check

    findings: tuple[Finding, ...] = check.check_zip(path)
    errors = sum(finding.count for finding in findings if finding.severity == "error")
    if as_json:
        screen.document({"zip": path.name, "findings": findings})
    else:
        for finding in findings:
            screen.say(f"{finding.severity}: {finding}")
        screen.say(
            f"{path.name}: {errors:,} error{'' if errors == 1 else 's'}."
            if errors
            else f"{path.name} is what Apple School Manager takes."
        )
    return 5 if errors else 0
