"""What must hold of the repository itself, so that a new component is never half there."""

from __future__ import annotations

import difflib
import json
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from etlrunner import registry
from etlrunner.cli import docs
from etlrunner.cli.main import COMMANDS
from etlrunner.config import editors

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = sorted((ROOT / "schemas").glob("*/*.json"))
WITH_SCHEMAS = {"sources", "transforms", "sinks"}


@pytest.mark.parametrize("shelf", registry.SHELVES)
def test_every_name_in_the_registry_has_its_module(shelf: str):
    for name in registry.SHELVES[shelf]:
        assert registry.component(shelf, name).__doc__


@pytest.mark.parametrize("shelf", sorted(WITH_SCHEMAS))
def test_components_and_schemas_are_the_same_set(shelf: str):
    schemas = {path.stem for path in (ROOT / "schemas" / shelf).glob("*.json")}
    assert schemas == set(registry.SHELVES[shelf])


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.stem)
def test_every_option_says_what_it_is(path: Path):
    for where, part in properties(json.loads(path.read_text())):
        assert part.get("description") or "$ref" in part or "const" in part, f"{path.name}: {where}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str):
    module, sentence = COMMANDS[name]
    command = import_module(f"etlrunner.cli.{module}").command
    assert command.help, name
    assert sentence.endswith(".")


@pytest.fixture(scope="module")
def made_pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As a program of its own makes them, at an odd terminal: no neighbour's test or setting has a say.

    click, for one, keeps the help option of a command as its first caller had it.
    """
    folder = tmp_path_factory.mktemp("pages")
    odd = {
        "COLUMNS": "53",
        "LC_ALL": "C",
        "TERM": "dumb",
        "FORCE_COLOR": "1",
        "PYTHONHASHSEED": "7",
    }
    subprocess.run(
        [sys.executable, "-m", "etlrunner", "docs", str(folder)],
        cwd=ROOT, env={**os.environ, **odd}, check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.mark.parametrize("name", docs.PAGES)
def test_generated_pages_are_fresh(name: str, made_pages: Path):
    there, made = (
        (folder / name).read_text(encoding="utf-8").splitlines()
        for folder in (ROOT / "docs", made_pages)
    )
    differ = list(
        difflib.unified_diff(there, made, f"docs/{name}", "as it is made now", lineterm="", n=1)
    )
    assert differ == [], "run: etlrunner docs\n" + "\n".join(differ[:60])


@pytest.mark.parametrize("name", editors.made())
def test_schemas_for_editors_are_fresh(name: str):
    assert (ROOT / "schemas" / name).read_text(encoding="utf-8") == editors.made()[name], (
        "schemas/*.json are made from schemas/documents/ and the shelves: change those, and run: etlrunner docs"
    )


def test_frames_are_collected_in_one_place_only():
    bare = re.compile(r"(?<!table)(?<!tables)\.(collect|sink_\w+)\(")
    for path in sorted((ROOT / "etlrunner").rglob("*.py")):
        if path.name != "table.py":
            assert not bare.search(path.read_text(encoding="utf-8")), path


def properties(schema: object, where: str = ""):
    """Every property anywhere in a schema, with its path."""
    if isinstance(schema, dict):
        for key, part in schema.get("properties", {}).items():
            if isinstance(part, dict):
                yield f"{where}.{key}", part
        for key, part in schema.items():
            yield from properties(part, f"{where}/{key}")
    elif isinstance(schema, list):
        for number, part in enumerate(schema):
            yield from properties(part, f"{where}[{number}]")
