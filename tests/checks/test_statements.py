"""Every line of what Apple asks has its rule, or a reason why no rule can look for it."""

from __future__ import annotations

from pathlib import Path

from etlrunner.checks.rules import RULES
from etlrunner.checks.rules.statements import STATEMENTS
from etlrunner.sandbox.district import District
from tests.support.project import DAY, TestProject

OF_RUNS = ("repair.", "figure-", "identity-", "merge", "policy.", "held-over", "unmatched-")
"""How rules begin that are about runs and flows: Apple's files know nothing of them."""


def test_every_statement_has_a_rule_that_is_there_or_a_reason() -> None:
    for asked, rules, note in STATEMENTS:
        assert set(rules) <= RULES.keys(), asked
        assert rules or note, asked


def test_every_rule_about_apples_files_answers_a_statement() -> None:
    answered = {rule for _, rules, _ in STATEMENTS for rule in rules}
    ours = {name for name in RULES if not name.startswith(OF_RUNS)}
    assert ours == answered


def test_an_ordinary_district_has_no_findings_but_what_is_planted_in_it(tmp_path: Path) -> None:
    """The sandbox's districts have a few courses without classes and classes without a teacher."""
    project = TestProject(tmp_path)
    roster = District(students=300, seed=4, as_of=DAY).write_csv(tmp_path / "r.zip", "1.1")
    project.csv("home", roster)
    found = {finding.rule for finding in project.run("home").findings}
    project.close()
    assert found <= {"asm-course-no-classes", "asm-class-no-instructor"}
