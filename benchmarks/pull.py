"""How close a pull comes to what the server's latency allows.

    python benchmarks/pull.py [--pages 100] [--rows 1000] [--latency 0.2] [--concurrency 1 2 4 8]

A server in a process of its own waits `latency` before each answer and states a total. The ideal is
pages x latency / concurrency; what is missing from it is our own work: reading, decoding, freezing.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from etlrunner.extract import extract
from etlrunner.lib.clock import SystemClock
from etlrunner.model import Secret, SilentProgress
from etlrunner.sources import rest

WHEN = "2026-08-01T12:00:00.000Z"


def user(number: int) -> dict[str, Any]:
    org = {"href": f"/orgs/s{number % 40}", "sourcedId": f"s{number % 40}", "type": "org"}
    return {
        "sourcedId": f"u{number:08}", "status": "active", "dateLastModified": WHEN,
        "username": f"invented{number}", "enabledUser": "true", "givenName": "Invented",
        "familyName": f"Person {number}", "identifier": str(number), "grades": ["09"],
        "email": f"invented{number}@example.org", "role": "student", "orgs": [org],
        "userIds": [{"type": "Fed", "identifier": str(number)}],
    }  # fmt: skip


def serve(pipe: Connection, pages: int, rows: int, latency: float) -> None:
    """Answers are made beforehand, so that the server costs next to nothing."""
    bodies = {
        start: json.dumps({"users": [user(n) for n in range(start, start + rows)]}).encode()
        for start in range(0, pages * rows, rows)
    }

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send(b'{"access_token": "t", "expires_in": 3600}')

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            offset = int(parse_qs(parts.query)["offset"][0])
            if not parts.path.endswith("/users"):
                self.send(b'{"orgs": []}')
                return
            time.sleep(latency)
            self.send(bodies.get(offset, b'{"users": []}'))

        def send(self, body: bytes) -> None:
            head = (
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\nX-Total-Count: {pages * rows}\r\n\r\n"
            )
            self.wfile.write(head.encode() + body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    pipe.send(server.server_port)
    server.serve_forever()


def pull(port: int, rows: int, concurrency: int) -> tuple[float, float, int]:
    options = {
        "type": "oneroster", "oneroster": "1.1", "domain": f"127.0.0.1:{port}", "allow_http": True,
        "key": Secret("k"), "secret": Secret("s"), "page_size": rows, "concurrency": concurrency,
    }  # fmt: skip
    clock, progress = SystemClock(), SilentProgress()
    with (
        tempfile.TemporaryDirectory() as folder,
        rest.connect(options, clock=clock, progress=progress) as connection,
    ):
        began, worked = time.perf_counter(), time.process_time()
        raw = extract(connection, ["users"], Path(folder), clock=clock, progress=progress)
        took, work = time.perf_counter() - began, time.process_time() - worked
        return took, work, raw["users"].rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 2, 4, 8])
    given = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(
        target=serve, args=(there, given.pages, given.rows, given.latency), daemon=True
    )
    server.start()
    port = here.recv()
    print(f"{given.pages} pages of {given.rows} users, {given.latency * 1000:.0f} ms each")
    print(
        f"{'concurrency':>11} {'ideal s':>8} {'took s':>8} {'of ideal':>9} {'CPU s':>6} {'peak MB':>8}"
    )
    for concurrency in given.concurrency:
        ideal = given.pages * given.latency / concurrency
        took, work, rows = pull(port, given.rows, concurrency)
        assert rows == given.pages * given.rows
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        line = f"{concurrency:>11} {ideal:>8.2f} {took:>8.2f} {ideal / took:>9.0%}"
        print(f"{line} {work:>6.2f} {peak:>8.0f}")
    server.terminate()
    server.join()


if __name__ == "__main__":
    main()
