"""A OneRoster server in a process of its own that costs next to nothing: enrollments made as they are asked for.

Each answer comes after a pause, states a total, and links to the next page; any offset and limit will do.
"""

from __future__ import annotations

import multiprocessing
import time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from types import TracebackType
from urllib.parse import parse_qs, urlsplit

ROOT = "/ims/oneroster/v1p1"
REF = b'{"href":"https://sis.example.org/ims/oneroster/v1p1/%s/%s","sourcedId":"%s","type":"%s"}'
RECORD = (
    b'{"sourcedId":"e%%08d","status":"active","dateLastModified":"2026-08-01T12:00:00.000Z","user":'
    + REF % (b"users", b"u%%08d", b"u%%08d", b"user")
    + b',"class":' + REF % (b"classes", b"k00001234", b"k00001234", b"class")
    + b',"school":' + REF % (b"orgs", b"s12", b"s12", b"org")
    + b',"role":"student","primary":"false","beginDate":"2026-08-15","endDate":"2027-06-04"}'
).replace(b"%%", b"%")  # fmt: skip
IDS = 3
"""How often a record says its number."""


@cache
def template(count: int) -> bytes:
    return b'{"enrollments":[' + b",".join([RECORD] * count) + b"]}"


def page(offset: int, count: int) -> bytes:
    """A page of invented enrollments; half a megabyte in half a millisecond."""
    numbers = [number for number in range(offset, offset + count) for _ in range(IDS)]
    return template(count) % tuple(numbers)


def serve(pipe: Connection, rows: int, latency: float) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send(b'{"access_token": "t", "expires_in": 3600}')

        def do_GET(self) -> None:
            began = time.perf_counter()
            parts = urlsplit(self.path)
            query = parse_qs(parts.query)
            offset, limit = int(query["offset"][0]), int(query["limit"][0])
            if not parts.path.endswith("/enrollments"):
                self.send(b'{"orgs": []}')
                return
            body = page(offset, max(0, min(limit, rows - offset)))
            time.sleep(
                max(0.0, latency - (time.perf_counter() - began))
            )  # our own work is part of it
            self.send(body, offset + limit, limit)

        def send(self, body: bytes, following: int = 0, limit: int = 0) -> None:
            head = (
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\nX-Total-Count: {rows}\r\n"
            )
            self.wfile.write(head.encode() + b"\r\n" + body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    pipe.send(server.server_port)
    server.serve_forever()


class Server:
    """The process; a context manager that gives its port."""

    def __init__(self, rows: int, latency: float) -> None:
        context = multiprocessing.get_context("spawn")
        self._here, there = context.Pipe()
        self._process = context.Process(target=serve, args=(there, rows, latency), daemon=True)

    def __enter__(self) -> int:
        self._process.start()
        return int(self._here.recv())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.join()
