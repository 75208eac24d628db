"""An independent reader of OneRoster JSON and CSV: plain Python, written from the standard alone."""

from __future__ import annotations

import csv
import io
import json
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from etlrunner import roster

REFERENCES = {
    "orgs": {"parentSourcedId": "parent"},
    "academicSessions": {"parentSourcedId": "parent"},
    "courses": {"schoolYearSourcedId": "schoolYear", "orgSourcedId": "org"},
    "classes": {
        "courseSourcedId": "course", "schoolSourcedId": "school", "termSourcedIds": "terms",
    },
    "users": {
        "orgSourcedIds": "orgs", "agentSourcedIds": "agents", "primaryOrgSourcedId": "primaryOrg",
        "preferredGivenName": "preferredFirstName", "preferredFamilyName": "preferredLastName",
    },
    "enrollments": {
        "userSourcedId": "user", "classSourcedId": "class", "schoolSourcedId": "school",
    },
}  # fmt: skip
"""Columns whose value has another name in JSON."""


def rows_of(table: str, objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The cells of the roster model."""
    return [
        {column: _cell(table, column, each) for column in roster.TABLES[table]} for each in objects
    ]


def _cell(table: str, column: str, each: dict[str, Any]) -> Any:
    is_list = roster.kind(table, column) == "list"
    if table == "users" and column == "roles" and "roles" not in each:
        return [each["role"]]
    if table == "users" and "roles" in each and column in ("role", "roles", "orgSourcedIds"):
        return _of_roles(column, each)
    value = each.get(REFERENCES.get(table, {}).get(column, column))
    if column == "userIds":
        return [f"{{{one['type']}:{one['identifier']}}}" for one in value or []]
    if is_list:
        return [_plain(one) for one in value or []]
    return _plain(value)


def _of_roles(column: str, each: dict[str, Any]) -> Any:
    primary = [one for one in each["roles"] if one["roleType"] == "primary"]
    assert len(primary) == 1
    if column == "role":
        return primary[0]["role"]
    found = (
        [one["role"] for one in each["roles"]]
        if column == "roles"
        else [each["primaryOrg"]["sourcedId"], *(one["org"]["sourcedId"] for one in each["roles"])]
    )
    return list(dict.fromkeys(found))


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        assert set(value) == {"href", "sourcedId", "type"}
        assert value["href"].endswith("/" + value["sourcedId"])
        return value["sourcedId"]
    if isinstance(value, bool):
        return "true" if value else "false"
    return value or ""


class Client:
    """Signs in once and reads pages; asks for what it is told, no more."""

    def __init__(self, server: Any, token: str = "") -> None:
        self.server = server
        self.token = token

    def sign_in(self, path: str = "/oauth/token", headers: Any = (), **form: str) -> dict[str, Any]:
        body = urllib.parse.urlencode(form).encode()
        status, _, answer = self.ask(path, body, dict(headers))
        if status == 200:
            self.token = json.loads(answer)["access_token"]
        return {"status": status, **json.loads(answer)}

    def sign_in_plainly(self) -> Client:
        path = "/token" if self.server.variant == "sms-2.0" else "/oauth/token"
        answer = self.sign_in(
            path,
            grant_type="client_credentials",
            client_id=self.server.key,
            client_secret=self.server.secret,
        )
        assert answer["status"] == 200, answer
        return self

    def ask(
        self, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, bytes]:
        """Status, headers and body of one request."""
        request = urllib.request.Request(self.server.url + path, body, headers or {})
        if self.token and body is None:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return reply.status, reply.headers, reply.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def collection(self, place: str, limit: int = 500, **query: str) -> list[dict[str, Any]]:
        """All records of a collection, page after page until one is empty."""
        found: list[dict[str, Any]] = []
        while True:
            asked = urllib.parse.urlencode({**query, "limit": limit, "offset": len(found)})
            status, _, body = self.ask(f"{place}?{asked}")
            assert status == 200, body
            (page,) = json.loads(body).values()
            if not page:
                return found
            found += page


def csv_rows(place: Path) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """Name, header and rows of each file of a folder or a zip."""
    for name, text in _files(place):
        header, *rows = csv.reader(io.StringIO(text, newline=""))
        yield name, header, rows


def _files(place: Path) -> Iterator[tuple[str, str]]:
    if place.is_dir():
        for path in sorted(place.iterdir()):
            yield path.name, path.read_bytes().decode()
        return
    with zipfile.ZipFile(place) as archive:
        for name in archive.namelist():
            yield name, archive.read(name).decode()
