"""A small Skyward on loopback that behaves as `docs/sources.md` says, per variant.

    with skyward.start(district, variant="qmlativ", page_delay=0.2) as server:
        server.domain, server.key, server.secret

Paths, token requests, expiry, paging and clamps are those of SMS 2.0 or Qmlativ. The people are invented.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

from etlrunner.sandbox import records
from etlrunner.sandbox.district import District

PATHS = {"sms-2.0": "/APIexampletxSTU", "qmlativ": "/LakesideStuAPI"}
VERSIONS = {"sms-2.0": ("1.1",), "qmlativ": ("1.1", "1.2")}
SEGMENTS = {"1.1": "v1p1", "1.2": "v1p2"}
DEFAULT_LIMIT = 100
KEY = "etlrunner sandbox"
"""Keys may hold ordinary words: in a production script the key is the organisation's name."""


@dataclass(frozen=True)
class Switches:
    """How the server misbehaves, all off at first."""

    totals: bool = True
    """X-Total-Count on every page."""
    links: bool = True
    """A Link header with rel="next"."""
    max_limit: int = 5000
    """A larger `limit` is cut to this without a word."""
    page_delay: float = 0.0
    """Seconds before each page of data."""
    token_seconds: int = 3600
    token_requests: int = 0
    """Data requests that one token is good for; 0: any number."""
    expired_status: int = 401
    """What an expired token gets: 401, 403, or Qmlativ's 500."""
    unavailable: int = 0
    """So many data requests get 503 first."""
    retry_after: str = ""
    forbidden: str = ""
    """A collection that gets 403."""
    integration_token: str = ""
    """Qmlativ: the third value that token requests must carry."""
    maintenance: bool = False
    """Every data request gets a page of HTML, with 200."""


def start(
    district: District,
    variant: str = "sms-2.0",
    *,
    port: int = 0,
    **switches: Any,
) -> Skyward:
    """Start the server; it stops by `close()` or at the end of a `with` block."""
    return Skyward(district, variant, Switches(**switches), port)


class Skyward:
    """The running server. `requests` lists method, path without query, and status of each."""

    def __init__(self, district: District, variant: str, switches: Switches, port: int) -> None:
        self.variant = variant
        self.switches = switches
        self.key = KEY
        # plus, slash, equals, ampersand and per cent: percent-encoding has to be right
        self.secret = "s+/=&%" + secrets.token_urlsafe(18)
        self.requests: list[tuple[str, str, int]] = []
        self._tokens: dict[str, list[float]] = {}
        self._pages: dict[tuple[str, str], list[bytes]] = {}
        self._lock = threading.Lock()
        self._refused = switches.unavailable
        self.change(district)
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.skyward = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def domain(self) -> str:
        """What a user would paste, without the scheme."""
        return f"127.0.0.1:{self.port}{PATHS[self.variant]}"

    @property
    def url(self) -> str:
        return f"http://{self.domain}"

    def change(self, district: District) -> None:
        """Serve another district from now on: the next day has come."""
        with self._lock:
            self.district = district
            self._pages = {}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Skyward:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # ------------------------------------------------------------ tokens

    def token(self) -> dict[str, Any]:
        """A fresh token and how long it lasts."""
        value = secrets.token_urlsafe(24)
        with self._lock:
            self._tokens[value] = [time.monotonic() + self.switches.token_seconds, 0]
        return {
            "access_token": value,
            "token_type": "bearer",
            "expires_in": self.switches.token_seconds,
        }

    def is_fresh(self, value: str) -> bool:
        """Whether a token is known and not used up; counts its use."""
        with self._lock:
            state = self._tokens.get(value)
            if state is None or time.monotonic() > state[0]:
                return False
            state[1] += 1
            most = self.switches.token_requests
            return not most or state[1] <= most

    def refuses_now(self) -> bool:
        """Whether this request still gets 503."""
        with self._lock:
            self._refused -= 1
            return self._refused >= 0

    # ------------------------------------------------------------ data

    def rows(self, table: str, version: str) -> list[bytes]:
        """The records of a table as JSON, made once per district."""
        with self._lock:
            found = self._pages.get((table, version))
            if found is None:
                frame = self.district.tables[table]
                base = f"{self.url}/ims/oneroster/{SEGMENTS[version]}"
                found = [
                    json.dumps(
                        records.record(table, row, version, base), ensure_ascii=False
                    ).encode()
                    for row in frame.iter_rows(named=True)
                ]
                self._pages[table, version] = found
        return found


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    skyward: Skyward


class _Handler(BaseHTTPRequestHandler):
    """One connection. Head and body leave in one write, so that no delayed ACK slows the pages."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: `requests` has it all."""

    @property
    def skyward(self) -> Skyward:
        return self.server.skyward

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        wanted = "/token" if self.skyward.variant == "sms-2.0" else "/oauth/token"
        if self._path() != wanted:
            self._send(404, {"Message": "No HTTP resource was found that matches the request URI."})
        else:
            self._token({key: values[0] for key, values in parse_qs(body).items()})

    def do_GET(self) -> None:
        parts = [part for part in (self._path() or "").split("/") if part]
        if parts[:1] == ["v1"] and self.skyward.variant == "sms-2.0":
            self._lms(parts[1:])
        elif len(parts) == 4 and parts[:2] == ["ims", "oneroster"]:
            versions = {SEGMENTS[one]: one for one in VERSIONS[self.skyward.variant]}
            self._collection(versions.get(parts[2]), parts[3])
        else:
            self._send(404, {"Message": "No HTTP resource was found that matches the request URI."})

    # ------------------------------------------------------------ token requests

    def _token(self, form: Mapping[str, str]) -> None:
        switches = self.skyward.switches
        if (
            switches.integration_token
            and (self.headers.get("Skyward-Integration-Token") != switches.integration_token)
        ) or not self._knows(form):
            self._send(401, {"error": "invalid_client"})
        else:
            self._send(200, self.skyward.token())

    def _knows(self, form: Mapping[str, str]) -> bool:
        """SMS 2.0 takes password and client-credentials grants; Qmlativ the latter, Basic or body."""
        given = {
            ("client_credentials", form.get("client_id"), form.get("client_secret")),
            ("client_credentials", *self._basic()),
        }
        if self.skyward.variant == "sms-2.0":
            given = {
                ("client_credentials", form.get("client_id"), form.get("client_secret")),
                ("password", form.get("username"), form.get("password")),
            }
        grant = form.get("grant_type", "")
        return (grant, self.skyward.key, self.skyward.secret) in given

    def _basic(self) -> tuple[str, str]:
        """Key and secret of the Authorization header, which are percent-encoded inside it."""
        kind, _, coded = self.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "basic":
            return "", ""
        try:
            key, _, secret = base64.b64decode(coded, validate=True).decode().partition(":")
        except ValueError:
            return "", ""
        return unquote_plus(key), unquote_plus(secret)

    # ------------------------------------------------------------ data requests

    def _collection(self, version: str | None, table: str) -> None:
        if version is None or table not in self.skyward.district.tables:
            self._send(404, {"Message": "No HTTP resource was found that matches the request URI."})
        elif self._may_read(table):
            time.sleep(self.skyward.switches.page_delay)
            self._page(table, version)

    def _may_read(self, table: str) -> bool:
        """Answers the request itself when it may not."""
        switches = self.skyward.switches
        if self.skyward.refuses_now():
            head = {"Retry-After": switches.retry_after} if switches.retry_after else {}
            self._send(503, {"Message": "Service Unavailable"}, head)
        elif switches.maintenance:
            self._send_bytes(200, b"<html><title>Maintenance</title></html>", {}, "text/html")
        elif not self.skyward.is_fresh(self.headers.get("Authorization", "").partition(" ")[2]):
            self._send(switches.expired_status, {"Message": "Token has expired"})
        elif switches.forbidden == table:
            self._send(403, {"imsx_codeMajor": "failure", "imsx_description": "forbidden"})
        else:
            return True
        return False

    def _page(self, table: str, version: str) -> None:
        query = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
        rows = self.skyward.rows(table, version)
        if query.get("filter", "").replace(" ", "") == "status='active'":
            rows = [row for row in rows if b'"status": "active"' in row]
        offset = int(query.get("offset") or 0)
        limit = min(int(query.get("limit") or DEFAULT_LIMIT), self.skyward.switches.max_limit)
        page = rows[offset : offset + limit]
        head = {}
        if self.skyward.switches.totals:
            head["X-Total-Count"] = str(len(rows))
        if self.skyward.switches.links and offset + len(page) < len(rows):
            path = urlsplit(self.path).path
            url = f"http://{self.headers['Host']}{path}?limit={limit}&offset={offset + limit}"
            head["Link"] = f'<{url}>; rel="next"'
        body = b'{"' + table.encode() + b'": [' + b",".join(page) + b"]}"
        self._send_bytes(200, body, head)

    def _lms(self, parts: list[str]) -> None:
        """Skyward's own API: enough to tell somebody that this is the wrong URL."""
        if parts == ["schools"] and self._may_read("schools"):
            orgs = self.skyward.district.tables["orgs"].iter_rows(named=True)
            schools = [
                {"SchoolId": org["identifier"], "SchoolName": org["name"]}
                for org in orgs
                if org["type"] == "school"
            ]
            self._send(200, schools)
        elif parts != ["schools"]:
            self._send(404, {"Message": "No HTTP resource was found that matches the request URI."})

    # ------------------------------------------------------------ answers

    def _path(self) -> str | None:
        """The path below the API's root; the root's case does not matter, as on IIS."""
        path, root = urlsplit(self.path).path, PATHS[self.skyward.variant]
        return path[len(root) :] if path.lower().startswith(root.lower() + "/") else None

    def _send(self, status: int, value: Any, head: Mapping[str, str] | None = None) -> None:
        self._send_bytes(status, json.dumps(value).encode(), head or {})

    def _send_bytes(
        self, status: int, body: bytes, head: Mapping[str, str], kind: str = "application/json"
    ) -> None:
        self.skyward.requests.append((self.command, urlsplit(self.path).path, status))
        lines = {"Content-Type": f"{kind}; charset=utf-8", "Content-Length": str(len(body)), **head}
        top = f"HTTP/1.1 {status} {self.responses[status][0]}\r\n"
        text = top + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
        self.wfile.write(text.encode("latin-1") + body)
