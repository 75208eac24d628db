"""A small threaded HTTP/1.1 server on loopback that answers through one function and stops cleanly."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it came in."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    number: int
    """Counts the requests of this server from 1."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; `cut` sends so many bytes of the body and hangs up, `reset` answers with a TCP reset."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=utf-8"
    cut: int | None = None
    reset: bool = False


def to_json(status: int, value: Any) -> Reply:
    """A reply with a value as JSON."""
    return Reply(status, json.dumps(value, ensure_ascii=False).encode())


class Wire:
    """Serves until `close`; answers come from the function it is given."""

    def __init__(
        self,
        answer: Callable[[Incoming], Reply],
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._server = _Server((LOOPBACK, port), _Handler)
        self._server.answer = answer
        if ssl_context:
            # The handshake waits for the first read, which happens in the connection's own thread.
            self._server.socket = ssl_context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="sandbox"
        )
        self._thread.start()

    @property
    def mistakes(self) -> list[BaseException]:
        """What went wrong inside the sandbox itself; a test may want this to be empty."""
        return self._server.mistakes

    def close(self) -> None:
        """Hang up on everybody, and return when every thread has ended."""
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 64
    answer: Callable[[Incoming], Reply]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lock = threading.Lock()
        self.connections: set[socket.socket] = set()
        self.mistakes: list[BaseException] = []
        self.count = 0

    def next_number(self) -> int:
        with self.lock:
            self.count += 1
            return self.count

    def hang_up(self) -> None:
        """End connections that are kept alive, so that their threads end."""
        with self.lock:
            for connection in self.connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self.lock:
            self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self.lock:
            self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is none of our mistakes; nothing is printed."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError):
            self.mistakes.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed: a test reads `requests`, a demo has its own words."""

    def _serve(self) -> None:
        length = self.headers.get("Content-Length", "0")
        body = self.rfile.read(int(length)) if length.isdecimal() else b""
        parts = urlsplit(self.path)
        incoming = Incoming(
            method=self.command,
            path=unquote(parts.path),
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
            number=self.server.next_number(),
        )
        self._send(self.server.answer(incoming))

    def _send(self, reply: Reply) -> None:
        """Head and body in one write: two small ones would wait for each other on a slow stack."""
        if reply.reset:
            self._reset()
            return
        phrase = _PHRASES.get(reply.status, "Unknown")
        headers = {
            "Date": self.date_time_string(),
            "Content-Type": reply.content_type,
            "Content-Length": str(len(reply.body)),
            **reply.headers,
        }
        lines = [f"HTTP/1.1 {reply.status} {phrase}", *(f"{k}: {v}" for k, v in headers.items())]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        self.wfile.write(head + (reply.body if reply.cut is None else reply.body[: reply.cut]))
        if reply.cut is not None:
            self.close_connection = True

    def _reset(self) -> None:
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()
        self.close_connection = True


_PHRASES = {status.value: status.phrase for status in HTTPStatus}
