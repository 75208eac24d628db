"""A SIS that does not speak OneRoster: other names, nested records, five ways to page and six to sign in."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from etlrunner.sandbox.signatures import Signatures
from etlrunner.sandbox.wire import Incoming, Reply, Wire, to_json

TOKEN = "canary+token/="
CAMPUSES = [
    {"code": "D", "label": "Hillside", "kind": "office"},
    {"code": "N", "label": " North School ", "kind": "school"},
    {"code": "S", "label": "South School", "kind": "school"},
]
PEOPLE = [
    {"key": f"P{number}", "names": {"first": f"Pupil{number}", "last": "Invented"},
     "login": f"p{number}", "mail": f"P{number}@Example.org", "category": "pupil",
     "campus_codes": ["N", "S"] if number == 3 else ["N"], "year": 9, "left": number == 5}
    for number in range(1, 8)
] + [
    {"key": "T1", "names": {"first": "Bob", "last": "Invented"}, "login": "bob",
     "mail": None, "category": "employee", "campus_codes": ["N"], "left": False},
    {"key": "G1", "names": {"first": "Guardian", "last": "Invented"}, "category": "contact",
     "campus_codes": []},
]  # fmt: skip
SECTIONS = [
    {"ref": number, "label": f"Art {number}", "campus": "N", "subject": {"code": "ART", "name": "Art"},
     "pupils": [f"P{number}", "P7"], "teachers": [{"key": "T1", "lead": True}]}
    for number in range(1, 5)
]  # fmt: skip
TABLES: dict[str, list[dict[str, Any]]] = {
    "campuses": CAMPUSES, "people": PEOPLE, "sections": SECTIONS,
}  # fmt: skip


@dataclass
class Hillside:
    """Switches first; `requests` are those that came."""

    paging: str = "url"
    auth: str = "header"
    size: int = 2
    """A page holds no more, whatever is asked for."""
    lost: int = 0
    """So many records are counted and never sent."""
    next_at: str = ""
    """What stands at `next` instead of the right address."""
    twice: str = ""
    """What the answer says a second time beside its records: `next`, `count`, or `meta` as a whole."""
    always_links: bool = False
    """Every page names a next one in its header, the last and the empty ones too."""
    requests: list[Incoming] = field(default_factory=list)

    def __enter__(self) -> Hillside:
        self._signatures = Signatures("HMAC-SHA256", "key", TOKEN)
        self._wire = Wire(self.answer)
        self.domain = f"127.0.0.1:{self._wire.port}/api"
        return self

    def __exit__(self, *_: object) -> None:
        self._wire.close()
        assert self._wire.mistakes == []

    def answer(self, incoming: Incoming) -> Reply:
        self.requests.append(incoming)
        if incoming.path == "/api/token":
            return self.token(incoming)
        if not self.is_let_in(incoming):
            return to_json(401, {"problem": "who are you?"})
        name = incoming.path.removeprefix("/api/")
        return self.page(incoming, name) if name in TABLES else to_json(404, {})

    def token(self, incoming: Incoming) -> Reply:
        basic = incoming.headers.get("authorization", "").removeprefix("Basic ")
        good = basic == base64.b64encode(b"key:canary%2Btoken%2F%3D").decode()
        return to_json(200, {"access_token": "t"}) if good else to_json(401, {})

    def is_let_in(self, incoming: Incoming) -> bool:
        headers = incoming.headers
        sent = headers.get("authorization", "")
        if self.auth == "oauth1":
            host = headers["host"]
            return not self._signatures.problem(incoming, f"http://{host}{incoming.path}")
        basic = "Basic " + base64.b64encode(f"key:{TOKEN}".encode()).decode()
        return {
            "header": headers.get("x-hillside-token") == TOKEN,
            "bearer": sent == f"Bearer {TOKEN}",
            "basic": sent == basic,
            "oauth2": sent == "Bearer t",
            "none": not sent,
        }[self.auth]

    def page(self, incoming: Incoming, name: str) -> Reply:
        rows, query = TABLES[name], incoming.query
        size = min(int(query.get("page_size", 1000)), self.size)
        start = self.start(query, size)
        if self.paging == "none":
            start, size = 0, len(rows)
        sent = rows[start : start + size]
        more = start + size < len(rows)
        meta: dict[str, Any] = {"count": len(rows) + self.lost}
        headers = {}
        if self.paging == "url":
            meta["next"] = self.next_at or (
                f"{incoming.path}?page_size={size}&after={start + size}" if more else None
            )
        if self.paging == "cursor":
            meta["next"] = str(start + size) if more else ""
        if self.always_links or (self.paging == "link" and more):
            headers["Link"] = f'<{incoming.path}?after={start + size}>; rel="next"'
        text = json.dumps({"data": {name: sent}, "meta": meta})
        again = json.dumps(meta if self.twice == "meta" else meta.get(self.twice))
        body = text.replace(f'"{self.twice}":', f'"{self.twice}": {again}, "{self.twice}":')
        return Reply(body=(body if self.twice else text).encode(), headers=headers)

    def start(self, query: Any, size: int) -> int:
        if self.paging == "page":
            return (int(query["number"]) - 1) * size
        return int(query.get({"offset": "skip", "cursor": "cursor"}.get(self.paging, "after"), 0))
