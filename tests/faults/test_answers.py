"""Section A of the matrix: answers that are no answer, cut off, endless, or odd inside."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from etlrunner.lib.clock import SystemClock
from tests.support import alone, bombs
from tests.support.http_fault import JSON, FaultServer, drip, raw, reset, stall
from tests.support.lakeside import BODY, DAY, Lakeside
from tests.support.matrix import proves
from tests.support.pulls import ended, pull, pulled

PAGES = {
    "a sign-in page": ({"Content-Type": "text/html; charset=utf-8"}, b"<!doctype html><form>"),
    "HTML that says it is JSON": (JSON, b"  \n<html><title>Maintenance</title>"),
    "HTML without a type": ({}, b"<html>"),
    "a text that says it is HTML": ({"Content-Type": "text/html"}, b"Maintenance"),
    "an XML error": ({"Content-Type": "application/xml"}, b"<Error><Code>"),
    "HTML after a byte order mark": (JSON, b"\xef\xbb\xbf<html>"),
}


@proves(
    "A7",
    fault="a page for people: HTML or XML with status 200, whatever it says it is",
    behaviour="is no answer; asks whether the address is the API's; quotes nothing",
    exit=3,
)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_for_people_is_no_answer(lakeside: Lakeside, every_page: Any, page: str) -> int:
    headers, body = PAGES[page]
    every_page((200, headers, body + BODY.encode()))
    end = ended(lakeside, "orgs", whole=page == "a sign-in page")
    assert "instead of JSON" in end.message
    return end.exit_code


def page_of(server: FaultServer, offset: int = 4, limit: int = 4) -> bytes:
    return json.dumps({"users": server.tables["users"][offset : offset + limit]}).encode()


def framings(body: bytes, cut: int) -> dict[str, bytes]:
    """One page in every framing that may be cut or wrong, broken at a byte."""
    totals = {**JSON, "X-Total-Count": "12"}
    half = body[:cut]
    chunk = f"{len(body):x}\r\n".encode() + half
    packed = gzip.compress(body)
    return {
        "length too long": raw(200, {**totals, "Content-Length": str(len(body))}, half),
        "length too short": raw(200, {**totals, "Content-Length": str(cut)}, half),
        "no length": b"HTTP/1.1 200 X\r\nX-Total-Count: 12\r\n\r\n" + half,
        "chunk cut": raw(200, {**totals, "Transfer-Encoding": "chunked"}, chunk),
        "end chunk missing": raw(
            200,
            {**totals, "Transfer-Encoding": "chunked"},
            f"{cut:x}\r\n".encode() + half + b"\r\n",
        ),
        "gzip cut": raw(
            200, {**totals, "Content-Encoding": "gzip"}, packed[: cut * len(packed) // len(body)]
        ),
        "head cut": raw(200, totals, body)[: cut * 100 // len(body)],
    }


FRAMINGS = list(framings(b"{}", 1))


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_page_that_is_cut_is_asked_for_again(
    lakeside: Lakeside, server: FaultServer, tmp_path: Path, framing: str
) -> None:
    body = page_of(server, 3)
    whole = pull(lakeside, tmp_path, "users")["users"]
    for cut in range(1, len(body) - 1, len(body) // 4):
        sent = [framings(body, cut)[framing]]
        server.after_page = lambda request, page, sent=sent: (
            sent.pop() if request.query["offset"] == "3" and sent else page
        )
        assert pull(lakeside, tmp_path, "users")["users"].equals(whole)
        assert not sent


@proves(
    "A8",
    fault="bodies cut off at any byte; lengths too long, too short, absent; chunks and gzip cut",
    behaviour="the page again, three times at most; a part of a page is never used",
    exit=3,
)
@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_page_that_stays_cut_ends_the_run(
    lakeside: Lakeside, server: FaultServer, framing: str
) -> int:
    answer = framings(page_of(server, 3), 350)[framing]
    server.after_page = lambda request, page: (
        answer if request.path.endswith("users") and request.query["offset"] == "3" else page
    )
    return ended(lakeside, "users", whole=framing == "no length").exit_code


@proves(
    "A8",
    fault="an empty body, an empty answer, a connection that ends before the head",
    behaviour="the page again; then the end",
    exit=3,
)
@pytest.mark.parametrize(
    "answer", [raw(200, JSON, b""), raw(204, {}, b""), b"", b"HTTP/1.1 200 OK"]
)
def test_nothing_is_not_an_empty_table(lakeside: Lakeside, every_page: Any, answer: bytes) -> int:
    every_page(answer)
    return ended(lakeside, "orgs", whole=not answer).exit_code


@proves(
    "A10",
    fault="head or body come byte by byte, or stop coming, or the server never answers",
    behaviour="ended by the time-outs, by the floor of 1 KiB/s, and by the deadline of the whole pull",
    exit=3,
)
@pytest.mark.parametrize(
    "act",
    [
        drip(b"HTTP/1.1 200 OK\r\nX: "), drip(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        drip(b'HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n{"orgs": ['),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"), stall(),
        stall(b'HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n{"orgs": ['),
    ],
    ids=["name", "headers", "body", "chunks", "silence", "half a body"],
)  # fmt: skip
def test_an_answer_that_drips_or_stalls_ends_at_the_deadline(
    lakeside: Lakeside, every_page: Any, act: Any
) -> int:
    every_page(act)
    clock = SystemClock()
    began = clock.monotonic()
    result = lakeside.run(clock=clock, deadline="1s")
    assert clock.monotonic() - began < 20
    assert "deadline" in result.record.message
    return result.exit_code


def endless(opening: bytes) -> Any:
    """A body that goes on at full speed."""

    def act(connection: Any) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + opening)
        for _ in range(200):
            connection.sendall(b" " * (1 << 20))

    return act


@proves(
    "A10",
    fault="a body without an end",
    behaviour="cut at 64 MiB; asks for smaller pages",
    exit=3,
)
def test_an_endless_body_is_cut_at_the_cap(lakeside: Lakeside, every_page: Any) -> int:
    every_page(endless(b"["))
    result = lakeside.run()
    assert "larger than 64 MiB" in result.record.message
    return result.exit_code


MOST_MEMORY = 320 << 20
"""What a run may take while a bomb comes; one of this small roster takes half of it."""
TEN_GIB = 10 << 30
IN_MEMORY = [
    "gzip, gzip",
    pytest.param("gzip", marks=pytest.mark.slow),
    pytest.param("deflate", marks=pytest.mark.slow),
]


@proves(
    "A11",
    fault="10 GiB of zeros: gzip or deflate (10 MB on the wire), or packed twice (44 kB)",
    behaviour="unpacked as it comes and cut at 64 MiB; the process never takes more than 320 MiB",
    exit=3,
)
@pytest.mark.parametrize("encoding", IN_MEMORY)
def test_a_bomb_takes_no_memory(lakeside: Lakeside, every_page: Any, encoding: str) -> int:
    every_page(bombs.bomb(encoding, TEN_GIB))
    process = alone.run(lakeside.project.root, "run", "lakeside", "--as-of", DAY.isoformat())
    assert "larger than 64 MiB" in process.said
    assert process.peak < MOST_MEMORY
    assert lakeside.sent() == []
    return process.exit_code


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_cut_at_the_cap(lakeside: Lakeside, every_page: Any, encoding: str) -> None:
    every_page(bombs.bomb(encoding, TEN_GIB))
    assert "larger than 64 MiB" in ended(lakeside, "orgs").message


@proves(
    "A11",
    fault="packed again and again, or packed in a way that was not asked for",
    behaviour="cannot be unpacked; the page again, then the end",
    exit=3,
)
@pytest.mark.parametrize(
    "encoding", [", ".join(["gzip"] * 9), "br", "zstd", "compress", "nonsense"]
)
def test_nested_and_unknown_encodings_are_refused(
    lakeside: Lakeside, every_page: Any, encoding: str
) -> int:
    body = b'{"orgs": []}'
    for _ in range(encoding.count("gzip")):
        body = gzip.compress(body)
    if "gzip" not in encoding:
        body = zlib.compress(body)
    every_page((200, {**JSON, "Content-Encoding": encoding}, body))
    return ended(lakeside, "orgs", whole=encoding == "br").exit_code


NAME = "Zoë Ünïcode 東"


def named(server: FaultServer, name: str = NAME) -> str:
    server.tables["users"][0]["givenName"] = name
    return json.dumps({"users": server.tables["users"][:4]}, ensure_ascii=False)


@proves(
    "A13",
    fault="UTF-8 with a byte order mark, or labelled as another charset",
    behaviour="read as the UTF-8 it is; names arrive as they are",
    exit=0,
)
def test_utf_8_is_read_whatever_it_is_called(
    lakeside: Lakeside, server: FaultServer, tmp_path: Path
) -> int:
    text, users = named(server), server.tables["users"]
    server.tables["users"] = users[:4]
    for charset, mark in [
        ("iso-8859-1", ""),
        ("utf-16", ""),
        ("utf-8", "\ufeff"),
        ("nonsense", ""),
    ]:
        headers = {"Content-Type": f"application/json; charset={charset}", "X-Total-Count": "4"}
        server.scripts["/users"] = [(200, headers, (mark + text).encode())]
        came = pull(lakeside, tmp_path, "users")["users"]
        assert came["givenName"][0] == NAME
        assert len(server.asked("/users")) == 2  # the page, and the place after it
        server.requests.clear()
    server.tables["users"] = users
    return lakeside.run().exit_code


@proves(
    "A13",
    fault="Latin-1, Windows-1252, UTF-16, UTF-32, broken UTF-8, lone surrogates",
    behaviour="refused: a wrong name is worse than none; the page again, then the end",
    exit=3,
)
@pytest.mark.parametrize(
    "encoding",
    ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-32", "cut", "overlong", "surrogate", "escaped",
     "two marks"],
)  # fmt: skip
def test_what_is_not_utf_8_is_refused(
    lakeside: Lakeside, server: FaultServer, encoding: str
) -> int:
    text = named(server, "Zoë")
    by_hand = {
        "cut": text.encode().replace(b"\xc3\xab", b"\xc3"),
        "overlong": text.encode().replace(b"\xc3\xab", b"\xc1\x81"),
        "surrogate": text.encode().replace(b"\xc3\xab", b"\xed\xa0\x80"),
        "escaped": text.encode().replace(b"\xc3\xab", b"\\ud800"),
        "two marks": b"\xef\xbb\xbf" * 2 + text.encode(),
    }
    body = by_hand[encoding] if encoding in by_hand else text.encode(encoding)
    headers = {"Content-Type": "application/json; charset=utf-8", "X-Total-Count": "4"}
    server.scripts["/users"] = [(200, headers, body)] * 20
    return ended(lakeside, "users", whole=encoding == "latin-1").exit_code


DEEP = 100_000
ODD = {
    "NaN": b'{"users": [{"sourcedId": NaN}]}',
    "Infinity": b'{"users": [{"sourcedId": -Infinity}]}',
    "a number beyond all": b'{"users": [{"sourcedId": 1e999}]}',
    "a number that loses digits": b'{"users": [{"sourcedId": 9007199254740993.0}]}',
    "5000 digits": b'{"users": [{"sourcedId": 1' + b"0" * 5000 + b"}]}",
    "leading zero": b'{"users": [{"sourcedId": 007}]}',
    "lists in lists": b"[" * DEEP,
    "objects in objects": b'{"users": [{"x": ' + b'{"x":' * DEEP + b"1" + b"}" * (DEEP + 1) + b"]}",
    "a key twice": b'{"users": [{"sourcedId": "a", "sourcedId": "b"}]}',
    "a key twice, below": b'{"users": [{"sourcedId": "a", "orgs": [{"sourcedId": "a", "sourcedId": "b"}]}]}',
    "a key twice, escaped": b'{"users": [{"sourcedId": "a", "sourced\\u0049d": "b"}]}',
    "the list twice": b'{"users": [{"sourcedId": "a"}], "users": []}',
    "an id that is a list": b'{"users": [{"sourcedId": ["a"]}]}',
    "records that are numbers": b'{"users": [1, 2]}',
    "a list that is an object": b'{"users": {"sourcedId": "a"}}',
    "no list": b"{}",
    "two lists": b'{"a": [], "b": []}',
    "an error with 200": b'{"imsx_codeMajor": "failure"}',
    "a number": b"17",
    "a text": b'"x"',
    "null": b"null",
    "two documents": b'{"users": []}{"users": []}',
    "more after the end": b'{"users": []} x',
    "a comma too many": b'{"users": [{"sourcedId": "a"},]}',
    "a comment": b'{"users": [] /* none */}',
    "single quotes": b"{'users': []}",
    "a bare control character": b'{"users": [{"sourcedId": "a\n"}]}',
    "only blanks": b"   ",
}


@proves(
    "A14",
    fault="NaN, numbers too large, 100 000 levels, keys twice, other shapes, two documents, comments",
    behaviour="no list of records: the end; nothing is guessed",
    exit=3,
)
@pytest.mark.parametrize("kind", ODD)
def test_odd_json_is_no_list_of_records(lakeside: Lakeside, server: FaultServer, kind: str) -> int:
    server.scripts["/users"] = [(200, {**JSON, "X-Total-Count": "1"}, ODD[kind])] * 20
    return ended(lakeside, "users", whole=kind == "NaN").exit_code


def test_a_key_twice_where_nobody_looks_is_no_matter(
    lakeside: Lakeside, server: FaultServer
) -> None:
    body = b'{"users": [{"sourcedId": "a", "metadata": {"x": 1, "x": 2}, "y" : 3, "y": 4}]}'
    server.scripts["/users"] = [(200, {**JSON, "X-Total-Count": "1"}, body)]
    server.tables["users"] = [{"sourcedId": "a"}]
    assert pulled(lakeside, "users") == {"users": 1}


@proves(
    "A9",
    fault="the connection is reset before, in and after the head, in the body, at the last byte",
    behaviour="the page again, six times at most",
    exit=0,
)
def test_resets_that_pass_are_overcome(
    lakeside: Lakeside, server: FaultServer, clean: bytes
) -> int:
    answer = raw(200, {**JSON, "X-Total-Count": "12"}, page_of(server, 3))
    cuts = [reset(answer[:at]) for at in (0, 20, 90, 300, len(answer) - 1)]
    server.after_page = lambda request, page: (
        cuts.pop()
        if request.path.endswith("users") and request.query["offset"] == "3" and cuts
        else page
    )
    result = lakeside.run()
    assert not cuts
    assert lakeside.archive() == clean
    return result.exit_code
