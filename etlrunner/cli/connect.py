"""`etlrunner connect`: does the account work, does the server answer, is it the right one?"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from etlrunner.cli import options, screen
from etlrunner.cli.explanation import Explanation
from etlrunner.config.project import Project
from etlrunner.errors import ConfigurationError, EtlError, UsageError, most_serious

if TYPE_CHECKING:
    from etlrunner.model.components import Component, SinkConnection
    from etlrunner.plan import Plan


@click.command()
@click.argument("flow", required=False)
@click.option("--trust", is_flag=True, help="Learn the SFTP server's host key, once.")
@click.option(
    "--probe",
    is_flag=True,
    help="Find out what the sink allows, with a tiny file that is removed again.",
)
@click.option("--source", "only", flag_value="source", help="Only the source.")
@click.option("--sink", "only", flag_value="sink", help="Only the sink.")
@click.option(
    "--notify",
    "only",
    flag_value="messages",
    help="Only send a test message to everybody whom `notify` names.",
)
@click.option(
    "--explain",
    is_flag=True,
    help="Show each request to the source and what came back, in shapes and counts.",
)
@options.set_option
@options.json_option
@options.project_option
def command(
    flow: str | None,
    trust: bool,
    probe: bool,
    only: str | None,
    explain: bool,
    sets: dict[str, str],
    as_json: bool,
    project: Project,
) -> int:
    """Sign in at the source and at the sink of FLOW.

    Reads counts of schools and terms and no person; writes nothing at the server. An address that does
    not work is looked around, without credentials, for one that does. With --probe, and only then, a
    tiny text file is written at the sink and removed again, to find out what is allowed there.
    """
    from etlrunner import plan as plans

    [name] = options.flow_names(project, (flow,) if flow else (), every=False)
    plan = plans.make(project, name, sets)
    if only == "messages":
        return _messages(plan, as_json)
    learnt = _trust(plan) if trust else {}
    if learnt and not as_json:
        screen.say(f"host key: {learnt['kind']} {learnt['fingerprint']}")
        where = screen.path(Path(learnt["file"]))
        screen.say(
            f"kept in {where}. Learn it on another network too, or ask whoever runs the server: if the "
            "fingerprint is the same, commit the file."
        )
    ends = {}
    found: dict[str, str] = {}
    seen = Explanation() if explain else None
    if only != "sink":
        ends["source"] = _source(plan, seen)
    if only != "source":
        ends["sink"] = _explored(plan, found) if probe else _sink(plan)
    if as_json:
        said: dict[str, Any] = {
            end: {"ok": code == 0, "said": text} for end, (code, text) in ends.items()
        }
        said |= seen.as_data() if seen else {}
        more = {"host_key": learnt, "allowed": found}
        screen.document(said | {name: what for name, what in more.items() if what})
    else:
        for line in seen.lines() if seen else ():
            screen.say(line)
        for end, (_, text) in ends.items():
            screen.say(f"{end}: {text}")
        for what, answer in found.items():
            screen.say(f"  {what + ':':<22} {answer}")
    return most_serious(code for code, _ in ends.values())


def _messages(plan: Plan, as_json: bool) -> int:
    """Everybody gets a test message now, so that nobody waits in vain for one that matters."""
    from etlrunner import notify

    told = notify.try_out(plan.flow, project=plan.project)
    if not told:
        raise UsageError(
            f"{plan.flow.name} tells nobody of a run that fails or is held",
            hint="write `notify:` into the flow, or into etlrunner.yaml for all of them",
        )
    if as_json:
        screen.document({"messages": [{"to": to, "trouble": why} for to, why in told]})
    else:
        for to, why in told:
            screen.say(f"{to}: {f'not sent: {why}' if why else 'sent'}")
    return 3 if any(why for _, why in told) else 0


def try_source(project: Project, name: str) -> tuple[int, str]:
    """Sign in at the source of a flow: exit code and one sentence."""
    from etlrunner import plan as plans

    return _source(plans.make(project, name))


def _source(plan: Plan, seen: Explanation | None = None) -> tuple[int, str]:
    more: dict[str, Any] = {}
    if hasattr(plan.source, "problems") and "domain" in plan.flow.source.options:
        more = {"diagnose": True} | ({"seen": seen.note} if seen else {})
    connect = partial(plan.source.connect, **more)
    return _signed_in(plan, connect, plan.flow.source, _counted, seen)


def _counted(what: str, count: int) -> str:
    """`1 school`, `2 terms`."""
    return f"{count:,} {what.removesuffix('s') if count == 1 else what}"


def _sink(plan: Plan) -> tuple[int, str]:
    return _signed_in(plan, plan.sink.connect, plan.flow.sink, lambda what, fact: f"{what} {fact}")


def _explored(plan: Plan, found: dict[str, str]) -> tuple[int, str]:
    """Sign in at the sink and fill `found` with what it allows; 4 when no delivery could succeed."""

    @contextlib.contextmanager
    def exploring(*given: Any, **named: Any) -> Iterator[SinkConnection]:
        with plan.sink.connect(*given, **named) as sink:
            found.update(sink.explore(lambda words: screen.complain(f"probe: {words}")))
            yield sink

    code, text = _signed_in(plan, exploring, plan.flow.sink, lambda what, fact: f"{what} {fact}")
    is_hopeless = found.get("etlrunner", "").startswith("cannot") or "no:" in found.get("write", "")
    return (4 if is_hopeless and not code else code), text


def _signed_in(
    plan: Plan,
    connect: Callable[..., Any],
    component: Component,
    say: Callable[[str, Any], str],
    seen: Explanation | None = None,
) -> tuple[int, str]:
    """Sign in at one end and say what it tells of itself: exit code and one sentence."""
    from etlrunner.config import secrets
    from etlrunner.lib.clock import SystemClock
    from etlrunner.model.surroundings import SilentProgress

    try:
        filled = secrets.fill(component.options, plan.project, plan.flow.name)
        with connect(filled, clock=SystemClock(), progress=SilentProgress()) as connection:
            facts = connection.probe()
            notes = getattr(connection, "notes", ())
            if seen is not None:
                seen.end(connection)
    except EtlError as error:
        return error.exit_code, _sentence(error)
    told = "signed in; " + ", ".join(say(what, fact) for what, fact in facts.items()) + "."
    return 0, " ".join([told, *notes])


def _trust(plan: Plan) -> dict[str, str]:
    """Ask the server for its key, without a password, and put it where git keeps it."""
    if not hasattr(plan.sink, "trust"):
        raise UsageError(f"a {plan.flow.sink.type} sink has no host key to learn")
    kind, fingerprint, where = plan.sink.trust(plan.flow.sink.options)
    return {"kind": kind, "fingerprint": fingerprint, "file": str(where)}


def _sentence(error: EtlError) -> str:
    """The error and what to try; of a configuration every problem, since each end says one line."""
    if isinstance(error, ConfigurationError):
        return "; ".join(f"{one.message} ({one.hint})" for one in error.problems) + "."
    return f"{error.message}." + (f" To mend it: {error.hint}" if error.hint else "")
