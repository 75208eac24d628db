"""Section A of the matrix: servers that have too much to do, or are down, and what they ask for."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from etlrunner.lib import retry
from tests.support.http_fault import JSON, FaultServer, raw
from tests.support.lakeside import BODY, NOW, Lakeside
from tests.support.matrix import proves
from tests.support.pulls import ended, pulled

SOON = [
    ("7", 7), ("0", 1), (" 30 ", 30), (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 89),
    (format_datetime(NOW - timedelta(days=1), usegmt=True), 1),
]  # fmt: skip
JUNK = ["-5", "1e9", "7.5", "soon", "", "7, 9", "٧", "0x10", "Mon, 99 Foo 2026 99:00:00 GMT", "\t"]


@pytest.mark.parametrize(("value", "least"), SOON)
@pytest.mark.parametrize("status", [429, 503])
def test_what_the_server_asks_to_wait_is_waited(
    lakeside: Lakeside, server: FaultServer, value: str, least: float, status: int
) -> None:
    server.scripts["/users"] = [(status, {"Retry-After": value}, b"")]
    assert pulled(lakeside, "users", clock=lakeside.clock) == {"users": 12}
    assert least <= sum(lakeside.clock.slept) <= least + 2


@pytest.mark.parametrize("value", JUNK)
def test_junk_in_retry_after_is_answered_with_pauses_of_our_own(
    lakeside: Lakeside, server: FaultServer, value: str
) -> None:
    head = (
        f"HTTP/1.1 429 X\r\nConnection: close\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n"
    )
    server.scripts["/users"] = [head.encode()] * 3
    assert pulled(lakeside, "users", clock=lakeside.clock) == {"users": 12}
    assert 0.5 + 1 + 2 <= sum(lakeside.clock.slept) <= 60


def test_two_retry_after_headers_are_junk(lakeside: Lakeside, server: FaultServer) -> None:
    head = b"HTTP/1.1 429 X\r\nConnection: close\r\nRetry-After: 7\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n"
    server.scripts["/users"] = [head]
    assert pulled(lakeside, "users", clock=lakeside.clock) == {"users": 12}
    assert sum(lakeside.clock.slept) <= 1


@proves(
    "A5",
    fault="429 again and again: Retry-After in seconds, as a date, past, absent, junk, twice",
    behaviour="waits what is asked, else a growing pause; everybody who asks that host waits",
    exit=0,
)
def test_a_throttled_pull_takes_longer_and_is_complete(
    lakeside: Lakeside, server: FaultServer, clean: bytes
) -> int:
    odd = [value for value, _ in SOON] + ["junk"]
    server.scripts["/users"] = [(429, {"Retry-After": each}, BODY.encode()) for each in odd[:3]]
    server.scripts["/enrollments"] = [(429, {"Retry-After": each}, b"") for each in odd[3:]]
    result = lakeside.run()
    assert lakeside.archive() == clean
    assert sum(lakeside.clock.slept) >= 30
    return result.exit_code


@proves(
    "A5",
    fault="Retry-After is hours, or beyond the deadline",
    behaviour="ends now, without waiting",
    exit=3,
)
@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("1000000000", "asks to wait for"),
        ("7200", "asks to wait for 2 h"),
        (format_datetime(NOW + timedelta(days=365), usegmt=True), "asks to wait for"),
        ("3000", "would exceed the deadline"),
    ],
)
def test_a_wait_that_is_too_long_ends_the_run(
    lakeside: Lakeside, server: FaultServer, value: str, words: str
) -> int:
    server.scripts["/users"] = [(429, {"Retry-After": value}, BODY.encode())] * 9
    end = ended(lakeside, "users", clock=lakeside.clock, deadline=timedelta(minutes=30))
    assert words in end.message
    assert sum(lakeside.clock.slept) < 10
    return end.exit_code


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_that_fails_now_and_then_is_asked_again(
    lakeside: Lakeside, server: FaultServer, status: int
) -> None:
    for times in range(1, 3 if status == 500 else retry.ATTEMPTS):
        server.scripts["/orgs"] = [(status, JSON, BODY.encode())] * times
        assert pulled(lakeside, "orgs") == {"orgs": len(server.tables["orgs"])}


@proves(
    "A6",
    fault="500, 502, 503 and 504 in the middle of a pull",
    behaviour="the page again, after pauses that grow; at most a tenth of all requests",
    exit=0,
)
def test_failures_that_pass_are_overcome(
    lakeside: Lakeside, server: FaultServer, clean: bytes
) -> int:
    server.scripts["/users"] = [(status, JSON, BODY.encode()) for status in (502, 503, 504)]
    server.scripts["/classes"] = [(500, JSON, BODY.encode())] * 2
    server.scripts["/token"] = [(503, {}, b""), (500, {}, b"")]
    result = lakeside.run()
    assert lakeside.archive() == clean
    return result.exit_code


@proves("A6", fault="the server stays down", behaviour="six attempts, then the end", exit=3)
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_that_stays_down_is_unreachable(
    lakeside: Lakeside, server: FaultServer, every_page: Any, status: int
) -> int:
    every_page((status, JSON, BODY.encode()))
    end = ended(lakeside, "orgs", whole=status == 503)
    assert f"HTTP {status}" in end.message
    assert len(server.asked("/orgs")) <= retry.ATTEMPTS
    return end.exit_code


@proves(
    "A6",
    fault="every third request fails",
    behaviour="ends when a tenth of the requests had to be repeated: it does not get twice the load",
    exit=3,
)
def test_repeats_have_a_budget(lakeside: Lakeside, server: FaultServer) -> int:
    counter = iter(range(10**6))
    server.after_page = lambda request, page: (503, JSON, b"") if next(counter) % 3 == 2 else page
    server.tables["enrollments"] = [
        {**server.tables["enrollments"][0], "sourcedId": f"e{number}"} for number in range(400)
    ]
    result = lakeside.run(concurrency=1)
    assert "too many requests had to be repeated" in result.record.message
    return result.exit_code


def test_nothing_of_a_busy_answer_is_kept(server: FaultServer, lakeside: Lakeside) -> None:
    server.scripts["/users"] = [raw(503, JSON, b'{"users": [{"sourcedId": "ghost"}]}')]
    assert pulled(lakeside, "users") == {"users": 12}
