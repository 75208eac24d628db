"""The memory of numbered names lives with the last delivery: only what was sent is given for good."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etlrunner import earlier
from etlrunner.errors import UsageError
from etlrunner.run import Result
from tests.support import rosters
from tests.support.project import TestProject

NUMBERED = """
overrides:
  students:
    transforms:
      - number: {as: account, base: "{{ givenName[:1] | lower }}{{ familyName | lower }}"}
    columns:
      sis_username: account
safeguards:
  students: {max_removed: none, max_removed_per_school: none}
"""


def write(project: TestProject, *pupils: tuple[str, str, str]) -> Path:
    """A roster of these pupils: sourcedId, given and family name."""
    files = rosters.csv_files("1.1")
    header, _, teacher, *_ = files["users.csv"].splitlines()
    lines = [
        f"{key},active,{rosters.WHEN},true,s1,student,,,{given},{family},,,,,,,09,"
        for key, given, family in pupils
    ]
    files["users.csv"] = "\r\n".join([header, teacher, *lines]) + "\r\n"
    first = pupils[0][0]
    files["enrollments.csv"] = files["enrollments.csv"].replace(",u1,", f",{first},")
    return rosters.write_folder(project.root / "roster", files)


def run(project: TestProject, **request: Any) -> Result:
    """In the middle of the roster's term."""
    return project.run("lakeside", as_of=date(2026, 10, 1), **request)


def names(folder: Path) -> dict[str, str]:
    rows = pl.read_parquet(folder / "finished" / "students.parquet")
    return dict(rows.select("person_id", "sis_username").iter_rows())


ANN, ADA, ABE = ("p1", "Ann", "Lee"), ("p2", "Ada", "Lee"), ("p0", "Abe", "Lee")


def start(project: TestProject) -> None:
    """Ann and Ada have been delivered."""
    project.csv("lakeside", write(project, ANN, ADA), NUMBERED)
    held = run(project)
    assert held.record.outcome == "held", held.findings
    assert project.approve(held.record.id).record.outcome == "delivered"
    assert names(held.folder) == {"p1": "alee", "p2": "alee2"}


def test_who_was_delivered_keeps_the_name_whoever_comes_and_goes(project: TestProject):
    start(project)
    write(project, ADA, ABE)
    result = run(project)
    assert result.record.outcome == "delivered", result.error
    assert names(result.folder) == {"p0": "alee3", "p2": "alee2"}
    write(project, ANN, ADA, ABE)
    assert names(run(project).folder) == {"p0": "alee3", "p1": "alee", "p2": "alee2"}


def test_a_plan_and_its_run_give_the_same_names_and_a_plan_gives_none_for_good(
    project: TestProject,
):
    start(project)
    write(project, ANN, ADA, ABE, ("p3", "Al", "Lee"))
    planned = run(project, deliver=False)
    assert names(planned.folder)["p3"] == "alee4"
    write(project, ANN, ADA, ("p3", "Al", "Lee"))
    result = run(project)
    assert names(result.folder)["p3"] == "alee3", "the plan's names are nobody's"
    assert run(project).record.outcome == "unchanged"


def test_a_held_run_gives_no_name_until_it_is_approved(project: TestProject):
    start(project)
    project.append("lakeside", "  classes: {max_added: 0}\n")
    flow = project.root / "flows" / "lakeside.yaml"
    flow.write_text(flow.read_text().replace("max_removed: none,", "max_removed: 0,"))
    write(project, ADA, ABE)
    held = run(project)
    assert held.record.outcome == "held"
    write(project, ANN, ADA, ("p3", "Al", "Lee"))
    planned = run(project, deliver=False)
    assert names(planned.folder)["p3"] == "alee3"
    assert project.approve(held.record.id).record.outcome == "delivered"
    planned = run(project, deliver=False)
    assert names(planned.folder)["p3"] == "alee4", "alee3 was approved for Abe"


def test_an_archive_whose_memory_was_changed_is_not_approved(project: TestProject):
    project.csv("lakeside", write(project, ANN, ADA), NUMBERED)
    held = run(project)
    memory = held.folder / "assigned.parquet"
    pl.read_parquet(memory).head(1).write_parquet(memory)
    with pytest.raises(UsageError, match="not what was shown"):
        project.approve(held.record.id)


def test_a_memory_is_handed_on_while_the_mapping_does_not_use_it(project: TestProject):
    start(project)
    flow = project.root / "flows" / "lakeside.yaml"
    with_numbers = flow.read_text()
    flow.write_text(with_numbers.split("overrides:")[0])
    write(project, ADA, ABE)
    without = run(project)
    assert set(names(without.folder).values()) == {""}
    assert without.record.outcome == "delivered"
    flow.write_text(with_numbers)
    planned = run(project, deliver=False)
    assert names(planned.folder) == {"p0": "alee3", "p2": "alee2"}


def test_what_a_run_knew_lies_with_its_roster_so_that_it_can_be_mapped_again(
    project: TestProject,
):
    start(project)
    write(project, ADA, ABE)
    result = run(project)
    assert set(result.raw_paths()) >= {"users", "assigned"}
    shutil.rmtree(project.project.state / "lakeside" / "delivered")
    known = pl.read_parquet(result.raw_paths()["assigned"])
    assert sorted(known["value"]) == ["alee", "alee2"]


# ---------------------------------------------------------------- who keeps what


def test_with_keep_person_a_new_name_changes_no_text(project: TestProject):
    start(project)
    married = ("p2", "Ada", "Byron")
    write(project, ANN, married)
    assert names(run(project, deliver=False).folder) == {"p1": "alee", "p2": "abyron"}
    flow = project.root / "flows" / "lakeside.yaml"
    flow.write_text(flow.read_text().replace("as: account,", "as: account, keep: person,"))
    assert names(run(project).folder) == {"p1": "alee", "p2": "alee2"}
    write(project, ANN, ("p2", "Ada", "Other"), ABE)
    assert names(run(project).folder) == {"p0": "alee3", "p1": "alee", "p2": "alee2"}


def test_who_is_rejected_is_given_nothing_for_good(project: TestProject):
    """What was wrong may be just what the text is made of."""
    project.csv("lakeside", write(project, ANN, ADA, ("p3", "", "Lee")), NUMBERED)
    held = run(project)
    assert held.record.counts["students"].rejected
    project.approve(held.record.id)
    memory = pl.read_parquet(held.folder / "assigned.parquet")
    assert set(memory["key"]) == {"p1", "p2"}
    write(project, ANN, ADA, ("p4", "", "Lee"))
    assert "lee" not in set(pl.read_parquet(run(project).folder / "assigned.parquet")["base"])


def test_what_was_delivered_before_there_was_a_memory_stays(project: TestProject):
    """The district numbered elsewhere until today; nobody gets another name, and none is given twice."""
    by_hand = NUMBERED.replace(
        "    transforms:\n      - number: {as: account, base: \"{{ givenName[:1] | lower }}"
        "{{ familyName | lower }}\"}\n", ""
    ).replace("sis_username: account", "sis_username: \"'alee' if sourcedId == 'p2' else 'alee7'\"")  # fmt: skip
    assert "number" not in by_hand
    project.csv("lakeside", write(project, ANN, ADA), by_hand)
    project.approve(run(project).record.id)
    flow = project.root / "flows" / "lakeside.yaml"
    flow.write_text(flow.read_text().replace(by_hand, NUMBERED))
    write(project, ANN, ADA, ABE)
    result = run(project)
    assert names(result.folder) == {"p0": "alee2", "p1": "alee7", "p2": "alee"}
    write(project, ADA, ABE, ("p9", "Al", "Lee"))
    assert names(run(project).folder) == {"p0": "alee2", "p2": "alee", "p9": "alee3"}


def test_an_earlier_delivery_that_is_sent_again_forgets_no_text_that_was_given_since(
    project: TestProject,
):
    start(project)
    first = project.history.runs("lakeside", limit=1)[0]
    write(project, ANN, ADA, ABE)
    assert names(run(project).folder)["p0"] == "alee3"
    again = earlier.resend(
        project.project, first.id, by="a test", because="lost", services=project.services
    )
    assert again.record.outcome == "held"  # it would take Abe away
    assert project.approve(again.record.id).record.outcome == "delivered"
    write(project, ANN, ADA, ("p00", "Al", "Lee"))
    assert names(run(project, deliver=False).folder)["p00"] == "alee4"
    write(project, ANN, ADA, ABE)
    assert names(run(project).folder)["p0"] == "alee3"
