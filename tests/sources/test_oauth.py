"""Signing in: grants in order, wrong credentials, tokens that end in the middle of a pull."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from etlrunner.errors import ConfigurationError, Incomplete, Refused, Unreachable
from etlrunner.lib.oauth import MOST_USED_UP, TokenRequest, clamp_lifetime
from etlrunner.model.secrets import Secret
from tests.support import rosters
from tests.support.clock import SimulatedClock
from tests.support.http_fault import FaultServer


def forms(server: FaultServer) -> list[str]:
    return [each.body.partition("&")[0] for each in server.asked("/token")]


@pytest.fixture
def qmlativ(server: FaultServer, pull: Any) -> Any:
    server.tables, server.roster = rosters.v12(), "/ims/oneroster/v1p2"
    server.token_path = "/oauth/token"

    def run(*tables: str, **more: Any) -> Any:
        return pull(*tables, variant="qmlativ", **more)

    return run


def test_sms_2_0_tries_client_credentials_then_the_password_grant(
    server: FaultServer, pull: Any
) -> None:
    server.grants = ("password",)
    assert pull("orgs")["orgs"].rows == 3
    assert forms(server) == ["grant_type=client_credentials", "grant_type=password"]


def test_the_way_that_worked_is_used_again(server: FaultServer, pull: Any) -> None:
    server.grants, server.token_uses = ("password",), 2
    assert pull("orgs", page_size=1, concurrency=1)["orgs"].rows == 3
    assert forms(server).count("grant_type=client_credentials") == 1


@pytest.mark.parametrize("place", ["basic", "body"])
def test_qmlativ_takes_basic_or_the_form(server: FaultServer, qmlativ: Any, place: str) -> None:
    server.credentials = (place,)
    assert qmlativ("orgs")["orgs"].rows == 3


def test_qmlativ_sends_scopes_and_suppresses_development_permissions(
    server: FaultServer, qmlativ: Any
) -> None:
    qmlativ("orgs")
    token, *data = server.requests
    assert "scope=https%3A%2F%2Fpurl.imsglobal.org" in token.body
    assert {each.headers["Suppress-Development-Permissions"] for each in [token, *data]} == {"true"}


def test_scopes_may_be_none(server: FaultServer, qmlativ: Any) -> None:
    qmlativ("orgs", scopes=())
    assert "scope" not in server.requests[0].body


def test_the_third_value_goes_along_as_a_header(server: FaultServer, qmlativ: Any) -> None:
    server.required_headers = {"Skyward-Integration-Token": "third"}
    assert qmlativ("orgs", integration_token=Secret("third"))["orgs"].rows == 3
    assert "Skyward-Integration-Token" not in server.asked("/orgs")[0].headers


def test_a_refusal_of_qmlativ_names_the_third_value(server: FaultServer, qmlativ: Any) -> None:
    server.secret = "another"
    with pytest.raises(Refused, match="Skyward-Integration-Token") as caught:
        qmlativ("orgs")
    assert "integration_token: {env: NAME} below source" in str(caught.value)
    assert len(server.requests) <= 3


def test_a_refusal_of_sms_2_0_names_the_secured_user(server: FaultServer, pull: Any) -> None:
    server.secret = "another"
    with pytest.raises(Refused, match="Secured User"):
        pull("orgs")


@pytest.mark.parametrize(
    ("code", "most"), [("invalid_client", 3), ("invalid_grant", 2), ("nonsense", 3)]
)
def test_a_clear_refusal_ends_the_attempts(
    server: FaultServer, pull: Any, code: str, most: int
) -> None:
    answer = (401, {"Content-Type": "application/json"}, b'{"error": "%s"}' % code.encode())
    server.scripts["/token"] = [answer] * 9
    with pytest.raises(Refused):
        pull("orgs")
    assert len(server.requests) <= most


def test_no_token_address_is_a_configuration_error(server: FaultServer, pull: Any) -> None:
    server.token_path = "/somewhere"
    with pytest.raises(ConfigurationError, match="no token") as caught:
        pull("orgs")
    assert "source.token_path" in caught.value.hint


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"Content-Type": "application/json"}, b"{}"),
        (200, {"Content-Type": "application/json"}, b"[]"),
        (200, {"Content-Type": "application/json"}, b'{"access_token": "a\\nb"}'),
        (200, {"Content-Type": "application/json"}, b'{"access_token": 7}'),
        (200, {"Content-Type": "text/html"}, b"<html>"),
    ],
)
def test_an_answer_without_a_token_is_incomplete(
    server: FaultServer, pull: Any, answer: Any
) -> None:
    server.scripts["/token"] = [answer] * 9
    with pytest.raises(Incomplete):
        pull("orgs")


def test_a_token_request_is_repeated_when_the_server_is_busy(
    server: FaultServer, pull: Any, clock: SimulatedClock
) -> None:
    server.scripts["/token"] = [(503, {"Retry-After": "3"}, b""), b""]
    assert pull("orgs", clock=clock)["orgs"].rows == 3
    assert sum(clock.slept) >= 3.5


@pytest.mark.parametrize("uses", [1, 2, 5])
@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_ends_in_the_middle_is_renewed(
    server: FaultServer, pull: Any, uses: int, concurrency: int, status: int
) -> None:
    server.tables["orgs"] = [{"sourcedId": f"o{number}"} for number in range(40)]
    server.token_uses = uses + 3 * (concurrency - 1)
    server.expired_status = status
    raw = pull("orgs", page_size=2, concurrency=concurrency)
    assert raw["orgs"].rows == 40
    assert len(server.tokens) >= 2


def test_qmlativ_renews_on_a_500_after_good_pages(server: FaultServer, qmlativ: Any) -> None:
    server.token_uses, server.expired_status = 2, 500
    assert qmlativ("orgs", page_size=1, concurrency=1)["orgs"].rows == 3


def test_sms_2_0_takes_a_500_for_what_it_is(
    server: FaultServer, pull: Any, clock: SimulatedClock
) -> None:
    server.token_uses, server.expired_status = 2, 500
    with pytest.raises(Unreachable, match="HTTP 500"):
        pull("orgs", page_size=1, clock=clock)
    assert len(server.tokens) == 1


def test_a_500_on_the_first_page_is_not_taken_for_an_expired_token(
    server: FaultServer, qmlativ: Any, clock: SimulatedClock
) -> None:
    server.scripts["/orgs"] = [(500, {}, b"")] * 5
    with pytest.raises(Unreachable, match="HTTP 500"):
        qmlativ("orgs", clock=clock)
    assert len(server.tokens) == 1


def test_a_forbidden_collection_is_named_after_one_renewal(server: FaultServer, pull: Any) -> None:
    server.forbidden = ("users",)
    with pytest.raises(Refused, match="may not read 'users'"):
        pull("users")
    assert len(server.tokens) == 2


def test_a_forbidden_collection_among_others_renews_a_few_times_at_most(
    server: FaultServer, pull: Any
) -> None:
    server.forbidden = ("users",)
    with pytest.raises(Refused, match="may not read 'users'"):
        pull(
            "orgs", "users"
        )  # the token may have been used up by the other collection: asked again
    assert 2 <= len(server.tokens) <= 2 + MOST_USED_UP


def test_a_token_is_renewed_before_it_ends(
    server: FaultServer, pull: Any, clock: SimulatedClock
) -> None:
    server.expires_in = 60
    server.scripts["/orgs"] = [(503, {"Retry-After": "55"}, b"")]
    pull("orgs", clock=clock)
    assert len(server.tokens) == 2


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (600, 600), ("600", 600), (0, 30), (-5, 30), (None, 3600), (10**12, 3600), ("soon", 3600),
        ([], 3600), (True, 3600), (float("nan"), 3600), (float("inf"), 3600), ("1e400", 3600),
    ],
)  # fmt: skip
def test_lifetimes_are_clamped(value: Any, seconds: float) -> None:
    assert clamp_lifetime(value) == seconds


def test_basic_credentials_are_encoded_before_they_are_joined() -> None:
    _, header = TokenRequest().parts(Secret("a:b"), Secret("c+d/="), ())
    assert base64.b64decode(header.removeprefix("Basic ")) == b"a%3Ab:c%2Bd%2F%3D"
    _, plain = TokenRequest(credentials="basic-plain").parts(Secret("a"), Secret("c+d"), ())
    assert base64.b64decode(plain.removeprefix("Basic ")) == b"a:c+d"
