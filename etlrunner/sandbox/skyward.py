"""A small Skyward on loopback, to try a flow with invented children and to see it meet faults.

    with skyward.start(District(2_000), variant="qmlativ") as server:
        ...  # source.domain is server.domain; server.key and server.secret open it

It behaves as public connectors have seen SMS 2.0 and Qmlativ behave (`docs/sources.md`); the variant
`oneroster` follows 1EdTech's standard instead. Faults are switches (`Switches`), which may also be
turned while it runs: `server.switches.maintenance = True`.
"""

from __future__ import annotations

import re
import secrets
import ssl
import threading
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import fields
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

from etlrunner.sandbox.district import District
from etlrunner.sandbox.objects import COLLECTIONS, Objects
from etlrunner.sandbox.sign_in import SignIn
from etlrunner.sandbox.signatures import Signatures
from etlrunner.sandbox.switches import VARIANTS, Switches
from etlrunner.sandbox.wire import LOOPBACK, Incoming, Reply, Wire, to_json

KEY = "etlrunner sandbox"
"""Keys may hold ordinary words: in a production script the key is the organisation's name."""
AWKWARD = "s+/=&%"
"""With these in it, percent-encoding has to be right."""
MAINTENANCE = (
    b"<!DOCTYPE html><html><head><title>Maintenance</title></head><body>Back soon.</body></html>"
)


class Skyward:
    """A running server; `close` it, or use it as a context manager."""

    def __init__(
        self,
        district: District,
        variant: str,
        switches: Switches,
        *,
        base: str | None,
        key: str,
        secret: str,
        port: int,
        ssl_context: ssl.SSLContext | None,
    ) -> None:
        self.variant = variant
        self._kind = VARIANTS[variant]
        self.switches = switches
        self.base = self._kind.base if base is None else "/" + base.strip("/") if base else ""
        self.key = key
        self.secret = secret
        self.requests: list[tuple[str, str, int]] = []
        """(method, path without query, status) of each request that was answered."""
        self.queries: list[Mapping[str, str]] = []
        """The query of each of them."""
        self._sign_in = SignIn(self._kind, switches, key, secret)
        self._signatures: Signatures | None = None
        self._contents: dict[str, Objects] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self.district = district
        self._wire = Wire(self._answer, port, ssl_context)
        self.port = self._wire.port
        self.domain = f"{LOOPBACK}:{self._wire.port}{self.base}"
        """What a flow says in `source.domain`."""
        self.url = f"{'https' if ssl_context else 'http'}://{self.domain}"

    def __enter__(self) -> Skyward:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def counts(self) -> Counter[str]:
        """How many requests there were, by path below the base."""
        return Counter(path[len(self.base) :] for _, path, _ in list(self.requests))

    @property
    def mistakes(self) -> list[BaseException]:
        """What went wrong inside the sandbox itself."""
        return self._wire.mistakes

    def change(self, district: District) -> None:
        """Serve another district from the next request on: tomorrow's, or one that moves under a pull."""
        with self._lock:
            self.district = district
            self._contents = {}

    def forget_tokens(self) -> None:
        """Every token given out so far has expired."""
        self._sign_in.forget()

    def close(self) -> None:
        """Stop; returns when every connection has ended. Closing twice does nothing."""
        if not self._closing.is_set():
            self._closing.set()
            self._wire.close()

    # ---------------------------------------------------------------- answering

    def _answer(self, incoming: Incoming) -> Reply:
        asked = self.switches.on_request
        reply = (asked(incoming) if asked else None) or self._route(incoming)
        with self._lock:
            self.requests.append((incoming.method, incoming.path, reply.status))
            self.queries.append(incoming.query)
        return reply

    def _route(self, incoming: Incoming) -> Reply:
        if self.switches.maintenance:
            return Reply(body=MAINTENANCE, content_type="text/html")
        path = incoming.path
        if not path.lower().startswith(self.base.lower()):  # as on IIS, case does not matter there
            return _missing(path)
        below = path[len(self.base) :]
        is_token = below == self._kind.token
        if incoming.method != ("POST" if is_token else "GET"):
            return _message(405, "The requested resource does not support this method.")
        if is_token:
            busy = self._take("token_unavailable")
            return self._unavailable(503) if busy else self._sign_in.answer(incoming)
        if self._kind.lms and below.startswith("/v1/schools"):
            return self._guarded(incoming) or self._lms_schools(below)
        for version, place in self._kind.paths.items():
            if below.startswith(place + "/"):
                parts = below.removeprefix(place + "/").split("/")
                return self._roster(incoming, version, parts)
        return _missing(path)

    def _roster(self, incoming: Incoming, version: str, parts: list[str]) -> Reply:
        collection = parts[0]
        if collection not in COLLECTIONS or len(parts) > 2:
            return _missing(incoming.path)
        refused = self._guarded(incoming)
        if refused:
            return refused
        if _names(self.switches.forbidden, collection):
            return _fault(version, 403, "forbidden", "no permission for this collection")
        objects = self._objects(version)
        if len(parts) == 2:
            body = objects.one(collection, parts[1])
            return Reply(body=body) if body else _fault(version, 404, "unknownobject", "not found")
        self._closing.wait(self.switches.page_delay)
        return self._page(incoming, version, objects, collection)

    def _page(self, incoming: Incoming, version: str, objects: Objects, collection: str) -> Reply:
        switches, query = self.switches, incoming.query
        status = _status_of(query.get("filter", ""), switches.filters)
        if status is None:
            return _fault(version, 400, "invalid_filter_field", "filter is not supported")
        limit = _number(query.get("limit"), switches.default_limit, least=1)
        offset = _number(query.get("offset"), 0, least=0)
        if limit is None or offset is None:
            return _fault(version, 422, "invaliddata", "limit and offset are whole numbers")
        limit = min(limit, switches.max_limit)
        start = 0 if switches.ignore_offset else offset
        total = 0 if _names(switches.empty, collection) else objects.total(collection, status)
        headers: dict[str, str] = {}
        if switches.totals:
            headers["X-Total-Count"] = str(total + switches.total_error)
        if switches.links:
            headers["Link"] = self._links(incoming, offset, limit, total)
        body = objects.page(collection, start if total else 0, limit if total else 0, status)
        return Reply(body=body, headers=headers)

    def _links(self, incoming: Incoming, offset: int, limit: int, total: int) -> str:
        last = max(0, (total - 1) // limit * limit)
        places = {"first": 0, "last": last}
        if offset + limit < total:
            places["next"] = offset + limit
        if offset > 0:
            places["prev"] = max(0, offset - limit)
        scheme, _, rest = self.url.partition("://")
        host = self.switches.link_host or rest.partition("/")[0]
        links = []
        for relation, start in places.items():
            query = urlencode({**incoming.query, "limit": limit, "offset": start})
            links.append(f'<{scheme}://{host}{incoming.path}?{query}>; rel="{relation}"')
        return ", ".join(links)

    def _objects(self, version: str) -> Objects:
        with self._lock:
            if version not in self._contents:
                self._contents[version] = Objects(
                    self.district,
                    version,
                    self.url + self._kind.paths[version],
                    self.switches.absent or self._kind.absent,
                    self.switches.booleans or self._kind.booleans,
                )
            return self._contents[version]

    def _lms_schools(self, below: str) -> Reply:
        """SMS 2.0's own API, as far as it takes to tell a key that works from a wrong URL."""
        orgs = self.district.tables["orgs"]
        rows = [
            {
                "SchoolId": row["identifier"], "SchoolName": row["name"], "GradeLow": "KG",
                "GradeHigh": "12", "StreetAddress": "1 Nowhere Road", "City": "Lakeside",
                "State": "TX", "ZipCode": "00000",
            }
            for row in orgs.iter_rows(named=True)
            if row["type"] == "school" and row["status"] == "active"
        ]  # fmt: skip
        wanted = below.removeprefix("/v1/schools").strip("/")
        if not wanted:
            return to_json(200, rows)
        found = [row for row in rows if row["SchoolId"] == wanted]
        return to_json(200, found[0]) if found else _missing(below)

    def _guarded(self, incoming: Incoming) -> Reply | None:
        """What a data request gets instead of data, if anything."""
        if self.switches.oauth1:
            return self._unsigned(incoming)
        kind, _, token = incoming.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            return _message(401, "Authorization has been denied for this request.")
        if not self._sign_in.is_good(token):
            return _message(self.switches.expired_status, "Token has expired")
        if self._take("unavailable"):
            return self._unavailable(503)
        if self._take("throttled"):
            return self._unavailable(429)
        return None

    def _unsigned(self, incoming: Incoming) -> Reply | None:
        """The refusal of a request whose OAuth 1.0a signature is not right."""
        if self._take("unavailable"):
            return self._unavailable(503)
        with self._lock:
            if self._signatures is None or self._signatures.method != self.switches.oauth1:
                self._signatures = Signatures(
                    self.switches.oauth1, self.key, self.secret, self.switches.time
                )
        scheme = self.url.partition("://")[0]
        url = f"{scheme}://{incoming.headers.get('host', '')}{incoming.path}"
        problem = self._signatures.problem(incoming, url)
        if not problem:
            return None
        return to_json(401, {"error": problem})

    def _take(self, switch: str) -> bool:
        """Count a switch down by one; was there any left?"""
        with self._lock:
            left = getattr(self.switches, switch)
            setattr(self.switches, switch, max(0, left - 1))
            return bool(left > 0)

    def _unavailable(self, status: int) -> Reply:
        pause = self.switches.retry_after
        headers = {} if pause is None else {"Retry-After": pause}
        return Reply(status, b"busy", headers, "text/plain")


def start(
    district: District,
    variant: str = "sms-2.0",
    *,
    port: int = 0,
    base: str | None = None,
    key: str = KEY,
    secret: str | None = None,
    ssl_context: ssl.SSLContext | None = None,
    **switches: Any,
) -> Skyward:
    """Serve a district on 127.0.0.1; `switches` are fields of `Switches`, port 0 is any free one."""
    known = {one.name for one in fields(Switches)}
    unknown = sorted(set(switches) - known)
    if unknown:
        raise ValueError(
            f"no such switches: {', '.join(unknown)}; known: {', '.join(sorted(known))}"
        )
    return Skyward(
        district,
        variant,
        Switches(**switches),
        base=base,
        key=key,
        secret=secret or AWKWARD + secrets.token_urlsafe(18),
        port=port,
        ssl_context=ssl_context,
    )


def _status_of(wanted: str, filters: bool) -> str | None:
    """The status that a filter asks for, "" for no filter, None for a filter that is not understood."""
    if not wanted:
        return ""
    match = re.fullmatch(r"\s*status\s*=\s*'(active|tobedeleted)'\s*", wanted)
    return match[1] if match and filters else None


def _names(chosen: Collection[str], collection: str) -> bool:
    return collection == chosen or (not isinstance(chosen, str) and collection in chosen)


def _number(text: str | None, default: int, least: int) -> int | None:
    if text is None:
        return default
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) and int(text) >= least else None


def _message(status: int, text: str) -> Reply:
    return to_json(status, {"Message": text})


def _missing(path: str) -> Reply:
    return _message(404, f"No HTTP resource was found that matches the request URI '{path}'.")


def _fault(version: str, status: int, minor: str, text: str) -> Reply:
    """OneRoster's own error body; 1.1 wraps it in a list."""
    body = {
        "imsx_codeMajor": "failure",
        "imsx_severity": "error",
        "imsx_description": text,
        "imsx_CodeMinor": {
            "imsx_codeMinorField": [
                {
                    "imsx_codeMinorFieldName": "TargetEndSystem",
                    "imsx_codeMinorFieldValue": minor,
                }
            ]
        },
    }
    return to_json(status, {"statusInfoSet": [body]} if version == "1.1" else body)
