"""The roster model: the tables every source delivers, as OneRoster's CSV binding flattens them.

Source of the columns: OneRoster 1.1 CSV tables with 1.2's additions (1EdTech; `docs/sources.md`).
A cell is text and a missing one the empty text; the columns named in `LISTS` are lists of text.
Sources add nothing else, but for columns that a project's own source definition declares.
"""

from __future__ import annotations

TABLES: dict[str, tuple[str, ...]] = {
    "orgs": (
        "sourcedId", "status", "dateLastModified", "name", "type", "identifier", "parentSourcedId",
    ),
    "academicSessions": (
        "sourcedId", "status", "dateLastModified", "title", "type", "startDate", "endDate",
        "parentSourcedId", "schoolYear",
    ),
    "courses": (
        "sourcedId", "status", "dateLastModified", "schoolYearSourcedId", "title", "courseCode",
        "grades", "orgSourcedId", "subjects", "subjectCodes",
    ),
    "classes": (
        "sourcedId", "status", "dateLastModified", "title", "grades", "courseSourcedId", "classCode",
        "classType", "location", "schoolSourcedId", "termSourcedIds", "subjects", "subjectCodes",
        "periods",
    ),
    "users": (
        "sourcedId", "status", "dateLastModified", "enabledUser", "orgSourcedIds", "role", "roles",
        "username", "userIds", "givenName", "familyName", "middleName", "identifier", "email",
        "sms", "phone", "agentSourcedIds", "grades", "userMasterIdentifier", "preferredGivenName",
        "preferredMiddleName", "preferredFamilyName", "primaryOrgSourcedId", "pronouns",
    ),
    "enrollments": (
        "sourcedId", "status", "dateLastModified", "classSourcedId", "schoolSourcedId",
        "userSourcedId", "role", "primary", "beginDate", "endDate",
    ),
    "demographics": (
        "sourcedId", "status", "dateLastModified", "birthDate", "sex",
    ),
}  # fmt: skip

LISTS: dict[str, frozenset[str]] = {
    "courses": frozenset({"grades", "subjects", "subjectCodes"}),
    "classes": frozenset({"grades", "termSourcedIds", "subjects", "subjectCodes", "periods"}),
    "users": frozenset({"orgSourcedIds", "roles", "userIds", "agentSourcedIds", "grades"}),
}


def kind(table: str, column: str) -> str:
    """`list` or `text`."""
    return "list" if column in LISTS.get(table, frozenset()) else "text"


def columns(table: str) -> dict[str, str]:
    """Each column of a table, and whether it is `list` or `text`."""
    return {column: kind(table, column) for column in TABLES[table]}
