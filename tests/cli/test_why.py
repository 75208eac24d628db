"""`etlrunner why`: records by any name, what is not there, old runs, masks, mistakes."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from etlrunner.sandbox.district import District
from tests.cli.conftest import Etlrunner
from tests.support.prepared import Prepared

DAY = date(2027, 3, 1)
FLOW = """
version: 1
source: {type: oneroster-csv, path: roster.zip}
mapping: apple-school-manager
sink: {type: local-folder, path: out}
repair: {roster_student_missing: drop, roster_class_missing: drop, class_instructor_missing: drop}
overrides: {students: {columns: {sis_username: username | upper}}}
"""


@pytest.fixture
def home(folder: Path, etlrunner: Etlrunner, prepared: Prepared) -> pl.DataFrame:
    """A project whose flow `home` was run once; its users."""
    district = District(students=40, seed=3, as_of=DAY)

    def make(project: Path) -> None:
        (project / "flows").mkdir()
        (project / "out").mkdir()
        district.write_csv(project / "roster.zip", "1.1")
        (project / "flows" / "home.yaml").write_text(FLOW)
        ended = etlrunner("run", "home", "--as-of", "2027-03-01", "--project", project)
        assert ended.code == 6, ended.err

    prepared.copy("run once, to ask why", make, folder)
    return district.tables["users"]


def test_a_pupil_is_found_by_any_name_and_shown_without_one(
    etlrunner: Etlrunner, home: pl.DataFrame
):
    pupil = home.filter((pl.col("role") == "student") & (pl.col("status") == "active")).row(
        0, named=True
    )
    words = [pupil[name] for name in ("sourcedId", "identifier", "username", "email")]
    shown = [etlrunner("why", "home", "students", word) for word in (*words, words[3].upper())]
    assert {one.code for one in shown} == {0}
    assert len({one.out for one in shown}) == 1
    text = shown[0].out
    assert text.splitlines()[-1] == f"students {pupil['sourcedId']} would be in students.csv."
    assert not any(
        f" {pupil[name]} " in text for name in ("givenName", "familyName", "email", "username")
    )
    assert max(map(len, text.splitlines())) <= 80
    assert "flows/home.yaml:7" in text
    open_ = etlrunner("why", "home", "students", words[0], "--show-values")
    assert pupil["familyName"] in open_.out
    document = etlrunner("why", "home", "students", words[0], "--json").document
    assert document["account"]["fates"] == {"written": 1}
    assert [one["name"] for one in document["account"]["rows"][0]["columns"]][:2] == [
        "person_id",
        "person_number",
    ]


def test_a_teacher_is_no_student_and_the_last_line_says_by_which_rule(
    etlrunner: Etlrunner, home: pl.DataFrame
):
    teacher = home.filter(pl.col("role") == "teacher")["sourcedId"][0]
    shown = etlrunner("why", "home", "students", teacher)
    assert shown.code == 0
    assert "OUT" in shown.out
    assert shown.last.startswith(
        f'students {teacher} would not be in students.csv: `role == "student"`'
    )
    assert "staff: written" in shown.out


def test_class_and_student_name_a_roster_row_and_a_half_that_is_not_there_is_told(
    etlrunner: Etlrunner, home: pl.DataFrame, folder: Path
):
    [finished] = folder.glob(".etlrunner/home/runs/*/finished/rosters.parquet")
    row = pl.read_parquet(finished).row(0, named=True)
    for words in ([row["roster_id"]], [row["class_id"], row["student_id"]]):
        shown = etlrunner("why", "home", "rosters", *words)
        assert (shown.code, shown.last) == (
            0,
            f"rosters {row['roster_id']} would be in rosters.csv.",
        )
    apart = etlrunner("why", "home", "rosters", row["class_id"], "nobody")
    assert apart.code == 0
    assert f"the class is in the source: etlrunner why home classes {row['class_id']}" in apart.out
    assert "the person is not in the source" in apart.out


def test_what_is_not_in_the_source_is_told_with_what_it_may_be(
    etlrunner: Etlrunner, home: pl.DataFrame
):
    pupil = home["sourcedId"][0]
    near = etlrunner("why", "home", "students", pupil.upper() + " ")
    assert near.code == 0
    assert f"etlrunner why home students {pupil}" in near.out
    assert near.last.startswith("students: the source had no such record on 2027-03-01, in home-")
    elsewhere = etlrunner("why", "home", "students", "cls-1").out
    assert "etlrunner why home classes cls-1" in elsewhere
    assert "etlrunner plan home" in etlrunner("why", "home", "students", "nobody").out
    document = etlrunner("why", "home", "students", "nobody", "--json").document
    assert (document["found"], document["near"]) == (False, [])


def test_several_records_are_listed_by_identifier(
    etlrunner: Etlrunner, home: pl.DataFrame, folder: Path
):
    district = District(students=40, seed=3, as_of=DAY)
    twins = pl.when(pl.col("sourcedId").is_in(["stu-3", "stu-4"])).then(pl.lit("Twin"))
    username = twins.otherwise("username").alias("username")
    district.tables["users"] = home.with_columns(username)
    district.write_csv(folder / "roster.zip", "1.1")
    assert etlrunner("plan", "home", "--as-of", "2027-03-01").code == 6
    shown = etlrunner("why", "home", "students", "twin")
    assert shown.code == 2
    assert shown.last == "2 records have that username; ask again with one of these sourcedIds."
    assert "stu-3" in shown.out
    document = etlrunner("why", "home", "students", "TWIN", "--json").document
    assert [one["record"]["sourcedId"] for one in document["accounts"]] == ["stu-3", "stu-4"]


def test_an_old_run_is_explained_by_the_configuration_that_it_had(
    etlrunner: Etlrunner, home: pl.DataFrame, folder: Path
):
    first = etlrunner("history", "home", "--json").document["runs"][0]["id"]
    flow = folder / "flows" / "home.yaml"
    flow.write_text(flow.read_text() + "select: {grades: ['99']}\n")
    second = etlrunner("plan", "home", "--as-of", "2027-03-01")
    assert second.code in (5, 6), second.err
    pupil = home.filter((pl.col("role") == "student") & (pl.col("status") == "active"))[
        "sourcedId"
    ][0]
    now = etlrunner("why", "home", "students", pupil)
    assert "`select.grades` took it out" in now.last
    assert "wanted: 99" in now.out
    then = etlrunner("why", "home", "students", pupil, "--run", first)
    assert then.last == f"students {pupil} would be in students.csv."
    flow.unlink()
    assert etlrunner("why", "home", "students", pupil, "--run", first).out == then.out


def test_what_was_delivered_and_is_gone_is_told(
    etlrunner: Etlrunner, home: pl.DataFrame, folder: Path
):
    assert etlrunner("approve", "home", "--yes", "--because", "seen").code == 0
    district = District(students=40, seed=3, as_of=DAY)
    gone = home.filter((pl.col("role") == "student") & (pl.col("status") == "active"))["sourcedId"][
        3
    ]
    district.tables["users"] = home.filter(pl.col("sourcedId") != gone)
    district.write_csv(folder / "roster.zip", "1.1")
    assert etlrunner("plan", "home", "--as-of", "2027-03-01").code in (0, 6)
    shown = etlrunner("why", "home", "students", gone)
    assert "delivered this key, so it goes with the next delivery" in shown.out
    kept = etlrunner("why", "home", "students", home["sourcedId"][0], "--json").document
    assert kept["account"]["rows"][0]["change"]["kind"] == "unchanged"


def test_mistakes_are_told_apart(etlrunner: Etlrunner, home: pl.DataFrame):
    for args, said in [
        (["home", "pupils", "1"], "there is no table 'pupils'"),
        (["home", "student", "1"], "did you mean 'students'?"),
        (["homes", "students", "1"], "did you mean 'home'?"),
        (["home", "students", "1", "2"], "2 ids are too many"),
        (["home", "students", "1", "--run", "home-1999-01-01-1"], "there is no run"),
    ]:
        ended = etlrunner("why", *args)
        assert (ended.code, ended.out) == (2, ""), args
        assert said in ended.err
    assert etlrunner("why", "home", "students").code == 2


def test_a_flow_that_never_ran_says_how_to_begin(etlrunner: Etlrunner, lakeside: Path):
    ended = etlrunner("why", "lakeside", "students", "1")
    assert (ended.code, "etlrunner plan lakeside" in ended.err) == (2, True)


def test_preview_says_of_what_is_not_written_why_and_where_to_ask(
    etlrunner: Etlrunner, home: pl.DataFrame
):
    pupil = home.filter((pl.col("role") == "student") & (pl.col("status") == "active"))[
        "sourcedId"
    ][0]
    teacher = home.filter(pl.col("role") == "teacher")["sourcedId"][0]
    ids = [word for one in (pupil, teacher, "nobody") for word in ("--id", one)]
    shown = etlrunner("preview", "home", "students", *ids)
    lines = shown.out.splitlines()
    assert (shown.code, lines[-1].split(" of ")[0]) == (0, "1")
    ask = f"etlrunner why home students {teacher}"
    assert f'students {teacher}: taken out by `role == "student"`; more: {ask}' in lines
    assert "students nobody: not in the source; more: etlrunner why home students ID" in lines
    assert max(map(len, lines)) <= 80 or not any(len(line) > 80 for line in lines if "→" in line)
    document = etlrunner("preview", "home", "students", *ids, "--json").document
    assert [one["fate"] for one in document] == [
        "written",
        'role == "student"',
        "not in the source",
    ]
    assert [one["result"] is None for one in document] == [False, True, True]
    by_mail = etlrunner("preview", "home", "students", "--id", "a@b.example", "--json").document
    assert by_mail[0]["fate"] == "not in the source"


def test_preview_shows_the_rows_after_each_step(etlrunner: Etlrunner, home: pl.DataFrame):
    shown = etlrunner("preview", "home", "classes", "--rows", "2", "--steps")
    assert shown.code == 0
    assert "step 1, collect (etlrunner/mappings/apple-school-manager/classes.yaml:8:5)" in shown.out
    assert "+instructors" in shown.out
    assert "\x1b" not in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80
    [one] = etlrunner("preview", "home", "classes", "--rows", "1", "--steps", "--json").document
    assert [step["step"].split(":")[0] for step in one["steps"]] == ["collect", "join", "join"]
    assert one["steps"][0]["after"][0]["instructors"] == one["steps"][2]["after"][0]["instructors"]
    teacher = home.filter(pl.col("role") == "student")["sourcedId"][0]
    gone = etlrunner("preview", "home", "staff", "--id", teacher, "--steps").out
    assert " gone " in gone


def test_preview_takes_the_roster_of_a_run_that_failed_over_its_mapping(
    etlrunner: Etlrunner, home: pl.DataFrame, folder: Path
):
    flow = folder / "flows" / "home.yaml"
    mended = flow.read_text()
    lookups = "lookups: {few: {rows: {XX: '1'}}}"
    grade = "{expr: grades | first, lookup: few, missing: fail}"
    columns = f"overrides: {{students: {{columns: {{grade_level: {grade}}}, {lookups}}}}}\n"
    flow.write_text(FLOW.replace(FLOW.strip().splitlines()[-1] + "\n", columns))
    assert etlrunner("plan", "home", "--as-of", "2027-03-01").code == 5
    flow.write_text(mended)
    shown = etlrunner("preview", "home", "students", "--rows", "1")
    assert (shown.code, "the roster is that of home-" in shown.err) == (0, True)
    failed = etlrunner("history", "home", "--json").document["runs"][0]["id"]
    assert f"of {failed};" in shown.err


def test_a_roster_row_that_hangs_on_its_class_says_what_to_ask_next(
    etlrunner: Etlrunner, home: pl.DataFrame, folder: Path
):
    [run] = folder.glob(".etlrunner/home/runs/*")
    rosters = pl.read_parquet(run / "fate" / "rosters.parquet")
    rules = json.loads((run / "reasons.json").read_text())["tables"]["rosters"]["rules"]
    hanging = rosters.filter(pl.col("fate") == 1 + rules.index("select.class"))["key"][0]
    raw = pl.read_parquet(run / "raw" / "enrollments.parquet").filter(
        pl.col("sourcedId") == hanging
    )
    shown = etlrunner("why", "home", "rosters", hanging).out.splitlines()
    ask = f"etlrunner why home classes {raw['classSourcedId'][0]}"
    assert f"next      {ask}" in shown
    assert etlrunner(*ask.split()[1:]).last.startswith("classes ")


def test_who_is_gone_and_sent_as_last_known_is_told(
    etlrunner: Etlrunner, home: pl.DataFrame, folder: Path
):
    assert etlrunner("approve", "home", "--yes", "--because", "seen").code == 0
    flow = folder / "flows" / "home.yaml"
    flow.write_text(flow.read_text() + "grace: {students: {runs: 3, days: 5}}\n")
    pupils = home.filter((pl.col("role") == "student") & (pl.col("status") == "active"))[
        "sourcedId"
    ]
    district = District(students=40, seed=3, as_of=DAY)
    district.tables["users"] = home.filter(pl.col("sourcedId") != pupils[3])
    district.write_csv(folder / "roster.zip", "1.1")
    assert etlrunner("plan", "home", "--as-of", "2027-03-02").code in (0, 6)
    shown = etlrunner("why", "home", "students", pupils[3])
    assert "It is gone since 2027-03-02 (run 1); grace sends it as last known." in shown.out
    document = etlrunner("why", "home", "students", pupils[3], "--json").document
    assert document["held_over"] == {"since": "2027-03-02", "runs": 1}


def test_a_school_that_select_took_out_of_a_list_is_named(etlrunner: Etlrunner, folder: Path):
    district = District(students=40, seed=3, as_of=DAY, clean=True, schools=2)
    one, other = district.schools[:2]
    users = district.tables["users"].filter(role="student", status="active")
    pupil = users.filter(pl.col("orgSourcedIds") == [one])["sourcedId"][0]
    both = district.changed("users", {pupil: {"orgSourcedIds": [one, other]}})
    (folder / "flows").mkdir()
    (folder / "out").mkdir()
    both.write_csv(folder / "roster.zip", "1.1")
    (folder / "flows" / "home.yaml").write_text(
        FLOW + f"select: {{schools: {{exclude: ['{other}']}}}}\n"
    )
    assert etlrunner("run", "home", "--as-of", "2027-03-01").code == 6
    told = etlrunner("why", "home", "students", pupil)
    assert f"{other} is left out by select.schools" in " ".join(told.out.split())
    assert "would be in students.csv" in told.out
