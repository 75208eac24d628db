"""The program as a whole: help, commands that are not there, mistakes in every form, bugs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from etlrunner.cli import main
from tests.cli.conftest import Etlrunner

HEAVY = ["polars", "requests", "paramiko", "jsonschema", "sqlalchemy", "petl"]
QUICK_HELP = f"""
import sys
from etlrunner.cli.main import run
code = run(["--help"])
print([name for name in {HEAVY} if name in sys.modules], code, file=sys.stderr)
"""


def test_help_as_a_module_lists_every_command():
    ended = subprocess.run(
        [sys.executable, "-m", "etlrunner", "--help"], capture_output=True, text=True, check=True
    )
    for name in main.COMMANDS:
        assert f"\n  {name} " in ended.stdout
    assert ended.stderr == ""


def test_help_loads_none_of_the_large_libraries():
    ended = subprocess.run([sys.executable, "-c", QUICK_HELP], capture_output=True, text=True)
    assert ended.stderr.strip() == "[] 0"


@pytest.mark.parametrize("name", list(main.COMMANDS))
def test_each_command_has_help(etlrunner: Etlrunner, name: str):
    ended = etlrunner(name, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"Usage: etlrunner {name}")


def test_the_version(etlrunner: Etlrunner):
    assert etlrunner("--version").out.startswith("etlrunner ")


def test_a_misspelt_command_is_suggested(etlrunner: Etlrunner):
    ended = etlrunner("vallidate")
    assert (ended.code, ended.out) == (2, "")
    assert "did you mean 'validate'?" in ended.last


@pytest.mark.parametrize(
    "args",
    [
        ["frobnicate"],
        ["plan", "--as-of", "yesterday"],
        ["plan", "--set", "foo"],
        ["preview"],
        ["validate", "--project", "/nowhere"],
        ["schedule", "next", "-n", "-3"],
    ],
)
def test_a_command_line_that_cannot_be_understood_is_2_in_both_forms(
    etlrunner: Etlrunner, args: list[str]
):
    assert etlrunner(*args).code == 2
    ended = etlrunner(*args, "--json")
    assert (ended.code, ended.document["exit_code"], ended.err) == (2, 2, "")


@pytest.mark.parametrize(
    "args",
    [["history"], ["plan"], ["run", "--due"], ["run", "--all"], ["validate"], ["secrets", "check"],
     ["approve"], ["schedule", "next"], ["connect"]],
)  # fmt: skip
def test_outside_of_a_project_nothing_is_written(
    etlrunner: Etlrunner, folder: Path, args: list[str]
):
    ended = etlrunner(*args)
    assert (ended.code, ended.out) == (2, "")
    assert ended.last.endswith("etlrunner init")
    assert "this is no project" in ended.err
    assert etlrunner(*args, "--json").document["exit_code"] == 2
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    "args",
    [["plan"], ["run"], ["show"], ["validate"], ["connect"], ["secrets", "check"],
     ["schedule", "next"], ["secrets", "set"]],
)  # fmt: skip
def test_a_flow_that_is_not_there_is_suggested(
    etlrunner: Etlrunner, lakeside: Path, args: list[str]
):
    ended = etlrunner(*args, "lakesid")
    assert (ended.code, ended.out) == (2, "")
    assert "did you mean 'lakeside'?" in ended.err


def test_of_several_flows_one_must_be_named(etlrunner: Etlrunner, lakeside: Path):
    (lakeside.parent / "pinewood.yaml").write_text(lakeside.read_text())
    ended = etlrunner("plan")
    assert (ended.code, ended.last) == (2, "error: say which flow: lakeside, pinewood")


def test_a_bug_is_one_line_without_the_message(
    etlrunner: Etlrunner, lakeside: Path, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("".join(["can", "ary"]))

    monkeypatch.setattr("etlrunner.config.layers.show", broken)
    ended = etlrunner("show")
    assert (ended.code, ended.out, len(ended.err.splitlines())) == (1, "", 1)
    path = Path(ended.last.rpartition(" ")[2])
    assert path.stat().st_mode & 0o077 == 0
    assert "canary" not in ended.err + path.read_text()
    path.unlink()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_full_disk_under_the_output_is_9(more: list[str], lakeside: Path):
    command = [sys.executable, "-m", "etlrunner", "schedule", "next", *more]
    with open("/dev/full", "w") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (ended.returncode, ended.stderr.splitlines()[0]) == (
        9,
        "error: the disk is full; what was printed is cut off",
    )


def test_a_bug_with_json_is_a_document(
    etlrunner: Etlrunner, lakeside: Path, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("".join(["can", "ary"]))

    monkeypatch.setattr("etlrunner.plan.make", broken)
    ended = etlrunner("validate", "--json")
    assert (ended.code, ended.document["exit_code"]) == (1, 1)
    Path(ended.document["error"].rpartition(" ")[2]).unlink()


def test_an_interrupted_command_is_130(
    etlrunner: Etlrunner, lakeside: Path, monkeypatch: pytest.MonkeyPatch
):
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("etlrunner.config.layers.show", stopped)
    assert etlrunner("show").code == 130


def test_a_flow_named_by_its_file_in_another_folder_is_suggested(
    etlrunner: Etlrunner, lakeside: Path
):
    ended = etlrunner("plan", "lakeside.yaml")
    assert (ended.code, ended.out) == (2, "")
    assert "did you mean the flow lakeside?" in ended.err


def test_without_a_held_run_there_is_nothing_to_approve(etlrunner: Etlrunner, lakeside: Path):
    etlrunner("plan", "lakeside")  # fails: no secrets
    assert "no run is held" in etlrunner("approve", "last").err
    assert "no run of lakeside is held" in etlrunner("approve", "lakeside").err


@pytest.mark.parametrize("code", ["E104", "[e104]", "6", "130", "asm-ref-student"])
def test_explain(etlrunner: Etlrunner, code: str):
    ended = etlrunner("explain", code)
    assert ended.code == 0
    assert ended.out.lower().startswith(code.strip("[]").lower() + ": ")


def test_explain_lists_everything_and_suggests(etlrunner: Etlrunner):
    listed = etlrunner("explain")
    assert listed.code == 0
    assert {"E104", "6", "asm-ref-student"} <= {
        line.split()[0] for line in listed.out.split("\n") if line
    }
    codes = [line.split()[0] for line in listed.out.split("\n") if line.startswith("E1")]
    assert codes == sorted(codes)
    assert "names all" in etlrunner("explain", "nonsense").last
    unknown = etlrunner("explain", "asm-ref-studnt")
    assert unknown.code == 2
    assert "asm-ref-student" in unknown.last


def test_schema_lists_prints_and_copies(etlrunner: Etlrunner, folder: Path):
    assert "sinks/sftp" in etlrunner("schema").out.split()
    assert json.loads(etlrunner("schema", "flow.json").out)["title"] == "flow"
    assert etlrunner("schema", "nope").code == 2
    assert etlrunner("schema", "--write").code == 0
    assert json.loads((folder / "schemas" / "flow.json").read_text())


def test_docs_are_written_once_and_then_fresh(etlrunner: Etlrunner, folder: Path):
    assert etlrunner("docs", "--check").code == 2
    assert etlrunner("docs").code == 0
    assert etlrunner("docs", "--check").last == "All pages are fresh."
    assert "etlrunner approve" in (folder / "docs" / "commands.md").read_text()


def test_a_reader_that_leaves_is_no_bug_of_ours():
    """`etlrunner explain | head -1`, where the reader is gone before the first line."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "etlrunner", "explain"]
    ended = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, b"")
