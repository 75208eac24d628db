"""`etlrunner fixlists`: from a run, by any name it has, to a folder of lists; the screen names nobody."""

from __future__ import annotations

import openpyxl
import pytest

from tests.cli.conftest import Etlrunner, Pinewood
from tests.cli.test_resend import last_run

REPAIR = """\
repair: {class_instructor_missing: drop, roster_student_missing: drop, roster_class_missing: drop}
"""


@pytest.fixture
def nameless(pinewood: Pinewood) -> list[str]:
    """Two pupils have lost their last names; their schools."""
    users = pinewood.district.tables["users"]
    two = users.filter(role="student", status="active").head(2)
    lost = {key: {"familyName": ""} for key in two["sourcedId"]}
    pinewood.has(pinewood.district.changed("users", lost))
    pinewood.configured(REPAIR)
    return [str(at) for many in two["orgSourcedIds"] for at in many]


def test_a_held_run_says_the_command_and_the_command_works(
    pinewood: Pinewood, etlrunner: Etlrunner, nameless: list[str]
):
    held = etlrunner("run")
    run = last_run(etlrunner, "held")
    assert f"For clerks:     etlrunner fixlists {run} --to DIR" in held.out
    ended = etlrunner("fixlists", run, "--to", "lists")
    assert (ended.code, ended.err) == (0, "")
    assert ended.last.endswith(str(pinewood.folder / "lists"))
    users = pinewood.district.tables["users"]
    assert not {*users["familyName"], *users["givenName"]} - {""} & set(ended.out.split())

    told = etlrunner("fixlists", "pinewood", "--to", "lists", "--json").document
    assert told["run"] == run
    by_school = {one["school"]: one["rules"] for one in told["schools"]}
    for school in nameless:
        assert by_school[school]["required.last_name"] >= 1
    assert sum(one["to_mend"] for one in told["schools"]) >= told["records"]
    there = {path.name for path in (pinewood.folder / "lists").glob("*.xlsx")}
    assert there == {"summary.xlsx", *(one["file"] for one in told["schools"])}

    shown = etlrunner("history", run, "--all").out
    assert "for the schools' clerks: etlrunner fixlists" in shown


def test_a_run_that_failed_its_checks_has_lists_too(
    pinewood: Pinewood, etlrunner: Etlrunner, nameless: list[str]
):
    pinewood.configured("rules: {asm-class-no-students: fail, asm-email-malformed: fail}\n")
    users = pinewood.district.tables["users"]
    who = users.filter(role="student", status="active")["sourcedId"][-1]
    pinewood.has(pinewood.district.changed("users", {who: {"email": "a@@b"}}))
    failed = etlrunner("run")
    assert failed.code == 5
    assert "for the schools' clerks" in failed.out
    assert f"({who}, school " in failed.out
    told = etlrunner("fixlists", "--to", "lists", "--json").document
    assert any("asm-email-malformed" in one["rules"] for one in told["schools"])
    [file] = [one["file"] for one in told["schools"] if "asm-email-malformed" in one["rules"]]
    sheet = openpyxl.load_workbook(pinewood.folder / "lists" / file)["To mend"]
    said = [row for row in sheet.iter_rows(values_only=True) if row[8] == "asm-email-malformed"]
    assert "Nothing is sent to Apple School Manager, for the whole district" in said[0][7]


def test_a_run_that_its_mapping_ended_has_lists_and_can_be_explained(
    pinewood: Pinewood, etlrunner: Etlrunner, nameless: list[str]
):
    pinewood.configured("rules: {required.last_name: fail}\n")
    failed = etlrunner("run")
    assert (failed.code, "have no last_name" in failed.out) == (5, True)
    assert "for the schools' clerks" in failed.out + etlrunner("history", "last", "--all").out
    told = etlrunner("fixlists", "--to", "lists", "--json").document
    by_school = {one["school"]: one["rules"] for one in told["schools"]}
    for school in nameless:
        assert by_school[school]["required.last_name"] >= 1
    users = pinewood.district.tables["users"]
    who = users.filter(role="student", status="active")["sourcedId"][0]
    why = etlrunner("why", "pinewood", "students", who)
    assert (why.code, "required.last_name" in why.out) == (0, True)


def test_a_newest_run_without_rows_is_named(pinewood: Pinewood, etlrunner: Etlrunner):
    etlrunner("run")
    first = last_run(etlrunner, "held")
    (pinewood.folder / "roster.zip").write_bytes(b"no zip")
    assert etlrunner("run").code != 0
    told = etlrunner("fixlists", "pinewood", "--to", "lists", "--json")
    assert told.document["run"] == first
    assert f"came to no checks: the rows are those of {first}" in told.err


def test_an_approval_says_whose_rows_its_lists_are_of(
    pinewood: Pinewood, etlrunner: Etlrunner, nameless: list[str]
):
    etlrunner("run")
    held = last_run(etlrunner, "held")
    assert etlrunner("approve", held, "--yes").code == 0
    sent = last_run(etlrunner, "delivered")
    said = f"{sent} let go what {held} had made: the rows are those of {held}"
    listed = etlrunner("fixlists", sent, "--to", "lists", "--json")
    assert (listed.document["run"], said in listed.err) == (held, True)
    assert said in etlrunner("fixlists", "pinewood", "--to", "lists").err
    who = pinewood.district.tables["users"].filter(role="student")["sourcedId"][0]
    assert said in etlrunner("why", "pinewood", "students", who, "--run", sent).err
    assert said not in etlrunner("why", "pinewood", "students", who, "--run", held).err


def test_mistakes_are_told(pinewood: Pinewood, etlrunner: Etlrunner):
    assert "there is no run 'nowhere'" in etlrunner("fixlists", "nowhere", "--to", "x").err
    pinewood.has(pinewood.district)
    etlrunner("run")
    assert etlrunner("fixlists").code == 2
    full = etlrunner("fixlists", "--to", ".")
    assert (full.code, "holds other files than older lists" in full.err) == (2, True)
    pinewood.configured("fix_lists: {words: {asm-class-no-instrucor: x}}\n")
    wrong = etlrunner("validate")
    assert (wrong.code, "asm-class-no-instructor" in wrong.err + wrong.out) == (2, True)
