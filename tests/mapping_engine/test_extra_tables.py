"""Tables beside the roster: cells become text exactly, or are complained about where they stand."""

from __future__ import annotations

import os
import random
import zipfile
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from etlrunner import roster
from etlrunner.errors import ConfigurationError
from etlrunner.lib import excel
from etlrunner.mapping import apply, extra_tables, foreseen, lookups
from etlrunner.model.mapping import Column, ExtraTable, LookupTable, Step
from etlrunner.model.problems import Located, Place
from tests.support.mapped import SCHOOL, map_rows, mapping, only, resolve, section, teacher


def workbook(path: Path, *rows: list[Any], sheet: str = "Aides", **formats: str) -> Path:
    """An Excel file; `B2="000"` gives a cell a number format."""
    book = openpyxl.Workbook()
    page = book.active
    page.title = sheet
    for row in rows:
        page.append(row)
    for cell, form in formats.items():
        page[cell].number_format = form
    book.save(path)
    return path


def read(path: Path, **more: Any) -> extra_tables.Sheet:
    kind = "csv" if path.suffix == ".csv" else "excel"
    return extra_tables.read(ExtraTable("aides", shown=path.name, **{kind: path}, **more))


def problems(path: Path, **more: Any) -> list[tuple[str, str, str]]:
    with pytest.raises(ConfigurationError) as raised:
        read(path, **more)
    return [(one.code, str(one.place), one.message) for one in raised.value.problems]


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (None, "", ""),
        (" Elm ", "", "Elm"),
        ("007", "", "007"),
        (7, "General", "7"),
        (7.0, "General", "7"),
        (7, "000", "007"),
        (-7, "000", "-007"),
        (1234.0, "#,##0", "1234"),
        (2.5, "0.00", "2.5"),
        (0.1, "General", "0.1"),
        (0.00001, "General", "0.00001"),
        (999_999_999_999_999, "0", "999999999999999"),
        (date(2027, 3, 1), "", "2027-03-01"),
        (datetime(2027, 3, 1), "", "2027-03-01"),  # noqa: DTZ001
        (datetime(2027, 3, 1, 8, 30), "", "2027-03-01 08:30:00"),  # noqa: DTZ001
        (time(8, 30), "", "08:30:00"),
        (True, "", "true"),
    ],
)
def test_a_cell_of_excel_is_text_by_a_rule(tmp_path: Path, value: Any, form: str, text: str):
    formats = {"A2": form} if form else {}
    path = workbook(tmp_path / "a.xlsx", ["code", "b"], [value, "x"], **formats)
    assert read(path).rows == ((text, "x"),)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("#REF!", "error #REF!"),
        ("=1+1", "has not been calculated"),
        (10**15, "15 digits"),
        ("a\u200bb", "ZERO WIDTH SPACE"),
        ("a\u00a0b", "NO-BREAK SPACE"),
        (timedelta(hours=30), "no text"),
    ],
)
def test_a_cell_without_an_exact_text_is_named(tmp_path: Path, value: Any, said: str):
    path = workbook(tmp_path / "a.xlsx", ["id", "code"], ["1", "x"], ["2", value])
    ((code, place, message),) = problems(path)
    assert (code, place) == ("E324", "a.xlsx:3:2")
    assert message.startswith("Aides!B3: ")
    assert said in message


def test_merged_cells_are_refused(tmp_path: Path):
    path = workbook(tmp_path / "a.xlsx", ["id", "code"], ["1", "x"])
    book = openpyxl.load_workbook(path)
    book.active.merge_cells("A1:B1")
    book.save(path)
    assert any("merged" in message for _, _, message in problems(path))


def test_every_column_has_a_name_of_its_own(tmp_path: Path):
    path = workbook(tmp_path / "a.xlsx", ["id", None, "id"], ["1", "x", "2", "beyond"])
    found = problems(path)
    assert [(code, place) for code, place, _ in found] == [
        ("E325", "a.xlsx:1:2"),
        ("E325", "a.xlsx:1:3"),
        ("E325", "a.xlsx:2:4"),
    ]


def test_rows_without_any_value_are_passed_over_and_the_others_keep_their_number(tmp_path: Path):
    path = workbook(tmp_path / "a.xlsx", ["id"], [None], ["1"], ["  "], ["2"])
    sheet = read(path)
    assert (sheet.rows, sheet.numbers) == ((("1",), ("2",)), (3, 5))


def test_a_sheet_is_chosen_by_name_where_there_are_several(tmp_path: Path):
    path = workbook(tmp_path / "a.xlsx", ["id"], ["1"])
    book = openpyxl.load_workbook(path)
    book.create_sheet("Old").append(["code"])
    book.save(path)
    assert problems(path)[0][0] == "E326"
    assert "'Aides', 'Old'" in extra_hint(path)
    assert "no sheet 'Aide'" in problems(path, sheet="Aide")[0][2]
    assert read(path, sheet="Old").header == ("code",)


def extra_hint(path: Path) -> str:
    with pytest.raises(ConfigurationError) as raised:
        read(path)
    return raised.value.problems[0].hint


def test_what_is_no_workbook_is_told(tmp_path: Path):
    path = tmp_path / "a.xlsx"
    path.write_text("id,code\n")
    assert problems(path)[0][0] == "E326"
    assert problems(tmp_path / "gone.xlsx")[0][0] == "E320"


@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_workbook_is_told_and_nothing_of_it_is_read(tmp_path: Path, seed: int):
    """Zip, deflate, XML and openpyxl each complain in a way of their own; a CRC sees what is left."""
    path = workbook(
        tmp_path / "a.xlsx", ["id", "code"], *([f"{n}", f"c{n * 7919}"] for n in range(50))
    )
    chance, whole = random.Random(seed), path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        sheet = archive.getinfo("xl/worksheets/sheet1.xml")
    first = sheet.header_offset + 30 + len(sheet.filename)
    at = first + chance.randrange(sheet.compress_size)
    for damaged in (
        whole[:at],
        whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :],
    ):
        path.write_bytes(damaged)
        assert problems(path)[0][0] == "E326"


def test_csv_is_utf_8_with_or_without_a_mark(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_bytes("\ufeffid,name\n1, Zoë \n2\n".encode())
    assert read(path).rows == (("1", "Zoë"), ("2", ""))
    path.write_bytes("id,name\n1,Zoë\n".encode("latin-1"))
    assert problems(path)[0][0] == "E326"
    path.write_bytes("id,name\n1,a\u200bb\n".encode())
    assert problems(path) == [
        ("E324", "a.csv:2:2", "there is a character that nobody can see (ZERO WIDTH SPACE)")
    ]


def test_a_file_that_changed_is_read_again(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text("id\n1\n")
    assert read(path).rows == (("1",),)
    path.write_text("id\n2\n")
    os.utime(path, ns=(1, 1))
    assert read(path).rows == (("2",),)


def test_columns_are_named_as_excel_names_them():
    assert [excel.cell_name(1, n) for n in (1, 26, 27, 702, 703)] == [
        "A1",
        "Z1",
        "AA1",
        "ZZ1",
        "AAA1",
    ]


# ---------------------------------------------------------------- code tables


def test_a_code_that_is_there_twice_is_an_error_with_both_places(tmp_path: Path):
    path = workbook(tmp_path / "g.xlsx", ["code", "value"], ["k", "K"], ["01", "1"], ["K ", "K"])
    table = LookupTable("grades", excel=path, shown="g.xlsx")
    assert lookups.read(table) == {"k": "K", "01": "1", "K": "K"}
    with pytest.raises(ConfigurationError) as raised:
        lookups.read(LookupTable("grades", excel=path, shown="g.xlsx", ignore=("case",)))
    (problem,) = raised.value.problems
    assert (problem.code, str(problem.place), str(problem.also)) == (
        "E322",
        "g.xlsx:4:1",
        "g.xlsx:2:1",
    )
    assert "Aides!A2 and Aides!A4" in problem.message


def test_inline_codes_that_are_the_same_are_an_error():
    table = LookupTable("grades", rows={"KG": "K", "kg": "K"}, ignore=("case",))
    with pytest.raises(ConfigurationError, match="1 problem"):
        lookups.read(table)


# ---------------------------------------------------------------- in a mapping


CLASSES = {
    "class_id": "sourcedId",
    "course_id": "courseSourcedId",
    "location_id": "schoolSourcedId",
    "instructor_id": Column("instructor_id", each=Located("instructors")),
}


def with_aides(path: Path, transforms: tuple[Step, ...] = (), **collect: Any) -> Any:
    """Aides from a file as the instructors of their classes."""
    options = {
        "as": "instructors", "from": "aides", "match": {"class": "sourcedId"}, "take": "employee",
        **collect,
    }  # fmt: skip
    return only(
        mapping(
            "classes", "classes", CLASSES, steps=[Step("collect", options)],
            tables={"aides": ExtraTable("aides", excel=path, shown=path.name, transforms=transforms)},
        )
    )  # fmt: skip


def test_aides_from_an_excel_file_are_instructors(tmp_path: Path):
    path = workbook(
        tmp_path / "aides.xlsx", ["class", "employee"], ["k1", 41], ["k1", 7.0], [None, 3]
    )
    given = {
        "orgs": [SCHOOL],
        "courses": [{"sourcedId": "c1", "title": "Art", "orgSourcedId": "s1"}],
        "classes": [section("k1"), section("k2")],
        "users": [teacher("41"), teacher("7")],
    }
    made = map_rows(tmp_path / "run", given, with_aides(path))
    assert [
        [cell for name, cell in row.items() if name.startswith("instructor_id")]
        for row in made.rows("classes")
    ] == [["41", "7", ""], ["", "", ""]]


def test_their_columns_are_known_at_validate(tmp_path: Path):
    path = workbook(tmp_path / "aides.xlsx", ["class", "employee"], ["k1", 41])
    wrong = with_aides(path, take="employe", where='klass == "k1"')
    found = [one for one in foreseen.problems(wrong, resolve=resolve) if one.code != "E314"]
    assert [(one.code, one.hint) for one in found] == [("E301", "did you mean 'employee'?")]
    gone = with_aides(tmp_path / "gone.xlsx")
    found = [one for one in foreseen.problems(gone, resolve=resolve) if one.code != "E314"]
    assert [one.code for one in found] == ["E320"]


def test_the_rows_of_a_file_may_be_prepared(tmp_path: Path):
    path = workbook(
        tmp_path / "aides.xlsx",
        ["class", "aide1", "aide2"], ["k1", 41, 7], [None, 5, None], ["k2", None, "6"],
    )  # fmt: skip
    steps = (
        Step("fill", {"columns": ("class",)}),
        Step("unpivot", {"columns": ("aide1", "aide2"), "name": "place", "value": "employee"}),
        Step("filter", {"where": 'employee != "6"'}),
    )
    one = ExtraTable("aides", excel=path, shown=path.name, transforms=steps)
    assert extra_tables.columns(one, resolve, {}) == dict.fromkeys(
        ("class", "place", "employee"), "text"
    )
    assert list(extra_tables.prepared(one, resolve, date(2027, 3, 1), None, {})) == [
        ("class", "place", "employee"),
        ("k1", "aide1", "41"),
        ("k1", "aide2", "7"),
        ("k1", "aide1", "5"),
    ]


BY_NUMBER = (
    Step("join", {"from": "users", "match": {"identifier": "number"}, "take": {"id": "sourcedId"}}),
)
"""People write the numbers of employees into sheets, not sourcedIds."""


def test_a_file_takes_from_the_roster_what_people_do_not_write_into_sheets(tmp_path: Path):
    path = workbook(tmp_path / "a.xlsx", ["class", "number"], ["k1", 4711], ["k1", 4712])
    given = {
        "orgs": [SCHOOL],
        "courses": [{"sourcedId": "c1", "title": "Art", "orgSourcedId": "s1"}],
        "classes": [section("k1")],
        "users": [{**teacher("t1"), "identifier": "4711"}, {**teacher("t2"), "identifier": "9"}],
    }
    prepared = with_aides(path, take="id", transforms=BY_NUMBER)
    assert "users" in apply.tables_needed(prepared)
    [row] = map_rows(tmp_path / "run", given, prepared).rows("classes")
    assert row["instructor_id"] == "t1"


def test_what_is_wrong_in_a_file_s_step_is_told_with_its_place(tmp_path: Path):
    path = workbook(tmp_path / "a.xlsx", ["class", "number"], ["k1", 4711])
    spot = Place("classes.yaml", 7, 9)
    (step,) = BY_NUMBER
    wrong = Step(step.type, {**step.options, "match": {"identifer": "number"}}, spot)
    aides = ExtraTable("aides", excel=path, transforms=(wrong,))
    with pytest.raises(ConfigurationError) as raised:
        extra_tables.columns(aides, resolve, {"users": roster.columns("users")})
    (problem,) = raised.value.problems
    assert (problem.code, problem.place, problem.path, problem.hint) == (
        "E301",
        spot,
        "tables.aides.transforms[0].join",
        "did you mean 'identifier'?",
    )


def test_steps_stand_where_they_make_sense(tmp_path: Path):
    path = workbook(tmp_path / "aides.xlsx", ["class"], ["k1"])
    number = Step("number", {"as": "n", "base": Located("class"), "key": "class"})
    with pytest.raises(ConfigurationError) as raised:
        extra_tables.columns(ExtraTable("aides", excel=path, transforms=(number,)), resolve, {})
    assert raised.value.problems[0].code == "E319"
    roster = only(
        mapping("classes", "classes", CLASSES, steps=[Step("fill", {"columns": ("title",)})])
    )
    found = [one.code for one in foreseen.problems(roster, resolve=resolve)]
    assert "E319" in found
