"""What `validate` says to CI systems, and what pre-commit runs."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
import yaml

from etlrunner.cli import main
from etlrunner.lib import annotations
from etlrunner.model.problems import Place, Problem
from tests.cli.conftest import Etlrunner

ROOT = Path(__file__).resolve().parents[2]
COMMAND = re.compile(r"::(error|warning) ([^:]*)::(.*)")


@pytest.fixture
def broken(lakeside: Path) -> Path:
    """A flow with two mistakes."""
    text = lakeside.read_text().replace("  hour:", "  houre:").replace("US/Central", "US/Centrl")
    lakeside.write_text(text)
    return lakeside


def told(line: str) -> tuple[str, dict[str, str], str]:
    """A workflow command, taken apart as GitHub's runner does."""
    match = COMMAND.fullmatch(line)
    assert match, line
    values = dict(pair.split("=", 1) for pair in match[2].split(","))
    return match[1], {key: unquote(value) for key, value in values.items()}, unquote(match[3])


def test_github_gets_one_annotation_for_each_problem(etlrunner: Etlrunner, broken: Path):
    ended = etlrunner("validate", "--format", "github")
    assert ended.code == 2
    first, second = (told(line) for line in ended.out.splitlines())
    lines = broken.read_text().splitlines()
    assert first[0] == "error"
    assert first[1]["file"] == "flows/lakeside.yaml"
    assert lines[int(first[1]["line"]) - 1][int(first[1]["col"]) - 1 :].startswith("houre")
    assert int(first[1]["endColumn"]) - int(first[1]["col"]) == len("houre") - 1
    assert first[1]["title"] == "E104"
    assert "did you mean 'hour'?" in first[2]
    assert second[1]["title"] == "E224"


def test_nothing_of_a_message_breaks_the_command():
    odd = "50%, a: b\r\n::error::x"
    place = Place("flows/a,b:c%.yaml", 3, 7)
    found = {"x": [Problem("E104", odd, place, "a.b", "do: this, or 100%")]}
    text = annotations.github(found, "sub/")
    assert text.count("\n") == 1
    kind, values, message = told(text.rstrip("\n"))
    assert (kind, values["file"], values["col"]) == ("error", "sub/flows/a,b:c%.yaml", "7")
    assert message == f"a.b: {odd}\ndo: this, or 100%"


def test_a_project_below_the_repository_s_top_is_found_there(
    etlrunner: Etlrunner, broken: Path, folder: Path
):
    subprocess.run(["git", "init", "-q", str(folder.parent)], check=True)
    _, values, _ = told(etlrunner("validate", "--format", "github").out.splitlines()[0])
    assert (folder.parent / values["file"]).is_file()


def test_gitlab_gets_a_report_whose_fingerprints_stay(etlrunner: Etlrunner, broken: Path):
    first = json.loads(etlrunner("validate", "--format", "gitlab").out)
    assert [one["check_name"] for one in first] == ["E104", "E224"]
    assert {"description", "check_name", "fingerprint", "severity", "location"} == set(first[0])
    broken.write_text("# a line above\n" + broken.read_text())
    second = json.loads(etlrunner("validate", "--format", "gitlab").out)
    assert [one["fingerprint"] for one in second] == [one["fingerprint"] for one in first]
    lines = [[one["location"]["lines"]["begin"] for one in many] for many in (first, second)]
    assert [line + 1 for line in lines[0]] == lines[1]


def test_junit_has_one_case_for_each_flow(etlrunner: Etlrunner, broken: Path):
    ended = etlrunner("validate", "--format", "junit")
    (suite,) = ElementTree.fromstring(ended.out)
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    assert "houre" in str(suite[0][0].text)


def test_a_valid_project_says_nothing_to_github(etlrunner: Etlrunner, lakeside: Path):
    ended = etlrunner("validate", "--format", "github")
    assert (ended.code, ended.out, ended.err) == (0, "", "lakeside is valid.\n")
    assert json.loads(etlrunner("validate", "--format", "gitlab").out) == []


def test_json_is_json_whichever_way_it_is_asked_for(etlrunner: Etlrunner, broken: Path):
    long, short = (etlrunner("validate", *way) for way in (("--format", "json"), ("--json",)))
    assert long.out == short.out
    assert len(long.document["problems"]) == 2
    assert etlrunner("validate", "nope", "--format", "json").document["exit_code"] == 2


def test_a_zip_has_no_annotations(etlrunner: Etlrunner, lakeside: Path):
    assert etlrunner("validate", "a.zip", "--format", "github").code == 2


def test_validate_looks_at_mapping_tests_without_running_them(
    etlrunner: Etlrunner, lakeside: Path, folder: Path
):
    tests = folder / "tests" / "people.yaml"
    tests.parent.mkdir()
    head = (
        "version: 1\nmapping: apple-school-manager\ntests:\n  - name: a\n    given: {users: []}\n"
    )
    tests.write_text(head + "    expect: {students: [{person_id: nobody}]}\n")
    assert etlrunner("validate").code == 0
    tests.write_text(head + "    expect: {students: [{person_idd: nobody}]}\n")
    ended = etlrunner("validate")
    assert ended.code == 2
    assert "tests/people.yaml:6:" in ended.err


@pytest.mark.parametrize("hook", yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text()))
def test_pre_commit_s_hooks_run(
    hook: dict[str, str], etlrunner: Etlrunner, broken: Path, capfd: pytest.CaptureFixture[str]
):
    program, *args = shlex.split(hook["entry"])
    assert program == "etlrunner"
    assert hook["pass_filenames"] is False
    for name in (
        "flows/a.yaml",
        "mappings/x/y.yaml",
        "mappings/crosswalks/a.csv",
        "tests/a/b.yaml",
    ):
        assert re.search(hook["files"], name)
    for name in ("README.md", "src/flows/a.yaml", ".etlrunner/a/roster.csv"):
        assert not re.search(hook["files"], name)
    assert main.run(args) == 2
