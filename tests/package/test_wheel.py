"""The wheel, outside of the checkout: it carries what it needs, and does the whole job in an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from etlrunner.sandbox import sftp, skyward
from etlrunner.sandbox.district import District

ROOT = Path(__file__).resolve().parents[2]
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as anybody would, from the tree as it is."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(folder), "."]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [found] = folder.glob("*.whl")
    return found


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> Command:
    """The program from the wheel alone, in an empty folder, with secrets in the environment only."""
    site, empty = tmp_path / "site", tmp_path / "empty"
    zipfile.ZipFile(wheel).extractall(site)
    empty.mkdir()

    def run(*words: str, **secrets: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(site), "HOME": str(tmp_path)}
        return subprocess.run(
            [sys.executable, "-m", "etlrunner", *words],
            cwd=empty,
            env={**environment, **secrets},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def test_the_wheel_carries_schemas_mappings_and_definitions(wheel: Path):
    names = set(zipfile.ZipFile(wheel).namelist())
    for wanted in (
        "etlrunner/shipped/schemas/flow.json",
        "etlrunner/shipped/schemas/transforms/collect.json",
        "etlrunner/shipped/mappings/apple-school-manager/students.yaml",
        "etlrunner/shipped/mappings/crosswalks/grades.csv",
        "etlrunner/sources/definitions/skyward-qmlativ.yaml",
        "etlrunner/cli/templates/flow.yaml.j2",
        "etlrunner/py.typed",
    ):
        assert wanted in names, wanted


def test_an_empty_folder_becomes_a_delivery(installed: Command):
    district = District(students=200, seed=9)
    with skyward.start(district, variant="qmlativ") as source, sftp.start() as sink:
        secrets = {
            "LAKESIDE_SKYWARD_KEY": source.key,
            "LAKESIDE_SKYWARD_SECRET": source.secret,
            "LAKESIDE_ASM_USERNAME": sink.username,
            "LAKESIDE_ASM_PASSWORD": sink.password,
        }
        flags = (
            f"init lakeside --variant qmlativ --domain {source.domain} --allow-http --hour 2 "
            f"--timezone US/Central --no-weekend --sftp-host {sink.host} --sftp-port {sink.port}"
        )
        steps = [
            (flags, 0),
            ("validate", 0),
            ("connect lakeside --trust", 0),
            ("run lakeside", 6),
            ("approve last --yes", 0),
            ("run lakeside", 0),
        ]
        for words, code in steps:
            done = installed(*words.split(), **secrets)
            assert done.returncode == code, f"{words}: {done.stdout}{done.stderr}"
        assert len(list(Path(sink.folder).rglob("*.zip"))) == 1
