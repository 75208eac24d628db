"""Section A of the matrix: tokens, refusals, permissions, clocks."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support import sweeps
from tests.support.http_fault import JSON, FaultServer, raw
from tests.support.lakeside import BODY, NOW, Lakeside, hint
from tests.support.matrix import proves
from tests.support.pulls import ended, pulled

WORN = 10
"""Requests until a token ends: enough that the tables side by side do not wear out a new one in turn."""


@proves(
    "A1",
    fault="the server forgets each token after a few pages (401)",
    behaviour="a new token, and the page again",
    exit=0,
)
def test_a_token_that_ends_in_the_middle_is_renewed(
    lakeside: Lakeside, server: FaultServer, clean: bytes
) -> int:
    server.token_uses = WORN
    result = lakeside.run(concurrency=1)
    assert lakeside.archive() == clean
    assert len(server.tokens) > 1
    return result.exit_code


@pytest.mark.parametrize("uses", [1, 2, 4, 5, 8, 13])
@pytest.mark.parametrize("status", [401, 403])
def test_whenever_a_token_ends_every_record_arrives(
    lakeside: Lakeside, server: FaultServer, uses: int, status: int
) -> None:
    server.token_uses, server.expired_status = uses, status
    server.totals = (
        False  # then one page comes after the other, and nobody else wears the token out
    )
    for name in ("users", "enrollments"):
        assert pulled(lakeside, name, concurrency=1) == {name: len(server.tables[name])}


@pytest.mark.slow
def test_whenever_a_token_ends_every_record_arrives_all_of_fifty(
    lakeside: Lakeside, server: FaultServer
) -> None:
    going = sweeps.Sweep(
        "tokens that end after 1 to 50 requests, one or three at a time", "every record arrives"
    )
    for uses, concurrency in going.over(itertools.product(range(1, 51), (1, 3))):
        server.token_uses = uses + 3 * (concurrency - 1)  # else side by side none lives for a page
        assert pulled(lakeside, concurrency=concurrency) == server.counts(), (uses, concurrency)
        going.ended["whole"] += 1


@proves(
    "A1",
    fault="an ended token is answered with 403",
    behaviour="a new token, and the page again",
    exit=0,
)
def test_a_403_may_mean_an_ended_token(
    lakeside: Lakeside, server: FaultServer, clean: bytes
) -> int:
    server.token_uses, server.expired_status = WORN, 403
    result = lakeside.run(concurrency=1)
    assert lakeside.archive() == clean
    return result.exit_code


@proves(
    "A1",
    fault="an ended token is answered with 500 (Qmlativ), after good pages",
    behaviour="a new token, and the page again",
    exit=0,
)
def test_qmlativ_may_say_500_for_an_ended_token(
    tmp_path: Path, server: FaultServer, clean: bytes
) -> int:
    server.roster, server.token_path = "/ims/oneroster/v1p1", "/oauth/token"
    server.token_uses, server.expired_status = WORN, 500
    lakeside = Lakeside(tmp_path / "qmlativ", server, variant="qmlativ")
    result = lakeside.run(concurrency=1, oneroster="1.1")
    assert lakeside.archive() == clean
    lakeside.close()
    return result.exit_code


@proves(
    "A1",
    fault="no token is taken, not even a fresh one",
    behaviour="one new token, then the end",
    exit=4,
)
def test_a_token_that_is_never_taken_ends_the_run(lakeside: Lakeside, server: FaultServer) -> int:
    server.scripts["/users"] = [(401, JSON, BODY.encode())] * 9
    end = ended(lakeside, "users", concurrency=1)
    assert "not even a fresh one" in end.message
    assert len(server.tokens) == 2
    return end.exit_code


ODD_LIFETIMES = [0, -5, None, "600", 10**12, "soon", [], True, float("nan"), float("inf")]


@proves(
    "A2",
    fault="`expires_in` is 0, negative, absent, text, huge, NaN",
    behaviour="taken as 30 seconds at least and an hour at most",
    exit=0,
)
def test_a_lifetime_that_cannot_be_right_does_no_harm(
    lakeside: Lakeside, server: FaultServer, clean: bytes
) -> int:
    for odd in ODD_LIFETIMES:
        server.expires_in = odd
        assert pulled(lakeside, "orgs") == {"orgs": len(server.tables["orgs"])}
    server.expires_in = 0
    result = lakeside.run()
    assert lakeside.archive() == clean
    return result.exit_code


@proves(
    "A3",
    fault="key or secret are refused; body and headers repeat them",
    behaviour="no more than three ways of asking, and nothing is quoted",
    exit=4,
)
@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refusal_ends_the_run_at_once(
    lakeside: Lakeside, server: FaultServer, status: int
) -> int:
    echo = {"WWW-Authenticate": f'Basic realm="{server.secret}"', "X-Echo": server.key}
    body = json.dumps({"error": "invalid_client", "error_description": server.secret}).encode()
    server.scripts["/token"] = [(status, {**JSON, **echo}, body)] * 9
    end = ended(lakeside, "orgs", whole=status == 401, clock=lakeside.clock)
    assert "key and secret are refused" in end.message
    assert len(server.asked("/token")) <= 3
    assert lakeside.clock.slept == []
    return end.exit_code


@proves(
    "A3",
    fault="the token's address answers without a token, or is down",
    behaviour="asked again a few times; nothing is quoted",
    exit=3,
)
@pytest.mark.parametrize(
    "answer",
    [
        (200, JSON, b'{"access_token": 7, "x": "%s"}' % BODY.encode()),
        (200, JSON, b'"%s"' % BODY.encode()),
        (200, {"Content-Type": "text/html"}, b"<html>" + BODY.encode()),
        (500, JSON, BODY.encode()),
        (503, JSON, BODY.encode()),
    ],
)
def test_signing_in_that_brings_no_token_is_for_later(
    lakeside: Lakeside, server: FaultServer, answer: Any
) -> int:
    server.scripts["/token"] = [answer] * 20
    return ended(lakeside, "orgs", whole=answer[0] == 503).exit_code


@proves(
    "A4",
    fault="one collection is forbidden (403)",
    behaviour="one new token, then the end; the collection is named",
    exit=4,
)
@pytest.mark.parametrize(
    "collection", ["orgs", "academicSessions", "courses", "classes", "users", "enrollments"]
)
def test_a_forbidden_collection_is_named(
    lakeside: Lakeside, server: FaultServer, collection: str
) -> int:
    server.forbidden = (collection,)
    end = ended(lakeside, collection, whole=collection == "enrollments")
    assert f"may not read '{collection}'" in end.message
    return end.exit_code


@proves(
    "A19",
    fault="key and secret are refused, and the clocks are days apart",
    behaviour="says that this machine's clock is wrong",
    exit=4,
)
@pytest.mark.parametrize("apart", [timedelta(days=2), timedelta(days=-2)])
def test_a_clock_that_is_wrong_is_told_with_the_refusal(
    lakeside: Lakeside, server: FaultServer, apart: timedelta
) -> int:
    date = format_datetime(NOW + apart, usegmt=True)
    server.scripts["/token"] = [(401, {**JSON, "Date": date}, b"{}")] * 9
    end = ended(lakeside, "orgs")
    side = "behind" if apart > timedelta(0) else "ahead of"
    assert f"clock is 48 hours {side} the server's" in hint(end)
    return end.exit_code


def test_a_clock_that_is_right_is_not_mentioned(lakeside: Lakeside, server: FaultServer) -> None:
    for date in (format_datetime(NOW, usegmt=True), "nonsense", ""):
        server.scripts["/token"] = [(401, {**JSON, "Date": date}, b"{}")] * 9
        assert "clock" not in hint(ended(lakeside, "orgs"))


@proves(
    "A19",
    fault="the token is not yet valid for the server, not even a fresh one",
    behaviour="says that this machine's clock is wrong",
    exit=4,
)
def test_a_token_that_is_not_yet_valid_points_at_the_clock(
    lakeside: Lakeside, server: FaultServer
) -> int:
    date = format_datetime(NOW - timedelta(days=1), usegmt=True)
    answer = raw(401, {**JSON, "Date": date}, b'{"error": "token used before issued"}')
    server.scripts["/orgs"] = [answer] * 9
    end = ended(lakeside, "orgs")
    assert "ahead of the server's" in hint(end)
    return end.exit_code
