"""What an administrator sees in VS Code, Neovim or JetBrains: the real language server on real files."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from etlrunner.cli import main
from tests.support.editor import Editor, editor, needs_server

pytestmark = needs_server

ROOT = Path(__file__).resolve().parents[2]
FLOW = "# yaml-language-server: $schema=../schemas/flow.json\n"
MAPPING = "# yaml-language-server: $schema=../../schemas/mapping.json\n"
CASES = "# yaml-language-server: $schema=../../schemas/mapping-test.json\n"
SECRET = "{env: A}"
WHOLE = f"""{FLOW}version: 1
source:
  type: skyward
  variant: qmlativ
  domain: lakeside.example.org
  key: {SECRET}
  secret: {SECRET}
mapping: apple-school-manager
sink:
  type: apple-school-manager
  username: {SECRET}
  password: {SECRET}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What init writes, the schemas beside it, and the example files of this repository."""
    root = tmp_path_factory.mktemp("project")
    flags = ["--domain", "a.example.org", "--timezone", "US/Central", "--store", "none"]
    for name, variant in (("north-isd", "qmlativ"), ("south-isd", "sms-2.0")):
        where = ["--project", str(root)]
        assert main.run(["init", name, "--variant", variant, *flags, *where]) == 0
    for folder in ("flows", "mappings", "tests/apple-school-manager"):
        shutil.copytree(ROOT / folder, root / folder, dirs_exist_ok=True)
    shutil.copytree(ROOT / "etlrunner/sources/definitions", root / "sources/definitions/own")
    return root


@pytest.fixture(scope="module")
def shown(project: Path) -> Iterator[Editor]:
    with editor(project) as one:
        yield one


# ---------------------------------------------------------------- nothing to complain about


def test_no_valid_file_of_a_project_is_underlined(shown: Editor, project: Path) -> None:
    files = sorted(project.rglob("*.yaml"))
    assert len(files) >= 16
    assert {str(path.relative_to(project)): shown.complaints(path) for path in files} == {
        str(path.relative_to(project)): [] for path in files
    }


def test_every_file_of_a_project_names_a_schema_that_is_there(project: Path) -> None:
    for path in project.rglob("*.yaml"):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        match = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
        assert match, path
        if "definitions" not in path.parts:
            assert (path.parent / match[1]).is_file(), path


def test_no_example_of_the_documentation_is_underlined(shown: Editor, project: Path) -> None:
    seen = 0
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for block in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            path, text = _as_file(project, block)
            if path is None:
                continue
            seen += 1
            assert shown.complaints(path, text) == [], (page.name, block)
    assert seen >= 3


def _as_file(project: Path, block: str) -> tuple[Path | None, str]:
    """Where such an example would stand; None if it is not one of our files."""
    keys = set(re.findall(r"^(\w+):", block, re.MULTILINE))
    flow = {"source", "sink", "schedule", "select", "overrides", "notify", "leave_out", "rules"}
    for own, folder, schema in (
        ({"table"}, "mappings/x", "mapping"),
        ({"tests"}, "tests/x", "mapping-test"),
        (flow, "flows/x", "flow" if "version" in keys else "flow-part"),
    ):
        if keys & own:
            line = f"# yaml-language-server: $schema=../../schemas/{schema}.json\n"
            text = re.sub(r"# yaml-language-server.*\n", "", block)
            return project / folder / "example.yaml", line + text
    return None, block


VALID = {
    "weekend as Python writes it": "schedule: {hour: 2, timezone: US/Central, weekend: True}",
    "text that looks like numbers": "select: {grades: [09, 10, KG], schools: {exclude: [800]}}",
    "a clock without quotes": "retry: {until: 06:00, delays: [2m, 8h30m]}",
    "dates without quotes": "leave_out: {students: {4711: {reason: x, expires: 2027-06-30}}}",
    "a count and a share": "safeguards: {students: {max_removed: 10%, max_added: 25}}",
    "what the mapping says is removed": "overrides: {students: {columns: {email_address: null}}}",
    "a number as a text": "overrides: {students: {columns: {grade_level: {text: 12}}}}",
    "a lookup with words for truths": "overrides: {students: {lookups: {a: {rows: {1: 2, Y: true}}}}}",
    "an expression": 'overrides: {staff: {columns: {sis_username: "{{ givenName[:1] }}x"}}}',
}


@pytest.mark.parametrize("name", VALID)
def test_what_the_engine_takes_the_editor_takes(shown: Editor, project: Path, name: str) -> None:
    from etlrunner import plan
    from etlrunner.config.project import Project

    path = project / "flows" / "valid.yaml"
    path.write_text(f"{WHOLE}{VALID[name]}\n", encoding="utf-8")
    try:
        plan.make(Project.find(project, project), "valid")
        assert shown.complaints(path) == []
    finally:
        path.unlink()


def test_a_version_that_looks_like_a_number_is_fine(shown: Editor, project: Path) -> None:
    text = WHOLE.replace("variant: qmlativ", "variant: qmlativ\n  oneroster: 1.2")
    assert shown.complaints(project / "flows/x.yaml", text) == []


def test_a_part_lacks_what_the_rest_says(shown: Editor, project: Path) -> None:
    part = FLOW.replace("flow.json", "flow-part.json")
    for text in (
        f"{FLOW}extends: base/texas.yaml\nsink: {{username: {SECRET}}}\nretry: null\n",
        f"{part}source: {{type: skyward, deadline: 3h}}\nschedule: {{hour: 3}}\n",
    ):
        assert shown.complaints(project / "flows/x.yaml", text) == []


# ---------------------------------------------------------------- what is underlined, and where

WRONG = {
    "unknown key": ("verson: 1\n", "2:1: Property verson is not allowed."),
    "missing key": ("mapping: x\n", '2:1: Missing property "sink".'),
    "unknown key of a component": (
        WHOLE.removeprefix(FLOW).replace("domain:", "domian:"),
        "6:3: Property domian is not allowed.",
    ),
    "wrong enum": (
        WHOLE.removeprefix(FLOW).replace(" qmlativ", " Qmlativ"),
        '5:12: Value is not accepted. Valid values: "sms-2.0", "qmlativ".',
    ),
    "literal secret": (
        WHOLE.removeprefix(FLOW).replace("key: {env: A}", "key: hunter2"),
        "7:8: A secret is never written into a file that git keeps. "
        "Write a reference: {env: NAME}, {file: path} or {keyring: service/name}.",
    ),
    "key of the other variant": (
        WHOLE.removeprefix(FLOW).replace(
            "qmlativ", f"sms-2.0\n  integration_token: {SECRET}"
        ),
        "6:3: Property integration_token is not allowed.",
    ),
    "wrong type": (
        'schedule: {timezone: US/Central, weekend: "no"}\n',
        '2:43: Incorrect type. Expected "boolean".',
    ),
    "out of range": (
        "schedule: {timezone: US/Central, hour: 25}\n",
        "2:40: Value is above the maximum of 23.",
    ),
    "a share as a fraction": (
        "safeguards: {students: {max_added: 0.25}}\n",
        "2:36: Write a count (25), a share (5%) or none.",
    ),
    "a key that only a base may lack, misspelt in a flow that extends": (
        "extends: base/texas.yaml\nschedule: {houre: 2}\n",
        "3:12: Property houre is not allowed.",
    ),
    "a column that the target does not have": (
        "overrides: {students: {columns: {emial: x}}}\n",
        "2:34: Property emial is not allowed.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_underlined_at_its_place(shown: Editor, project: Path, name: str) -> None:
    text, wanted = WRONG[name]
    assert wanted in shown.complaints(project / "flows/x.yaml", FLOW + text)


WRONG_ELSEWHERE = {
    "verb": (
        "mappings/x/y.yaml",
        MAPPING + "transforms:\n  - colect: {}\n",
        "3:5: Property colect is not allowed.",
    ),
    "option of a transform": (
        "mappings/x/y.yaml",
        MAPPING + "transforms:\n  - join: {from: orgs, match: {a: b}}\n",
        '3:5: Missing property "take".',
    ),
    "column": (
        "mappings/x/y.yaml",
        MAPPING + "table: locations\ncolumns:\n  location_nam: name\n",
        "4:3: Property location_nam is not allowed.",
    ),
    "part of a column": (
        "mappings/x/y.yaml",
        MAPPING + "table: locations\ncolumns:\n  location_name: {expr: name, txt: a}\n",
        "4:31: Property txt is not allowed.",
    ),
    "given column": (
        "tests/x/y.yaml",
        CASES + "tests:\n  - name: a\n    given: {users: [{givnName: A}]}\n",
        "4:22: Property givnName is not allowed.",
    ),
    "expected column": (
        "tests/x/y.yaml",
        CASES + "tests:\n  - name: a\n    given: {}\n    expect: {staff: [{emial: A}]}\n",
        "5:23: Property emial is not allowed.",
    ),
}


@pytest.mark.parametrize("name", WRONG_ELSEWHERE)
def test_so_is_one_in_mappings_and_tests(shown: Editor, project: Path, name: str) -> None:
    path, text, wanted = WRONG_ELSEWHERE[name]
    assert wanted in shown.complaints(project / path, text)


# ---------------------------------------------------------------- completion

SKYWARD = {"variant", "domain", "key", "secret", "page_size", "deadline", "ca_file"}
OFFERED: dict[str, tuple[str, set[str], set[str]]] = {
    "top": ("|", {"version", "source", "sink", "schedule", "safeguards"}, {"hour", "domain"}),
    "no type yet": ("source:\n  |", {"type"}, {"path", "domain"}),
    "types": ("source:\n  type: |", {"skyward", "oneroster", "oneroster-csv"}, set()),
    "skyward": ("source:\n  type: skyward\n  |", {*SKYWARD, "integration_token"}, {"path"}),
    "sms-2.0": (
        "source:\n  type: skyward\n  variant: sms-2.0\n  |",
        SKYWARD - {"variant"},
        {"integration_token", "path"},
    ),
    "csv": ("source:\n  type: oneroster-csv\n  |", {"path"}, {"domain", "key", "variant"}),
    "sftp": ("sink:\n  type: sftp\n  |", {"host", "port", "directory"}, {"variant"}),
    "a base names the type": ("extends: x\nsource:\n  |", {"type", "domain", "path"}, set()),
    "secret": ("source:\n  type: skyward\n  key: |", {"{env: …}"}, set()),
    "zones": ("schedule:\n  timezone: |", {"US/Eastern", "US/Hawaii", "America/Chicago"}, set()),
    "truths": ("schedule:\n  weekend: |", {"true", "false"}, {"null"}),
    "tables": ("overrides:\n  |", {"students", "rosters"}, {"users"}),
    "columns": (
        "overrides:\n  students:\n    columns:\n      |",
        {"email_address", "grade_level"},
        {"class_id"},
    ),
    "parts of a column": (
        "overrides:\n  students:\n    columns:\n      email_address:\n        |",
        {"expr", "text", "each", "lookup", "missing", "expires"},
        set(),
    ),
}


@pytest.mark.parametrize("name", OFFERED)
def test_what_is_offered_in_a_flow(shown: Editor, project: Path, name: str) -> None:
    text, wanted, never = OFFERED[name]
    offered = set(shown.completions(project / "flows/x.yaml", FLOW + text))
    assert wanted <= offered
    assert not never & offered


STEP = "table: classes\ntransforms:\n  - "
OFFERED_IN_MAPPINGS: dict[str, tuple[str, set[str], set[str]]] = {
    "columns of the table": ("table: classes\ncolumns:\n  |", {"class_id", "instructor_id"}, {"person_id"}),
    "key of the table": ("table: classes\nkey: |", {"class_id"}, set()),
    "verbs": (STEP + "|", {"collect", "filter", "join", "dedupe", "sort", "union"}, set()),
    "options of the verb": (STEP + "join:\n      |", {"from", "match", "take", "many"}, {"order"}),
    "tables to take from": (STEP + "join:\n      from: |", {"orgs", "enrollments"}, {"students"}),
    "columns to match": (STEP + "join:\n      from: courses\n      match:\n        |", {"sourcedId", "courseCode"}, {"givenName"}),
    "a column to take": (STEP + "collect:\n      from: enrollments\n      take: |", {"userSourcedId"}, {"givenName"}),
}  # fmt: skip


@pytest.mark.parametrize("name", OFFERED_IN_MAPPINGS)
def test_what_is_offered_in_a_mapping(shown: Editor, project: Path, name: str) -> None:
    text, wanted, never = OFFERED_IN_MAPPINGS[name]
    offered = set(shown.completions(project / "mappings/x/y.yaml", MAPPING + text))
    assert wanted <= offered
    assert not never & offered


def test_a_test_offers_the_columns_of_its_rows(shown: Editor, project: Path) -> None:
    head = (
        CASES + "version: 1\nmapping: x\ntests:\n  - name: a\n    given:\n      users:\n        - "
    )
    assert "givenName" in shown.completions(project / "tests/x/y.yaml", head + "|")
    text = CASES + "tests:\n  - name: a\n    given: {}\n    expect:\n      |"
    assert "students" in shown.completions(project / "tests/x/y.yaml", text)


def test_what_is_offered_says_what_it_means(shown: Editor, project: Path) -> None:
    path = project / "flows/x.yaml"
    kinds = shown.completions(path, FLOW + "source:\n  type: |")
    assert kinds["oneroster-csv"].startswith("OneRoster CSV files")
    variants = shown.completions(path, FLOW + "source:\n  type: skyward\n  variant: |")
    assert variants["qmlativ"].startswith("The newer one")
    repair = shown.completions(path, FLOW + "repair:\n  class_instructor_missing: |")
    assert repair["drop"].startswith("Take the reference")


# ---------------------------------------------------------------- hover

HOVER = {
    "default": ("schedule:\n  ho|ur: 2\n", "The hour, 0 to 23. Default: `2`."),
    "what holds without it": (
        "source:\n  type: skyward\n  one|roster: '1.2'\n",
        "Without it: 1.1 for SMS 2.0, 1.2 for Qmlativ.",
    ),
    "example of a secret": (
        "source:\n  type: skyward\n  ke|y: {env: A}\n",
        "Example: `{env: LAKESIDE_KEY}`.",
    ),
    "example": ("schedule:\n  time|zone: US/Central\n", "```yaml\nUS/Eastern\n```"),
    "values": (
        "source:\n  type: skyward\n  var|iant: qmlativ\n",
        "* `qmlativ`: The newer one: addresses that end in STS; OneRoster 1.2.",
    ),
    "column": (
        "overrides:\n  rosters:\n    columns:\n      class|_id: x\n",
        "A column of rosters.csv, required. It refers to classes.csv, class_id.",
    ),
}


@pytest.mark.parametrize("name", HOVER)
def test_the_mouse_tells_what_a_key_is(shown: Editor, project: Path, name: str) -> None:
    text, wanted = HOVER[name]
    assert wanted in shown.hover(project / "flows/x.yaml", FLOW + text)
