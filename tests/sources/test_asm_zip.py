"""A zip for Apple School Manager as a source: what it says, and the named error for whatever is wrong with it."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from etlrunner.errors import ChecksFailed, EtlError, Incomplete
from etlrunner.extract import extract
from etlrunner.lib.clock import SystemClock
from etlrunner.model.surroundings import SilentProgress
from etlrunner.sources import asm_zip

TABLES = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments")
CLOCK = SystemClock()
FILES = {
    "locations.csv": 'location_id,location_name\nS1,"North ""\\"School\\"\nS2,South\n',
    "students.csv": (
        "person_id,person_number,first_name,middle_name,last_name,grade_level,email_address,"
        "sis_username,password_policy,location_id,location_id_2\n"
        "p1,1,Ada,,Invented,9,ada@example.org,ada,,S1,S2\np2,,Bob,B,Invented,,,,4,S1,\n"
    ),
    "staff.csv": (
        "person_id,person_number,first_name,middle_name,last_name,email_address,sis_username,location_id\n"
        "t1,,Cyd,,Invented,,,S1\nt2,,Dan,,Invented,,,S1\nt3,,Eve,,Invented,,,S1\n"
    ),
    "courses.csv": 'course_id,course_number,course_name,location_id\nc1,ART,"Art, all",S1\n',
    "classes.csv": (
        "class_id,class_number,course_id,instructor_id,instructor_id_2,instructor_id_3,location_id\n"
        "k1,A1,c1,t2,t3,t1,S1\nk2,A2,c1,t1,t2,,S1\nk3,A3,c1,,,,S1\n"
    ),
    "rosters.csv": "roster_id,class_id,student_id\nk1--p1,k1,p1\nk1--p2,k1,p2\n",
}


def write(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def pull(path: Path, folder: Path) -> dict[str, pl.DataFrame]:
    with asm_zip.connect({"path": path}, clock=CLOCK, progress=SilentProgress()) as source:
        raw = extract(source, TABLES, folder, clock=CLOCK, progress=SilentProgress())
    return {name: pl.read_parquet(table.path) for name, table in raw.items()}


def refusal(path: Path) -> EtlError:
    with (
        pytest.raises(EtlError) as caught,
        asm_zip.connect({"path": path}, clock=CLOCK, progress=SilentProgress()),
    ):
        pass
    assert "Ada" not in str(caught.value)
    return caught.value


def test_the_six_files_become_the_rosters_tables(tmp_path: Path) -> None:
    files = FILES | {
        "locations.csv": 'location_id,location_name\nS1,"North \\"School\\""\nS2,South\n'
    }
    found = pull(write(tmp_path / "asm.zip", files), tmp_path)
    assert found["orgs"]["name"].to_list() == ['North "School"', "South"]
    assert found["users"].select("sourcedId", "role", "grades", "orgSourcedIds").rows() == [
        ("p1", "student", ["9"], ["S1", "S2"]), ("p2", "student", [], ["S1"]),
        ("t1", "teacher", [], ["S1"]), ("t2", "teacher", [], ["S1"]), ("t3", "teacher", [], ["S1"]),
    ]  # fmt: skip
    assert found["courses"]["title"].to_list() == ["Art, all"]
    teachers = found["enrollments"].filter(pl.col("role") == "teacher")
    assert teachers.select("classSourcedId", "userSourcedId", "primary").rows() == [
        ("k1", "t2", "true"), ("k1", "t3", "true"), ("k1", "t1", "false"),
        ("k2", "t1", "true"), ("k2", "t2", "false"),
    ]  # fmt: skip
    assert set(found["enrollments"]["schoolSourcedId"]) == {"S1"}
    assert found["academicSessions"].row(0, named=True)["endDate"] == ""


Change = Callable[[str], str]


def replaced(old: str, new: str) -> Change:
    return lambda text: text.replace(old, new, 1)


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("bom", lambda text: "\ufeff" + text),
        ("header_case", replaced("person_id", "Person_ID")),
        ("header", replaced("email_address", "email_adress")),
        ("header", replaced("person_id,", "")),
        ("hidden_characters", replaced("first_name", "first\u200bname")),
        ("header_only", lambda text: text.split("\n")[0] + "\n"),
        ("empty", lambda text: ""),
        ("separator", lambda text: text.replace(",", ";")),
        ("width", replaced("p1,", "p1,,")),
        ("quotes", replaced("Ada", '"Ada')),
        ("quotes", replaced("Ada", 'A"da')),
        ("no_id", replaced("\np1,", "\n,")),
        ("id_twice", replaced("\np1,", "\np2,")),
        ("cut_off", lambda text: text[:-1]),
    ],
)
def test_what_is_wrong_with_a_file_is_named(tmp_path: Path, rule: str, change: Change) -> None:
    files = FILES | {"locations.csv": "location_id,location_name\nS1,North\nS2,South\n"}
    files["students.csv"] = change(files["students.csv"])
    error = refusal(write(tmp_path / "asm.zip", files))
    assert isinstance(error, ChecksFailed)
    assert {each.rule for each in error.findings} == {f"asm_zip.{rule}"}
    assert {each.table for each in error.findings} == {"students"}


def test_a_person_who_is_pupil_and_staff_is_named_by_count(tmp_path: Path) -> None:
    files = FILES | {"locations.csv": "location_id,location_name\nS1,North\nS2,South\n"}
    files["staff.csv"] = files["staff.csv"].replace("t1,", "p1,")
    assert "1 person_id(s) are in students.csv and in staff.csv" in str(
        refusal(write(tmp_path / "asm.zip", files))
    )


@pytest.mark.parametrize("missing", FILES)
def test_each_of_the_six_files_is_needed(tmp_path: Path, missing: str) -> None:
    files = {name: text for name, text in FILES.items() if name != missing}
    assert f"{missing}: the file is missing" in str(refusal(write(tmp_path / "asm.zip", files)))


def test_onerosters_files_are_sent_to_their_own_source(tmp_path: Path) -> None:
    error = refusal(write(tmp_path / "roster.zip", {"users.csv": "x", "orgs.csv": "x"}))
    assert "type: oneroster-csv" in str(error)


def test_a_half_written_zip_is_incomplete(tmp_path: Path) -> None:
    path = write(tmp_path / "asm.zip", FILES)
    path.write_bytes(path.read_bytes()[:-30])
    assert isinstance(refusal(path), Incomplete)
