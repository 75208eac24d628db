"""OneRoster CSV as the binding has it, and equal to the tables when it is read again."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from etlrunner import roster
from etlrunner.sandbox import csv_files
from etlrunner.sandbox.district import District
from tests.support.oneroster_reader import csv_rows

# Copied from the tables of the CSV binding, as text, so that a slip in the code shows.
HEADERS = {
    "academicSessions.csv": "sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear",
    "orgs.csv": "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId",
    "courses.csv": "sourcedId,status,dateLastModified,schoolYearSourcedId,title,courseCode,grades,orgSourcedId,subjects,subjectCodes",
    "classes.csv": "sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,location,schoolSourcedId,termSourcedIds,subjects,subjectCodes,periods",
    "users.csv": "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password",
    "enrollments.csv": "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate",
    "demographics.csv": "sourcedId,status,dateLastModified,birthDate,sex,americanIndianOrAlaskaNative,asian,blackOrAfricanAmerican,nativeHawaiianOrOtherPacificIslander,white,demographicRaceTwoOrMoreRaces,hispanicOrLatinoEthnicity,countryOfBirthCode,stateOfBirthAbbreviation,cityOfBirth,publicSchoolResidenceStatus",
    "manifest.csv": "propertyName,value",
}
HEADERS_1_2 = {
    **HEADERS,
    "users.csv": "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password,userMasterIdentifier,preferredGivenName,preferredMiddleName,preferredFamilyName,primaryOrgSourcedId,pronouns",
    "roles.csv": "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,userProfileSourcedId",
}


@pytest.fixture(scope="module")
def district() -> District:
    return District(400, seed=3, as_of=date(2027, 3, 1))


@pytest.mark.parametrize("name", ["roster", "roster.zip"])
@pytest.mark.parametrize(("version", "headers"), [("1.1", HEADERS), ("1.2", HEADERS_1_2)])
def test_headers_are_those_of_the_binding(
    district: District, tmp_path: Path, name: str, version: str, headers: dict[str, str]
):
    written = district.write_csv(tmp_path / name, version)
    assert {file: ",".join(header) for file, header, _ in csv_rows(written)} == headers


def test_what_is_read_again_equals_the_tables(district: District, tmp_path: Path):
    found = {name: rows for name, _, rows in csv_rows(district.write_csv(tmp_path / "r"))}
    for table, frame in district.tables.items():
        header = HEADERS[f"{table}.csv"].split(",")
        wanted = [column for column in header if column in frame.columns]
        again = [dict(zip(header, row, strict=True)) for row in found[f"{table}.csv"]]
        assert [[row[column] for column in wanted] for row in again] == [
            [",".join(cell) if isinstance(cell, list) else cell for cell in row]
            for row in frame.select(wanted).iter_rows()
        ], table


def test_no_list_item_holds_the_comma_that_joins_it(district: District):
    for table, columns in roster.LISTS.items():
        for column in columns:
            assert not any("," in item for cell in district.tables[table][column] for item in cell)


def test_roles_are_a_file_of_their_own_in_1_2(district: District, tmp_path: Path):
    files = {
        name: (header, rows)
        for name, header, rows in csv_rows(district.write_csv(tmp_path / "r", "1.2"))
    }
    header, rows = files["roles.csv"]
    users_header, users = files["users.csv"]
    primary_of = {
        row[users_header.index("sourcedId")]: row[users_header.index("primaryOrgSourcedId")]
        for row in users
    }
    orgs: dict[str, list[str]] = {}
    roles: dict[str, set[str]] = {}
    for row in rows:
        each = dict(zip(header, row, strict=True))
        orgs.setdefault(each["userSourcedId"], []).append(each["orgSourcedId"])
        roles.setdefault(each["userSourcedId"], set()).add(each["role"])
        if each["roleType"] == "primary":
            assert each["orgSourcedId"] == primary_of[each["userSourcedId"]]
    for user in district.roster("1.2")["users"].iter_rows(named=True):
        assert orgs[user["sourcedId"]] == user["orgSourcedIds"]
        assert roles[user["sourcedId"]] == {user["role"]}


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_the_manifest_says_what_is_there(district: District, tmp_path: Path, version: str):
    files = {name: rows for name, _, rows in csv_rows(district.write_csv(tmp_path / "r", version))}
    said = dict(files["manifest.csv"])  # type: ignore[arg-type]
    assert (said["manifest.version"], said["oneroster.version"]) == ("1.0", version)
    bulk = {f"{key.removeprefix('file.')}.csv" for key, value in said.items() if value == "bulk"}
    assert bulk == set(files) - {"manifest.csv"}


def test_the_same_roster_gives_the_same_zip(district: District, tmp_path: Path):
    first = district.write_csv(tmp_path / "a.zip").read_bytes()
    assert first == district.write_csv(tmp_path / "b.zip").read_bytes()


def test_a_bare_file_says_nothing_about_status_and_leaves_the_deleted_out(
    district: District, tmp_path: Path
):
    csv_files.write_csv(district.tables, tmp_path / "r", bare=True)
    for name, header, rows in csv_rows(tmp_path / "r"):
        if name != "manifest.csv":
            assert {row[1] + row[2] for row in rows} == {""}
            table = name.removesuffix(".csv")
            assert len(rows) == district.tables[table].height - district.dirt[f"deleted.{table}"]
            assert header[1:3] == ["status", "dateLastModified"]


def test_an_empty_table_is_a_header(district: District, tmp_path: Path):
    ids = district.tables["courses"]["sourcedId"].to_list()
    written = district.without("courses", ids).write_csv(tmp_path / "r")
    assert (written / "courses.csv").read_text().splitlines() == [HEADERS["courses.csv"]]


def test_an_unknown_version_is_refused(district: District, tmp_path: Path):
    with pytest.raises(ValueError, match=r"no such OneRoster version: 2\.0"):
        district.write_csv(tmp_path / "r", "2.0")
