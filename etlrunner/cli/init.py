"""`etlrunner init`: a new flow from a few questions, or from flags."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from etlrunner.cli import flow_file, screen
from etlrunner.cli.flow_file import Answers
from etlrunner.errors import UsageError

if TYPE_CHECKING:
    from etlrunner.config.project import Project

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,60}")


@click.command()
@click.argument("name", required=False)
@click.option("--variant", type=click.Choice(["sms-2.0", "qmlativ"]), help="Which Skyward.")
@click.option("--domain", help="Skyward's OneRoster API URL, without https://.")
@click.option("--hour", type=click.IntRange(0, 23), help="When it runs, in its zone.  [default: 2]")
@click.option(
    "--timezone", help="US/Eastern, US/Central, US/Mountain, US/Pacific, … or any IANA name."
)
@click.option(
    "--weekend/--no-weekend", default=None, help="Whether it runs on Saturday and Sunday."
)
@click.option("--oneroster", type=click.Choice(["1.1", "1.2"]), help="If not the variant's own.")
@click.option("--integration-token", is_flag=True, help="Qmlativ: there is a third value.")
@click.option("--folder", default="", help="Put the archive into a folder instead of sending it.")
@click.option("--sftp-host", default="", help="If not Apple's.")
@click.option("--sftp-port", type=click.IntRange(0, 65535), default=0, help="If not 22.")
@click.option(
    "--allow-http", is_flag=True, help="For a server on this machine, such as the sandbox."
)
@click.option(
    "--store",
    type=click.Choice(["ask", "env-file", "keyring", "none"]),
    default="ask",
    help="Where to keep the secrets; `env-file` and `keyring` take them from the environment, or ask.",
)
@click.option("--connect", is_flag=True, help="Try to sign in afterwards.")
@click.option("--force", is_flag=True, help="Overwrite a flow of that name.")
@click.option(
    "--project",
    "folder_of_project",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Another folder than this one.",
)
def command(**given: Any) -> int:
    """Write a new flow, and what belongs beside it, into this folder.

    Asks for what is not given as a flag; where there is no terminal, it asks nothing and says what is missing.
    """
    answers = _answers(given)
    root = Path(given["folder_of_project"])
    path = flow_file.write(answers, root, force=given["force"])
    project = _project(root)
    _copy_schemas(project)
    _check(project, answers.name)
    screen.say(f"wrote {path}")
    _store(project, answers, given["store"])
    code = _connect(project, answers, asked=given["connect"])
    screen.say(_next(project, answers))
    return code


# ---------------------------------------------------------------- the questions


def _answers(given: dict[str, Any]) -> Answers:
    if not _interactive():
        missing = [flag for flag in ("name", "variant", "domain", "timezone") if not given[flag]]
        if missing:
            listed = ", ".join(name if name == "name" else f"--{name}" for name in missing)
            raise UsageError(
                f"there is no terminal to ask at, and these are missing: {listed}",
                hint="etlrunner init NAME --variant … --domain … --timezone … (see init --help)",
            )
    name = _name(given["name"])
    variant = given["variant"] or _ask("Which Skyward", type=click.Choice(["sms-2.0", "qmlativ"]))
    if given["integration_token"] and variant != "qmlativ":
        raise UsageError("--integration-token is for --variant qmlativ: SMS 2.0 has no third value")
    domain = _domain(given["domain"], given["allow_http"])
    timezone = _timezone(given["timezone"])
    hour = given["hour"] if given["hour"] is not None else _hour()
    return Answers(
        name=name,
        variant=variant,
        domain=domain,
        hour=hour,
        timezone=timezone,
        weekend=_weekend(given["weekend"]),
        oneroster=given["oneroster"] or "",
        integration_token=given["integration_token"] or _third_value(variant, given),
        allow_http=given["allow_http"],
        folder=given["folder"],
        host=given["sftp_host"],
        port=given["sftp_port"],
        keyring=given["store"] == "keyring",
    )


def _name(given: str | None) -> str:
    name = given or _ask("Name of the flow, such as lakeside-isd")
    while not NAME.fullmatch(name):
        sentence = f"'{name}' cannot be a flow's name: small letters, digits, hyphens"
        if given or not _interactive():
            raise UsageError(sentence, hint=f"for example: {_as_name(name)}")
        screen.complain(sentence)
        name = _ask("Name of the flow", default=_as_name(name))
    return name


def _as_name(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "lakeside-isd"


def _domain(given: str | None, allow_http: bool) -> str:
    """Ask until it is a domain, with optional port and path, and nothing else."""
    from etlrunner.config import domain as domains

    domain = given or _ask("Skyward's API URL, without https:// (lakeside.example.org/LakesideAPI)")
    while wrong := domains.trouble(domain, allow_http=allow_http):
        if given or not _interactive():
            raise UsageError(wrong.message, hint=wrong.hint)
        screen.complain(f"{wrong.message}. {wrong.hint}".strip())
        domain = _ask("Skyward's API URL")
    return domain


def _timezone(given: str | None) -> str:
    from etlrunner.config import timezones

    zone = given or _ask("Time zone", default="US/Central")
    while wrong := timezones.trouble(zone):
        if given or not _interactive():
            raise UsageError(wrong)
        screen.complain(wrong)
        zone = _ask("Time zone", default="US/Central")
    return zone


def _hour() -> int:
    hour: int = _ask("At which hour, 0 to 23", type=click.IntRange(0, 23), default=2)
    return hour


def _weekend(given: bool | None) -> bool:
    if given is not None or not _interactive():
        return bool(given)
    return click.confirm("Run on Saturday and Sunday too?", default=False, err=True)


def _third_value(variant: str, given: dict[str, Any]) -> bool:
    """Qmlativ needs a third value when the district, not the vendor, made the secret."""
    if variant != "qmlativ" or not _interactive() or given["domain"]:
        return False
    return click.confirm(
        "Did the district generate the secret itself (then Skyward gives a third value)?",
        default=False,
        err=True,
    )


def _ask(question: str, **how: Any) -> Any:
    return click.prompt(question, err=True, **how) if _interactive() else how.get("default")


def _interactive() -> bool:
    return sys.stdin.isatty()


# ---------------------------------------------------------------- afterwards


def _project(root: Path) -> Project:
    from etlrunner.config.project import Project

    return Project.find(root.resolve(), root.resolve())


def _copy_schemas(project: Project) -> None:
    from etlrunner.cli import schema

    if not (project.root / "etlrunner").is_dir():  # our own repository has the originals
        schema.write_copies(project.root / "schemas")


def _check(project: Project, name: str) -> None:
    """What init writes passes `validate`; if not, that is said now."""
    from etlrunner import plan

    plan.make(project, name)


def _store(project: Project, answers: Answers, how: str) -> None:
    from etlrunner.cli import secrets

    question = "Store the secrets now (hidden input; .env, which git ignores)?"
    if how == "ask":
        wanted = _interactive() and click.confirm(question, default=True, err=True)
    else:
        wanted = how != "none"
    if wanted:
        secrets.store_all(project, answers.name, given=dict(os.environ))


def _next(project: Project, answers: Answers) -> str:
    """What to do now, as one sentence."""
    from etlrunner import plan
    from etlrunner.config import secrets, validate

    name = answers.name
    absent = secrets.missing(plan.references(validate.read_flow(project, name)), project)
    steps = [f"etlrunner secrets set {name}"] if absent else []
    steps.append(f"etlrunner connect {name}" + ("" if answers.folder else " --trust"))
    return "Next: " + ", then: ".join([*steps, f"etlrunner plan {name}"])


def _connect(project: Project, answers: Answers, *, asked: bool) -> int:
    if not asked and not (
        _interactive() and click.confirm("Try to sign in at Skyward now?", default=True, err=True)
    ):
        return 0
    from etlrunner.cli import connect

    code, sentence = connect.try_source(project, answers.name)
    screen.say(f"source: {sentence}")
    return code
