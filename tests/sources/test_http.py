"""The door to HTTP: what it refuses, what it repeats, and how it says so."""

from __future__ import annotations

import gzip
import inspect
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3

from etlrunner.errors import (
    ConfigurationError,
    EtlError,
    Incomplete,
    LocalTrouble,
    Refused,
    Unreachable,
)
from etlrunner.lib import http_errors, retry
from etlrunner.lib.clock import SystemClock
from etlrunner.lib.http import Door, Limits, Timeouts
from etlrunner.lib.reply import Reply, json_body
from tests.support.clock import SimulatedClock
from tests.support.http_fault import FaultServer, raw

JSON = {"Content-Type": "application/json"}
GOOD = (200, JSON, b'{"orgs": []}')


@pytest.fixture
def door(clock: SimulatedClock) -> Iterator[Door]:
    opened = Door(clock=clock, allow_http=True)
    yield opened
    opened.close()


def ask(door: Door, server: FaultServer, *, path: str = "/x") -> bytes:
    return door.ask(
        "GET", server.url + path, what="x", read=lambda reply: json_body(reply, "reading x")
    )


def script(server: FaultServer, *answers: Any) -> None:
    server.scripts["/x"] = list(answers)


# ---------------------------------------------------------------- repeating


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_passing_troubles_are_repeated(
    door: Door, server: FaultServer, clock: SimulatedClock, status: int
) -> None:
    script(server, *[(status, {}, b"busy")] * 3, GOOD)
    assert ask(door, server) == GOOD[2]
    assert 0.5 + 1 + 2 <= sum(clock.slept) <= 1 + 2 + 4


@pytest.mark.parametrize("status", [429, 503])
def test_they_end_as_unreachable(door: Door, server: FaultServer, status: int) -> None:
    script(server, *[(status, {}, b"busy")] * 99)
    with pytest.raises(Unreachable, match=f"HTTP {status}"):
        ask(door, server)
    assert len(server.requests) == retry.ATTEMPTS


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_other_answers_are_not_repeated(door: Door, server: FaultServer, status: int) -> None:
    script(server, (status, JSON, b"{}"))
    reply = door.ask("GET", server.url + "/x", what="x", read=lambda reply: reply)
    assert reply.status == status
    assert len(server.requests) == 1


NOW = datetime(2027, 3, 1, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7), (" 7 ", 7), ("0", 0), (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0), ("Mon, 01 Mar 2027 08:00:30", 30),
        (None, None), ("", None), ("-5", None), ("1e9", None), ("7, 9", None), ("٧", None),
        ("soon", None), ("7.5", None), ("Mon, 99 Foo 2027 99:00:00 GMT", None),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date_and_junk_is_ignored(
    value: str | None, seconds: float | None
) -> None:
    assert retry.read_retry_after(value, NOW) == seconds


def test_retry_after_is_waited_for(door: Door, server: FaultServer, clock: SimulatedClock) -> None:
    script(server, (429, {"Retry-After": "60"}, b""), GOOD)
    ask(door, server)
    assert sum(clock.slept) == 60


@pytest.mark.parametrize("value", ["1000000000", "7200"])
def test_a_wait_of_hours_ends_the_run_now(
    door: Door, server: FaultServer, clock: SimulatedClock, value: str
) -> None:
    script(server, (503, {"Retry-After": value}, b""))
    with pytest.raises(Unreachable, match="asks to wait"):
        ask(door, server)
    assert clock.slept == []


def test_a_wait_beyond_the_deadline_ends_the_run_now(
    clock: SimulatedClock, server: FaultServer
) -> None:
    door = Door(clock=clock, allow_http=True, limits=Limits(deadline=100))
    script(server, (503, {"Retry-After": "101"}, b""))
    with pytest.raises(Unreachable, match="would exceed the deadline"):
        ask(door, server)
    door.close()
    assert clock.slept == []


def test_repeats_have_a_budget_over_all_requests(door: Door, server: FaultServer) -> None:
    server.scripts["/x"] = [(503, {}, b""), GOOD] * 100

    def ask_often() -> None:
        for _ in range(100):
            ask(door, server)

    with pytest.raises(Unreachable, match="too many requests had to be repeated"):
        ask_often()
    assert door.budget.repeated <= 20 + 0.1 * door.budget.asked


def test_requests_per_second_are_kept(server: FaultServer, clock: SimulatedClock) -> None:
    door = Door(clock=clock, allow_http=True, limits=Limits(requests_per_second=4))
    script(server, *[GOOD] * 9)
    for _ in range(9):
        ask(door, server)
    door.close()
    assert clock.monotonic() == pytest.approx(2.0)


# ---------------------------------------------------------------- bodies

BROKEN = [
    b"",
    b"HTTP/1.1 200 OK\r\nContent-Le",
    raw(200, {**JSON, "Content-Length": "500"}, b'{"orgs": [1, 2'),
    raw(200, {**JSON, "Transfer-Encoding": "chunked"}, b'9\r\n{"orgs": \r\n5\r\n[1'),
    raw(200, {**JSON, "Transfer-Encoding": "chunked"}, b"zz\r\nnonsense"),
    raw(200, {**JSON, "Content-Encoding": "gzip"}, b"not gzip at all"),
    raw(200, JSON, b""),
    raw(200, JSON, b'{"orgs": ["\xe9"]}'),
]


@pytest.mark.parametrize("answer", BROKEN)
def test_a_broken_answer_is_asked_for_again(door: Door, server: FaultServer, answer: bytes) -> None:
    script(server, answer, GOOD)
    assert ask(door, server) == GOOD[2]


@pytest.mark.parametrize("answer", BROKEN)
def test_an_answer_that_stays_broken_is_never_used(
    door: Door, server: FaultServer, answer: bytes
) -> None:
    script(server, *[answer] * 10)
    with pytest.raises(Unreachable):
        ask(door, server)


def test_a_byte_order_mark_is_allowed(door: Door, server: FaultServer) -> None:
    script(server, (200, JSON, b"\xef\xbb\xbf{}"))
    assert ask(door, server) == b"{}"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "text/html; charset=utf-8"}, b"<!doctype html><h1>Ada, sign in</h1>"),
        (JSON, b"  \n<html>Ada"),
        ({"Content-Type": "text/html"}, b"Ada"),
        ({}, b"<Error>Ada</Error>"),
        ({"Content-Type": "secret Ada"}, b"<x/>"),
    ],
)
def test_a_page_for_people_is_incomplete_and_not_quoted(
    door: Door, server: FaultServer, headers: dict[str, str], body: bytes
) -> None:
    script(server, (200, headers, body))
    with pytest.raises(Incomplete, match=r"HTTP 200 with .* instead of JSON") as caught:
        ask(door, server)
    assert "Ada" not in str(caught.value) + caught.value.hint
    assert len(server.requests) == 1


@pytest.mark.parametrize("packed", [False, True])
def test_an_endless_body_is_cut_at_the_cap(
    server: FaultServer, clock: SimulatedClock, packed: bool
) -> None:
    door = Door(clock=clock, allow_http=True, limits=Limits(body=1 << 20))
    body = b"[" + b" " * (8 << 20)
    headers = {**JSON, **({"Content-Encoding": "gzip"} if packed else {})}
    script(server, (200, headers, gzip.compress(body, 1) if packed else body))
    with pytest.raises(Incomplete, match="larger than 1 MiB"):
        ask(door, server)
    door.close()


def dripping(head: bytes) -> socket.socket:
    """A listener that sends a byte now and then, for as long as anybody listens."""
    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        try:
            peer, _ = listener.accept()
            with peer:
                peer.recv(1 << 16)
                peer.sendall(head)
                while True:
                    peer.sendall(b" ")
                    time.sleep(0.02)
        except OSError:
            return

    threading.Thread(target=drip, daemon=True).start()
    return listener


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n{"]
)
def test_a_drip_ends_at_the_deadline(head: bytes) -> None:
    with dripping(head) as listener:
        door = Door(clock=SystemClock(), allow_http=True, limits=Limits(deadline=0.3))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        with pytest.raises(Unreachable, match="deadline"):
            door.ask("GET", url, what="x", read=lambda reply: reply)
        door.close()


def test_a_silent_server_runs_into_the_time_out(clock: SimulatedClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        door = Door(clock=clock, allow_http=True, timeouts=Timeouts(read=0.02))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        with pytest.raises(Unreachable, match="no answer within the time-out"):
            door.ask("GET", url, what="x", read=lambda reply: reply)
        door.close()


def test_nothing_listening_is_unreachable(door: Door) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unreachable, match="connection refused"):
        door.ask("GET", f"http://127.0.0.1:{port}/x", what="x", read=lambda reply: reply)


def test_https_on_a_plain_port_is_a_failed_handshake(door: Door, server: FaultServer) -> None:
    with pytest.raises(Unreachable, match="TLS handshake failed"):
        door.ask("GET", server.url.replace("http:", "https:"), what="x", read=lambda reply: reply)


# ---------------------------------------------------------------- where requests go


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["http://127.0.0.2:9/steal?q=secret", "/other?q=secret", ""])
def test_redirects_are_not_followed_and_name_only_the_host(
    door: Door, server: FaultServer, status: int, target: str
) -> None:
    script(server, (status, {"Location": target}, b"moved"))
    with pytest.raises(ConfigurationError, match="redirects to") as caught:
        ask(door, server)
    assert "secret" not in str(caught.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "url",
    ["http://sis.example.org/x", "http://10.0.0.1/x", "http://localhost.example.org/x", "ftp://127.0.0.1/x",
     "https://user:pw@sis.example.org/x", "https:///x", "http://127.0.0.1@sis.example.org/x"],
)  # fmt: skip
def test_only_https_is_used_but_on_loopback(door: Door, url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        door.check_address(url)
    assert "pw" not in str(caught.value)


def test_plain_http_on_loopback_needs_the_option(clock: SimulatedClock) -> None:
    strict = Door(clock=clock)
    with pytest.raises(ConfigurationError, match="only https"):
        strict.check_address("http://127.0.0.1:1/x")
    strict.close()


def test_netrc_proxies_and_ca_variables_are_ignored(
    door: Door, server: FaultServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password other\ndefault login a password b\n")
    netrc.chmod(0o600)
    with FaultServer() as rogue:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, rogue.url)
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "absent"))
        script(server, GOOD, GOOD)
        door.ask(
            "GET", server.url + "/x", what="x", read=lambda reply: reply,
            headers={"Authorization": "Bearer mine"},
        )  # fmt: skip
        ask(door, server)
        assert rogue.requests == []
    with_header, without = server.requests
    assert with_header.headers["Authorization"] == "Bearer mine"
    assert "Authorization" not in without.headers


def test_cookies_are_not_kept(door: Door, server: FaultServer) -> None:
    script(server, (200, {**JSON, "Set-Cookie": "a=b; Path=/"}, b"{}"), GOOD)
    ask(door, server)
    ask(door, server)
    assert "Cookie" not in server.requests[1].headers


def test_one_connection_serves_many_requests(door: Door, server: FaultServer) -> None:
    script(server, *[GOOD] * 5)
    for _ in range(5):
        ask(door, server)
    assert len(list(door._sockets)) == 1


def test_an_abort_ends_a_request_that_waits(server: FaultServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        door = Door(clock=SystemClock(), allow_http=True)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x"

        def abort() -> None:
            with listener.accept()[0] as peer:
                peer.recv(1)
                door.abort("stopped by a person")

        thread = threading.Thread(target=abort, daemon=True)
        thread.start()
        with pytest.raises(Unreachable, match="stopped by a person"):
            door.ask("GET", url, what="x", read=lambda reply: reply)
        door.close()


def test_a_reply_prints_without_its_body() -> None:
    assert "Ada" not in repr(Reply(200, {}, b"Ada", "https://x.example/?q=Ada"))


# ---------------------------------------------------------------- translation


def exceptions_of(module: Any) -> list[type[BaseException]]:
    return [
        each
        for _, each in inspect.getmembers(module, inspect.isclass)
        if issubclass(each, Exception)
        and not issubclass(each, Warning)
        and each.__module__.startswith(("requests", "urllib3"))
    ]


EVERY = sorted(
    {*exceptions_of(requests.exceptions), *exceptions_of(urllib3.exceptions)},
    key=lambda each: f"{each.__module__}.{each.__name__}",
)


@pytest.mark.parametrize("kind", EVERY, ids=lambda each: f"{each.__module__}.{each.__name__}")
def test_no_library_exception_is_left_out(kind: type[BaseException]) -> None:
    known = [classes for classes, _ in http_errors.TRANSLATIONS]
    assert any(issubclass(kind, classes) for classes in known)
    error = http_errors.translate(kind.__new__(kind), "https://sis.example.org: x")
    assert isinstance(error, Unreachable | ConfigurationError | Refused)
    assert str(error).startswith("https://sis.example.org: x: ")


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (requests.exceptions.InvalidURL("x"), ConfigurationError, "not an address"),
        (requests.exceptions.ConnectTimeout("x"), Unreachable, "no connection within"),
        (requests.exceptions.ReadTimeout("x"), Unreachable, "no answer within"),
        (requests.exceptions.ChunkedEncodingError("x"), Unreachable, "broke off"),
        (requests.exceptions.ConnectionError(socket.gaierror(8, "x")), Unreachable, "DNS"),
        (FileNotFoundError("ca"), LocalTrouble, "ca_file"),
    ],
)
def test_each_kind_has_its_sentence(error: BaseException, kind: type[EtlError], words: str) -> None:
    translated = http_errors.translate(error, "place")
    assert isinstance(translated, kind)
    assert words in str(translated)


def certificate_error(message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_message = message
    return error


def test_a_bad_certificate_is_refused_and_never_retried() -> None:
    error = requests.exceptions.SSLError(
        urllib3.exceptions.MaxRetryError(
            None, "/x", urllib3.exceptions.SSLError(certificate_error("self-signed certificate"))
        )
    )
    translated = http_errors.translate(error, "place")
    assert isinstance(translated, Refused)
    assert "self-signed certificate" in str(translated)
    assert "ca_file" in translated.hint


def test_a_certificate_out_of_time_points_at_the_clock() -> None:
    translated = http_errors.translate(certificate_error("certificate is not yet valid"), "place")
    assert "clock" in getattr(translated, "hint", "")


def test_legacy_renegotiation_is_said_in_plain_words() -> None:
    error = ssl.SSLError(1, "[SSL: UNSAFE_LEGACY_RENEGOTIATION_DISABLED] unsafe legacy")
    error.reason = "UNSAFE_LEGACY_RENEGOTIATION_DISABLED"
    translated = http_errors.translate(requests.exceptions.SSLError(error), "place")
    assert isinstance(translated, Refused)
    assert "TLS is too old" in str(translated)
