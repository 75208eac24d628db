"""OAuth 1.0a: what is signed, against RFC 5849's own examples and a server that really checks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etlrunner.errors import Refused
from etlrunner.extract import extract
from etlrunner.lib import oauth1
from etlrunner.lib.clock import SystemClock
from etlrunner.model.secrets import Secret
from etlrunner.model.surroundings import SilentProgress
from etlrunner.sandbox import signatures, skyward
from etlrunner.sandbox.district import District
from etlrunner.sandbox.wire import Incoming
from etlrunner.sources import rest
from tests.support.clock import SimulatedClock

DISTRICT = District(students=40, seed=3)
METHODS = {"oauth1-sha1": "HMAC-SHA1", "oauth1-sha256": "HMAC-SHA256"}


class LiveClock(SystemClock):
    """The machine's clock, set wrongly by so much."""

    def __init__(self, off: timedelta) -> None:
        self.off = off

    def now(self) -> datetime:
        return super().now() + self.off


def pull(server: Any, folder: Path, *, clock: Any = None, **more: Any) -> int:
    options = {
        "type": "oneroster", "oneroster": "1.1", "auth": "oauth1-sha1", "domain": server.domain,
        "allow_http": True, "key": Secret(server.key), "secret": Secret(server.secret),
        "page_size": 17, **more,
    }  # fmt: skip
    clock, progress = clock or SystemClock(), SilentProgress()
    with rest.connect(options, clock=clock, progress=progress) as connection:
        raw = extract(connection, ["users"], folder, clock=clock, progress=progress)
    return raw["users"].rows


# ---------------------------------------------------------------- RFC 5849


def test_the_base_string_of_rfc_5849_3_4_1_1() -> None:
    pairs = [
        ("b5", "=%3D"), ("a3", "a"), ("c@", ""), ("a2", "r b"), ("c2", ""), ("a3", "2 q"),
        ("oauth_consumer_key", "9djdj82h48djs9d2"), ("oauth_token", "kkk9d7dh3k39sjv7"),
        ("oauth_signature_method", "HMAC-SHA1"), ("oauth_timestamp", "137131201"),
        ("oauth_nonce", "7d8f3e4a"), ("oauth_signature", "left out"),
    ]  # fmt: skip
    assert signatures.base_string("post", "http://EXAMPLE.COM:80/request", pairs) == (
        "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q"
        "%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_"
        "key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_m"
        "ethod%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk"
        "9d7dh3k39sjv7"
    )


def test_the_signature_of_rfc_5849_1_2() -> None:
    """The request for token credentials, which has temporary ones besides."""
    pairs = [
        ("oauth_consumer_key", "dpf43f3p2l4k3l03"), ("oauth_token", "hh5s93j4hdidpola"),
        ("oauth_signature_method", "HMAC-SHA1"), ("oauth_timestamp", "137131201"),
        ("oauth_nonce", "walatlh"), ("oauth_verifier", "hfdp7dh39dks9884"),
    ]  # fmt: skip
    text = signatures.base_string("POST", "https://photos.example.net/token", pairs)
    made = signatures.sign("HMAC-SHA1", text, "kd94hf93k423kf44", "hdhd0244k9j7ao03")
    assert made == "gKgrFCywp7rO0OXSjdot/IHF7IU="


WORD = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)


@given(
    params=st.dictionaries(WORD.filter(bool), WORD, max_size=5),
    key=WORD.filter(bool),
    secret=WORD,
    method=st.sampled_from(["HMAC-SHA1", "HMAC-SHA256"]),
)
def test_what_we_sign_is_what_the_server_checks(
    params: dict[str, str], key: str, secret: str, method: Any
) -> None:
    url = "https://sis.example.org/ims/oneroster/v1p1/users"
    header = oauth1.authorization(
        Secret(key), Secret(secret), method, url, params, timestamp=1_800_000_000, nonce="n"
    )
    incoming = Incoming("GET", "/", params, {"authorization": header}, b"", 1)
    checks = signatures.Signatures(method, key, secret, now=lambda: 1_800_000_100)
    assert checks.problem(incoming, url) == ""
    assert checks.problem(incoming, url) == "nonce_used"
    assert checks.problem(incoming, url + "s") == "signature_invalid"


# ---------------------------------------------------------------- a server that checks


@pytest.mark.parametrize("auth", METHODS)
def test_a_whole_pull_is_signed(tmp_path: Path, auth: str) -> None:
    with skyward.start(DISTRICT, variant="oneroster", oauth1=METHODS[auth]) as server:
        assert pull(server, tmp_path, auth=auth) == len(DISTRICT.tables["users"])
        assert not any(path.endswith("token") for _, path, _ in server.requests)


def test_a_repeated_request_has_a_new_nonce_and_a_new_signature(tmp_path: Path) -> None:
    """The server refuses a nonce that it has seen, and answers 503 to every other request here."""
    seen: list[str] = []

    def busy(incoming: Incoming) -> Any:
        seen.append(incoming.headers["authorization"])
        return skyward.Reply(503, b"busy") if len(seen) in (2, 5) else None

    with skyward.start(
        DISTRICT, variant="oneroster", oauth1="HMAC-SHA1", on_request=busy
    ) as server:
        assert pull(server, tmp_path, clock=LiveSleepless()) == len(DISTRICT.tables["users"])
    nonces = [signatures.read_header(each)["oauth_nonce"] for each in seen]
    assert len(set(nonces)) == len(nonces) > 5


class LiveSleepless(SystemClock):
    def sleep(self, seconds: float) -> None:
        """Pauses are not what is tested."""


@pytest.mark.parametrize(
    "wrong", [{"secret": Secret("another")}, {"key": Secret("nobody")}, {"auth": "oauth1-sha256"}]
)
def test_a_wrong_signature_is_refused_once(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with skyward.start(DISTRICT, variant="oneroster", oauth1="HMAC-SHA1") as server:
        with pytest.raises(Refused, match="the signature is refused"):
            pull(server, tmp_path, **wrong)
        assert len(server.requests) == 1


@pytest.mark.parametrize(("off", "side"), [(-2, "behind"), (2, "ahead of")])
def test_a_clock_that_is_wrong_is_told(tmp_path: Path, off: int, side: str) -> None:
    clock = LiveClock(timedelta(hours=3 * off / 2))
    with (
        skyward.start(DISTRICT, variant="oneroster", oauth1="HMAC-SHA1") as server,
        pytest.raises(Refused) as caught,
    ):
        pull(server, tmp_path, clock=clock)
    assert f"clock is 3 hours {side} the server's" in caught.value.hint


def test_headers_do_not_show_what_they_hold() -> None:
    clock = SimulatedClock(datetime(2027, 3, 1, tzinfo=UTC))
    made = oauth1.SignedHeaders(
        {"Accept": "x"}, Secret("k"), Secret("s"), "HMAC-SHA1", "https://a.example/b", {}, clock
    )
    assert repr(made) == "SignedHeaders([secure])"
    assert dict(made)["Authorization"] != dict(made)["Authorization"]
    assert len(made) == 2
