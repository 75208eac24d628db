"""Code tables and tables beside the roster from a database: read once a run, the same rows for ever after."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

from etlrunner import evidence
from etlrunner import plan as plans
from etlrunner.cli import main
from etlrunner.errors import ConfigurationError, Held, Refused, SecretMissing, Unreachable
from etlrunner.mapping import apply, from_database
from etlrunner.model.problems import Problem
from etlrunner.model.surroundings import SilentProgress
from etlrunner.run import Result
from tests.support import rosters
from tests.support.project import TestProject

DAY = date(2026, 10, 1)
CANARY = "c4nary-in-an-address"
ROWS = [
    "CREATE TABLE buildings (code TEXT, asm TEXT, principal TEXT)",
    "INSERT INTO buildings VALUES ('s1', 'L-1', 'Nobody'), ('s2', 'L-2', NULL)",
    "CREATE TABLE aides (class_id TEXT, user_id TEXT, since DATE)",
    "INSERT INTO aides VALUES ('k1', 't1', '2027-03-01'), ('k9', 'x:y', NULL)",
]
MAPPED = """
overrides:
  locations:
    columns:
      location_id: {expr: sourcedId, lookup: buildings, missing: fail}
    lookups:
      buildings:
        database: {url: {env: FACILITIES_DB}}
        table: buildings
        on: code
        take: asm
        columns: [code, asm]
  students:
    tables:
      aides:
        database: {url: {env: FACILITIES_DB}}
        sql: sql/aides.sql
        columns: [user_id, class_id]
"""
QUERY = "SELECT class_id, user_id, since FROM aides WHERE user_id LIKE '%t%' OR user_id = 'x:y'"


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    path = tmp_path / f"{CANARY}.db"
    with sqlite3.connect(path) as connection:
        for statement in ROWS:
            connection.execute(statement)
    connection.close()
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql(cluster: str) -> str:
    import psycopg

    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS buildings, aides")
        for statement in ROWS:
            connection.execute(statement)
    return cluster


Write = Callable[..., TestProject]


@pytest.fixture
def write(project: TestProject, monkeypatch: pytest.MonkeyPatch) -> Write:
    """A flow whose buildings and aides come from the database at this address."""

    def made(url: str, mapped: str = MAPPED, query: str = QUERY) -> TestProject:
        roster = rosters.write_folder(project.root / "roster", rosters.csv_files("1.1"))
        project.csv("lakeside", roster, mapped)
        sql = project.root / "mappings" / "apple-school-manager" / "sql" / "aides.sql"
        sql.parent.mkdir(parents=True, exist_ok=True)
        sql.write_text(query)
        monkeypatch.delenv("FACILITIES_DB", raising=False)
        if url:
            project.secrets({"FACILITIES_DB": url})
        return project

    return made


def run(project: TestProject, **request: Any) -> Result:
    return project.run("lakeside", as_of=DAY, deliver=False, **request)


def locations(result: Result) -> list[str]:
    path = result.folder / "finished" / "locations.parquet"
    return sorted(pl.read_parquet(path)["location_id"].to_list())


def one_problem(result: Result) -> Problem:
    assert isinstance(result.error, ConfigurationError), result.error
    assert result.exit_code == 2
    [problem] = result.error.problems
    return problem


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_rows_of_a_database_are_a_code_table_and_a_table_beside_the_roster(
    write: Write, kind: str, request: pytest.FixtureRequest
):
    result = run(write(request.getfixturevalue(kind)))
    assert result.finished, result.error
    assert locations(result) == ["L-1", "L-2"]
    aides = pl.read_parquet(result.folder / "raw" / "aides.parquet")
    assert sorted(aides.select("user_id", "class_id").rows()) == [("t1", "k1"), ("x:y", "k9")]
    codes = pl.read_parquet(result.folder / "raw" / "lookups.locations.buildings.parquet")
    assert codes.columns == ["_row", "code", "asm"], "nothing else is read"


def test_kept_rows_are_mapped_again_without_the_database(write: Write, sqlite: str):
    project = write(sqlite)
    before = run(project)
    Path(sqlite.removeprefix("sqlite:///")).unlink()
    kept = evidence.find(project.project, project.history, "lakeside")
    again = apply.map_tables(
        kept.flow(), kept.raw, project.root / "again", as_of=DAY, resolve=plans.transform,
        progress=SilentProgress(),
    )  # fmt: skip
    assert sorted(pl.read_parquet(again["locations"].path)["location_id"]) == locations(before)
    for command in (["why", "lakeside", "locations", "s1"], ["preview", "lakeside", "locations"]):  # fmt: skip
        found = CliRunner().invoke(main.cli, [*command, "--project", str(project.root)])
        assert found.exit_code == 0, found.output
    repeated = run(project, roster_of=before.record.id)
    assert locations(repeated) == locations(before), repeated.error
    assert isinstance(run(project).error, Unreachable)


def test_the_query_is_part_of_the_configuration_and_the_rows_are_not(write: Write, sqlite: str):
    project = write(sqlite)
    first = run(project)
    kept = first.folder / "configuration" / "mappings" / "apple-school-manager" / "sql"
    assert (kept / "aides.sql").read_text() == QUERY
    with sqlite3.connect(sqlite.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE buildings SET asm = 'L-9' WHERE code = 's1'")
    connection.close()
    second = run(project)
    assert "L-9" in locations(second)
    assert second.record.config_hash == first.record.config_hash
    (project.root / "mappings/apple-school-manager/sql/aides.sql").write_text(QUERY + " ")
    assert run(project).record.config_hash != first.record.config_hash


def test_a_missing_secret_is_told_before_anything_is_asked(write: Write):
    result = run(write(""))
    assert isinstance(result.error, SecretMissing)
    assert "FACILITIES_DB" in result.error.message
    assert result.raw == {}


@pytest.mark.parametrize(
    ("url", "error", "code"),
    [
        (f"sqlite:////nowhere/{CANARY}.db", Unreachable, 3),
        (f"postgresql://{CANARY}:{CANARY}@127.0.0.1:9/{CANARY}", Unreachable, 3),
        (f"{CANARY}", ConfigurationError, 2),
        (f"nosuchkind://{CANARY}@host/{CANARY}", ConfigurationError, 2),
        (f"oracle://{CANARY}@host/{CANARY}", ConfigurationError, 2),
    ],
)
def test_a_database_that_cannot_be_opened_ends_the_run_and_its_address_is_nowhere(
    write: Write, url: str, error: type[Exception], code: int
):
    project = write(url)
    result = run(project)
    assert isinstance(result.error, error)
    assert result.exit_code == code
    told = f"{result.record} {result.error!r} {getattr(result.error, 'problems', '')}"
    assert "FACILITIES_DB" in told
    written = [path.read_bytes() for path in result.folder.rglob("*") if path.is_file()]
    assert CANARY not in told
    assert not any(CANARY.encode() in content for content in written)


def test_an_account_that_is_refused_is_refused(write: Write, cluster: str):
    result = run(write(cluster.replace("test@", "nobody@")))
    assert isinstance(result.error, Refused)
    assert result.exit_code == 4


def test_what_an_account_may_not_read_is_refused(write: Write, postgresql: str):
    import psycopg

    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS reader")
        connection.execute("CREATE ROLE reader LOGIN")
    result = run(write(postgresql.replace("test@", "reader@")))
    assert isinstance(result.error, Refused)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ("table: buildings", "table: building", "the database has no table 'building'", "did you mean 'buildings'?"),
        ("columns: [code, asm]", "columns: [code, asm, city]", "has no column 'city'", "it has code, asm, principal"),
        ("columns: [user_id, class_id]", "columns: [user_id, class]", "has no column 'class'", "it has class_id, user_id, since"),
    ],
)  # fmt: skip
def test_what_the_database_does_not_have_is_told_where_the_mapping_names_it(
    write: Write, kind: str, request: pytest.FixtureRequest, old: str, new: str, message: str, hint: str
):  # fmt: skip
    problem = one_problem(run(write(request.getfixturevalue(kind), MAPPED.replace(old, new))))
    assert problem.code == "E328"
    assert message in problem.message
    assert hint in problem.hint
    assert problem.place is not None
    assert problem.place.file == "flows/lakeside.yaml"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_query_that_the_database_does_not_understand(
    write: Write, kind: str, request: pytest.FixtureRequest
):
    url = request.getfixturevalue(kind)
    problem = one_problem(run(write(url, query="SELECT user_id, class_id FROM aide")))
    assert problem.code == "E328"
    assert "table aides: the database does not understand the query" in problem.message


def test_a_value_that_a_query_stumbles_over_is_not_told(write: Write, postgresql: str):
    query = "SELECT class_id, CAST(user_id AS integer) AS user_id FROM aides"
    problem = one_problem(run(write(postgresql, query=query)))
    assert "a value does not fit it" in problem.message
    assert "t1" not in problem.message


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT X'00' AS user_id, class_id FROM aides", "column 'user_id', row 1 holds bytes"),
        ("SELECT 1e300 AS user_id, class_id FROM aides", "more digits than can be kept"),
        ("SELECT 't' || char(8203) AS user_id, class_id FROM aides", "ZERO WIDTH SPACE"),
    ],
)
def test_a_value_without_an_exact_text_is_refused(
    write: Write, sqlite: str, query: str, message: str
):
    problem = one_problem(run(write(sqlite, query=query)))
    assert problem.code == "E324"
    assert message in problem.message


def test_a_code_that_stands_twice_is_refused_and_not_named(write: Write, sqlite: str):
    with sqlite3.connect(sqlite.removeprefix("sqlite:///")) as connection:
        connection.execute("INSERT INTO buildings VALUES ('s1', 'L-3', ''), (NULL, '', '')")
    connection.close()
    problem = one_problem(run(write(sqlite)))
    assert (problem.code, problem.message) == ("E322", "1 codes of buildings are there more than once")  # fmt: skip


def test_a_table_without_rows_is_held_unless_the_mapping_says_that_this_is_right(
    write: Write, sqlite: str
):
    query = "SELECT class_id, user_id FROM aides WHERE 1 = 0"
    project = write(sqlite, query=query)
    result = run(project)
    assert isinstance(result.error, Held)
    assert "table aides" in result.error.holds[0].message
    path = project.root / "flows" / "lakeside.yaml"
    path.write_text(
        path.read_text().replace("sql/aides.sql", "sql/aides.sql\n        may_be_empty: true")
    )
    assert run(project).finished


def test_too_many_rows_and_too_long_a_time_end_the_run(
    write: Write, sqlite: str, monkeypatch: pytest.MonkeyPatch
):
    project = write(sqlite)
    monkeypatch.setattr(from_database, "MOST_ROWS", 1)
    assert "more than 1 rows" in one_problem(run(project)).message
    monkeypatch.setattr(from_database, "SECONDS", 0.0)
    result = run(project)
    assert isinstance(result.error, Unreachable)
    assert "took longer" in result.error.message


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_query_without_end_is_ended_where_it_runs(
    write: Write, kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(from_database, "SECONDS", 0.3)
    forever = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
        " SELECT MAX(i) AS user_id, 1 AS class_id FROM n"
    )
    result = run(write(request.getfixturevalue(kind), query=forever))
    assert isinstance(result.error, Unreachable), result.error
    assert "took longer" in result.error.message


# ---------------------------------------------------------------- told without a database


def planned(project: TestProject) -> list[tuple[str, str, str]]:
    with pytest.raises(ConfigurationError) as raised:
        plans.make(project.project, "lakeside")
    return [(one.code, str(one.place), one.message) for one in raised.value.problems]


@pytest.mark.parametrize(
    ("query", "line", "message"),
    [
        ("-- nothing\n", 1, "there is no query in it"),
        ("\nUPDATE aides SET user_id = ''", 2, "it is no SELECT"),
        ("SELECT 1;\nSELECT 2", 2, "there is a second statement in it"),
        ("WITH gone AS (DELETE FROM aides RETURNING *) SELECT * FROM gone", 1, "DELETE is not for reading"),
        ("SELECT * INTO copy FROM aides", 1, "INTO is not for reading"),
    ],
)  # fmt: skip
def test_a_query_is_one_select(write: Write, query: str, line: int, message: str):
    shown = "mappings/apple-school-manager/sql/aides.sql"
    assert planned(write("", query=query)) == [("E328", f"{shown}:{line}:1", f"{shown}: {message}")]


def test_words_in_texts_names_and_comments_do_not_count(write: Write):
    query = "SELECT 'drop; it' AS user_id, \"update\" AS class_id -- delete\nFROM aides /* ; */;\n"
    assert plans.make(write("", query=query).project, "lakeside").secrets[0].name == "FACILITIES_DB"


@pytest.mark.parametrize(
    ("old", "new", "code", "message"),
    [
        ("{url: {env: FACILITIES_DB}}\n        table", f"{{url: 'postgresql://{CANARY}'}}\n        table", "E210", "'url' is a secret, and a secret is never written into a file that git keeps"),
        ("        table: buildings\n", "", "E206", "'buildings' needs exactly one of table, sql beside `database`"),
        ("        columns: [code, asm]\n", "", "E206", "'buildings' does not say which columns it takes from the database"),
        ("take: asm", "take: amm", "E321", "'buildings' has no column 'amm' among its columns"),
        ("sql/aides.sql", "sql/aide.sql", "E320", "there is no file mappings/apple-school-manager/sql/aide.sql"),
        ("        table: buildings", "        table: buildings\n        sheet: Codes", "E206", "`sheet` is for an Excel file, and 'buildings' comes from a database"),
        ("        database: {url: {env: FACILITIES_DB}}\n        sql", "        csv: a.csv\n        sql", "E206", "`sql` is for a table from a database, and 'aides' is none"),
    ],
)  # fmt: skip
def test_what_a_mapping_says_of_a_database_is_checked_without_it(
    write: Write, old: str, new: str, code: str, message: str
):
    assert MAPPED.count(old) == 1
    found = planned(write("", MAPPED.replace(old, new)))
    assert (code, message) in [(one, said) for one, _, said in found]
    assert CANARY not in str(found)


def test_steps_know_the_columns_without_the_database(write: Write):
    steps = (
        "    transforms:\n"
        "      - collect: {as: held, from: aides, match: {user_id: sourcedId}, take: class}\n"
    )
    [(code, _, message)] = planned(write("", MAPPED + steps))
    assert (code, "class" in message) == ("E301", True)


def test_two_mappings_do_not_mean_two_tables_by_one_name(write: Write):
    other = MAPPED + (
        "  staff:\n    tables:\n      aides:\n        database: {url: {env: FACILITIES_DB}}\n"
        "        table: aides\n        columns: [user_id]\n"
    )
    [(code, _, message)] = planned(write("", other))
    assert (code, message) == ("E327", "'aides' stands for another table in another mapping")


def test_a_mapping_test_gives_the_rows_and_asks_no_database(write: Write):
    project = write("")
    tests = project.root / "tests"
    tests.mkdir()
    (tests / "buildings.yaml").write_text("""\
version: 1
flow: lakeside
tests:
  - name: buildings have Apple's codes
    as_of: "2026-10-01"
    given:
      orgs: [{sourcedId: s1, status: active, type: school, name: North}]
      academicSessions: [{sourcedId: y, status: active, type: term, startDate: "2026-08-01", endDate: "2027-06-30"}]
      aides: [{user_id: t1, class_id: k1}]
    lookups: {locations: {buildings: {s1: L-7}}}
    expect:
      locations: [{location_id: L-7}]
""")
    found = CliRunner().invoke(main.cli, ["test", "--project", str(project.root)])
    assert found.exit_code == 0, found.output
