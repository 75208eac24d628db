"""What a newcomer types wrong, and what is said to it: the right thing to try, after the message."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

from etlrunner.cli import flow_file, main
from tests.cli.conftest import Etlrunner, Pinewood


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("run --aproved", "There is a command of that name: etlrunner approve"),
        ("run --projekt x", "Did you mean '--project'?"),
        ("run --xyzzy", "No such option '--xyzzy'."),
        ("--project x history", "--project stands after the command"),
        ("explain E099", "names all that can be explained"),
        ("explain asm-ref-studnt", "did you mean asm-ref-student"),
        ("explain stale_afer", "did you mean stale_after"),
        ("explain schedule.weekends", "did you mean schedule.weekend"),
        ("docs --check", "there is no folder docs"),
        ("why lakeside studnts 4711", "did you mean 'students'?"),
        ("preview lakeside student", "did you mean 'students'?"),
        ("outcome none.csv lakeside", "there is no file none.csv"),
    ],
)
def test_what_was_meant_is_suggested(etlrunner: Etlrunner, lakeside: Path, words: str, said: str):
    ended = etlrunner(*words.split())
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert ("did you mean" in ended.err.lower()) == ("did you mean" in said.lower())


EXPLAINED = """\
safeguards.stale_after: Weekdays without any change after which a run warns: the SIS, or a copy of it, may stand \
still. A count, or none.

  stands in  a flow, flows/NAME.yaml
  may be     a count of weekdays (7) or none
  default    7
  example    safeguards:
               stale_after: none
  read on    docs/flows.md
"""


def test_a_key_is_explained_by_its_declaration(etlrunner: Etlrunner):
    assert etlrunner("explain", "stale-after").out == EXPLAINED
    limit = etlrunner("explain", "max_removed").out
    assert limit.startswith("max_removed: too many rows would be removed")
    assert (
        "default    5% (students, staff); 10% (courses, classes); 20% (rosters); 0 (locations)"
        in limit
    )
    assert "drop (Take the reference" in etlrunner("explain", "class_instructor_missing").out


def test_a_name_of_several_keys_is_a_list_to_choose_from(etlrunner: Etlrunner):
    several = etlrunner("explain", "path").out.splitlines()
    assert several[0] == "'path' is a key at 5 places:"
    for line in several[1:6]:
        assert len(etlrunner("explain", line.split()[0]).out.splitlines()) < 12


def test_a_hint_stands_below_its_message(lakeside: Path):
    both = io.StringIO()
    with contextlib.redirect_stdout(both), contextlib.redirect_stderr(both):
        assert main.run(["plan", "lakeside"]) == 2
    first, second = both.getvalue().splitlines()
    assert "2 secrets are missing" in first
    assert second.strip().endswith("etlrunner secrets set lakeside")


def test_connect_names_the_flow_whose_secrets_are_missing(etlrunner: Etlrunner, lakeside: Path):
    assert "etlrunner secrets set lakeside" in etlrunner("connect").out


@pytest.mark.parametrize(
    ("left_out", "hint"),
    [
        ('["4711"]', 'write each by its id: "4711": {reason: opted out'),
        ('{"4711": opted out}', "write why: {reason: opted out"),
    ],
)
def test_leave_out_is_shown_as_it_is_written(
    etlrunner: Etlrunner, lakeside: Path, left_out: str, hint: str
):
    lakeside.write_text(lakeside.read_text() + f"leave_out:\n  students: {left_out}\n")
    assert hint in etlrunner("validate").err


def test_names_of_flows_are_suggested_and_rows_of_the_history_fit(
    etlrunner: Etlrunner, pinewood: Pinewood
):
    assert etlrunner("run").code == 6
    assert "did you mean 'pinewood'?" in etlrunner("approve", "pinewod").err
    lines = etlrunner("history").out.splitlines()
    assert all(len(line.rstrip()) <= 160 for line in lines)
    steps = etlrunner("preview", "pinewood", "locations", "--steps")
    assert steps.out.startswith(
        "locations has no transforms: its columns are made from orgs at once."
    )
    nobody = etlrunner("why", "pinewood", "students", "nobody").out.splitlines()
    assert nobody[0].startswith("students: the source had no such record")


def test_a_flow_whose_name_ends_in_yml_is_not_no_flow(etlrunner: Etlrunner, folder: Path):
    (folder / "flows").mkdir()
    (folder / "flows" / "north.yml").write_text("version: 1\n", encoding="utf-8")
    assert "rename flows/north.yml to flows/north.yaml" in etlrunner("validate").err


@pytest.mark.parametrize(
    "chosen",
    [
        {"variant": "qmlativ", "domain": "a.example.org", "integration_token": True},
        {"source": "oneroster", "oneroster": "1.2", "domain": "a.example.org"},
        {"source": "database", "definition": "oldsis"},
    ],
    ids=lambda chosen: str(chosen.get("source", "skyward")),
)
def test_a_secret_in_the_file_is_told_the_name_that_init_gives_it(
    etlrunner: Etlrunner, lakeside: Path, chosen: dict[str, Any]
):
    answers = flow_file.Answers(**{"name": "maple-isd", "variant": "", "domain": "", **chosen})
    path = flow_file.write(answers, lakeside.parents[1])
    text = re.sub(r"\{env: \w+\}", "canary", path.read_text())
    path.write_text(text.replace("# integration_token", "integration_token"))
    problems = etlrunner("validate", "maple-isd", "--json").document["problems"]
    hints = [one["hint"] for one in problems if one["code"] == "E210"]
    assert {*re.findall(r"\{env: (\w+)\}", " ".join(hints))} == {*answers.secret_names()}
