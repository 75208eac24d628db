"""Nothing but counts leaves the run's folder: every command and every file, asked for every kind of value.

The tables say what may be where (docs/operating.md, "Who sees what"); what is in no table is a failure, so
that a new command or a new file has to say what it may tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import click
import pytest

from etlrunner.cli import main, test
from tests.privacy.conftest import Said, Session
from tests.support import canaries
from tests.support.canaries import IDS, VALUES

COUNTS: frozenset[str] = frozenset()
"""No value of anybody's."""
PLACES = IDS | {"school's name"}
"""Identifiers, and what schools are called: somebody has to find the record."""
CONFIGURED = frozenset({"person", "school"})
"""What a flow file itself names: `leave_out` and `select`."""

COMMANDS = {
    "approve": PLACES,
    "baseline import": PLACES,
    "baseline show": COUNTS,
    "connect": COUNTS,
    "docs": COUNTS,
    "explain": COUNTS,
    "fixlists": PLACES,
    "history": COUNTS,
    "init": COUNTS,
    "outcome": PLACES,
    "plan": PLACES,
    "preview": PLACES,
    "resend": PLACES,
    "run": PLACES,
    "schedule next": COUNTS,
    "schema": COUNTS,
    "secrets check": COUNTS,
    "secrets set": COUNTS,
    "show": CONFIGURED,
    "test": COUNTS,
    "test record": COUNTS,
    "validate": PLACES,
    "why": PLACES,
}
"""Command -> what it may tell on a terminal; with `--show-values`, every value but secrets."""

ELSEWHERE = {
    "demo": "the same commands over another invented district; nothing of its own is printed of people",
    "sandbox": "serves invented people",
    "schedule serve": "says what `run --due` says",
}
"""Commands that the session does not play, and why."""

QUIETER = {
    r"run --due": COUNTS,
    r"plan .*--compare": frozenset({"school"}),
    r"history \S+-\d+( --all)?$|history last( --all)?$": PLACES,
    r"validate .*--format (github|gitlab|junit)": COUNTS,
}
"""What is read by a log or by a CI system tells less; what is read out of a run's folder tells more."""

FILES = {
    "history.db*": COUNTS,
    "*/lock": COUNTS,
    "*/runs/*/run.json": COUNTS,
    "*/runs/*/log.jsonl": COUNTS,
    "*/runs/*/notify.txt": COUNTS,
    "*/runs/*/traceback.txt": COUNTS,
    "*/runs/*/reasons.json": COUNTS,
    "*/runs/*/identifiers.json": IDS,
    "*/runs/*/report.txt": PLACES,
    "*/runs/*/held.txt": PLACES,
    "*/runs/*/crosswalks/*.csv": IDS,
    "*/runs/*/configuration/*": IDS,
    "*/runs/*/fate/*.parquet": IDS,
    "*/runs/*/findings/*.parquet": IDS,
    "*/runs/*/findings.parquet": IDS,
    "*/runs/*/rejects.parquet": IDS,
    "*/runs/*/repairs.parquet": IDS,
    "*/runs/*/held_over.parquet": IDS,
    "*/grace.json": IDS,
    "*/runs/*/raw/*.parquet": VALUES,
    "*/runs/*/finished/*.parquet": VALUES,
    "*/runs/*/roster.zip": VALUES,
    "*/delivered/*/manifest.json": IDS,
    "*/delivered/*/*.parquet": VALUES,
    "*/delivered/current": COUNTS,
}
"""File below .etlrunner/ -> what may be in it."""


def allowed(said: Said) -> frozenset[str]:
    if "--show-values" in said.words:
        return VALUES
    for pattern, what in QUIETER.items():
        if re.search(pattern, said.line):
            return what
    return COMMANDS[command_of(said)]


def command_of(said: Said) -> str:
    two = " ".join(said.words[:2])
    return two if two in COMMANDS else said.words[0]


def test_the_session_ended_as_it_should(session: Session):
    assert session.astray == []


def test_no_command_tells_more_than_it_may(session: Session):
    told = {}
    for said in session.said:
        for name, text in (("stdout", said.out), ("stderr", said.err)):
            if more := canaries.seen(text) - allowed(said):
                told[f"{said.line} -> {said.code}, {name}"] = (sorted(more), _lines(text, more))
    assert not told, _listed(told)


def test_no_file_holds_more_than_it_may(session: Session):
    found = {}
    for path, name in _state(session):
        patterns = [pattern for pattern in FILES if fnmatch(name, pattern)]
        if not patterns:
            found[name] = "what may be in it? Add it to FILES"
        elif more := canaries.seen(canaries.contents(path)) - FILES[patterns[0]]:
            found[name] = (sorted(more), _lines(canaries.contents(path), more))
    assert not found, _listed(found)


def test_file_names_name_nobody(session: Session):
    assert not canaries.seen("\n".join(name for _, name in _state(session)))


def test_lists_for_clerks_name_schools_on_the_outside_and_pupils_only_within(session: Session):
    lists = [path for path in (session.project / "lists").rglob("*") if path.is_file()]
    assert lists
    assert canaries.seen("\n".join(path.name for path in lists)) <= PLACES - {"person"}
    assert not canaries.seen("".join(map(canaries.contents, lists))) & canaries.NEVER


def test_messages_count(session: Session):
    assert {one["title"].partition(" ")[2] for one in session.messages} >= {"home failed"}
    assert not canaries.seen(str([(one["title"], one["message"]) for one in session.messages]))


def test_child_processes_are_told_nothing(session: Session):
    assert session.children
    assert not canaries.seen("\n".join(session.children))


def test_tracebacks_have_no_values(session: Session):
    kept = list((session.project.parent / "tmp").glob("*.traceback.txt"))
    assert kept
    assert not canaries.seen("".join(path.read_text() for path in kept))


def test_recorded_tests_and_pages_have_nobody_in_them(session: Session):
    made = [*session.project.glob("tests/*.yaml"), *session.project.glob("pages/*")]
    assert len(made) > 1
    assert not canaries.seen("".join(canaries.contents(path) for path in made if path.is_file()))


def test_every_command_is_in_the_table():
    commands = set(_commands(main.cli, ()))
    assert commands == COMMANDS.keys() | ELSEWHERE.keys()


def test_every_command_was_played(session: Session):
    assert {command_of(said) for said in session.said} == COMMANDS.keys()


def test_every_exit_code_was_seen(session: Session):
    assert {said.code for said in session.said} >= {0, 1, 2, 3, 4, 5, 6, 7, 9}


@pytest.mark.parametrize("kind", sorted(VALUES))
def test_every_kind_of_value_was_there_to_be_seen(session: Session, kind: str):
    zips = [path for path, name in _state(session) if name.endswith("roster.zip")]
    raw = [path for path, name in _state(session) if "/raw/" in name]
    assert any(kind in canaries.seen(canaries.contents(path)) for path in [*zips, *raw])


def test_whoever_decides_sees_which_school_it_is(session: Session):
    held = [
        said.out for said in session.said if said.words[:2] == ("run", "home") and said.code == 6
    ]
    assert any("zqidsch-101" in text for text in held)


def _commands(group: click.Group, way: tuple[str, ...]) -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _commands(command, (*way, name))
            if isinstance(command, test.Tests):  # by itself it runs the tests
                yield " ".join((*way, name))
        else:
            yield " ".join((*way, name))


def _state(session: Session) -> Iterator[tuple[Path, str]]:
    top = session.project / ".etlrunner"
    for path in sorted(top.rglob("*")):
        if path.is_file():
            yield path, path.relative_to(top).as_posix()


def _lines(text: str, kinds: frozenset[str]) -> list[str]:
    lines = text.splitlines()
    return [line[:200] for line in lines if canaries.seen(line) & kinds][:3]


def _listed(found: dict[str, object]) -> str:
    return "\n" + "\n".join(f"{name}: {what}" for name, what in found.items())
