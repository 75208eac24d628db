"""The worked example in docs/examples/odd-district: all its odd rules, in YAML alone, from roster to files."""

from __future__ import annotations

import csv
import re
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.cli.conftest import Ended, Etlrunner

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "odd-district"
EXPECTED = EXAMPLE / "expected"
DAY = ("--as-of", "2027-03-01")
FILES = ("students", "staff", "courses", "classes", "rosters", "locations")
ASKED = {
    "p02": "in kindergarten, without an address",
    "p05": "whose default school is the census school",
    "p07": "whose user name has a number",
    "p11": "who is in the census school only",
    "p13": "whose grade code nobody knows",
}


@pytest.fixture
def alderfield(folder: Path) -> Path:
    """A copy of the example, in the working directory."""
    for part in ("flows", "mappings", "roster", "tests"):
        shutil.copytree(EXAMPLE / part, folder / part)
    (folder / "out").mkdir()
    return folder


def sent(folder: Path) -> dict[str, str]:
    """The files of the newest archive in `out/`."""
    newest = max((folder / "out").glob("*.zip"), key=lambda path: path.stat().st_mtime_ns)
    with zipfile.ZipFile(newest) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def deliver(etlrunner: Etlrunner) -> Ended:
    """Run, and approve what is held."""
    ended = etlrunner("run", "alderfield", *DAY)
    if ended.code == 6:
        ended = etlrunner("approve", "last", "--yes", "--because", "looked right")
    assert ended.code == 0, ended.out + ended.err
    return ended


def names(files: dict[str, str]) -> dict[str, str]:
    rows = csv.DictReader(files["students.csv"].splitlines())
    return {row["person_id"]: row["sis_username"] for row in rows}


def told(ended: Ended) -> str:
    """What `why` says, without the day on which the run was made and white space at line ends."""
    text = re.sub(r"alderfield-\d{4}-\d\d-\d\d-", "alderfield-DAY-", ended.out)
    return "".join(line.rstrip() + "\n" for line in text.splitlines())


def test_it_is_valid_without_a_warning_and_its_mapping_tests_pass(
    alderfield: Path, etlrunner: Etlrunner
):
    ended = etlrunner("validate")
    assert (ended.code, ended.out + ended.err) == (0, "alderfield is valid.\n")
    ended = etlrunner("test")
    assert ended.code == 0, ended.out
    assert re.match(r"8 passed, 0 failed", ended.last)


def test_its_six_files_are_the_expected_ones_and_why_explains_five_pupils(
    alderfield: Path, etlrunner: Etlrunner
):
    deliver(etlrunner)
    files = sent(alderfield)
    assert files == {f"{name}.csv": (EXPECTED / f"{name}.csv").read_text() for name in FILES}
    for pupil in ASKED:
        ended = etlrunner("why", "alderfield", "students", pupil)
        assert told(ended) == (EXPECTED / "why" / f"{pupil}.txt").read_text(), ASKED[pupil]


def test_user_names_stay_as_pupils_come_and_go(alderfield: Path, etlrunner: Etlrunner):
    deliver(etlrunner)
    before = names(sent(alderfield))
    assert (before["p06"], before["p07"]) == ("ff32", "ff32-2")
    users = alderfield / "roster" / "users.csv"
    first_day = users.read_text()
    lines = first_day.splitlines()
    fay = next(line for line in lines if line.startswith("p06,"))
    flo = fay.replace("p06,", "p00,").replace(",Fay,", ",Flo,").replace(",1006,", ",1000,")
    users.write_text("\n".join([line for line in lines if line != fay] + [flo]) + "\n")
    deliver(etlrunner)
    after = names(sent(alderfield))
    del before["p06"]
    assert after == before | {"p00": "ff32-3"}
    users.write_text(first_day)
    deliver(etlrunner)
    assert names(sent(alderfield)) == before | {"p06": "ff32"}
