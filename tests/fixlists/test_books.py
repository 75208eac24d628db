"""The files themselves: text is text, the header stays, nobody else can read them, two days never mix."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from etlrunner.errors import LocalTrouble, UsageError
from etlrunner.fixlists import folder
from etlrunner.lib import excel
from etlrunner.lib.excel import Sheet
from tests.fixlists.conftest import Books

AWKWARD = (
    "007",
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "#N/A",
    "1E5",
    "2027-03-01",
    "a\x00b\x0bc\u202e",
    "Zoë",
)


def test_every_cell_is_the_text_it_was(tmp_path: Path):
    path = tmp_path / "a.xlsx"
    excel.write(path, [Sheet("One", [AWKWARD], [10] * len(AWKWARD), ["h"] * len(AWKWARD))])
    sheet = openpyxl.load_workbook(path)["One"]
    cells = sheet[2]
    assert [one.value for one in cells[:8]] == list(AWKWARD[:8])
    assert cells[8].value == "a\\u0000b\\u000bc\\u202e"
    assert {one.data_type for one in cells} == {"s"}
    assert {one.number_format for one in cells} == {"@"}
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:J2"
    assert sheet.column_dimensions["B"].width == 10
    assert cells[0].alignment.wrap_text
    assert [one.name for one in tmp_path.iterdir()] == ["a.xlsx"], "nothing unpacked is left"


def test_names_of_files_suit_every_file_system():
    taken = {"district.xlsx"}
    names = [
        ("North/High: \\ <School>", "10/1"), ("north high school", "10 1"), ("", ""), ("..", "."),
        ("École Ste-Anne & Co.", "7"), ("x" * 300, "y" * 300), ("CON", "1"), ("\u202eevil\n", "2"),
    ]  # fmt: skip
    made = [folder.file_name(name, key, taken) for name, key in names]
    assert made[0] == "North High School (10 1).xlsx"
    assert made[1] == "north high school (10 1) 2.xlsx"
    assert made[2] == "School (no id).xlsx"
    assert made[4] == "École Ste-Anne & Co (7).xlsx"
    assert len({one.casefold() for one in made}) == len(made)
    for one in made:
        assert len(one.encode()) < 200
        assert not set('<>:"/\\|?*\n\u202e') & set(one)
        assert one.strip(". ") == one


def fill(to: Path, *names: str) -> None:
    with folder.replacing(folder.check(to)) as beside:
        for name in names:
            (beside / name).write_text("list")


def test_a_folder_of_older_lists_is_replaced_as_a_whole(tmp_path: Path):
    to = tmp_path / "lists"
    fill(to, "a.xlsx", "b.xlsx")
    fill(to, "b.xlsx")
    assert sorted(one.name for one in to.iterdir()) == [folder.MADE, ".gitignore", "b.xlsx"]
    assert json.loads((to / folder.MADE).read_text()) == {"files": ["b.xlsx"]}
    assert "*" in (to / ".gitignore").read_text().split()
    assert stat.S_IMODE(to.stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in to.iterdir()} == {0o600}
    assert [one.name for one in tmp_path.iterdir()] == ["lists"]


def test_a_folder_with_anything_else_in_it_is_refused(tmp_path: Path):
    to = tmp_path / "lists"
    fill(to, "a.xlsx")
    (to / "holiday.jpg").write_text("mine")
    with pytest.raises(UsageError, match="other files than older lists"):
        folder.check(to)
    with pytest.raises(UsageError, match="other files"):
        folder.check(tmp_path)
    (to / "x").write_text("")
    with pytest.raises(UsageError, match="is no folder"):
        folder.check(to / "x")
    (empty := tmp_path / "empty").mkdir()
    assert folder.check(empty) == empty


def test_an_error_leaves_the_older_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    to = tmp_path / "lists"
    fill(to, "a.xlsx")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder.files, "flush", full)
    with pytest.raises(LocalTrouble):
        fill(to, "b.xlsx")
    assert sorted(one.name for one in to.iterdir()) == [folder.MADE, ".gitignore", "a.xlsx"]
    assert [one.name for one in tmp_path.iterdir()] == ["lists"]


def test_what_a_killed_run_left_is_swept(tmp_path: Path):
    for name in (".lists.17.part", ".lists.18.old", ".lists.x.part", ".others.17.part"):
        (tmp_path / name).mkdir()
    folder.sweep(tmp_path / "lists")
    assert sorted(one.name for one in tmp_path.iterdir()) == [".lists.x.part", ".others.17.part"]


PERSON = {"status": "active", "dateLastModified": "2026-08-01T12:00:00.000Z", "enabledUser": "true"}
ROSTER: dict[str, list[dict[str, Any]]] = {
    "orgs": [{**PERSON, "sourcedId": "s", "type": "school", "name": "=Elm"}],
    "academicSessions": [
        {**PERSON, "sourcedId": "y", "type": "term", "startDate": "2026-08-01", "endDate": "2027-06-30"}
    ],
    "courses": [{**PERSON, "sourcedId": "c", "title": "Art", "orgSourcedId": "s"}],
    "classes": [
        {**PERSON, "sourcedId": "k", "classCode": "A1", "courseSourcedId": "c",
         "schoolSourcedId": "s", "termSourcedIds": ["y"]},
    ],
    "users": [
        {**PERSON, "sourcedId": "p", "role": "student", "familyName": "=Person", "givenName": "Ann",
         "identifier": "007", "email": "ann@@x", "orgSourcedIds": ["s"]},
        {**PERSON, "sourcedId": "q", "role": "student", "familyName": "", "givenName": "Bo",
         "identifier": "0011", "orgSourcedIds": ["s"]},
        {**PERSON, "sourcedId": "t", "role": "teacher", "familyName": "Teacher", "givenName": "",
         "identifier": "5", "orgSourcedIds": ["s"]},
    ],
    "enrollments": [
        {**PERSON, "sourcedId": f"e{who}", "classSourcedId": "k", "schoolSourcedId": "s",
         "userSourcedId": who, "role": "teacher" if who == "t" else "student"}
        for who in "pqt"
    ],
}  # fmt: skip
EXTRA = """\
description: Elm District
repair: {roster_student_missing: drop, class_instructor_missing: drop}
grace: {students: {runs: 3, days: 5}}
rules: {asm-email-malformed: blank}
fix_lists: {contact: "Help desk, 4040", screens: {student_account: Here}}
"""


def test_one_list_in_full(lists: Callable[..., Books]):
    books = lists(ROSTER, EXTRA)
    [one] = books.made.lists
    assert one.file == "Elm (s).xlsx"
    page = books.texts(one.file)
    assert "=Elm: 3 records to mend in the SIS" in page
    assert "Help desk, 4040" in page
    assert "Monday, March 1, 2027" in page
    rows = {(r["What"], r["Name"]): r for r in books.sheet(one.file, "To mend")}
    assert list(rows) == [
        ("Student", "=Person, Ann"), ("Student", "Bo"), ("Staff member", "Teacher"),
    ]  # fmt: skip
    ann = rows["Student", "=Person, Ann"]
    assert ann["Number in the SIS"] == "007"
    assert ann["What is wrong"] == "The e-mail address is not one that can be written to."
    assert ann["What the SIS has now"] == "ann@@x"
    assert ann["Where to fix it"] == "Here"
    assert ann["What happens if nobody does"] == (
        "The e-mail address is left empty in Apple School Manager."
    )
    bo = rows["Student", "Bo"]
    assert bo["What is wrong"] == "The last name is missing."
    assert bo["What the SIS has now"] == "(empty)"
    assert "is deactivated. For a few days the last known" in bo["What happens if nobody does"]
    follows = books.sheet(one.file, "Follows by itself")
    assert [(r["What"], r["Name"], r["What the SIS has now"]) for r in follows] == [
        ("Class", "Art", ""),
        ("Class", "Art", "Teacher (5)"),
        ("Enrollment", "Bo in Art (A1)", "Bo (0011)"),
    ]


def test_where_nothing_is_to_mend_only_the_summary_is_left(lists: Callable[..., Books]):
    lists(ROSTER, EXTRA)
    good = {"familyName": "Person", "givenName": "Bo", "email": "bo@example.org"}
    users = [{**one, **good} for one in ROSTER["users"]]
    books = lists({**ROSTER, "users": users}, EXTRA)
    assert (books.made.lists, books.made.records) == ((), 0)
    assert [one.name for one in books.made.folder.glob("*.xlsx")] == ["summary.xlsx"]


MINIMA = """\
safeguards: {expect: {students: 1, staff: 1, courses: 1, classes: 1, rosters: 1, locations: 1}}
grace: {students: {runs: 3, days: 5}}
"""


def test_who_is_gone_from_the_sis_and_was_held_over_is_on_the_own_schools_list(
    lists: Callable[..., Books],
):
    good = {"familyName": "Person", "givenName": "Bo", "email": ""}
    users = [{**one, **good} for one in ROSTER["users"]]
    assert lists({**ROSTER, "users": users}, MINIMA).made.lists == ()
    left = [one for one in ROSTER["enrollments"] if one["userSourcedId"] != "q"]
    books = lists({**ROSTER, "users": [users[0], users[2]], "enrollments": left}, MINIMA)
    [one] = books.made.lists
    [row] = books.sheet(one.file, "To mend")
    assert (row["Name"], row["Number in the SIS"], row["Code"]) == (
        "Person, Bo",
        "0011",
        "held-over",
    )
    assert one.school == "s"
    assert row["Where to fix it"] == "The student's record: schools"


def test_what_is_odd_about_a_last_known_row_is_on_no_list(lists: Callable[..., Books]):
    """The record is gone: there is nothing to mend in it but that."""
    good = {"familyName": "Person", "givenName": "Bo"}
    users = [{**one, **good, "email": f"bo{n}.example"} for n, one in enumerate(ROSTER["users"])]
    codes = {"asm-email-malformed"}
    found = lists({**ROSTER, "users": users}, MINIMA)
    assert {row["Code"] for row in found.sheet(found.made.lists[0].file, "To mend")} == codes
    left = [one for one in ROSTER["enrollments"] if one["userSourcedId"] != "q"]
    books = lists({**ROSTER, "users": [users[0], users[2]], "enrollments": left}, MINIMA)
    rows = books.sheet(books.made.lists[0].file, "To mend")
    assert [row["Code"] for row in rows if row["Number in the SIS"] == "0011"] == ["held-over"]


OWN_IDS = """\
overrides:
  locations: {columns: {location_id: "'L-' ~ sourcedId"}}
  students: {columns: {person_id: "'S-' ~ sourcedId"}}
  staff: {columns: {person_id: "'T-' ~ sourcedId"}}
"""


def test_ids_of_the_districts_own_lead_to_the_same_people(lists: Callable[..., Books]):
    """What the delivery calls a person or a school is not what the source calls them."""
    books = lists(
        ROSTER, OWN_IDS + "repair: {roster_student_missing: drop, person_location_missing: drop}\n"
    )
    [one] = books.made.lists
    assert one.file == "Elm (L-s).xlsx"
    people = {r["Name"]: r["Number in the SIS"] for r in books.sheet(one.file, "To mend")}
    assert people["Bo"] == "0011"
    assert people["=Person, Ann"] == "007"
