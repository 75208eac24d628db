"""Roster rows as OneRoster's JSON records, 1.1 and 1.2, with the loose ends that real servers have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Row = Mapping[str, Any]


def record(table: str, row: Row, version: str, base: str) -> dict[str, Any]:
    """One row as the object that a OneRoster server of that version sends."""
    made = _BUILDERS[table](row, version, base)
    head = {"sourcedId": row["sourcedId"], "status": row["status"] or "active"}
    return {**head, "dateLastModified": row["dateLastModified"], **made}


def reference(base: str, kind: str, identifier: str) -> dict[str, str] | None:
    """A GUIDRef; None where there is nothing to refer to."""
    if not identifier:
        return None
    collection = {"academicSession": "academicSessions", "class": "classes"}.get(kind, f"{kind}s")
    href = f"{base}/{collection}/{identifier}"
    return {"href": href, "sourcedId": identifier, "type": kind}


def _references(base: str, kind: str, identifiers: list[str]) -> list[dict[str, str]]:
    return [found for one in identifiers if (found := reference(base, kind, one))]


def _org(row: Row, version: str, base: str) -> dict[str, Any]:
    return {
        "name": row["name"],
        "type": row["type"],
        "identifier": row["identifier"] or None,
        "parent": reference(base, "org", row["parentSourcedId"]),
        "children": [],
    }


def _session(row: Row, version: str, base: str) -> dict[str, Any]:
    return {
        "title": row["title"],
        "type": row["type"],
        "startDate": row["startDate"],
        "endDate": row["endDate"],
        "schoolYear": row["schoolYear"],
        "parent": reference(base, "academicSession", row["parentSourcedId"]),
    }


def _course(row: Row, version: str, base: str) -> dict[str, Any]:
    return {
        "title": row["title"],
        "courseCode": row["courseCode"],
        "schoolYear": reference(base, "academicSession", row["schoolYearSourcedId"]),
        "grades": row["grades"],
        "subjects": row["subjects"],
        "subjectCodes": row["subjectCodes"],
        "org": reference(base, "org", row["orgSourcedId"]),
    }


def _class(row: Row, version: str, base: str) -> dict[str, Any]:
    return {
        "title": row["title"],
        "classCode": row["classCode"] or None,
        "classType": row["classType"],
        "location": row["location"],
        "grades": row["grades"] or None,
        "subjects": row["subjects"],
        "subjectCodes": row["subjectCodes"],
        "periods": row["periods"],
        "course": reference(base, "course", row["courseSourcedId"]),
        "school": reference(base, "org", row["schoolSourcedId"]),
        "terms": _references(base, "academicSession", row["termSourcedIds"]),
    }


def _user(row: Row, version: str, base: str) -> dict[str, Any]:
    same = {
        "username": row["username"],
        # 1.1 servers send text, 1.2 servers of this maker JSON booleans: both occur
        "enabledUser": row["enabledUser"] if version == "1.1" else row["enabledUser"] == "true",
        "givenName": row["givenName"],
        "familyName": row["familyName"],
        "middleName": row["middleName"] or None,
        "identifier": row["identifier"],
        "email": row["email"],
        "userIds": [_user_id(text) for text in row["userIds"]],
        "agents": _references(base, "user", row["agentSourcedIds"]),
        "grades": row["grades"],
    }
    for name in ("sms", "phone"):
        if row[name]:
            same[name] = row[name]
    if version == "1.1":
        return {
            **same,
            "role": row["role"],
            "orgs": _references(base, "org", row["orgSourcedIds"]),
        }
    return {**same, **_in_1_2(row, base)}


def _in_1_2(row: Row, base: str) -> dict[str, Any]:
    orgs = row["orgSourcedIds"] or [""]
    roles = [
        {
            "roleType": "primary" if place == 0 else "secondary",
            "role": row["role"],
            "org": reference(base, "org", org),
        }
        for place, org in enumerate(orgs)
    ]
    names = {
        "userMasterIdentifier": row["userMasterIdentifier"],
        "preferredFirstName": row["preferredGivenName"],
        "preferredMiddleName": row["preferredMiddleName"],
        "preferredLastName": row["preferredFamilyName"],
        "pronouns": row["pronouns"],
    }
    return {
        "roles": roles,
        "primaryOrg": reference(base, "org", orgs[0]),
        **{name: value for name, value in names.items() if value},
    }


def _user_id(text: str) -> dict[str, str]:
    kind, _, identifier = text.strip("{}").partition(":")
    return {"type": kind, "identifier": identifier}


def _enrollment(row: Row, version: str, base: str) -> dict[str, Any]:
    return {
        "role": row["role"],
        "primary": row["primary"] or None,
        "user": reference(base, "user", row["userSourcedId"]),
        "class": reference(base, "class", row["classSourcedId"]),
        "school": reference(base, "org", row["schoolSourcedId"]),
        "beginDate": row["beginDate"] or None,
        "endDate": row["endDate"] or None,
    }


def _demographics(row: Row, version: str, base: str) -> dict[str, Any]:
    return {"birthDate": row["birthDate"], "sex": row["sex"]}


_BUILDERS: dict[str, Callable[[Row, str, str], dict[str, Any]]] = {
    "orgs": _org,
    "academicSessions": _session,
    "courses": _course,
    "classes": _class,
    "users": _user,
    "enrollments": _enrollment,
    "demographics": _demographics,
}
