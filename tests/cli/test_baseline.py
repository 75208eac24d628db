"""A district comes from another tool; and a roster that is kept is mapped once more."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest

from tests.cli.conftest import Etlrunner, Pinewood
from tests.cli.test_resend import last_run


def claris(pinewood: Pinewood, etlrunner: Etlrunner) -> Path:
    """What another tool sent of the same district: everybody has another identifier there."""
    pinewood.has(pinewood.district.rekeyed())
    assert etlrunner("run").code == 6
    run = last_run(etlrunner, "held")
    shutil.copy(pinewood.runs / run / "roster.zip", pinewood.folder / "claris.zip")
    pinewood.has(pinewood.district)
    return Path("claris.zip")


def test_what_another_tool_sent_is_what_the_next_run_is_compared_with(
    pinewood: Pinewood, etlrunner: Etlrunner
):
    """The rest of the way, to a crosswalk and a delivery, is docs/coming-from-claris-connect.md."""
    schedule = "schedule: {hour: 2, timezone: US/Central, weekend: false}\n"
    pinewood.flow.write_text(pinewood.flow.read_text() + schedule)
    zip = claris(pinewood, etlrunner)
    made = etlrunner("baseline", "import", zip, "pinewood", "--because", "until now by Claris")
    assert made.code == 0, made.err
    assert "brought in" in made.last
    shown = etlrunner("baseline", "show", "pinewood", "--json").document
    assert (shown["how"], shown["because"]) == ("brought in", "until now by Claris")
    assert shown["rows"]["students"] == 60
    told = etlrunner("history", shown["run"]).out
    assert "brought in:" in told
    assert " US/Central = " in told, "the flow's own time, as of every other run"
    assert etlrunner("run", "--json").document["run"]["baseline"] == shown["run"]
    assert pinewood.sent == []


def test_a_last_delivery_is_not_replaced_by_accident(delivered: Pinewood, etlrunner: Etlrunner):
    [archive] = delivered.sent
    before = etlrunner("baseline", "show", "--json").document
    refused = etlrunner("baseline", "import", archive)
    assert (refused.code, "--replace" in refused.err) == (2, True)
    assert etlrunner("baseline", "import", archive, "--replace").code == 2
    assert etlrunner("baseline", "show", "--json").document == before
    made = etlrunner("baseline", "import", archive, "--replace", "--because", "by hand", "--json")
    assert (made.code, made.document["run"]["outcome"]) == (0, "imported")
    assert etlrunner("baseline", "show").last.startswith("pinewood: brought in ")


@pytest.mark.parametrize(
    "damage", ["no zip", "a file short", "no key", "nobody", "no class", "no school's name"]
)
def test_a_zip_that_cannot_be_what_apple_has_changes_nothing(
    pinewood: Pinewood, etlrunner: Etlrunner, damage: str
):
    zip = claris(pinewood, etlrunner)
    with zipfile.ZipFile(zip) as whole:
        files = {name: whole.read(name) for name in whole.namelist()}
    students = files["students.csv"]
    if damage == "a file short":
        del files["staff.csv"]
    elif damage == "no key":
        files["students.csv"] = students.replace(b"person_id", b"person", 1)
    elif damage == "nobody":
        files["students.csv"] = students.partition(b"\n")[0] + b"\n"
    elif damage == "no class":
        files["rosters.csv"] = files["rosters.csv"].replace(b"class_id", b"class", 1)
    elif damage == "no school's name":
        files["locations.csv"] = files["locations.csv"].replace(b"location_name", b"name", 1)
    write(zip, files)
    if damage == "no zip":
        zip.write_bytes(b"PK")
    refused = etlrunner("baseline", "import", zip)
    assert (refused.code, refused.out) == (5, "")
    assert "nothing was brought in" in refused.err
    nothing = etlrunner("baseline", "show")
    assert (nothing.code, "baseline import ZIP pinewood" in nothing.err) == (2, True)


def test_columns_that_are_none_of_apples_are_not_compared(pinewood: Pinewood, etlrunner: Etlrunner):
    """Neither counted as a change of everybody, nor taken for one of the program's own."""
    zip = claris(pinewood, etlrunner)
    with zipfile.ZipFile(zip) as whole:
        files = {name: whole.read(name) for name in whole.namelist()}
    students = files["students.csv"].decode().splitlines()
    lines = [f'{line},"{"_here" if number == 0 else "x"}"' for number, line in enumerate(students)]
    write(zip, {**files, "students.csv": ("\n".join(lines) + "\n").encode()})
    assert etlrunner("baseline", "import", zip, "pinewood").code == 0
    pinewood.has(pinewood.district.rekeyed())
    run = etlrunner("plan", "--json").document["run"]
    assert (run["outcome"], run["changes"]["students"]) == ("planned", [0, 0, 0])


def write(zip: Path, files: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(zip, "w") as other:
        for name, content in files.items():
            other.writestr(name, content)


def test_a_kept_roster_makes_the_same_archive_byte_for_byte(
    delivered: Pinewood, etlrunner: Etlrunner
):
    run = last_run(etlrunner, "approved")
    [archive] = delivered.sent
    (delivered.folder / "roster.zip").unlink()
    again = etlrunner("run", "--from", run, "--json").document["run"]
    assert (again["outcome"], again["trigger"], again["roster_of"]) == ("unchanged", "again", run)
    assert (delivered.runs / again["id"] / "roster.zip").read_bytes() == archive.read_bytes()
    assert again["baseline"] == last_run(etlrunner, "delivered")
    sent = etlrunner("run", "pinewood", "--from", last_run(etlrunner, "delivered"), "--json")
    assert sent.document["run"]["outcome"] == "unchanged"


def test_a_roster_older_than_apples_is_held(delivered: Pinewood, etlrunner: Etlrunner):
    older = last_run(etlrunner, "approved")
    delivered.has(delivered.district.grown(1))
    if etlrunner("run").code == 6:
        assert etlrunner("approve", "pinewood", "--yes").code == 0
    held = etlrunner("run", "--from", older)
    assert held.code == 6
    assert "[older]" in held.out


def test_a_roster_that_is_not_whole_is_not_mapped(delivered: Pinewood, etlrunner: Etlrunner):
    run = last_run(etlrunner, "approved")
    raw = delivered.runs / run / "raw" / "users.parquet"
    whole = pl.read_parquet(raw)
    others = whole.with_columns(pl.col("sourcedId").reverse())  # as many, and somebody else's rows
    others.write_parquet(raw)
    for _ in range(2):
        broken = etlrunner("run", "--from", run)
        assert (broken.code, "not what was pulled" in broken.err) == (2, True)
        raw.write_bytes(raw.read_bytes()[:-50])
    raw.unlink()
    assert "are gone" in etlrunner("run", "--from", run).err
    assert etlrunner("run", "--from", "nowhere").code == 2
    assert "for one flow" in etlrunner("run", "--all", "--from", run).err
