"""The district's own rules: true of every row, or a finding, a row left out, or the end of the run."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from etlrunner import check
from etlrunner.checks import apple_school_manager, policy, references, rulings
from etlrunner.model.flow import Assertion, Ruling
from etlrunner.model.problems import Located, Verdict
from etlrunner.model.surroundings import SilentProgress
from etlrunner.target import APPLE_SCHOOL_MANAGER as TARGET
from tests.support import finished
from tests.support.finished import District


def checked(
    folder: Path, tables: District, table: str, holds: str, verdict: Verdict = "warn"
) -> check.Checked:
    one = Assertion(table, Located(holds), "so says the district", verdict)
    return check.check(
        finished.flow(policy={"own": one}, repair={"roster_class_missing": "drop"}),
        TARGET,
        finished.finished(folder, tables),
        folder,
        modules=(apple_school_manager, references, policy),
        progress=SilentProgress(),
    )


def keys(made: check.Checked) -> list[str | None]:
    return [finding.key for finding in made.findings if finding.rule == "policy.own"]


@pytest.mark.parametrize(
    ("table", "holds", "broken"),
    [
        ("staff", "email_address | regex_match('t1@.*')", ["T-2"]),
        ("staff", "location_id == '102' and first_name == 'Invented2'", ["T-1"]),
        ("classes", "number_of_rosters | int > 1", ["K-2"]),
        ("classes", "instructor_ids | length < 2", ["K-2"]),
        ("classes", "'T-2' in instructor_ids", ["K-1"]),
        ("students", "number_of_rosters != '0'", ["S-4"]),
        ("students", "'102' in location_ids", ["S-1", "S-2"]),
        ("staff", "number_of_classes | int == 2", ["T-2"]),
        ("locations", "number_of_students | int > 2", ["102"]),
        ("courses", "number_of_classes | int == 0", ["C-1", "C-2"]),
        ("rosters", "roster_id is not empty", []),
    ],
)
def test_a_row_for_which_it_is_not_true_is_found(
    tmp_path: Path, table: str, holds: str, broken: list[str]
) -> None:
    tables = finished.district()
    tables["students"].append(finished.student(4, location_id_2="102"))
    assert keys(checked(tmp_path, tables, table, holds)) == broken


def test_a_finding_names_the_key_and_says_what_the_district_says(tmp_path: Path) -> None:
    made = checked(tmp_path, finished.district(), "classes", "number_of_rosters | int > 1", "fail")
    assert [str(finding) for finding in made.findings] == [
        "classes.csv:2 - class_id = 'K-2': so says the district [policy.own]"
    ]
    assert made.has_errors


def test_a_row_may_be_left_out_and_takes_along_what_refers_to_it(tmp_path: Path) -> None:
    made = checked(
        tmp_path, finished.district(), "classes", "number_of_rosters | int > 1", "reject"
    )
    assert pl.read_parquet(made.finished["classes"].path)["class_id"].to_list() == ["K-1"]
    assert made.finished["classes"].counts.rejected == {"policy.own": 1}
    assert made.finished["rosters"].counts.rejected == {"repair.roster_class_missing": 1}
    assert [finding.rule for finding in made.findings] == ["asm-course-no-classes"]


def test_an_assertion_that_cannot_be_compiled_is_a_problem_with_a_hint() -> None:
    wrong = {
        "one": Assertion("staff", Located("emial_address != ''"), "x"),
        "two": Assertion("staff", Located("number_of_rosters != '0'"), "x"),
        "three": Assertion("classes", Located("class_id | nonsense"), "x"),
    }
    found = policy.problems(wrong)
    assert "email_address" in found[0].hint
    assert len(found) == 3
    assert (
        policy.problems({"fine": Assertion("staff", Located("location_ids | length > 0"), "x")})
        == []
    )


def test_its_verdict_stands_in_one_place_only() -> None:
    flow = finished.flow(policy={"own": Assertion("staff", Located("person_id != ''"), "x")})
    assert rulings.all_of(flow) == {"policy.own": Ruling("warn")}
    both = finished.flow(rules={"policy.own": "fail"})
    [problem] = rulings.problems(both)
    assert problem.hint == "its verdict stands beside it, under policy:"
