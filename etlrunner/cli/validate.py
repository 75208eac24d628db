"""`etlrunner validate`: everything that can be checked without network or secrets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

import click

from etlrunner.cli import options, screen, zips
from etlrunner.config.project import Project
from etlrunner.errors import ConfigurationError, UsageError
from etlrunner.model.problems import Problem

if TYPE_CHECKING:
    from etlrunner.plan import Plan


@click.command()
@click.argument("names", nargs=-1, metavar="[FLOW… | ZIP]")
@click.option(
    "--as",
    "as_flow",
    metavar="FLOW",
    help="Check zips as this flow's: its accounts, its rules, its policy.",
)
@options.set_option
@options.format_option("github", "gitlab", "junit")
@options.project_option
def command(
    names: tuple[str, ...], as_flow: str | None, sets: dict[str, str], form: str, project: Project
) -> int:
    """Check flows, or Apple's rules on any zip of six files.

    If none is named: all flows, and the form of all mapping tests (`etlrunner test` runs them).
    """
    archives = [Path(name) for name in names if name.lower().endswith(".zip")]
    if archives:
        if len(archives) < len(names):
            raise UsageError("flows and zips are checked one kind at a time")
        if form not in ("text", "json", "junit"):
            raise UsageError(
                f"a zip's findings are not told as {form}", hint="--format text, json or junit"
            )
        return zips.validate(archives, form, project, as_flow, sets)
    if as_flow:
        raise UsageError("--as is for zips", hint="etlrunner validate roster.zip --as FLOW")
    plans, found = everything(project, names, sets)
    _show(project, found, plans, form)
    wrong = any(one.severity == "error" for many in found.values() for one in many)
    return 2 if wrong else 0


def everything(
    project: Project, names: tuple[str, ...], sets: dict[str, str]
) -> tuple[dict[str, Plan | ConfigurationError], dict[str, list[Problem]]]:
    """The flows as plans, and what was checked -> its problems; without names, also what lies beside."""
    flows = options.flow_names(project, names, every=True)
    plans = {name: _planned(project, name, sets) for name in flows}
    found = {name: _problems_of(plan) for name, plan in plans.items()}
    found |= _problems_of_settings(project)
    if not names:
        found |= _problems_of_tests(project)
        broken = any(isinstance(plan, ConfigurationError) for plan in plans.values())
        misspelt = any(one.code == "E221" for many in found.values() for one in many)
        found |= {} if misspelt else _unused_bases(project)  # the base that was meant is in use
        found |= _problems_of_mappings(project) if broken else {}
    return plans, found


def _show(
    project: Project,
    found: dict[str, list[Problem]],
    plans: dict[str, Plan | ConfigurationError],
    form: str,
) -> None:
    everything = list(dict.fromkeys(problem for many in found.values() for problem in many))
    if form == "text":
        screen.problems(everything)
        for name, plan in plans.items():
            _say_left_out(name, plan)
        screen.say(_verdict(found, len(plans)))
    elif form == "json":
        from etlrunner.lib import render

        screen.document(
            {
                "problems": [render.problem_as_data(item) for item in everything],
                "left_out": {
                    name: plan.flow.leave_out for name, plan in plans.items() if _leaves_out(plan)
                },
            }
        )
    else:
        from etlrunner.lib import annotations, git

        if report := annotations.FORMATS[form](found, git.way_to(project.root)).rstrip("\n"):
            screen.say(report)
        screen.complain(_verdict(found, len(plans)))


def _planned(project: Project, name: str, sets: dict[str, str]) -> Plan | ConfigurationError:
    from etlrunner import plan

    try:
        return plan.make(project, name, sets)
    except ConfigurationError as error:
        return error


def _problems_of(plan: Plan | ConfigurationError) -> list[Problem]:
    return list(plan.problems if isinstance(plan, ConfigurationError) else plan.warnings)


def _leaves_out(plan: Plan | ConfigurationError) -> TypeGuard[Plan]:
    return not isinstance(plan, ConfigurationError) and bool(plan.flow.leave_out)


def _say_left_out(name: str, plan: Plan | ConfigurationError) -> None:
    from etlrunner.config import left_out

    if _leaves_out(plan):
        for line in left_out.told(plan.flow.leave_out):
            screen.say(line if line.startswith(" ") else f"{name}: {line}")


def _unused_bases(project: Project) -> dict[str, list[Problem]]:
    """What lies in flows/base/ and is extended by nothing: odd, but no error."""
    from etlrunner.config import layers

    unused = layers.unused_bases(project)
    return {problem.place.file: [problem] for problem in unused if problem.place}


def _problems_of_settings(project: Project) -> dict[str, list[Problem]]:
    """What is wrong with etlrunner.yaml, which holds for every flow; nothing if it is right."""
    from etlrunner.config import settings

    try:
        settings.read(project)
    except ConfigurationError as error:
        return {"etlrunner.yaml": list(error.problems)}
    return {}


def _problems_of_mappings(project: Project) -> dict[str, list[Problem]]:
    """Of every folder of mappings; a flow that cannot be read does not hide them."""
    from etlrunner import plan

    folders = sorted(
        path for path in (project.root / "mappings").glob("*") if any(path.glob("*.yaml"))
    )
    checked = {path: plan.problems_of_mapping(project, path.name) for path in folders}
    return {project.shown(path): problems for path, problems in checked.items() if problems}


def _problems_of_tests(project: Project) -> dict[str, list[Problem]]:
    """What is wrong with the mapping tests themselves; nothing is run."""
    from etlrunner.cli import case_runs
    from etlrunner.config import cases

    checked = {path: case_runs.problems_of(project, path) for path in cases.files(project)}
    return {project.shown(path): problems for path, problems in checked.items() if problems}


def _verdict(found: dict[str, list[Problem]], flows: int) -> str:
    errors = {one for many in found.values() for one in many if one.severity == "error"}
    if errors:
        one = len(errors) == 1
        return f"{len(errors)} problem{'' if one else 's'} to mend in {_where(found)}."
    if flows == 1:
        return f"{next(iter(found))} is valid."
    return f"All {flows} flows are valid."


def _where(found: dict[str, list[Problem]]) -> str:
    """The flow, or how many files have an error: one base that is wrong is one file, for all flows."""
    wrong = [name for name, many in found.items() if any(one.severity == "error" for one in many)]
    if len(wrong) == 1:
        return wrong[0]
    errors = [one for many in found.values() for one in many if one.severity == "error"]
    places = {one.place.file for one in errors if one.place}
    return next(iter(places)) if len(places) == 1 else f"{len(places) or len(wrong)} files"
