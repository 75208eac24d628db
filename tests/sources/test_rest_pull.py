"""A whole roster over REST, from a server on loopback."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etlrunner import roster
from etlrunner.errors import ConfigurationError, Incomplete, Refused, Unreachable
from etlrunner.lib.clock import SystemClock
from etlrunner.model.secrets import Secret
from etlrunner.model.surroundings import SilentProgress
from etlrunner.sources import rest
from tests.support import rosters
from tests.support.clock import SimulatedClock
from tests.support.http_fault import FaultServer

TABLES = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments")


def cells(folder: Path, table: str) -> pl.DataFrame:
    return pl.read_parquet(folder / "raw" / f"{table}.parquet")


def test_every_table_arrives_with_the_models_columns(
    server: FaultServer, pull: Any, tmp_path: Path
) -> None:
    raw = pull(*TABLES)
    assert {name: table.rows for name, table in raw.items()} == {
        name: len(server.tables[name]) for name in TABLES
    }
    for name in TABLES:
        frame = cells(tmp_path, name)
        assert frame.columns == ["_row", *roster.TABLES[name]]
        assert frame["_row"].to_list() == list(range(len(frame)))


def test_the_cells_are_those_of_the_records(pull: Any, tmp_path: Path) -> None:
    pull(*TABLES)
    ada = cells(tmp_path, "users").row(0, named=True)
    assert ada["orgSourcedIds"] == ["s1", "s2"]
    assert (ada["role"], ada["roles"]) == ("student", ["student"])
    assert ada["userIds"] == ["{Fed:77}"]
    assert ada["agentSourcedIds"] == ["u3"]
    assert ada["middleName"] == ""
    klass = cells(tmp_path, "classes").row(0, named=True)
    assert (klass["courseSourcedId"], klass["schoolSourcedId"]) == ("c1", "s1")
    assert (klass["termSourcedIds"], klass["periods"]) == (["t1"], ["1", "2"])


def test_1_1_and_1_2_give_the_same_cells(pull: Any, server: FaultServer, tmp_path: Path) -> None:
    pull(*TABLES)
    before = {name: cells(tmp_path, name) for name in TABLES}
    server.tables = rosters.v12()
    server.roster = "/ims/oneroster/v1p2"
    pull(*TABLES, oneroster="1.2")
    for name in TABLES:
        here, there = (
            frame.drop("primaryOrgSourcedId", strict=False)
            for frame in (before[name], cells(tmp_path, name))
        )
        assert here.equals(there), name


@pytest.mark.parametrize("path", ["/ims/oneroster/v1p2", "/ims/oneroster/rostering/v1p2"])
def test_qmlativ_is_found_with_and_without_rostering_in_its_path(
    server: FaultServer, pull: Any, path: str
) -> None:
    server.tables, server.roster, server.token_path = rosters.v12(), path, "/oauth/token"
    assert pull("users", variant="qmlativ")["users"].rows == 3


def test_a_missing_version_is_a_configuration_error_and_no_other_version_is_tried(
    server: FaultServer, pull: Any
) -> None:
    with pytest.raises(ConfigurationError, match=r"no OneRoster 1\.2 here") as caught:
        pull("orgs", oneroster="1.2")
    assert 'source.oneroster: "1.1"' in caught.value.hint
    assert not [each for each in server.requests if "v1p1" in each.path]


@pytest.mark.parametrize(
    "pasted",
    ["", "/", "/v1", "/token", "/ims/oneroster/v1p1", "/ims/oneroster/v1p1/", "/IMS/OneRoster/v1p1/orgs",
     "/swagger/ui/index"],
)  # fmt: skip
def test_what_people_paste_leads_to_the_root(server: FaultServer, pull: Any, pasted: str) -> None:
    assert pull("orgs", domain=server.domain + pasted)["orgs"].rows == 3


@pytest.mark.parametrize(
    ("domain", "root"),
    [
        ("https://lakeside.example.org/LakesideAPI/", "https://lakeside.example.org/LakesideAPI"),
        ("lakeside.example.org:8443/APIexamplewiSTU", "https://lakeside.example.org:8443/APIexamplewiSTU"),
        ("lakeside.example.org", "https://lakeside.example.org"),
        ("lakeside.example.org/tokens/API/oauth/token", "https://lakeside.example.org/tokens/API"),
        ("lakeside.example.org/v1/API", "https://lakeside.example.org/v1/API"),
    ],
)  # fmt: skip
def test_the_root_keeps_its_case_and_its_own_path(domain: str, root: str) -> None:
    from etlrunner.sources import addresses, definition

    assert addresses.root_of(domain, definition.read("skyward-sms-2.0").pasted) == root


@pytest.mark.parametrize("domain", ["user@lakeside.example.org/API", "http://lakeside.example.org"])
def test_addresses_that_may_not_be_used_are_configuration_errors(pull: Any, domain: str) -> None:
    with pytest.raises(ConfigurationError):
        pull("orgs", domain=domain)


def test_probe_counts_schools_and_terms_and_asks_for_no_person(
    server: FaultServer, options: dict[str, Any]
) -> None:
    with rest.connect(options, clock=SystemClock(), progress=SilentProgress()) as connection:
        assert connection.probe() == {"schools": 2, "terms": 1}
    assert not server.asked("/users")
    assert not server.asked("/enrollments")


@pytest.mark.parametrize("collection", ["orgs", "academicSessions", "courses", "classes"])
def test_probe_names_the_collection_that_is_forbidden(
    server: FaultServer, options: dict[str, Any], collection: str
) -> None:
    server.forbidden = (collection,)
    with (
        pytest.raises(Refused, match=f"may not read '{collection}'"),
        rest.connect(options, clock=SystemClock(), progress=SilentProgress()) as connection,
    ):
        connection.probe()


def test_configured_paths_are_the_only_ones_tried(server: FaultServer, pull: Any) -> None:
    server.roster, server.token_path = "/special", "/elsewhere"
    assert pull("orgs", base_path="/special", token_path="/elsewhere")["orgs"].rows == 3
    assert {each.path for each in server.requests} == {"/API/elsewhere", "/API/special/orgs"}


def test_records_are_read_however_servers_write_them(
    server: FaultServer, pull: Any, tmp_path: Path
) -> None:
    server.tables["users"] = [
        {"sourcedId": 17, "status": None, "givenName": " \u00a0Zoë\t", "enabledUser": True,
         "role": "student", "orgs": "s1", "grades": "9", "agents": [None, {"sourcedId": "a"}],
         "userIds": [], "extra": {"deep": [1]}},
        {"sourcedId": "18", "givenName": None, "enabledUser": "FALSE", "orgs": None,
         "grades": [9, " ", "10 "], "preferredFirstName": "Zo", "userIds": {"type": "a", "identifier": 5}},
        {"sourcedId": "19", "grades": ["a\u001fb", "c"], "orgs": [{"sourcedId": "s1"}, "s2"]},
    ]  # fmt: skip
    pull("users")
    one, two, three = cells(tmp_path, "users").iter_rows(named=True)
    assert (one["sourcedId"], one["status"], one["givenName"]) == ("17", "", "Zoë")
    assert (one["enabledUser"], one["orgSourcedIds"], one["grades"]) == ("true", ["s1"], ["9"])
    assert one["agentSourcedIds"] == ["a"]
    assert (two["enabledUser"], two["grades"], two["roles"]) == ("false", ["9", "10"], [])
    assert (two["preferredGivenName"], two["userIds"]) == ("Zo", ["{a:5}"])
    assert three["grades"] == ["a\x1fb", "c"]
    assert three["orgSourcedIds"] == ["s1", "s2"]


@pytest.mark.parametrize("wrapper", ["orgs", "schools", "[]"])
def test_the_wrapper_may_have_any_name(server: FaultServer, pull: Any, wrapper: str) -> None:
    server.wrapper = wrapper
    assert pull("orgs")["orgs"].rows == 3


WHOLE = b'{"orgs": [{"sourcedId": "a"}, {"sourcedId": "b"}]}'


@pytest.mark.parametrize("packed", [False, True])
def test_a_page_that_is_cut_anywhere_is_asked_for_again(
    server: FaultServer, options: dict[str, Any], packed: bool
) -> None:
    body = gzip.compress(WHOLE) if packed else WHOLE
    headers = {"Content-Type": "application/json", "Connection": "close", "X-Total-Count": "2"}
    headers |= {"Content-Encoding": "gzip"} if packed else {}
    clock = SimulatedClock(datetime(2027, 3, 1, tzinfo=UTC))
    with rest.connect(options, clock=clock, progress=SilentProgress()) as connection:
        connection._door.budget.floor = 1000
        server.tables["orgs"] = json.loads(WHOLE)["orgs"]
        for cut in range(0, len(body), 3):
            head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            answer = f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + body[:cut]
            server.scripts["/orgs"] = [answer]
            rows = [row for frame in connection.read("orgs").batches for row in frame["sourcedId"]]
            assert rows == ["a", "b"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"orgs": [{"sourcedId": NaN}]}', b"[" * 100_000, b'{"a":' * 100_000, b'{"orgs": [1]}',
        b'{"orgs": [{"sourcedId": ["a"]}]}', b'{"orgs": [{"sourcedId": 1' + b"0" * 5000 + b"}]}",
        b'{"orgs": [{"sourcedId": "\\ud800"}]}', b'{"imsx_codeMajor": "failure"}', b"{}", b"17", b'"x"',
        b'{"orgs": {"sourcedId": "a"}}', b'{"a": [], "b": []}',
    ],
)  # fmt: skip
def test_json_that_is_no_list_of_records_is_incomplete(
    server: FaultServer, pull: Any, clock: SimulatedClock, body: bytes
) -> None:
    server.scripts["/orgs"] = [(200, {"Content-Type": "application/json"}, body)] * 20
    with pytest.raises(Incomplete):
        pull("orgs", clock=clock)


CANARIES = ("lakeside key", "p+q/r=", "p%2Bq", "canary-token", "Ada", "example.org")


@pytest.mark.parametrize(
    "switches",
    [
        {"secret": "other"}, {"key": "other"}, {"token_path": "/gone"}, {"roster": "/gone"},
        {"forbidden": ("users",)}, {"expired_status": 500, "token_uses": 1},
        {"required_headers": {"X": "y"}}, {"grants": ()}, {"total_offset": 1}, {"links": "foreign"},
    ],
)  # fmt: skip
def test_no_secret_and_no_name_is_in_any_error(
    server: FaultServer, pull: Any, clock: SimulatedClock, switches: dict[str, Any]
) -> None:
    for name, value in switches.items():
        setattr(server, name, value)
    server.tables["users"] *= 1
    with pytest.raises((Refused, Unreachable, ConfigurationError)) as caught:
        pull(*TABLES, page_size=1, clock=clock)
    error: BaseException | None = caught.value
    while error is not None:
        shown = f"{error} {error!r} {getattr(error, 'hint', '')}"
        assert not [canary for canary in CANARIES if canary in shown]
        error = error.__cause__


def test_secrets_are_percent_encoded_in_the_form_and_before_basic(
    server: FaultServer, pull: Any
) -> None:
    server.key, server.secret = "a b:c%ä", "p+q/r=&x"
    secrets = {"key": Secret(server.key), "secret": Secret(server.secret)}
    assert pull("orgs", **secrets)["orgs"].rows == 3
    server.credentials = ("basic",)
    assert pull("orgs", **secrets)["orgs"].rows == 3
