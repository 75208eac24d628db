"""`etlrunner init`: a new flow from a few questions, or from flags."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from etlrunner.cli import asking, flow_file, screen
from etlrunner.cli.flow_file import Answers
from etlrunner.errors import UsageError

if TYPE_CHECKING:
    from etlrunner.config.project import Project

FLAGS = (
    "variant",
    "integration_token",
    "oneroster",
    "auth",
    "domain",
    "path",
    "watch",
    "definition",
)
"""Flags that not every source has."""
NEEDED = {
    "skyward": ("variant", "domain"),
    "oneroster": ("oneroster", "domain"),
    "oneroster-csv": ("path",),
    "asm-zip": ("path",),
    "table-file": ("definition", "path"),
    "database": ("definition",),
}
MAY_HAVE = {
    "skyward": ("oneroster", "integration_token"),
    "oneroster": ("auth",),
    "oneroster-csv": ("watch",),
    "asm-zip": ("watch",),
}
VARIANTS = ["sms-2.0", "qmlativ"]
SIGN_INS = ("oauth2", "oauth1-sha1", "oauth1-sha256")
NO_SIS = {"variant": "", "domain": ""}
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,60}")


@click.command()
@click.argument("name", required=False)
@click.option(
    "--source",
    type=asking.OneOf(list(flow_file.SAID)),
    help="Where the roster comes from.  [default: skyward]",
)
@click.option("--variant", type=asking.OneOf(VARIANTS), help="Which Skyward.")
@click.option("--domain", help="The OneRoster API's URL, without https://.")
@click.option("--path", default="", help="Files: the folder or zip they are in.")
@click.option("--watch", is_flag=True, help="Files: each new zip in that folder starts the flow.")
@click.option("--hour", type=asking.Hour(), help="When it runs, in its zone.  [default: 2]")
@click.option(
    "--timezone", help="US/Eastern, US/Central, US/Mountain, US/Pacific, … or any IANA name."
)
@click.option(
    "--weekend/--no-weekend", default=None, help="Whether it runs on Saturday and Sunday."
)
@click.option(
    "--oneroster",
    type=click.Choice(["1.1", "1.2"]),
    help="The version; of Skyward only if not its own.",
)
@click.option(
    "--auth",
    type=click.Choice(SIGN_INS),
    help="OneRoster 1.1: signatures instead of a token.  [default: oauth2]",
)
@click.option(
    "--definition",
    help="Files and databases of another shape: the file in sources/ that explains them.",
)
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
    try:
        _store(project, answers, given["store"])
        code = _connect(project, answers, asked=given["connect"])
    except click.Abort:
        screen.complain(f"\nThe flow is written. {_next(project, answers)}")
        raise
    screen.say(_next(project, answers))
    return code


# ---------------------------------------------------------------- the questions


def _answers(given: dict[str, Any]) -> Answers:
    _check_flags(given)
    name = _name(given["name"])
    flow_file.place(Path(given["folder_of_project"]), name, force=given["force"])
    source = _source(given, name)
    return Answers(
        name=name,
        **source,
        **_when(given, source.get("watch", False)),
        allow_http=given["allow_http"],
        folder=given["folder"],
        host=given["sftp_host"],
        port=given["sftp_port"],
        keyring=given["store"] == "keyring",
    )


def _check_flags(given: dict[str, Any]) -> None:
    """Flags that do not go together, and without a terminal those that are missing."""
    source = given["source"] or ("" if _interactive() else "skyward")
    known = (*NEEDED[source], *MAY_HAVE.get(source, ())) if source else FLAGS
    alien = [flag for flag in FLAGS if given[flag] and flag not in known]
    if alien:
        raise UsageError(
            f"--{alien[0].replace('_', '-')} is not for --source {source}",
            hint=f"where the roster comes from: --source {', '.join(flow_file.SAID)}",
        )
    needed = ["name", *NEEDED[source]] if source else []
    needed += [] if given["watch"] else ["timezone"]
    missing = [flag for flag in needed if not given[flag]]
    if missing and not _interactive():
        listed = ", ".join(name if name == "name" else f"--{name}" for name in missing)
        flags = " ".join(f"--{flag} …" for flag in needed if flag != "name")
        flags = flags if source == "skyward" else f"--source {source} {flags}"
        raise UsageError(
            f"there is no terminal to ask at, and these are missing: {listed}",
            hint=f"etlrunner init NAME {flags} (see init --help)",
        )


def _source(given: dict[str, Any], name: str) -> dict[str, Any]:
    """Where the roster comes from, and what that source needs to be found."""
    source = given["source"] or ("skyward" if given["variant"] else _which_source())
    if source in flow_file.OF_TABLES:
        return {"source": source, **_of_tables(given, source, name), **NO_SIS}
    if source in flow_file.OF_FILES:
        path = given["path"] or _ask("The folder or zip with the files", default="inbox")
        return {"source": source, "path": path, "watch": given["watch"] or _watched(path), **NO_SIS}
    variant, oneroster = given["variant"] or "", given["oneroster"] or ""
    if source == "skyward":
        variant = variant or _ask("Which Skyward", type=asking.OneOf(VARIANTS))
    else:
        oneroster = oneroster or _ask(
            "Which OneRoster", type=click.Choice(["1.1", "1.2"]), default="1.1"
        )
    auth = _auth(given["auth"], source, oneroster)
    if given["integration_token"] and variant != "qmlativ":
        raise UsageError("--integration-token is for --variant qmlativ: SMS 2.0 has no third value")
    return {
        "source": source,
        "variant": variant,
        "domain": _domain(given["domain"], given["allow_http"], flow_file.SAID[source]),
        "oneroster": oneroster,
        "auth": auth,
        "integration_token": given["integration_token"] or _third_value(variant, given),
    }


def _auth(given: str | None, source: str, oneroster: str) -> str:
    """How a OneRoster server is signed in to; empty for the usual way, and for those that have one only."""
    if source != "oneroster" or oneroster != "1.1":
        if given not in (None, "oauth2"):
            raise UsageError(
                f"--auth {given} is for --oneroster 1.1: later servers hand out a token"
            )
        return ""
    question = "How is it signed in to (old servers want a signature, oauth1-…)"
    auth = given or _ask(question, type=click.Choice(SIGN_INS), default="oauth2")
    return "" if auth == "oauth2" else str(auth)


def _of_tables(given: dict[str, Any], source: str, flow: str) -> dict[str, str]:
    """The definition, made as an example where it is not there, and the place of files."""
    question = "Name of the definition that says what the columns mean"
    definition = given["definition"] or _ask(question, default=flow)
    while not NAME.fullmatch(definition):
        sentence = f"'{definition}' cannot be a definition's name: small letters, digits, hyphens"
        if given["definition"] or not _interactive():
            raise UsageError(sentence, hint=f"for example: {_as_name(definition)}")
        screen.complain(sentence)
        definition = _ask(question, default=_as_name(definition))
    path = ""
    if source == "table-file":
        path = given["path"] or _ask(
            "The folder with the files, or one Excel file", default="export"
        )
    return {"definition": definition, "path": path}


def _which_source() -> str:
    source: str = _ask(
        "Where does the roster come from",
        type=asking.OneOf(list(flow_file.SAID)),
        default="skyward",
    )
    return source


def _watched(path: str) -> bool:
    if not _interactive() or Path(path).suffix == ".zip":
        return False
    return asking.confirm("Does each new zip in it start the flow?", default=True)


def _when(given: dict[str, Any], watch: bool) -> dict[str, Any]:
    """The schedule; a flow that is started by files needs none."""
    if watch and given["timezone"] is None:
        return {}
    timezone = _timezone(given["timezone"])
    hour = given["hour"] if given["hour"] is not None else _hour()
    return {"timezone": timezone, "hour": hour, "weekend": _weekend(given["weekend"])}


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


def _domain(given: str | None, allow_http: bool, whose: str) -> str:
    """Ask until it is a domain, with optional port and path, and nothing else."""
    from etlrunner.config import domain as domains

    question = f"The API's URL of {whose}, without https:// (lakeside.example.org/LakesideAPI)"
    domain = given or _ask(question)
    while wrong := domains.trouble(domain, allow_http=allow_http):
        if given or not _interactive():
            raise UsageError(wrong.message, hint=wrong.hint)
        screen.complain(f"{wrong.message}. {wrong.hint}".strip())
        domain = _ask("The API's URL")
    return domain


def _timezone(given: str | None) -> str:
    from etlrunner.config import timezones

    zone = given or _ask("Time zone", default="US/Central")
    while wrong := timezones.trouble(zone):
        if given or not _interactive():
            raise UsageError(wrong)
        screen.complain(wrong)
        zone = _ask("Time zone", default="US/Central")
    odd = timezones.warning(zone)
    if not odd:
        return zone
    screen.complain(odd)
    again = zone if given else _ask("Time zone", default=timezones.ABBREVIATIONS[zone])
    return zone if again == zone else _timezone(again)


def _hour() -> int:
    hour: int = _ask("At which hour, 0 to 23", type=asking.Hour(), default=2)
    return hour


def _weekend(given: bool | None) -> bool:
    if given is not None or not _interactive():
        return bool(given)
    return asking.confirm("Run on Saturday and Sunday too?", default=False)


def _third_value(variant: str, given: dict[str, Any]) -> bool:
    """Qmlativ needs a third value when the district, not the vendor, made the secret."""
    if variant != "qmlativ" or not _interactive() or given["domain"]:
        return False
    return asking.confirm(
        "Did the district generate the secret itself (then Skyward gives a third value)?",
        default=False,
    )


def _ask(question: str, **how: Any) -> Any:
    return asking.prompt(question, **how) if _interactive() else how.get("default")


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
        needed = bool(answers.secret_names()) and _interactive()
        wanted = needed and asking.confirm(question, default=True)
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
    if answers.definition:
        steps.insert(0, f"say in sources/{answers.definition}.yaml which column is what")
    steps.append(f"etlrunner connect {name}" + ("" if answers.folder else " --trust"))
    return "Next: " + ", then: ".join([*steps, f"etlrunner plan {name}"])


def _connect(project: Project, answers: Answers, *, asked: bool) -> int:
    if not asked and not (
        _interactive()
        and not answers.of_files  # which come later
        and not answers.definition  # which is an example yet
        and asking.confirm("Try to sign in at the source now?", default=True)
    ):
        return 0
    from etlrunner.cli import connect

    code, sentence = connect.try_source(project, answers.name)
    screen.say(f"source: {sentence}")
    return code
