"""`etlrunner init` at a terminal: every source by typed answers, mistakes included, ends in a valid flow."""

from __future__ import annotations

import csv
import io
import sqlite3
from pathlib import Path

import openpyxl
import pytest

from tests.cli.conftest import Ended, Etlrunner

ASM = ["n"]
"""Secrets are not stored."""
LATER = ["n", "n"]
"""The same, and the source is not asked."""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def walk(etlrunner: Etlrunner, monkeypatch: pytest.MonkeyPatch, *answers: str) -> Ended:
    """What is typed, one line per question; nothing may be left, and nothing be missing."""
    typed = Terminal("".join(f"{one}\n" for one in answers))
    monkeypatch.setattr("sys.stdin", typed)
    ended = etlrunner("init")
    assert typed.read() == "", "an answer was not asked for: " + ended.err
    return ended


WALKS = {
    "skyward": (
        ["lakeside-isd", "skyward", "qmlativ", "lakeside.example.org/API", "n", "US/Central", "2", "n",
         *LATER], "variant: qmlativ",
    ),
    "skyward with every mistake": (
        ["Lakeside ISD", "", "skywrd", "skyward", "SMS", "sms-2.0", "https://lakeside.example.org/API",
         "lakeside.example.org/API?x", "lakeside.example.org/API", "Central", "US/Central", "25", "2am",
         "3", "maybe", "y", *LATER], "variant: sms-2.0",
    ),
    "oneroster 1.2": (
        ["pine", "oneroster", "1.2", "sis.example.org/ims", "US/Eastern", "", "", *LATER],
        'oneroster: "1.2"',
    ),
    "oneroster 1.1 with signatures": (
        ["pine", "oneroster", "1.3", "1.1", "oauth", "oauth1-sha256", "sis.example.org", "", "", "", *LATER],
        "  auth: oauth1-sha256\n",
    ),
    "oneroster csv, watched": (
        ["pine", "oneroster-csv", "", "y", *ASM], "watch: true",
    ),
    "oneroster csv": (
        ["pine", "oneroster-csv", "export/roster.zip", "US/Pacific", "4", "", *ASM],
        "path: export/roster.zip",
    ),
    "asm zip": (
        ["pine", "asm-zip", "drop", "n", "US/Pacific", "", "", *ASM], "type: asm-zip",
    ),
    "table files": (
        ["pine", "table-file", "Old SIS", "oldsis", "export", "US/Pacific", "", "", *ASM],
        "definition: oldsis",
    ),
    "a database": (
        ["pine", "database", "", "US/Pacific", "", "", *ASM], "  url: {env: PINE_DATABASE_URL}\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WALKS)
def test_typed_answers_end_in_a_flow_that_is_valid(
    etlrunner: Etlrunner, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    answers, line = WALKS[name]
    made = walk(etlrunner, monkeypatch, *answers)
    assert made.code == 0, made.err
    [flow] = (folder / "flows").glob("*.yaml")
    assert line in flow.read_text()
    checked = etlrunner("validate")
    assert (checked.code, checked.err) == (0, ""), checked.err


EXPORT = {
    "schools": (("id", "name"), ("1", "North School")),
    "pupils": (
        ("id", "first", "last", "email", "grade", "school"),
        ("1", "Ann", "Invented", "ann@example.org", "9", "1"),
    ),
    "teachers": (("id", "first", "last", "email", "school"), ("1", "Cyd", "Invented", "", "1")),
    "courses": (("id", "name"), ("c1", "Art")),
    "classes": (("id", "name", "course", "school"), ("k1", "Art 1", "c1", "1")),
    "pupils_in_classes": (("class", "pupil"), ("k1", "1")),
    "teachers_of_classes": (("class", "teacher"), ("k1", "1")),
}


@pytest.mark.parametrize("path", ["export", "export/sis.xlsx", ""], ids=["CSV", "Excel", "queries"])
def test_the_example_of_a_definition_reads_what_it_names(
    etlrunner: Etlrunner, folder: Path, monkeypatch: pytest.MonkeyPatch, path: str
):
    """Whoever puts in names of their own starts from something that works."""
    flags = ["--definition", "oldsis", "--timezone", "US/Central", "--folder", "out"]
    flags += ["--path", path] if path else []
    source = "table-file" if path else "database"
    made = etlrunner("init", "pine", "--source", source, *flags)
    assert "say in sources/oldsis.yaml which column is what" in made.last
    ignored = (folder / ".gitignore").read_text().split()
    assert not path or {path, f"{path}/"} & {*ignored}
    assert f"{path}/" not in ignored or path == "export", "git takes that for folders only"
    (folder / "export").mkdir()
    book = openpyxl.Workbook()
    database = sqlite3.connect(folder / "export" / "sis.db")
    for name, (header, *rows) in EXPORT.items():
        with open(folder / "export" / f"{name}.csv", "w", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        sheet = book.create_sheet(name)
        for row in (header, *rows):
            sheet.append(row)
        columns = ", ".join(f'"{one}" TEXT' for one in header)
        database.execute(f"CREATE TABLE {name} ({columns})")
        signs = ", ".join("?" * len(header))
        database.executemany(f"INSERT INTO {name} VALUES ({signs})", rows)
    book.save(folder / "export" / "sis.xlsx")
    database.commit()
    database.close()
    monkeypatch.setenv("PINE_DATABASE_URL", f"sqlite:///{folder / 'export' / 'sis.db'}")
    run = etlrunner("run", "--json").document["run"]
    assert (run["outcome"], run["held_by"]) == ("held", ["first_delivery"]), run["message"]
    written = {name: counts["written"] for name, counts in run["counts"].items()}
    assert written == dict.fromkeys(written, 1)
