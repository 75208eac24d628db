"""Whatever an answer holds: a table, or an error of ours, and never for longer than two seconds."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from etlrunner.errors import EtlError
from etlrunner.lib.http import Door
from etlrunner.lib.reply import json_body
from tests.support import fuzzed_page, rosters, sweeps
from tests.support.clock import SimulatedClock
from tests.support.http_fault import FaultServer
from tests.support.lakeside import NOW

HELD = "a table of the roster model or an error of ours; less than two seconds of work"
RUNS = 200_000
"""Of atheris."""
WHOLE = json.dumps({"users": rosters.v12()["users"] + rosters.v11()["users"]}).encode()

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9),
    st.sampled_from(["sourcedId", "\ud800", "\x1f", " \u00a0", "true", "-0", "primary"]),
)  # fmt: skip
keys = st.sampled_from(
    ["sourcedId", "users", "orgs", "roles", "role", "roleType", "org", "userIds", "type", "identifier",
     "grades", "agents", "enabledUser", "email", "primaryOrg", "x", "\u0000", "sourc\\u0065dId"]
)  # fmt: skip
values = st.recursive(
    scalars, lambda below: st.lists(below, max_size=4) | st.dictionaries(keys, below, max_size=5)
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good page with some bytes taken out, put in, or doubled."""
    body = bytearray(WHOLE)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(body)))
        length = draw(st.integers(0, 40))
        kind = draw(st.sampled_from(["cut", "put", "double"]))
        if kind == "cut":
            del body[at : at + length]
        elif kind == "put":
            body[at:at] = draw(
                st.binary(max_size=8) | st.sampled_from([b'"', b"{", b"[", b"\\u", b",", b"\xff"])
            )
        else:
            body[at:at] = body[at : at + length]
    return bytes(body)


def check(body: bytes) -> str:
    """How the page ended."""
    with fuzzed_page.quickly():
        came = fuzzed_page.read(body)
    if isinstance(came, EtlError):
        assert came.exit_code == 3
        return "exit 3"
    assert came.schema == pl.Schema(fuzzed_page.reader().schema)
    assert came.null_count().sum_horizontal().sum() == 0
    return "a table"


PIECES = ["<", ">", ";", ",", " ", '"', "rel=", "next", "last", "https://", "//sis.example.org", "?offset=",
          "x", "&", "7", "Mon, 01 ", "Mar", "2027", "08:00:30", "GMT", "-", "\t"]  # fmt: skip
quick = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
thorough = settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))


@quick
@given(values)
@example({"users": [{"sourcedId": 2.5e300}]})
@example([{"sourcedId": "a", "orgs": [[{"sourcedId": "b"}]]}])
def test_any_json_is_a_table_or_an_error(value: Any) -> None:
    check(json.dumps(value).encode())
    check(json.dumps({"users": [value]}).encode())


@quick
@given(mutated())
def test_any_damage_to_a_page_is_a_table_or_an_error(body: bytes) -> None:
    check(body)


@quick
@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_an_error(body: bytes) -> None:
    check(body)


@pytest.mark.slow
def test_any_of_twenty_thousand_pages_is_a_table_or_an_error() -> None:
    going = sweeps.Sweep("pages by hypothesis: any JSON, and good pages that are damaged", HELD)

    @thorough
    @given(mutated() | values.map(lambda value: json.dumps({"users": value}).encode()))
    def each(body: bytes) -> None:
        going.ended[check(body)] += 1

    each()
    going.note(going.ended.total(), of=going.ended.total())


@quick
@given(st.text(max_size=120) | st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
@example("<" * 20_000)
@example('<x>; rel="' + "a " * 20_000)
@example("Mon, " + "9" * 5000)
@example("9" * 20_000)
def test_any_header_is_read_or_ignored(text: str) -> None:
    with fuzzed_page.quickly():
        fuzzed_page.read_headers(text)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.binary(max_size=300)
    | st.binary(max_size=80).map(lambda tail: b"HTTP/1.1 200 OK\r\n" + tail)
    | st.binary(max_size=80).map(
        lambda tail: b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + tail
    )
)
def test_any_answer_on_the_wire_is_a_body_or_an_error(server: FaultServer, answer: bytes) -> None:
    door = Door(clock=SimulatedClock(NOW), allow_http=True)
    server.scripts["/x"] = [answer] * 9
    try:
        door.ask("GET", server.url + "/x", what="x", read=lambda reply: json_body(reply, "x"))
    except EtlError as error:
        ended = error.exit_code
    else:
        ended = 0
    finally:
        door.close()
        server.scripts.clear()
    assert ended in (0, 2, 3, 4)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
def test_atheris_finds_nothing(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "whole.json").write_bytes(WHOLE)
    command = [sys.executable, "-m", "tests.support.atheris_page", f"-runs={RUNS}", "-timeout=60",
               "-rss_limit_mb=1500", f"-artifact_prefix={tmp_path}/", str(tmp_path / "corpus")]  # fmt: skip
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    going = sweeps.Sweep("pages and headers by atheris, led by the branches they reach", HELD)
    going.note(RUNS, of=RUNS)
