"""Files and databases of any shape become a roster by a definition; what cannot be read exactly is named."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etlrunner.errors import (
    ChecksFailed,
    ConfigurationError,
    EtlError,
    Incomplete,
    Refused,
    Unreachable,
)
from etlrunner.extract import extract
from etlrunner.lib import reading_database
from etlrunner.lib.clock import SystemClock
from etlrunner.model.secrets import Secret
from etlrunner.model.surroundings import SilentProgress
from etlrunner.sources import database, table_file

TABLES = ("orgs", "users")
DEFINITION = """
version: 1
title: Old SIS
tables:
  orgs:
    {orgs}
    columns:
      sourcedId: id
      name: name
      type: {{text: school}}
      identifier: number
  academicSessions:
    rows:
      - {{sourcedId: year, title: The year, type: term}}
  users:
    parts:
      - {pupils}
        where: left != "true"
        columns:
          sourcedId: '"P" ~ id'
          role: {{text: student}}
          roles: {{text: student}}
          givenName: first | trim
          orgSourcedIds: school | split(",")
          grades: grade
      - {staff}
        columns:
          sourcedId: '"T" ~ id'
          role: {{text: teacher}}
          givenName: first
          orgSourcedIds: school
"""
FIELDS = "fields: {id: School No, name: School Name, number: Number}"
CSV = {
    "orgs": "file: schools.csv\n    " + FIELDS,
    "pupils": "file: pupils.csv",
    "staff": "file: staff.csv",
}
FILES = {
    "schools.csv": "School No,School Name,Number\n007,North School,1e5\n8,South,\n",
    "pupils.csv": 'id,first,school,grade,left\n1,Ada ,"007,8",9,\n2,Bob,8,10,true\n',
    "staff.csv": "id,first,school\n1,Cyd,8\n",
}
WANTED = [("P1", "Ada", ["007", "8"], ["9"], "student"), ("T1", "Cyd", ["8"], [], "teacher")]


def pull(module: Any, options: dict[str, Any], folder: Path) -> dict[str, pl.DataFrame]:
    clock, progress = SystemClock(), SilentProgress()
    assert module.problems(options) == []
    with module.connect(options, clock=clock, progress=progress) as connection:
        assert connection.probe() == {"schools": 2, "terms": 1}
        raw = extract(connection, TABLES, folder, clock=clock, progress=progress)
    return {name: pl.read_parquet(each.path) for name, each in raw.items()}


def people(found: dict[str, pl.DataFrame]) -> list[tuple[Any, ...]]:
    wanted = ("sourcedId", "givenName", "orgSourcedIds", "grades", "role")
    return found["users"].select(wanted).rows()


@pytest.fixture
def definition(tmp_path: Path) -> Callable[..., Path]:
    def write(**parts: str) -> Path:
        path = tmp_path / "oldsis.yaml"
        path.write_text(DEFINITION.format(**{**CSV, **parts}))
        return path

    return write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "export"
    made.mkdir()
    for name, text in FILES.items():
        (made / name).write_text(text)
    return made


Definition = Callable[..., Path]


# ---------------------------------------------------------------- files


def test_a_file_that_grows_after_it_was_read_is_incomplete(
    definition: Definition, folder: Path
) -> None:
    options = {"definition": definition(), "path": folder}
    with pytest.raises(Incomplete, match=r"schools\.csv changed while the files were read"):
        _grow_while_open(options, folder / "schools.csv")


def _grow_while_open(options: dict[str, Any], path: Path) -> None:
    clock, progress = SystemClock(), SilentProgress()
    with table_file.connect(options, clock=clock, progress=progress) as connection:
        connection.probe()
        path.write_text(path.read_text() + "9,East,\n")


def test_csv_files_become_a_roster_and_ids_stay_text(
    definition: Definition, folder: Path, tmp_path: Path
) -> None:
    found = pull(table_file, {"definition": definition(), "path": folder}, tmp_path)
    assert found["orgs"].select("sourcedId", "name", "identifier").rows() == [
        ("007", "North School", "1e5"), ("8", "South", ""),
    ]  # fmt: skip
    assert people(found) == WANTED


def test_the_mark_that_excel_puts_before_csv_is_taken_off(
    definition: Definition, folder: Path, tmp_path: Path
) -> None:
    path = folder / "schools.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    found = pull(table_file, {"definition": definition(), "path": folder}, tmp_path)
    assert found["orgs"]["sourcedId"].to_list() == ["007", "8"]


def test_json_lines_become_a_roster(definition: Definition, folder: Path, tmp_path: Path) -> None:
    (folder / "pupils.jsonl").write_text(
        '{"id": 1, "name": {"first": "Ada"}, "schools": ["007", 8], "grade": 9}\n\n'
        '{"id": 2, "name": {"first": "Bob"}, "left": true, "schools": null}\n'
    )
    pupils = "file: pupils.jsonl\n        fields: {id: id, first: name_first, school: schools, grade: grade, left: left}"
    path = definition(pupils=pupils)
    path.write_text(path.read_text().replace('school | split(",")', "school"))
    found = pull(table_file, {"definition": path, "path": folder}, tmp_path)
    assert people(found) == WANTED


def test_the_sheets_of_an_excel_file_become_a_roster(
    definition: Definition, tmp_path: Path
) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Schools"
    for row in (["School No", "School Name", "Number"], [7, "North School", "1e5"], [8, "South"]):
        sheet.append(row)
    sheet["A2"].number_format = "000"
    pupils = book.create_sheet("Pupils")
    for row in (["id", "first", "school", "grade", "left"], [1, "Ada ", "007,8", 9, None],
                [2, "Bob", "8", 10, True]):  # fmt: skip
        pupils.append(row)
    staff = book.create_sheet("Staff")
    for row in (["id", "first", "school"], [1.0, "Cyd", 8]):
        staff.append(row)
    book.save(tmp_path / "sis.xlsx")
    path = definition(
        orgs="sheet: Schools\n    " + FIELDS, pupils="sheet: Pupils", staff="sheet: Staff"
    )
    found = pull(table_file, {"definition": path, "path": tmp_path / "sis.xlsx"}, tmp_path)
    assert found["orgs"]["sourcedId"].to_list() == ["007", "8"]
    assert people(found) == WANTED


@pytest.mark.parametrize(
    ("name", "text", "kind", "words"),
    [
        ("pupils.csv", None, Unreachable, "pupils.csv is not there"),
        ("pupils.csv", "id,first,school,grade,left\n", ChecksFailed, "no rows"),
        ("pupils.csv", "id,first,school,grade,left\n1,Ada\n", ChecksFailed, "line 2: the line has 2 cells"),
        ("pupils.csv", 'id,first,school,grade,left\n1,"Ada,8,9,\n', ChecksFailed, "line 2: a quote"),
        ("pupils.csv", "id,first,school,left\n1,Ada,8,\n", ConfigurationError, "grade"),
        ("schools.csv", "School No,Schoolname,Number\n1,A,2\n", ConfigurationError, "School Name"),
        ("schools.csv", "School No;School Name;Number\n1;A;2\n", ConfigurationError, "separated by ';'"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_named(
    definition: Definition, folder: Path, tmp_path: Path, name: str, text: str | None,
    kind: type[EtlError], words: str,
) -> None:  # fmt: skip
    (folder / name).unlink()
    if text is not None:
        (folder / name).write_text(text)
    with pytest.raises(kind) as caught:
        pull(table_file, {"definition": definition(), "path": folder}, tmp_path)
    problems = getattr(caught.value, "problems", ())
    assert words in str(caught.value) + "".join(one.message + one.hint for one in problems)
    assert "Ada" not in str(caught.value)


def test_a_misspelt_header_is_named_where_the_definition_says_it(
    definition: Definition, folder: Path, tmp_path: Path
) -> None:
    path = definition(orgs="file: schools.csv\n    " + FIELDS.replace("School Name", "Schoolname"))
    with pytest.raises(ConfigurationError) as caught:
        pull(table_file, {"definition": path, "path": folder}, tmp_path)
    [problem] = caught.value.problems
    assert problem.place is not None
    line = path.read_text().splitlines()[problem.place.line - 1]
    assert line[problem.place.column - 1 :].startswith("Schoolname")


def test_what_is_wrong_with_a_file_bears_its_name_and_not_the_tables(
    definition: Definition, folder: Path, tmp_path: Path
) -> None:
    (folder / "pupils.csv").write_bytes(b"id,first,school,grade,left\n1,Zo\xeb,8,9,\n")
    with pytest.raises(ChecksFailed) as caught:
        pull(table_file, {"definition": definition(), "path": folder}, tmp_path)
    assert [str(one).partition(" - ")[0] for one in caught.value.findings] == ["pupils.csv"]


def test_json_that_is_none_names_its_line(
    definition: Definition, folder: Path, tmp_path: Path
) -> None:
    (folder / "pupils.jsonl").write_text('{"id": 1}\n{"id": "Ada\n')
    path = definition(pupils="file: pupils.jsonl")
    with pytest.raises(ChecksFailed, match=r"line 2: pupils\.jsonl: the line is not"):
        pull(table_file, {"definition": path, "path": folder}, tmp_path)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": 2, "first": "Ada", "first": "Bob"}', "'first' twice"),
        ('{"id": 2, "name": {"first": "Ada"}, "name_first": "Bob"}', "'name_first' twice"),
        ('{"id": 2, "schools": [{"id": "007"}]}', "'schools' holds a list of objects or lists"),
        ('{"id": 2, "name": {"first": ["Ada", ["Bob"]]}}', "'name_first' holds a list of objects"),
    ],
)
def test_json_lines_that_cannot_be_cells_are_refused(
    definition: Definition, folder: Path, tmp_path: Path, line: str, said: str
) -> None:
    (folder / "pupils.jsonl").write_text('{"id": 1}\n' + line + "\n")
    path = definition(pupils="file: pupils.jsonl")
    with pytest.raises(ChecksFailed, match=f"line 2: .*{said}"):
        pull(table_file, {"definition": path, "path": folder}, tmp_path)


def test_a_definition_without_a_file_or_query_is_told_before_anything_is_read(
    definition: Definition, tmp_path: Path
) -> None:
    [problem] = table_file.problems({"definition": definition(staff="query: {}")})
    assert "says no file" in problem.message
    found = database.problems({"definition": definition()})
    assert len(found) == 3
    path = definition()
    path.write_text(path.read_text().replace("name: name", "name: nmae"))
    [problem] = table_file.problems({"definition": path})
    assert "nmae" in problem.message
    assert problem.place is not None
    assert problem.place.line == 10


# ---------------------------------------------------------------- databases

SCRIPT = [
    "CREATE TABLE schools (id TEXT, name TEXT, number NUMERIC)",
    "INSERT INTO schools VALUES ('007', 'North School', 100000), ('8', 'South', NULL)",
    "CREATE TABLE people (id INTEGER, first TEXT, school TEXT, grade INTEGER, gone INTEGER, kind TEXT)",
    "INSERT INTO people VALUES (1, 'Ada ', '007,8', 9, 0, 'P'), (2, 'Bob', '8', 10, 1, 'P'),"
    " (1, 'Cyd', '8', NULL, 0, 'T')",
]
SQL = {
    "orgs": "sql: SELECT id, name, number FROM schools ORDER BY id",
    "pupils": "sql: SELECT id, first, school, grade, CASE gone WHEN 1 THEN 'true' END AS \"left\" "
    "FROM people WHERE kind = 'P' ORDER BY id",
    "staff": "sql: SELECT id, first, school FROM people WHERE kind = 'T'",
}


@pytest.fixture
def sqlite(tmp_path: Path) -> Secret:
    with sqlite3.connect(tmp_path / "sis.db") as connection:
        for statement in SCRIPT:
            connection.execute(statement)
    connection.close()
    return Secret(f"sqlite:///{tmp_path / 'sis.db'}")


@pytest.fixture
def postgresql(cluster: str) -> Secret:
    import psycopg

    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS schools, people")
        for statement in SCRIPT:
            connection.execute(statement)
    return Secret(cluster)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_queries_become_a_roster(
    definition: Definition, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(kind)
    found = pull(database, {"definition": definition(**SQL), "url": url}, tmp_path)
    assert found["orgs"].select("sourcedId", "identifier").rows() == [("007", "100000"), ("8", "")]
    assert people(found) == WANTED


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("query", ["DELETE FROM people", "DROP TABLE people", "SELECT nothing FROM people"])  # fmt: skip
def test_a_query_that_writes_or_is_wrong_is_a_mistake_of_the_definition(
    definition: Definition, tmp_path: Path, kind: str, query: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(kind)
    options = {"definition": definition(**{**SQL, "orgs": f"sql: {query}"}), "url": url}
    with pytest.raises(ConfigurationError, match=r"tables\.orgs\.sql"):
        pull(database, options, tmp_path)
    options["definition"] = definition(**SQL)
    assert people(pull(database, options, tmp_path)) == WANTED


def test_everything_is_read_as_it_was_at_one_moment(
    definition: Definition, tmp_path: Path, postgresql: Secret
) -> None:
    import psycopg

    options = {"definition": definition(**SQL), "url": postgresql}
    clock, progress = SystemClock(), SilentProgress()
    with database.connect(options, clock=clock, progress=progress) as connection:
        assert connection.probe()["schools"] == 2
        with psycopg.connect(postgresql.reveal(), autocommit=True) as other:
            other.execute("DELETE FROM people")
            other.execute("DELETE FROM schools")
        raw = extract(connection, TABLES, tmp_path, clock=clock, progress=progress)
    assert (raw["orgs"].rows, raw["users"].rows) == (2, 2)


def test_values_of_a_database_become_text_by_a_rule(postgresql: Secret) -> None:
    rows = "SELECT 1.50::numeric, 1e10::float8, 7::bigint, DATE '2027-03-01', true, ARRAY['a','b'], NULL, 1200::numeric"
    with reading_database.snapshot(postgresql) as opened:
        _, found = opened.rows(rows, "x")
        [row] = list(found)
    texts = database.texts(row, [str(number) for number in range(8)], "orgs")
    assert texts == ["1.5", "10000000000", "7", "2027-03-01", "true", "a,b", "", "1200"]


def test_what_nobody_read_to_its_end_ends_before_its_connection(
    sqlite: Secret, caplog: pytest.LogCaptureFixture
) -> None:
    with reading_database.snapshot(sqlite) as opened:
        _, found = opened.rows("SELECT * FROM people", "x")
        next(found)
    del found, opened
    gc.collect()
    assert caplog.records == []


@pytest.mark.parametrize(
    ("url", "kind", "words"),
    [
        ("sqlite:////nowhere/sis.db", Unreachable, "is not there"),
        ("postgresql://canary:canary@127.0.0.1:9/x", Unreachable, "cannot be reached"),
        ("nonsense", ConfigurationError, "no address"),
        ("oracle://canary@host/x", ConfigurationError, "needs the Python package"),
    ],
)
def test_a_database_that_cannot_be_opened_is_told_without_its_account(
    definition: Definition, tmp_path: Path, url: str, kind: type[EtlError], words: str
) -> None:
    with pytest.raises(kind) as caught:
        pull(database, {"definition": definition(**SQL), "url": Secret(url)}, tmp_path)
    assert words in str(caught.value)
    assert "canary" not in str(caught.value)


def test_an_account_that_is_refused_is_refused(
    definition: Definition, tmp_path: Path, cluster: str
) -> None:
    url = Secret(cluster.replace("test@", "nobody@"))
    with pytest.raises(Refused):
        pull(database, {"definition": definition(**SQL), "url": url}, tmp_path)
