"""Problems as text and as data; every code there is can be explained."""

from __future__ import annotations

import json
import re
from pathlib import Path

from etlrunner import errors
from etlrunner.config.explain import EXPLANATIONS
from etlrunner.expressions.codes import CODES
from etlrunner.lib import render
from etlrunner.model.problems import Place, Problem

PACKAGE = Path(errors.__file__).parent
STOPPED = (129, 130, 143, 141)
"""SIGHUP, SIGINT, SIGTERM; a closed pipe."""
PROBLEM = Problem(
    "E104",
    "there is no key 'encodng'",
    Place("flows/north.yaml", 14, 3),
    "source.encodng",
    "did you mean 'encoding'?",
    also=Place("flows/base/texas.yaml", 4, 3),
    excerpt="  encodng: …\n  ^^^^^^^",
)


def test_a_problem_is_one_line_then_the_spot_then_what_to_try() -> None:
    assert render.problem(PROBLEM) == (
        "flows/north.yaml:14:3: error[E104]: source.encodng: there is no key 'encodng' (did you mean 'encoding'?)\n"
        "    it replaces what stands at flows/base/texas.yaml:4:3\n"
        "      encodng: …\n"
        "      ^^^^^^^"
    )


def test_a_problem_is_data_for_programs() -> None:
    data = json.loads(json.dumps(render.problem_as_data(PROBLEM)))
    assert (data["file"], data["line"], data["column"]) == ("flows/north.yaml", 14, 3)
    assert (data["code"], data["severity"], data["path"]) == ("E104", "error", "source.encodng")
    assert data["also"] == {"file": "flows/base/texas.yaml", "line": 4, "column": 3}


def test_a_problem_of_a_whole_file_has_no_line() -> None:
    said = render.problem(Problem("E101", "there is no such file", Place("flows/north.yaml")))
    assert said == "flows/north.yaml: error[E101]: there is no such file"


def test_every_code_of_the_package_is_explained_once() -> None:
    used = {
        code
        for path in PACKAGE.rglob("*.py")
        if path.name not in ("explain.py", "codes.py")
        for code in re.findall(r'"(E[1-9][0-9]{2})"', path.read_text(encoding="utf-8"))
    }
    assert used <= set(EXPLANATIONS) | set(CODES)
    assert not set(EXPLANATIONS) & set(CODES)
    never = {code for code in EXPLANATIONS if code.startswith("E")} - used
    assert not never, "explained, but never said"


def test_every_exit_code_is_explained_and_stands_in_the_table_for_schedulers() -> None:
    codes = {str(code) for code in (*errors.GRAVITY, *STOPPED)}
    assert codes == {name for name in EXPLANATIONS if name.isdecimal()}
    page = (PACKAGE.parent / "docs" / "operating.md").read_text(encoding="utf-8")
    table = page.partition("## Exit codes")[2].partition("\n## ")[0]
    first = re.findall(r"^\| ([0-9, ]+) \|", table, re.MULTILINE)
    assert codes == set(", ".join(first).split(", "))
