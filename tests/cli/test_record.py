"""`etlrunner test record`: the recorded test passes, is stable, and nobody of the roster is in it."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from tests.cli.conftest import Etlrunner
from tests.support import rosters

USERS = [
    # id, role, username, given, family, middle, identifier, email
    ("4711", "student", "mocanary27", "Zoë-Marié", "O'Canarybird", "Quetzal", "00471199", "Mo.Canarybird27@District.example"),
    ("4712", "student", "kestrel", "JOSÉ", "McKestrel", "", "00471200", "NULL"),
    ("4713", "student", "ob", "Ob", "d'Albatros Heron", "", "00471201", "jose.mckestrel@district.example"),
    ("T-9", "teacher", "wcormorant", "Wren", "Cormorant", "", "S991", "wcormorant@staff.example"),
    ("4714", "student", "left", "Opted", "Outbird", "", "00471202", "opted@district.example"),
]  # fmt: skip
CANARIES = [
    "canary",
    "zoe",
    "marie",
    "quetzal",
    "kestrel",
    "jose",
    "albatros",
    "heron",
    "wren",
    "cormorant",
    "opted",
    "outbird",
    "district",
    "staff.ex",
    "4711",
    "4712",
    "4713",
    "4714",
    "t-9",
    "991",
    "northern",
    "08-27",
    "montessori",
]
FLOW = """\
version: 1
source: {type: oneroster-csv, path: roster}
mapping: apple-school-manager
sink: {type: local-folder, path: out}
schedule: {timezone: US/Central}
select: {schools: {exclude: ["800"]}}
leave_out: {students: {"4714": {reason: opted out, owner: registrar}}}
overrides:
  students:
    columns:
      sis_username: "{{ givenName[:1] | lower }}{{ familyName | lower }}"
"""


@pytest.fixture
def recorded(folder: Path, etlrunner: Etlrunner) -> Path:
    """A project with one run of a roster whose values are easy to find."""
    files = rosters.csv_files("1.1")
    head = files["users.csv"].splitlines()[0]
    rows = [
        f"{key},active,2026-08-27T12:00:00.000Z,true,s1,{role},{login},,{given},{family},{middle},{number},{mail},,,,{'09' if role == 'student' else ''},"
        for key, role, login, given, family, middle, number, mail in USERS
    ]
    files["users.csv"] = "\n".join([head, *rows]) + "\n"
    enrolled = [
        f"e{n},active,2026-08-27T12:00:00.000Z,k1,s1,{user[0]},{user[1]},false,2026-08-27,"
        for n, user in enumerate(USERS)
    ]
    head = files["enrollments.csv"].splitlines()[0]
    files["enrollments.csv"] = "\n".join([head, *enrolled]) + "\n"
    files["orgs.csv"] = files["orgs.csv"].replace("North", "Northern Montessori")
    files["orgs.csv"] = files["orgs.csv"].replace("South,school,", "South,school,800")
    rosters.write_folder(folder / "roster", files)
    (folder / "flows").mkdir()
    (folder / "flows" / "north.yaml").write_text(FLOW)
    ended = etlrunner("plan", "--as-of", "2026-10-01")
    assert ended.code == 6, ended.out + ended.err
    return folder


def test_what_is_recorded_passes_and_holds_nobodys_values(recorded: Path, etlrunner: Etlrunner):
    for table in ("students", "staff", "classes", "courses", "rosters", "locations"):
        ended = etlrunner("test", "record", "north", "--table", table)
        assert ended.code == 0, ended.err
        text = (recorded / "tests" / "recorded" / f"north-{table}.yaml").read_text()
        body = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
        plain = unicodedata.normalize("NFKD", body.casefold()).replace("type: district", "")
        plain = "".join(one for one in plain if not unicodedata.combining(one))
        plain = plain.replace(",district,", ",")  # the kind of an org
        assert [one for one in CANARIES if one in plain] == []
    assert etlrunner("test").last.startswith("6 passed, 0 failed")


def test_shapes_stay_so_that_the_test_is_worth_something(recorded: Path, etlrunner: Etlrunner):
    etlrunner("test", "record", "north", "--id", "4711", "--id", "4712")
    text = (recorded / "tests" / "recorded" / "north-students.yaml").read_text()
    users = text[text.index("      users: |") :].splitlines()
    header = users[1].strip().split(",")
    first, second = (dict(zip(header, line.strip().split(","), strict=True)) for line in users[2:4])
    assert first["sourcedId"] == "person-1"
    given, family = first["givenName"], first["familyName"]
    assert "-" in given
    assert not given.isascii()
    assert [part[0].isupper() for part in given.split("-")] == [True, True]
    assert family.startswith("V'"), "a single letter is turned, and the apostrophe stays"
    assert second["givenName"].isupper()
    assert second["email"] == "NULL", "what stands for nothing stays"
    assert len(first["identifier"]) == len("00471199")
    assert first["email"].endswith("@Example.org") or first["email"].endswith("@example.org")
    assert f"{family.split(chr(39))[1].lower()}" in first["email"].lower(), "names in it agree"


def test_it_is_the_same_text_every_time_and_overwrites_nothing(
    recorded: Path, etlrunner: Etlrunner
):
    path = recorded / "tests" / "recorded" / "north-students.yaml"
    etlrunner("test", "record", "north")
    before = path.read_text()
    assert etlrunner("test", "record", "north").code == 2
    assert etlrunner("test", "record", "north", "--force").code == 0
    assert path.read_text() == before
    path.write_text(before.replace("select:", "select: # changed\n     "))
    assert etlrunner("test", "record", "north", "--to", "tests/other.yaml").code == 0
    assert (recorded / "tests" / "other.yaml").read_text() != before, "its schema is nearer"


def test_what_cannot_be_recorded_is_told_and_nothing_is_written(
    recorded: Path, etlrunner: Etlrunner
):
    for args in (["--id", "nobody"], ["--table", "pupils"], ["--run", "none-1"]):
        ended = etlrunner("test", "record", "north", *args)
        assert (ended.code, ended.out) == (2, ""), args
    assert not (recorded / "tests").exists()
    assert etlrunner("test", "record", "nrth").code == 2
