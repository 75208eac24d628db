"""The sandbox's Skyward, asked over real HTTP by a reader that knows nothing of it but the standard."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import date
from typing import Any
from urllib.parse import quote

import pytest

from etlrunner.sandbox import skyward
from etlrunner.sandbox.district import District
from etlrunner.sandbox.wire import Incoming, Reply
from tests.support.oneroster_reader import Client, rows_of

DAY = date(2027, 3, 1)
V11, V12 = "/ims/oneroster/v1p1", "/ims/oneroster/v1p2"


@pytest.fixture(scope="module")
def district() -> District:
    return District(300, seed=2, as_of=DAY)


@pytest.fixture
def serve(district: District) -> Iterator[Any]:
    servers = []

    def start(variant: str = "qmlativ", **how: Any) -> skyward.Skyward:
        servers.append(skyward.start(district, variant, **how))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
        assert server.mistakes == []


DOORS = [
    ("sms-2.0", "1.1", V11), ("qmlativ", "1.1", V11), ("qmlativ", "1.2", V12),
    ("oneroster", "1.1", V11), ("oneroster", "1.2", "/ims/oneroster/rostering/v1p2"),
]  # fmt: skip


@pytest.mark.parametrize(("variant", "version", "place"), DOORS)
def test_the_objects_are_the_cells_of_the_tables(
    serve: Any, district: District, variant: str, version: str, place: str
):
    client = Client(serve(variant)).sign_in_plainly()
    for table, frame in district.roster(version).items():
        assert rows_of(table, client.collection(f"{place}/{table}")) == frame.to_dicts(), table


@pytest.mark.parametrize("absent", ["absent", "null", "empty", "mixed"])
@pytest.mark.parametrize("booleans", ["text", "json"])
@pytest.mark.parametrize("place", [V11, V12])
def test_missing_values_and_booleans_mean_the_same_in_every_fashion(
    serve: Any, district: District, absent: str, booleans: str, place: str
):
    client = Client(serve("qmlativ", absent=absent, booleans=booleans)).sign_in_plainly()
    for table in ("users", "enrollments"):
        objects = client.collection(f"{place}/{table}", limit=5000)
        wanted = district.roster("1.1" if place == V11 else "1.2")[table]
        assert rows_of(table, objects) == wanted.to_dicts()
        flags = {
            type(each[key]) for each in objects for key in ("enabledUser", "primary") if key in each
        }
        assert flags == {str if booleans == "text" else bool}
    users = client.collection(f"{place}/users", limit=5000)
    kinds = {"sms" in each and json.dumps(each["sms"]) for each in users}
    assert kinds == {
        "absent": {False}, "null": {"null"}, "empty": {'""'}, "mixed": {False, "null", '""'},
    }[absent]  # fmt: skip


def test_odd_text_arrives_as_it_is(serve: Any, district: District):
    odd = 'Zoë "q" \\ ,"x":null, O\'Sample\t見本'
    server = serve("qmlativ")
    server.change(district.changed("users", {"stu-1": {"givenName": odd}}))
    client = Client(server).sign_in_plainly()
    assert client.collection(f"{V11}/users")[0]["givenName"] == odd


def test_views_and_single_objects_use_the_wrappers_of_the_standard(serve: Any, district: District):
    client = Client(serve()).sign_in_plainly()
    for path, wrapper in [
        ("schools", "orgs"), ("terms", "academicSessions"), ("students", "users"),
        ("teachers", "users"), ("gradingPeriods", "academicSessions"), ("orgs/sch-101", "org"),
        ("classes/cls-1", "class"), ("academicSessions/ses-yr", "academicSession"),
        ("users/stu-1", "user"), ("courses/crs-gone", "course"), ("enrollments/enr-1", "enrollment"),
    ]:  # fmt: skip
        status, _, body = client.ask(f"{V11}/{path}")
        assert (status, list(json.loads(body))) == (200, [wrapper])
    students = client.collection(f"{V11}/students")
    assert len(students) == district.dirt["students"]
    assert client.ask(f"{V11}/orgs/nowhere")[0] == 404


# ---------------------------------------------------------------- signing in


def test_sms_takes_both_grants_and_credentials_in_three_places(serve: Any):
    server = serve("sms-2.0")
    basic = basic_of(server.key, server.secret)
    key, secret = server.key, server.secret
    for headers, form in [
        ({}, {"grant_type": "client_credentials", "client_id": key, "client_secret": secret}),
        ({}, {"grant_type": "password", "username": key, "password": secret}),
        (basic, {"grant_type": "client_credentials", "username": key, "password": secret}),
        (basic, {"grant_type": "client_credentials"}),
    ]:
        answer = Client(server).sign_in("/token", headers, **form)
        assert (answer["status"], answer["expires_in"]) == (200, 3600)


def test_qmlativ_takes_encoded_credentials_only(serve: Any):
    server = serve("qmlativ")
    assert {"+", "/", "=", "&", "%"} <= set(server.secret)
    for encode, status in [(True, 200), (False, 401)]:
        headers = basic_of(server.key, server.secret, encode=encode)
        answer = Client(server).sign_in(headers=headers, grant_type="client_credentials")
        assert answer["status"] == status
    grant = Client(server).sign_in(
        grant_type="password", username=server.key, password=server.secret
    )
    assert grant == {"status": 400, "error": "unsupported_grant_type"}
    assert Client(server).sign_in_plainly().token


def basic_of(key: str, secret: str, *, encode: bool = True) -> dict[str, str]:
    pair = ":".join(quote(one, safe="") if encode else one for one in (key, secret))
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


@pytest.mark.parametrize(
    ("variant", "path", "status"), [("sms-2.0", "/token", 400), ("qmlativ", "/oauth/token", 401)]
)
def test_a_wrong_secret_is_refused(serve: Any, variant: str, path: str, status: int):
    server = serve(variant)
    wrong = {"grant_type": "client_credentials", "client_id": server.key, "client_secret": "wrong"}
    assert Client(server).sign_in(path, **wrong) == {"status": status, "error": "invalid_client"}
    server.switches.echo_secret = True
    assert "wrong" in Client(server).sign_in(path, **wrong)["error_description"]


def test_the_third_value_and_scopes_can_be_required(serve: Any):
    server = serve("qmlativ", integration_token="third+value", scopes_required=True)
    good = {
        "grant_type": "client_credentials", "client_id": server.key, "client_secret": server.secret,
    }  # fmt: skip
    third = {"Skyward-Integration-Token": "third+value", "Suppress-Development-Permissions": "true"}
    assert Client(server).sign_in(headers=third, **good)["error"] == "invalid_request"
    assert Client(server).sign_in(scope="any", **good)["error"] == "invalid_client"
    assert Client(server).sign_in(headers=third, scope="any", **good)["status"] == 200
    server.switches.scopes_required, server.switches.scopes_refused = False, True
    assert Client(server).sign_in(headers=third, scope="any", **good)["error"] == "invalid_scope"


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_token_is_good_for_so_many_requests(serve: Any, status: int):
    server = serve(token_requests=2, expired_status=status)
    client = Client(server).sign_in_plainly()
    assert [client.ask(f"{V11}/orgs")[0] for _ in range(4)] == [200, 200, status, status]
    assert client.sign_in_plainly().ask(f"{V11}/orgs")[0] == 200


def test_a_token_ends_with_its_time_or_when_it_is_forgotten(serve: Any):
    server = serve(token_seconds=0)
    assert Client(server).sign_in_plainly().ask(f"{V11}/orgs")[0] == 401
    server.switches.token_seconds = 3600
    client = Client(server).sign_in_plainly()
    assert client.ask(f"{V11}/orgs")[0] == 200
    server.forget_tokens()
    assert client.ask(f"{V11}/orgs")[0] == 401
    assert Client(server, "invented").ask(f"{V11}/orgs")[0] == 401
    assert Client(server).ask(f"{V11}/orgs")[0] == 401


@pytest.mark.parametrize("stated", [0, -1, "3600", 10**12, None, "soon"])
def test_what_is_said_about_a_tokens_life_may_be_nonsense(serve: Any, stated: Any):
    client = Client(serve(expires_in=stated))
    answer = client.sign_in(
        grant_type="client_credentials",
        client_id=client.server.key,
        client_secret=client.server.secret,
    )
    assert answer.get("expires_in", None) == stated


# ---------------------------------------------------------------- paths


@pytest.mark.parametrize(
    ("variant", "there", "not_there"),
    [
        ("sms-2.0", [V11, "/v1/schools"], [V12, "/oauth/token"]),
        ("qmlativ", [V11, V12], ["/ims/oneroster/rostering/v1p2", "/v1/schools", "/token"]),
        ("oneroster", [V11, "/ims/oneroster/rostering/v1p2"], [V12, "/v1/schools"]),
    ],
)
def test_each_variant_has_its_own_paths(
    serve: Any, variant: str, there: list[str], not_there: list[str]
):
    client = Client(serve(variant)).sign_in_plainly()
    for path in there:
        assert client.ask(path if path == "/v1/schools" else f"{path}/orgs")[0] == 200, path
    for path in not_there:
        assert client.ask(f"{path}/orgs" if "ims" in path else path)[0] in (404, 405), path


def test_the_lms_api_lists_the_schools_as_a_bare_array(serve: Any, district: District):
    client = Client(serve("sms-2.0")).sign_in_plainly()
    rows = json.loads(client.ask("/v1/schools")[2])
    assert {"800", "101"} <= {row["SchoolId"] for row in rows}
    assert json.loads(client.ask("/v1/schools/800")[2])["SchoolName"] == "Census Only"


def test_the_base_may_be_another(serve: Any):
    server = serve("sms-2.0", base="/wsisa.dll/Api")
    assert server.domain == f"127.0.0.1:{server.port}/wsisa.dll/Api"
    assert Client(server).sign_in_plainly().ask(f"{V11}/orgs")[0] == 200
    assert server.counts == {"/token": 1, f"{V11}/orgs": 1}


# ---------------------------------------------------------------- paging and faults


def test_a_page_states_the_total_and_links_to_its_neighbours(serve: Any, district: District):
    client = Client(serve()).sign_in_plainly()
    _, headers, body = client.ask(f"{V11}/users?limit=10&offset=20&filter=status%3D%27active%27")
    total = district.tables["users"].height - district.dirt["deleted.users"]
    assert headers["X-Total-Count"] == str(total)
    relations = dict(reversed(one.split("; rel=")) for one in headers["Link"].split(", "))
    assert set(relations) == {'"first"', '"prev"', '"next"', '"last"'}
    assert "offset=30" in relations['"next"']
    assert "filter=status" in relations['"next"']
    assert len(json.loads(body)["users"]) == 10
    last = client.ask(relations['"last"'].strip("<>").removeprefix(client.server.url))
    assert 0 < len(json.loads(last[2])["users"]) <= 10
    assert 'rel="next"' not in last[1]["Link"]


def test_pages_can_be_clamped_and_silent(serve: Any, district: District):
    client = Client(serve(max_limit=50, totals=False, links=False)).sign_in_plainly()
    _, headers, body = client.ask(f"{V11}/users?limit=1000")
    assert (headers["X-Total-Count"], headers["Link"]) == (None, None)
    assert len(json.loads(body)["users"]) == 50
    assert len(client.collection(f"{V11}/users", limit=1000)) == district.tables["users"].height
    assert len(json.loads(client.ask(f"{V11}/courses")[2])["courses"]) == 50


def test_totals_and_offsets_can_be_wrong(serve: Any, district: District):
    client = Client(serve(total_error=-3, ignore_offset=True, link_host="other.example.org"))
    client.sign_in_plainly()
    _, headers, body = client.ask(f"{V11}/users?limit=10&offset=100")
    assert headers["X-Total-Count"] == str(district.tables["users"].height - 3)
    assert json.loads(body)["users"][0]["sourcedId"] == "stu-1"
    assert "<http://other.example.org/" in headers["Link"]


def test_filters_select_or_draw_400(serve: Any, district: District):
    server = serve()
    client = Client(server).sign_in_plainly()
    active = client.collection(f"{V11}/users", filter="status='active'")
    assert len(active) == district.tables["users"].height - district.dirt["deleted.users"]
    assert client.ask(f"{V11}/users?filter=grade%3D%2709%27")[0] == 400
    assert client.ask(f"{V11}/users?limit=0")[0] == 422
    server.switches.filters = False
    status, _, body = client.ask(f"{V11}/users?filter=status%3D%27active%27")
    assert (status, b"invalid_filter_field" in body) == (400, True)
    assert "statusInfoSet" in json.loads(body)
    status, _, body = client.ask(f"{V12}/users?filter=status%3D%27active%27")
    assert json.loads(body)["imsx_codeMajor"] == "failure"


def test_troubles_come_as_often_as_they_were_ordered(serve: Any):
    server = serve(unavailable=2, throttled=1, token_unavailable=1, retry_after="7")
    client = Client(server)
    assert client.ask("/oauth/token", b"grant_type=client_credentials")[0] == 503
    client.sign_in_plainly()
    replies = [client.ask(f"{V11}/orgs") for _ in range(4)]
    assert [status for status, _, _ in replies] == [503, 503, 429, 200]
    assert [headers["Retry-After"] for _, headers, _ in replies] == ["7", "7", "7", None]


@pytest.mark.parametrize("forbidden", ["users", {"users", "demographics"}])
def test_one_collection_can_be_closed_or_empty(serve: Any, forbidden: Any):
    client = Client(serve(forbidden=forbidden, empty=["courses"])).sign_in_plainly()
    assert client.ask(f"{V11}/users")[0] == 403
    assert client.ask(f"{V11}/orgs")[0] == 200
    status, headers, body = client.ask(f"{V11}/courses")
    assert (status, headers["X-Total-Count"], json.loads(body)) == (200, "0", {"courses": []})


def test_maintenance_is_a_page_with_status_200(serve: Any):
    server = serve()
    client = Client(server).sign_in_plainly()
    server.switches.maintenance = True
    status, headers, body = client.ask(f"{V11}/orgs")
    assert (status, headers["Content-Type"], body[:9]) == (200, "text/html", b"<!DOCTYPE")


def test_the_roster_can_change_between_two_pages(serve: Any, district: District):
    server = serve()
    client = Client(server).sign_in_plainly()
    before = json.loads(client.ask(f"{V11}/users?limit=5")[2])["users"]
    server.change(district.without("users", ["stu-1"]))
    after = json.loads(client.ask(f"{V11}/users?limit=5&offset=5")[2])["users"]
    assert before[-1]["sourcedId"] == "stu-5"
    assert after[0]["sourcedId"] == "stu-7"  # stu-6 slipped out of sight


def test_any_reply_can_be_replaced_cut_or_reset(serve: Any):
    replies = {1: Reply(418, b"{}"), 2: Reply(200, b'{"orgs": []}', cut=5), 3: Reply(reset=True)}
    seen: list[Incoming] = []

    def fault(incoming: Incoming) -> Reply | None:
        seen.append(incoming)
        return replies.get(incoming.number)

    client = Client(serve(on_request=fault))
    assert client.ask(f"{V11}/orgs?limit=3", headers={"X-Seen": "yes"})[0] == 418
    with pytest.raises(http.client.IncompleteRead):
        client.ask(f"{V11}/orgs")
    with pytest.raises((ConnectionError, OSError)):
        client.ask(f"{V11}/orgs")
    assert client.ask(f"{V11}/orgs")[0] == 401
    assert (seen[0].query, seen[0].headers["x-seen"]) == ({"limit": "3"}, "yes")


# ---------------------------------------------------------------- the server itself


def test_requests_are_listed_without_their_query(serve: Any):
    server = serve()
    client = Client(server).sign_in_plainly()
    client.ask(f"{V11}/orgs?limit=2")
    client.ask("/nowhere")
    assert server.requests == [
        ("POST", "/LakesideStuAPI/oauth/token", 200),
        ("GET", f"/LakesideStuAPI{V11}/orgs", 200),
        ("GET", "/LakesideStuAPI/nowhere", 404),
    ]
    assert server.queries[1] == {"limit": "2"}
    assert server.secret not in str(server.requests)


def test_one_connection_serves_many_requests_from_columns_that_are_chosen_once(serve: Any):
    server = serve()
    token = Client(server).sign_in_plainly().token
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    ports = set()
    for offset in range(0, 100, 10):
        path = f"{server.base}{V11}/users?limit=10&offset={offset}"
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        reply = connection.getresponse()
        assert len(json.loads(reply.read())["users"]) == 10
        ports.add(connection.sock.getsockname())
    assert len(ports) == 1
    connection.close()


def test_it_closes_at_once_with_connections_open_and_pages_under_way(district: District):
    before = threading.active_count()
    server = skyward.start(district, "qmlativ", page_delay=600)
    idle = socket.create_connection(("127.0.0.1", server.port))
    token = Client(server).sign_in_plainly().token
    slow = http.client.HTTPConnection("127.0.0.1", server.port)
    slow.request("GET", f"{server.base}{V11}/users", headers={"Authorization": f"Bearer {token}"})
    begun = time.monotonic()
    server.close()
    server.close()
    assert time.monotonic() - begun < 60
    assert threading.active_count() == before
    idle.close()
    slow.close()
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", server.port))


def test_unknown_switches_are_refused_with_the_known_ones(district: District):
    with pytest.raises(ValueError, match=r"no such switches: total; known: .*totals"):
        skyward.start(district, total=False)


@pytest.mark.slow
@pytest.mark.parametrize(("version", "place"), [("1.1", V11), ("1.2", V12)])
def test_two_hundred_thousand_students_are_served(version: str, place: str):
    large = District(200_000, as_of=DAY)
    with skyward.start(large, "qmlativ") as server:
        token = Client(server).sign_in_plainly().token
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        begun, size = time.perf_counter(), 0
        for table, frame in large.tables.items():
            for offset in range(0, frame.height, 5000):
                path = f"{server.base}{place}/{table}?limit=5000&offset={offset}"
                connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
                size += len(connection.getresponse().read())
        connection.close()
    print(f"{version}: {size / 1e6:.0f} MB in {time.perf_counter() - begun:.1f} s")
    assert size > 500e6
