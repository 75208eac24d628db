"""A small invented roster, as 1.1 records, as 1.2 records, and as CSV files."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path
from typing import Any

WHEN = "2026-08-01T12:00:00.000Z"


def ref(kind: str, sourced_id: str) -> dict[str, str]:
    return {"href": f"/{kind}s/{sourced_id}", "sourcedId": sourced_id, "type": kind}


def _common(sourced_id: str) -> dict[str, Any]:
    return {"sourcedId": sourced_id, "status": "active", "dateLastModified": WHEN}


def shared() -> dict[str, list[dict[str, Any]]]:
    """The collections that are alike in 1.1 and 1.2."""
    return {
        "orgs": [
            {**_common("d1"), "name": "Invented District", "type": "district", "identifier": "1"},
            {**_common("s1"), "name": "North", "type": "school", "identifier": "100",
             "parent": ref("org", "d1")},
            {**_common("s2"), "name": "South", "type": "school", "parent": ref("org", "d1")},
        ],
        "academicSessions": [
            {**_common("y1"), "title": "2027", "type": "schoolYear", "startDate": "2026-08-01",
             "endDate": "2027-06-30", "schoolYear": "2027"},
            {**_common("t1"), "title": "Fall", "type": "term", "startDate": "2026-08-01",
             "endDate": "2027-01-01", "schoolYear": "2027", "parent": ref("academicSession", "y1")},
        ],
        "courses": [
            {**_common("c1"), "title": "Art", "courseCode": "ART", "org": ref("org", "s1"),
             "schoolYear": ref("academicSession", "y1"), "grades": ["09", "10"],
             "subjects": ["Art"], "subjectCodes": ["05151"]},
        ],
        "classes": [
            {**_common("k1"), "title": "Art 1", "classCode": "A1", "classType": "scheduled",
             "course": ref("course", "c1"), "school": ref("org", "s1"),
             "terms": [ref("academicSession", "t1")], "periods": ["1", "2"], "location": "12"},
        ],
        "enrollments": [
            {**_common("e1"), "user": ref("user", "u1"), "class": ref("class", "k1"),
             "school": ref("org", "s1"), "role": "student", "primary": "false"},
            {**_common("e2"), "user": ref("user", "u2"), "class": ref("class", "k1"),
             "school": ref("org", "s1"), "role": "teacher", "primary": "true"},
        ],
    }  # fmt: skip


def _user(sourced_id: str, given: str, **more: Any) -> dict[str, Any]:
    return {
        **_common(sourced_id), "username": given.lower(), "enabledUser": "true",
        "givenName": given, "familyName": "Invented", "identifier": f"N{sourced_id}",
        "email": f"{given.lower()}@example.org", **more,
    }  # fmt: skip


PUPIL = {"grades": ["09"], "userIds": [{"type": "Fed", "identifier": "77"}]}


def v11() -> dict[str, list[dict[str, Any]]]:
    users = [
        _user("u1", "Ada", role="student", orgs=[ref("org", "s1"), ref("org", "s2")],
              agents=[ref("user", "u3")], **PUPIL),
        _user("u2", "Bob", role="teacher", orgs=[ref("org", "s1")]),
        _user("u3", "Cyd", role="guardian", orgs=[ref("org", "s1")]),
    ]  # fmt: skip
    return {**shared(), "users": users}


def _role(org: str, role: str, kind: str = "primary") -> dict[str, Any]:
    return {"roleType": kind, "role": role, "org": ref("org", org)}


def v12() -> dict[str, list[dict[str, Any]]]:
    users = [
        _user("u1", "Ada", agents=[ref("user", "u3")], primaryOrg=ref("org", "s1"),
              roles=[_role("s2", "student", "secondary"), _role("s1", "student")], **PUPIL),
        _user("u2", "Bob", roles=[_role("s1", "teacher")]),
        _user("u3", "Cyd", roles=[_role("s1", "guardian")]),
    ]  # fmt: skip
    return {**shared(), "users": users}


def pupils(count: int, first: int = 10) -> list[dict[str, Any]]:
    """More pupils of the school `s1`, of 1.1."""
    return [
        _user(
            f"p{number}", f"Pupil{number}", role="student", orgs=[ref("org", "s1")], grades=["09"]
        )
        for number in range(first, first + count)
    ]


def enrolled(users: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Their enrollments in the class `k1`."""
    return [
        {**_common(f"e-{user['sourcedId']}"), "user": ref("user", user["sourcedId"]),
         "class": ref("class", "k1"), "school": ref("org", "s1"), "role": "student",
         "primary": "false"}
        for user in users
    ]  # fmt: skip


def several_pages() -> dict[str, list[dict[str, Any]]]:
    """1.1, with enough of everything to need more than one page of four."""
    tables, more = v11(), pupils(9)
    tables["users"] += more
    tables["enrollments"] += enrolled(more)
    for number in range(2, 7):
        tables["courses"].append({**tables["courses"][0], "sourcedId": f"c{number}"})
        tables["classes"].append(
            {
                **tables["classes"][0],
                "sourcedId": f"k{number}",
                "course": ref("course", f"c{number}"),
            }
        )
        tables["orgs"].append({**tables["orgs"][1], "sourcedId": f"o{number}"})
        tables["academicSessions"].append(
            {**tables["academicSessions"][1], "sourcedId": f"t{number}"}
        )
    return tables


HEADERS = {
    "orgs": "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId",
    "academicSessions": "sourcedId,status,dateLastModified,title,type,startDate,endDate,"
    "parentSourcedId,schoolYear",
    "courses": "sourcedId,status,dateLastModified,schoolYearSourcedId,title,courseCode,grades,"
    "orgSourcedId,subjects,subjectCodes",
    "classes": "sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,"
    "location,schoolSourcedId,termSourcedIds,subjects,subjectCodes,periods",
    "enrollments": "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,"
    "role,primary,beginDate,endDate",
}
USERS = {
    "1.1": "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,"
    "givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password",
    "1.2": "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,"
    "middleName,identifier,email,sms,phone,agentSourcedIds,grades,password,userMasterIdentifier,"
    "preferredGivenName,preferredMiddleName,preferredFamilyName,primaryOrgSourcedId,pronouns",
}
ROLES = (
    "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,"
    "userProfileSourcedId"
)


def csv_files(version: str) -> dict[str, str]:
    """The same roster as CSV texts, by file name."""
    records = v11() if version == "1.1" else v12()
    files = {f"{table}.csv": _csv(HEADERS[table], records[table]) for table in HEADERS}
    files["users.csv"] = _csv(USERS[version], records["users"])
    if version == "1.2":
        files["roles.csv"] = _roles(records["users"])
    files["manifest.csv"] = _manifest(version, [name.removesuffix(".csv") for name in files])
    return files


def write_folder(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def write_zip(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def _manifest(version: str, names: list[str]) -> str:
    rows = [("propertyName", "value"), ("manifest.version", "1.0"), ("oneroster.version", version)]
    rows += [(f"file.{name}", "bulk") for name in names] + [("file.results", "absent")]
    return "".join(f"{name},{value}\n" for name, value in rows)


_PATHS = {
    "parentSourcedId": ("parent",), "schoolYearSourcedId": ("schoolYear",), "orgSourcedId": ("org",),
    "courseSourcedId": ("course",), "schoolSourcedId": ("school",), "termSourcedIds": ("terms",),
    "classSourcedId": ("class",), "userSourcedId": ("user",), "orgSourcedIds": ("orgs",),
    "agentSourcedIds": ("agents",), "primaryOrgSourcedId": ("primaryOrg",),
}  # fmt: skip


def _cell(record: dict[str, Any], column: str) -> str:
    value = record.get(_PATHS.get(column, (column,))[0], "")
    if column == "userIds":
        return ",".join(f"{{{each['type']}:{each['identifier']}}}" for each in value or ())
    items = value if isinstance(value, list) else [value]
    return ",".join(each["sourcedId"] if isinstance(each, dict) else each for each in items)


def _csv(header: str, records: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    columns = header.split(",")
    writer.writerow(columns)
    for record in records:
        writer.writerow([_cell(record, column) for column in columns])
    return out.getvalue()


def _roles(users: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(ROLES.split(","))
    for user in users:
        for number, role in enumerate(user["roles"]):
            writer.writerow(
                [f"r-{user['sourcedId']}-{number}", "active", WHEN, user["sourcedId"],
                 role["roleType"], role["role"], "", "", role["org"]["sourcedId"], ""]
            )  # fmt: skip
    return out.getvalue()
