"""`etlrunner plan --compare REV`: what a change of the configuration would do, offline and in counts."""

from __future__ import annotations

import subprocess
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from etlrunner.sandbox.district import District
from tests.cli.conftest import Etlrunner
from tests.support.prepared import Prepared

DAY = date(2027, 3, 1)
FLOW = """\
version: 1
source: {type: oneroster-csv, path: roster.zip}
mapping: apple-school-manager
sink: {type: local-folder, path: out}
repair: {roster_student_missing: drop, roster_class_missing: drop, class_instructor_missing: drop}
"""


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.email=a@example.org", "-c", "user.name=a", "-c", "init.defaultBranch=main")
    return subprocess.run(
        ["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True
    ).stdout


def commit(folder: Path) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "a change")


@pytest.fixture
def home(folder: Path, etlrunner: Etlrunner, prepared: Prepared) -> Path:
    """A committed project below its repository's top, run once; its roster cannot be pulled again."""
    prepared.copy("committed and run once", lambda top: _committed(top, etlrunner), folder)
    return folder / "districts"


def _committed(folder: Path, etlrunner: Etlrunner) -> None:
    district = District(students=40, seed=3, as_of=DAY, rates={"missing_people": 0.05})
    project = folder / "districts"
    for name in ("flows", "out"):
        (project / name).mkdir(parents=True)
    district.write_csv(project / "roster.zip", "1.1")
    flow = project / "flows" / "home.yaml"
    flow.write_text(FLOW)
    (project / ".gitignore").write_text(".etlrunner/\nroster.zip\nout/\n")
    (project / ".gitattributes").write_text("flows/* export-ignore\n")
    git(folder, "init", "-q")
    commit(folder)
    ended = etlrunner("run", "home", "--as-of", "2027-03-01", "--project", project)
    assert ended.code == 6, ended.err
    (project / "roster.zip").unlink()


def test_a_change_is_told_per_table_column_school_and_rule_and_touches_nothing(
    etlrunner: Etlrunner, home: Path
):
    same = etlrunner("plan", "--compare", "HEAD", "--project", home)
    assert (same.code, same.last) == (0, "Nothing that is sent would change.")
    flow = home / "flows" / "home.yaml"
    flow.write_text(
        FLOW + "overrides: {students: {columns: {sis_username: username | upper}}}\n"
        "select: {grades: ['KG', '01', '02', '03', '04', '05']}\n"
    )
    before = (git(home, "status", "--porcelain"), git(home, "rev-parse", "HEAD"))
    [finished] = home.glob(".etlrunner/home/runs/*/finished/students.parquet")
    was = pl.read_parquet(finished)
    told = etlrunner("plan", "home", "--compare", "HEAD", "--json", "--project", home).document
    assert (git(home, "status", "--porcelain"), git(home, "rev-parse", "HEAD")) == before
    students = told["tables"]["students"]
    assert told["files"] == ["flows/home.yaml"]
    assert students["before"] == was.height
    assert students["removed"] == was.height - students["after"] > 0
    assert students["columns"] == {"sis_username": students["after"]}
    schools = {one: sum(counts[1:]) for one, counts in students["schools"].items()}
    assert sum(schools.values()) == students["removed"] + students["changed"]
    rules = {(one["table"], one["rule"]): (one["before"], one["after"]) for one in told["rules"]}
    assert rules["students", "select.grades"] == (0, students["removed"])
    shown = etlrunner("plan", "home", "--compare", "HEAD", "--project", home)
    assert shown.last == told["summary"]
    assert "1 column changes in" in shown.last
    names = {name for name in (*was["first_name"], *was["last_name"], *was["sis_username"]) if name}
    assert [name for name in names if name in shown.out] == []
    page = etlrunner("plan", "home", "--compare", "HEAD", "--format", "markdown", "--project", home)
    assert (page.code, page.err) == (0, "")
    assert page.out.startswith("### etlrunner: what `home` would send\n")
    assert f"| students | {was.height} |" in page.out


def test_two_revisions_and_a_flow_that_is_new(etlrunner: Etlrunner, home: Path):
    flow = home / "flows" / "home.yaml"
    git(home, "mv", "flows/home.yaml", "flows/other.yaml")
    commit(home)
    (home / "flows" / "other.yaml").rename(flow)
    commit(home)
    flow.write_text("version: 1\nnonsense: true\n")  # what lies here has no part in REV..REV2
    both = etlrunner("plan", "home", "--compare", "HEAD~2..HEAD", "--project", home)
    assert (both.code, both.last) == (0, "Nothing that is sent would change.")
    new = etlrunner(
        "plan", "home", "--compare", "HEAD~1..HEAD", "--json", "--project", home
    ).document
    assert new["before"]["there"] is False
    assert new["tables"]["students"]["added"] == new["tables"]["students"]["after"] > 0
    gone = etlrunner("plan", "home", "--compare", "HEAD~2..HEAD~1", "--project", home)
    assert (gone.code, "there is no flow 'home' at HEAD~1" in gone.err) == (2, True)


def test_a_configuration_that_is_not_valid_is_told_with_revision_file_and_line(
    etlrunner: Etlrunner, home: Path
):
    flow = home / "flows" / "home.yaml"
    flow.write_text(FLOW + "selct: {}\n")
    here = etlrunner("plan", "home", "--compare", "HEAD", "--project", home)
    assert here.code == 2
    assert "\nflows/home.yaml:6:1: error" in f"\n{here.err}"
    commit(home)
    flow.write_text(FLOW)
    there = etlrunner("plan", "home", "--compare", "HEAD", "--project", home)
    assert (there.code, there.out) == (2, "")
    assert "\nHEAD:flows/home.yaml:6:1: error" in f"\n{there.err}"
    assert "not valid at HEAD" in there.err
    as_data = etlrunner("plan", "home", "--compare", "HEAD", "--json", "--project", home)
    assert as_data.document["problems"][0]["file"] == "HEAD:flows/home.yaml"


def test_what_the_data_would_fail_is_told(etlrunner: Etlrunner, home: Path):
    flow = home / "flows" / "home.yaml"
    flow.write_text(FLOW.replace("roster_student_missing: drop", "roster_student_missing: fail"))
    told = etlrunner("plan", "home", "--compare", "HEAD", "--project", home)
    assert told.code == 0
    assert "a run would end with exit code 5" in told.out
    grade = "{expr: grades | first, lookup: few, missing: fail}"
    few = "lookups: {few: {rows: {XX: '1'}}}"
    flow.write_text(
        FLOW + f"overrides: {{students: {{columns: {{grade_level: {grade}}}, {few}}}}}\n"
    )
    none = etlrunner("plan", "home", "--compare", "HEAD", "--project", home)
    assert (none.code, none.last.startswith("No comparison: ")) == (0, True)


def test_mistakes_are_told_apart(etlrunner: Etlrunner, home: Path, tmp_path: Path):
    for words, said in [
        (["--compare", "nope"], "git knows no revision 'nope'"),
        (["--compare", "--output=x"], "git knows no revision"),
        (["--compare", "HEAD.."], "REV..REV2"),
        (["--compare", "HEAD", "--as-of", "2027-03-01"], "--as-of has no place here"),
        (["--format", "markdown"], "go with --compare"),
        (["--compare", "HEAD", "--run", "home-1999-01-01-1"], "there is no run"),
    ]:
        ended = etlrunner("plan", "home", *words, "--project", home)
        assert (ended.code, ended.out) == (2, ""), words
        assert said in ended.err
    bare = home.rename(tmp_path / "bare")
    ended = etlrunner("plan", "home", "--compare", "HEAD", "--project", bare)
    assert (ended.code, "is not in a git repository" in ended.err) == (2, True)
