"""The activity log that Apple lets an administrator download."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest

from tests.cli.conftest import Etlrunner, Pinewood
from tests.cli.test_resend import last_run

HEAD = (
    "OPERATION,SYNC_SOURCE\nACTIVITY_ID,7\nSTARTED AT,2027-03-01T08:00:00Z\n"
    "STATUS,COMPLETED\nSUB_STATUS,{sub}\n\n"
    "person_id,last_name,first_name,person_number,operation_status,operation_substatus,timestamp,email\n"
)


def log(pinewood: Pinewood, *lines: str, sub: str = "COMPLETED_WITH_ERROR", more: str = "") -> Path:
    path = pinewood.folder / "log.csv"
    path.write_text(HEAD.format(sub=sub) + "".join(f"{line}\n" for line in lines) + more)
    return path


def person(key: str, status: str, reason: str) -> str:
    return f"{key},Canaryfamily,Canarygiven,1,{status},{reason},2027-03-01T08:01:00Z,canary@example.org"


@pytest.fixture
def pupils(delivered: Pinewood) -> list[str]:
    users = delivered.district.tables["users"]
    return [str(one) for one in users.filter(role="student")["sourcedId"].head(3)]


def test_apple_took_all(delivered: Pinewood, etlrunner: Etlrunner, pupils: list[str]):
    lines = [person(key, "SUCCESS", "CREATED") for key in pupils]
    ended = etlrunner("outcome", log(delivered, *lines, sub=""), "pinewood")
    assert (ended.code, ended.err) == (0, "")
    assert ended.last.endswith("Apple took all of it.")
    assert "3 CREATED" in ended.out


def test_errors_are_tied_to_rows_rules_and_schools(
    delivered: Pinewood, etlrunner: Etlrunner, pupils: list[str]
):
    lines = [
        person(pupils[0], "ISSUE", "INTERNAL_ERROR"),
        person(pupils[0], "SUCCESS", "UPDATED"),
        person(pupils[1], "ISSUE", "MANAGED_ID_GENERATION_FAILED"),
        person("nobody", "ISSUE", "SOMETHING_NEW"),
        "a,b",
    ]
    path = log(delivered, *lines, more="\nwhat,is,this\n1,2,3\n")
    ended = etlrunner("outcome", path, "pinewood")
    assert ended.code == 5
    assert "anary" not in ended.out + ended.err
    assert f"etlrunner why pinewood students {pupils[1]}" in ended.out
    assert "asm-required-account-name" in ended.out
    assert "INTERNAL_ERROR" not in ended.out
    assert "3 lines of the log were not understood." in ended.out
    assert ended.last.endswith("Apple did not take 2 rows.")
    told = etlrunner("outcome", path, "pinewood", "--json").document
    by_code = {error["code"]: error for error in told["errors"]}
    assert by_code["MANAGED_ID_GENERATION_FAILED"]["school"] in delivered.district.schools
    assert by_code["SOMETHING_NEW"]["table"] == ""
    assert "Canarygiven" in etlrunner("outcome", path, "pinewood", "--show-values").out
    kept = etlrunner("history", told["run"], "--json").document["apple"]
    assert kept == {"MANAGED_ID_GENERATION_FAILED": 1, "SOMETHING_NEW": 1, "UPDATED": 1}
    assert etlrunner("explain", "managed_id_generation_failed").code == 0


def test_the_log_is_of_the_last_upload_however_it_came_about(
    delivered: Pinewood, etlrunner: Etlrunner, pupils: list[str]
):
    """A held run that was approved went as another run; an archive may go again."""
    path = log(delivered, person(pupils[0], "SUCCESS", "CREATED"), sub="")
    held, sent = (last_run(etlrunner, one) for one in ("approved", "delivered"))
    assert etlrunner("outcome", path, held, "--json").document["run"] == sent
    why = ("--because", "Apple lost it", "--yes")
    assert etlrunner("resend", "pinewood", *why).code == 0
    again = last_run(etlrunner, "delivered")
    assert again != sent
    assert etlrunner("run").code == 0
    for named in ("pinewood", "last"):
        assert etlrunner("outcome", path, named, "--json").document["run"] == again
    assert etlrunner("outcome", path, sent, "--json").document["run"] == sent


def test_an_activity_that_failed_without_rows_is_not_well(
    delivered: Pinewood, etlrunner: Etlrunner
):
    ended = etlrunner("outcome", log(delivered), "pinewood")
    assert (ended.code, "names no row" in ended.last) == (5, True)


def test_what_is_no_log_says_nothing_of_a_delivery(pinewood: Pinewood, etlrunner: Etlrunner):
    etlrunner("run")
    path = log(pinewood)
    assert "was not delivered" in etlrunner("outcome", path, "pinewood").err
    etlrunner("approve", "pinewood", "--yes")
    path.write_bytes(b"a,b,c\n1,2,3\n")
    other = etlrunner("outcome", path, "pinewood")
    assert (other.code, "is no activity log" in other.err) == (2, True)
    path.write_bytes(b"\xff\xfe\x00")
    assert etlrunner("outcome", path, "pinewood").code == 2
    assert etlrunner("outcome", "nowhere.csv", "pinewood").code == 2


def test_what_a_clerk_can_mend_is_on_the_lists_of_the_schools(
    delivered: Pinewood, etlrunner: Etlrunner, pupils: list[str]
):
    path = log(
        delivered,
        person(pupils[0], "ISSUE", "EMAIL_UNAVAILABLE_AS_MAID"),
        person(pupils[1], "ISSUE", "OPERATION_NOT_ALLOWED"),
        person("nobody", "ISSUE", "EMAIL_UNAVAILABLE_AS_MAID"),
    )
    told = etlrunner("outcome", path, "pinewood", "--fixlists", "lists", "--json")
    assert told.code == 5
    lists = told.document["fixlists"]
    assert (lists["records"], lists["not_for_clerks"]) == (1, {"apple.OPERATION_NOT_ALLOWED": 1})
    users = delivered.district.tables["users"]
    [who] = users.filter(sourcedId=pupils[0]).to_dicts()
    assert {one["school"] for one in lists["schools"]} == set(who["orgSourcedIds"])
    book = openpyxl.load_workbook(delivered.folder / "lists" / lists["schools"][0]["file"])
    [_, row] = book["To mend"].iter_rows(values_only=True)
    assert row[2] == f"{who['familyName']}, {who['givenName']}"
    assert (row[5], row[8]) == (who["email"].lower() or "(empty)", "EMAIL_UNAVAILABLE_AS_MAID")
    assert "anary" not in told.out
