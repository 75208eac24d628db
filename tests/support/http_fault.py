"""A small OneRoster server on loopback that can be told to misbehave, one switch per fault.

It answers with HTTP/1.1 keep-alive and sends headers and body in one write. `scripts` replace single
answers: bytes are sent as they are and the connection is closed; a tuple is (status, headers, body); a
function is given the connection and does to it what it likes (`reset`, `drip`, `stall`).
"""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Answer = tuple[int, dict[str, str], bytes]
Wire = Callable[[socket.socket], None]
"""What is done to a connection instead of an answer."""
JSON = {"Content-Type": "application/json"}


@dataclass
class Request:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: str


@dataclass
class FaultServer:
    """The switches, and what was asked."""

    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    root: str = "/API"
    roster: str = "/ims/oneroster/v1p1"
    token_path: str = "/token"
    key: str = "lakeside key"
    secret: str = "p+q/r="
    grants: tuple[str, ...] = ("client_credentials",)
    credentials: tuple[str, ...] = ("body", "basic")
    required_headers: dict[str, str] = field(default_factory=dict)
    totals: bool = True
    total_offset: int = 0
    """Added to the stated total: a server that cannot count."""
    total_of_page: bool = False
    """States as the total how many records the page holds."""
    limit_cap: int | None = None
    ignores_offset: bool = False
    short_every: int = 0
    """Each n-th page comes one record short."""
    links: str = ""
    """`next`: with offsets; `cursor`: without; `foreign`: to another host; `circle`: to itself; `always`: after the end, too."""
    wrapper: str = ""
    latency: float = 0.0
    token_uses: int = 0
    """After so many requests a token is forgotten; 0: never."""
    expired_status: int = 401
    expires_in: Any = 3600
    forbidden: tuple[str, ...] = ()
    before_page: Callable[[str, int], None] | None = None
    """Told of (collection, offset) before a page is made: rows may come and go now."""
    after_page: Callable[[Request, Answer], bytes | Answer | Wire] | None = None
    """Given each page that would be sent, and free to send something else."""
    fields: str = "ignored"
    """What `fields=` does: `ignored`, `honoured`, `refused` with 400, `broken` with 500, or a field's name that
    is left out though it is asked for."""
    scripts: dict[str, list[bytes | Answer | Wire]] = field(
        default_factory=lambda: defaultdict(list)
    )
    requests: list[Request] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    uses: int = 0
    most_at_once: int = 0
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)
    _now: int = 0

    def start(self) -> FaultServer:
        owner = self

        class Handler(_Handler):
            server_switches = owner

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.handle_error = lambda *_: None  # clients that hang up are what is tested
        self._http.daemon_threads = True
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        return self

    @property
    def domain(self) -> str:
        return self.url.removeprefix("http://") + self.root

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    def __enter__(self) -> FaultServer:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.close()

    def asked(self, ending: str) -> list[Request]:
        return [each for each in self.requests if each.path.endswith(ending)]

    def counts(self) -> dict[str, int]:
        """How many records of each collection it has."""
        return {name: len(records) for name, records in self.tables.items()}

    # ------------------------------------------------------------ answers

    def answer(self, request: Request) -> bytes | Answer | Wire:
        with self.lock:
            self.requests.append(request)
            for ending, answers in self.scripts.items():
                if request.path.endswith(ending) and answers:
                    return answers.pop(0)
        if request.path == self.root + self.token_path and request.method == "POST":
            return self.token(request)
        collection = request.path.removeprefix(f"{self.root}{self.roster}/")
        if request.method != "GET" or collection not in self.tables:
            return _json(404, {"error": "not found"})
        refusal = self.refusal(request, collection)
        if refusal:
            return refusal
        page = self.page(request, collection)
        return self.after_page(request, page) if self.after_page else page

    def token(self, request: Request) -> Answer:
        form = {name: values[0] for name, values in parse_qs(request.body).items()}
        for name, value in self.required_headers.items():
            if request.headers.get(name) != value:
                return _json(401, {"error": "invalid_client", "echo": self.secret})
        if form.get("grant_type") not in self.grants:
            return _json(400, {"error": "unsupported_grant_type"})
        if not self.knows(request, form):
            return _json(401, {"error": "invalid_request", "echo": f"{self.key} {self.secret}"})
        with self.lock:
            self.tokens.append(f"canary-token-{len(self.tokens) + 1}")
            self.uses = 0
            body: dict[str, Any] = {"access_token": self.tokens[-1], "token_type": "Bearer"}
        if self.expires_in is not None:
            body["expires_in"] = self.expires_in
        return _json(200, body)

    def knows(self, request: Request, form: dict[str, str]) -> bool:
        wanted = (self.key, self.secret)
        if "body" in self.credentials and wanted in (
            (form.get("client_id"), form.get("client_secret")),
            (form.get("username"), form.get("password")),
        ):
            return True
        header = request.headers.get("Authorization", "")
        if "basic" not in self.credentials or not header.startswith("Basic "):
            return False
        name, _, value = base64.b64decode(header[6:]).decode().partition(":")
        return (unquote(name), unquote(value)) == wanted

    def refusal(self, request: Request, collection: str) -> Answer | None:
        with self.lock:
            known = bool(self.tokens) and (
                request.headers.get("Authorization") == f"Bearer {self.tokens[-1]}"
            )
            self.uses += known  # a request with an old token uses none of the new one
            worn = bool(self.token_uses) and self.uses > self.token_uses
        if not known or worn:
            return _json(self.expired_status, {"error": "Token has expired"})
        if collection in self.forbidden:
            return _json(403, {"error": "forbidden"})
        return None

    def page(self, request: Request, collection: str) -> Answer:
        if self.before_page:
            self.before_page(collection, int(request.query.get("offset", 0)))
        records = self.tables[collection]
        limit = int(request.query.get("limit", 100))
        offset = int(request.query.get("offset", request.query.get("cursor", 0)))
        limit = min(limit, self.limit_cap or limit)
        if self.ignores_offset:
            offset = 0
        if self.short_every and (offset // max(1, limit)) % self.short_every == 1:
            limit = max(1, limit - 1)
        page = records[offset : offset + limit]
        named = request.query.get("fields", "")
        if named and self.fields in ("refused", "broken"):
            return _json(
                400 if self.fields == "refused" else 500, {"error": "invalid_selection_field"}
            )
        if named and self.fields != "ignored":
            wanted = set(named.split(",")) - {self.fields}
            page = [{key: row[key] for key in row if key in wanted} for row in page]
        headers = {"Content-Type": "application/json"}
        if self.totals:
            total = len(page if self.total_of_page else records)
            headers["X-Total-Count"] = str(total + self.total_offset)
        link = self.link(request, offset, len(page), len(records))
        if link:
            headers["Link"] = link
        wrapper = self.wrapper or collection
        body = page if wrapper == "[]" else {wrapper: page}
        return 200, headers, json.dumps(body).encode()

    def link(self, request: Request, offset: int, count: int, total: int) -> str:
        following = offset + count
        if not self.links or (following >= total and self.links != "always"):
            return ""
        place = self.url if self.links != "foreign" else "http://127.0.0.2:9"
        key = "offset" if self.links in ("next", "foreign", "always") else "cursor"
        value = offset if self.links == "circle" else following
        limit = request.query.get("limit", "100")
        return (
            f'<{place}{request.path}?limit={limit}&{key}=0>; rel="first", '
            f'<{place}{request.path}?limit={limit}&{key}={value}>; rel="next"'
        )


class _Handler(BaseHTTPRequestHandler):
    server_switches: FaultServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.reply()

    def do_POST(self) -> None:
        self.reply()

    def reply(self) -> None:
        switches = self.server_switches
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode() if length else ""
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        request = Request(self.command, parts.path, query, dict(self.headers.items()), body)
        with switches.lock:
            switches._now += 1
            switches.most_at_once = max(switches.most_at_once, switches._now)
        try:
            answer = switches.answer(request)
            if switches.latency:
                threading.Event().wait(switches.latency)
        finally:
            with switches.lock:
                switches._now -= 1
        self.send(answer)

    def send(self, answer: bytes | Answer | Wire) -> None:
        try:
            if callable(answer):
                self.close_connection = True
                answer(self.connection)
                return
            if isinstance(answer, bytes):
                self.wfile.write(answer)
                self.close_connection = True
                return
            self.wfile.write(raw(*answer))
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def reset(before: bytes = b"") -> Wire:
    """Some bytes, then a TCP reset."""

    def act(connection: socket.socket) -> None:
        connection.sendall(before)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    return act


def stall(before: bytes = b"", most: float = 30.0) -> Wire:
    """Some bytes, then silence until the client hangs up."""

    def act(connection: socket.socket) -> None:
        connection.sendall(before)
        connection.settimeout(most)
        with contextlib.suppress(OSError):
            connection.recv(1)

    return act


def drip(before: bytes, drop: bytes = b" ", every: float = 0.02, most: float = 30.0) -> Wire:
    """Some bytes, then a drop now and then until the client hangs up."""

    def act(connection: socket.socket) -> None:
        connection.sendall(before)
        ends = time.monotonic() + most
        while time.monotonic() < ends:
            connection.sendall(drop)
            time.sleep(every)

    return act


def raw(status: int, headers: dict[str, str], body: bytes) -> bytes:
    """One answer as bytes."""
    lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in headers.items())]
    if "Content-Length" not in headers and "Transfer-Encoding" not in headers:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def _json(status: int, body: Any) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(body).encode()


def running(**switches: Any) -> Iterator[FaultServer]:
    """For fixtures."""
    with FaultServer(**switches) as server:
        yield server
