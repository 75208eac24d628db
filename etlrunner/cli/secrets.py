"""`etlrunner secrets`: set them with hidden input, check that all are there. Values are never shown."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from etlrunner.cli import asking, options, screen
from etlrunner.config.project import Project
from etlrunner.errors import UsageError

if TYPE_CHECKING:
    from etlrunner.model.secrets import SecretRef

OWNERS = {"skyward": "Skyward", "apple-school-manager": "Apple School Manager"}
WORDS = {"username": "user name", "url": "address"}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Set secrets with hidden input; check that all are there."""


@command.command("set")
@click.argument("flow", required=False)
@click.option("--only", metavar="NAME", help="Only the secret of this name.")
@click.option("--missing", is_flag=True, help="Only those that are not there yet.")
@options.project_option
def set_secrets(flow: str | None, only: str | None, missing: bool, project: Project) -> None:
    """Ask for each secret and keep it where the flow looks for it.

    `env` goes into .env (readable by you alone), `file` into that file, `keyring` into the keyring.
    Without a terminal the value of --only is read from standard input.
    """
    from etlrunner.config import secrets

    [name] = options.flow_names(project, (flow,) if flow else (), every=False)
    wanted = [ref for ref in _references(project, name) if only in (None, ref.name)]
    if not wanted:
        raise UsageError(f"{name} refers to no secret called '{only}'")
    if missing:
        absent = [ref for ref, _ in secrets.missing(wanted, project)]
        wanted = [ref for ref in wanted if ref in absent]
    whose = _whose(project, name)
    for ref in wanted:
        screen.say(f"{ref}: kept in {secrets.store(ref, _read(ref, whose), project)}")
    screen.say(f"{len(wanted)} secret{'' if len(wanted) == 1 else 's'} set.")


@command.command("check")
@click.argument("flows", nargs=-1)
@options.json_option
@options.project_option
def check(flows: tuple[str, ...], as_json: bool, project: Project) -> int:
    """Say of each secret whether it is there.

    Names all that are missing, shows none.
    """
    from etlrunner.config import secrets

    names = options.flow_names(project, flows, every=True)
    refs = dict.fromkeys(ref for name in names for ref in _references(project, name))
    absent = {str(ref): reason for ref, reason in secrets.missing(list(refs), project)}
    if as_json:
        screen.document({"secrets": {str(ref): absent.get(str(ref), "there") for ref in refs}})
    else:
        for ref in refs:
            screen.say(f"{ref!s:<40} {absent.get(str(ref), 'there')}")
        screen.say(
            f"{len(absent)} of {len(refs)} secrets are missing."
            if absent
            else f"All {len(refs)} secrets are there."
        )
    return 2 if absent else 0


def store_all(project: Project, name: str, *, given: Mapping[str, str]) -> None:
    """Store every secret of a flow: from `given` where it has one, else asked for with hidden input."""
    from etlrunner.config import secrets

    whose = _whose(project, name)
    for ref in _references(project, name):
        value = given.get(ref.name.rpartition("/")[2])
        value = value or (_read(ref, whose) if sys.stdin.isatty() else "")
        if value:
            screen.say(f"{ref}: kept in {secrets.store(ref, value, project)}")


def _references(project: Project, name: str) -> tuple[SecretRef, ...]:
    from etlrunner import plan
    from etlrunner.config import validate

    flow = validate.read_flow(project, name)
    return tuple(dict.fromkeys([*plan.pulled_with(flow), *plan.references(flow)]))


def _whose(project: Project, name: str) -> Mapping[str, str]:
    """What each secret of the source and the sink is, as its owner calls it: `Skyward's key`."""
    from etlrunner.config import validate

    flow = validate.read_flow(project, name)
    told = {}
    for end, part in (("the source", flow.source), ("the sink", flow.sink)):
        owner = OWNERS.get(str(part.options.get("type")), end)
        for option, value in part.options.items():
            told[str(value)] = f"{owner}'s {WORDS.get(option, option.replace('_', ' '))}"
    return told


def _read(ref: SecretRef, whose: Mapping[str, str]) -> str:
    """One secret, unseen; stray white space around it is a paste accident and goes."""
    if not sys.stdin.isatty():
        value = sys.stdin.readline().strip()
    else:
        question = f"{whose.get(str(ref), 'The secret')} ({ref.name}; it is not shown)"
        value = str(asking.prompt(question, hide_input=True)).strip()
    if not value:
        raise UsageError(f"nothing was given for {ref}; nothing was stored for it")
    return value
