"""Repairs take out what refers to nothing, list each change, and keep every count."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from etlrunner import check
from etlrunner.checks import apple_school_manager, references
from etlrunner.model.surroundings import SilentProgress
from etlrunner.package import package
from etlrunner.target import APPLE_SCHOOL_MANAGER as TARGET
from tests.support import finished
from tests.support.finished import District

ALL = (
    "person_location_missing",
    "class_instructor_missing",
    "roster_class_missing",
    "roster_student_missing",
)


def checked(folder: Path, tables: District, *repairs: str) -> check.Checked:
    return check.check(
        finished.flow(repair=repairs),
        TARGET,
        finished.finished(folder, tables),
        folder,
        modules=(apple_school_manager, references),
        progress=SilentProgress(),
    )


def rows(made: check.Checked, name: str) -> list[dict[str, str]]:
    return pl.read_parquet(made.finished[name].path).to_dicts()


def rejects(folder: Path) -> list[tuple[str, ...]]:
    return pl.read_parquet(folder / "rejects.parquet").rows()


def test_nothing_is_repaired_unless_the_flow_says_so(tmp_path: Path) -> None:
    tables = finished.district()
    tables["rosters"].append(finished.roster("K-9", "S-9"))
    made = checked(tmp_path, tables)
    assert made.repairs == ()
    assert {f.rule for f in made.findings} == {"asm-ref-class", "asm-ref-student"}
    assert made.has_errors


def test_an_instructor_is_taken_off_and_the_gap_is_closed(tmp_path: Path) -> None:
    tables = finished.district()
    tables["classes"][0] = finished.school_class(1, instructors=("T-9", "T-1", "T-8", "T-2"))
    made = checked(tmp_path, tables, "class_instructor_missing")
    kept = rows(made, "classes")[0]
    assert [kept[name] for name in kept if name.startswith("instructor")] == ["T-1", "T-2", "", ""]
    [repair] = made.repairs
    assert (repair.rule, repair.table, repair.key) == (
        "repair.class_instructor_missing",
        "classes",
        "K-1",
    )
    assert (repair.before, repair.after) == ("T-9, T-1, T-8, T-2", "T-1, T-2")
    assert not repair.row_dropped
    assert made.findings == ()
    assert made.finished["classes"].counts.written == 2


def test_a_class_without_any_instructor_left_stays_with_a_warning(tmp_path: Path) -> None:
    tables = finished.district()
    tables["classes"][0] = finished.school_class(1, instructors=("T-9",))
    made = checked(tmp_path, tables, "class_instructor_missing")
    assert [f.rule for f in made.findings] == ["asm-class-no-instructor"]
    assert rows(made, "classes")[0]["instructor_id"] == ""


def test_roster_rows_are_dropped_counted_and_rejected(tmp_path: Path) -> None:
    tables = finished.district()
    tables["rosters"] += [
        finished.roster("K-9", "S-1"),
        finished.roster("K-9", "S-9"),
        finished.roster("K-1", "S-9"),
    ]
    made = checked(tmp_path, tables, "roster_class_missing", "roster_student_missing")
    counts = made.finished["rosters"].counts
    assert counts.rejected == {
        "repair.roster_class_missing": 2,
        "repair.roster_student_missing": 1,
    }
    assert (counts.read, counts.written) == (6, 3)
    assert counts.holds()
    assert [row["roster_id"] for row in rows(made, "rosters")] == ["K-1-S-1", "K-1-S-2", "K-2-S-3"]
    assert rejects(tmp_path) == [
        ("rosters", "K-9-S-1", "repair.roster_class_missing", "class_id"),
        ("rosters", "K-9-S-9", "repair.roster_class_missing", "class_id"),
        ("rosters", "K-1-S-9", "repair.roster_student_missing", "student_id"),
    ]
    assert made.findings == ()


def test_a_dropped_row_has_the_repair_as_its_fate(tmp_path: Path) -> None:
    tables = finished.district()
    tables["rosters"].append(finished.roster("K-9", "S-1"))
    made = checked(tmp_path, tables, "roster_class_missing").finished["rosters"]
    assert made.fate_path is not None
    fates = {key: fate for _, key, fate in pl.read_parquet(made.fate_path).iter_rows()}
    assert made.reasons == ("where", "repair.roster_class_missing")
    assert fates == {"K-1-S-1": 0, "K-1-S-2": 0, "K-2-S-3": 0, "K-9-S-1": 2}


def test_earlier_rejects_are_kept(tmp_path: Path) -> None:
    earlier = ("students", "S-77", "required.last_name", "last_name")
    names = ["table", "key", "rule", "column"]
    pl.DataFrame([earlier], schema=names, orient="row").write_parquet(tmp_path / "rejects.parquet")
    tables = finished.district()
    tables["rosters"].append(finished.roster("K-9", "S-1"))
    checked(tmp_path, tables, "roster_class_missing")
    assert rejects(tmp_path) == [
        earlier,
        ("rosters", "K-9-S-1", "repair.roster_class_missing", "class_id"),
    ]


def test_a_person_keeps_the_schools_that_exist(tmp_path: Path) -> None:
    tables = finished.district()
    tables["students"][0] |= {"location_id": "9", "location_id_2": "102"}
    made = checked(tmp_path, tables, "person_location_missing")
    kept = rows(made, "students")[0]
    assert (kept["location_id"], kept["location_id_2"]) == ("102", "")
    assert [(r.before, r.after, r.row_dropped) for r in made.repairs] == [("9, 102", "102", False)]
    assert made.finished["students"].counts.written == 3


def test_what_is_dropped_is_missing_for_the_next_repair(tmp_path: Path) -> None:
    """A school is gone: its pupil, then the pupil's roster row; its teacher, then the class's instructor."""
    tables = finished.district()
    tables["students"][0]["location_id"] = "9"
    tables["staff"][1]["location_id"] = "9"
    made = checked(tmp_path, tables, *ALL)
    assert [(r.rule.removeprefix("repair."), r.key, r.row_dropped) for r in made.repairs] == [
        ("person_location_missing", "S-1", True),
        ("person_location_missing", "T-2", True),
        ("class_instructor_missing", "K-2", False),
        ("roster_student_missing", "K-1-S-1", True),
    ]
    assert made.findings == ()
    assert rows(made, "classes")[1]["instructor_id"] == "T-1"
    assert all(table.counts.holds() for table in made.finished.values())


def test_two_rows_of_one_key_are_judged_each_by_itself(tmp_path: Path) -> None:
    tables = finished.district()
    tables["rosters"].append(finished.roster("K-9", "S-1", roster_id="K-1-S-1"))
    made = checked(tmp_path, tables, *ALL)
    assert [row["class_id"] for row in rows(made, "rosters")] == ["K-1", "K-1", "K-2"]
    assert made.finished["rosters"].counts.holds()


def test_an_empty_required_location_is_no_reference_and_stays_an_error(tmp_path: Path) -> None:
    tables = finished.district()
    tables["students"][0]["location_id"] = ""
    made = checked(tmp_path, tables, *ALL)
    assert made.repairs == ()
    assert [f.rule for f in made.findings] == ["asm-required"]


def stubbed(folder: Path, tables: District, **repair: str) -> check.Checked:
    return check.check(
        finished.flow(repair=repair),
        TARGET,
        finished.finished(folder, tables),
        folder,
        modules=(apple_school_manager, references),
        progress=SilentProgress(),
    )


def test_a_missing_course_is_made_from_its_id_where_its_class_is(tmp_path: Path) -> None:
    tables = finished.district()
    tables["classes"][1]["course_id"] = "C-9"
    made = stubbed(tmp_path, tables, class_course_missing="stub")
    new = {row["course_id"]: row for row in rows(made, "courses")}["C-9"]
    assert new == {"course_id": "C-9", "course_number": "", "course_name": "", "location_id": "102"}
    counts = made.finished["courses"].counts
    assert (counts.read, counts.added, counts.written) == (2, 1, 3)
    [repair] = made.repairs
    assert (repair.table, repair.key, repair.after, repair.row_added) == (
        "courses",
        "C-9",
        "C-9",
        True,
    )
    assert {f.rule for f in made.findings} == {"asm-course-no-name", "asm-course-no-classes"}
    assert [row["course_id"] for row in rows(made, "courses")] == ["C-1", "C-2", "C-9"]


def test_a_missing_location_is_made_once_and_called_by_its_id(tmp_path: Path) -> None:
    tables = finished.district()
    tables["students"][0]["location_id_2"] = "D-1"
    tables["staff"][0]["location_id"] = "D-1"
    made = stubbed(tmp_path, tables, person_location_missing="stub")
    assert {"location_id": "D-1", "location_name": "D-1"} in rows(made, "locations")
    assert [(r.table, r.key) for r in made.repairs] == [("locations", "D-1")]
    assert made.findings == ()
    lines = pl.read_parquet(tmp_path / "findings.parquet")
    assert lines.select("table", "key", "verdict").rows() == [("locations", "D-1", "stub")]


def test_a_course_of_a_school_that_is_not_there_takes_its_classes_along(tmp_path: Path) -> None:
    tables = finished.district()
    tables["courses"][1]["location_id"] = "9"
    made = checked(tmp_path, tables, "course_location_missing", "class_course_missing", *ALL)
    assert [row["class_id"] for row in rows(made, "classes")] == ["K-1"]
    assert [row["roster_id"] for row in rows(made, "rosters")] == ["K-1-S-1", "K-1-S-2"]
    assert made.findings == ()


def test_a_stub_has_a_fate_and_the_law_holds(tmp_path: Path) -> None:
    tables = finished.district()
    tables["classes"][0]["location_id"] = "55"
    made = stubbed(tmp_path, tables, class_location_missing="stub").finished["locations"]
    assert made.fate_path is not None
    fates = pl.read_parquet(made.fate_path)
    assert fates.filter(key="55").rows() == [(2, "55", 0)]
    assert made.counts.holds()


def test_a_table_without_repairs_is_not_written_again(tmp_path: Path) -> None:
    tables = finished.district()
    tables["rosters"].append(finished.roster("K-9", "S-1"))
    handed = finished.finished(tmp_path, tables)
    inode = {name: made.path.stat().st_ino for name, made in handed.items()}
    made = check.check(
        finished.flow(repair=ALL),
        TARGET,
        handed,
        tmp_path,
        modules=(),
        progress=SilentProgress(),
    )
    changed = {n for n, t in made.finished.items() if t.path.stat().st_ino != inode[n]}
    assert changed == {"rosters"}


def test_after_the_repairs_the_zip_validates(tmp_path: Path) -> None:
    tables = finished.district()
    tables["classes"][1] = finished.school_class(2, "102", ("T-9", "T-2"), course_id="C-2")
    tables["rosters"].append(finished.roster("K-9", "S-9"))
    made = checked(tmp_path, tables, *ALL)
    paths = {name: table.path for name, table in made.finished.items()}
    archive = package(TARGET, paths, tmp_path / "roster.zip")
    assert check.check_zip(archive.path) == ()
