"""Section A of the matrix: addresses that lead nowhere or away, and what the environment would add."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.http_fault import FaultServer, reset
from tests.support.lakeside import BODY, Lakeside, clean_server
from tests.support.matrix import proves
from tests.support.pulls import ended
from tests.support.tls import certificate, over_tls


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@proves(
    "A9",
    fault="nothing listens there; the name does not exist; the port speaks no TLS; only resets",
    behaviour="six attempts, then the end",
    exit=3,
)
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("refused", "connection refused"),
        ("name", "cannot be resolved"),
        ("plain port", "TLS handshake failed"),
        ("resets", "broke off"),
    ],
)
def test_what_cannot_be_reached_is_for_later(
    lakeside: Lakeside, every_page: Any, kind: str, words: str
) -> int:
    domains: dict[str, dict[str, Any]] = {
        "refused": {"domain": f"127.0.0.1:{free_port()}/API"},
        "name": {"domain": "lakeside.invalid/API", "allow_http": False},
        "plain port": {"allow_http": False},
        "resets": {},
    }
    every_page(reset())
    end = ended(lakeside, "orgs", whole=kind == "resets", **domains[kind])
    assert words in end.message
    return end.exit_code


@proves(
    "A9",
    fault="a certificate that is self-signed, expired, or of another host",
    behaviour="refused at once; key and secret are not sent",
    exit=4,
)
@pytest.mark.parametrize(
    ("address", "days", "known", "words"),
    [
        ("127.0.0.1", 30, False, "self-signed"),
        ("127.0.0.9", 30, True, "mismatch"),
        ("127.0.0.1", -1, True, "expired"),
    ],
)
def test_a_certificate_that_does_not_fit_is_refused(
    tmp_path: Path, server: FaultServer, address: str, days: int, known: bool, words: str
) -> int:
    pem = certificate(tmp_path, address, days=days)
    over_tls(server, pem)
    lakeside = Lakeside(tmp_path / "project", server, allow_http="false")
    result = lakeside.run(**({"ca_file": pem} if known else {}))
    assert words in result.record.message
    assert server.requests == []
    assert lakeside.clock.slept == []
    lakeside.close()
    return result.exit_code


@proves(
    "A19",
    fault="a certificate that is not yet valid, or no longer, for this machine's clock",
    behaviour="refused; asks to check this machine's clock",
    exit=4,
)
def test_a_certificate_out_of_time_points_at_the_clock(tmp_path: Path, server: FaultServer) -> int:
    pem = certificate(tmp_path, "127.0.0.1", days=-1)
    over_tls(server, pem)
    lakeside = Lakeside(tmp_path / "project", server, allow_http="false")
    result = lakeside.run(ca_file=pem)
    assert "check this machine's clock" in getattr(result.error, "hint", "")
    lakeside.close()
    return result.exit_code


REDIRECTS = [
    "{rogue}/API/token", "http://127.0.0.2:9/?q=" + BODY, "http://169.254.169.254/latest/meta-data/",
    "/API/token", "//example.org/x", "", "ftp://example.org/", "file:///etc/passwd",
]  # fmt: skip


@pytest.fixture
def rogue() -> Iterator[FaultServer]:
    with clean_server() as running:
        yield running


@proves(
    "A12",
    fault="the token's address or a page redirects: elsewhere, to plain HTTP, to the cloud's own address, to itself",
    behaviour="never followed; nothing arrives there; only scheme and host are named",
    exit=2,
)
@pytest.mark.parametrize("ending", ["/token", "/orgs", "/users"])
@pytest.mark.parametrize("target", REDIRECTS)
def test_redirects_are_not_followed(
    lakeside: Lakeside, server: FaultServer, rogue: FaultServer, target: str, ending: str
) -> int:
    status = 301 + len(target) % 3 if ending != "/token" else 307
    headers = {"Location": target.format(rogue=rogue.url)}
    server.scripts[ending] = [(status, headers, BODY.encode())] * 9
    end = ended(lakeside, ending[1:].replace("token", "orgs"), whole=ending in target)
    assert "the server redirects to" in end.message
    assert "/latest" not in end.message
    assert rogue.requests == []
    return end.exit_code


@proves(
    "A20",
    fault=".netrc, proxy and CA variables of the environment lead elsewhere",
    behaviour="none of them is read; the proxy sees no byte",
    exit=0,
)
def test_the_environment_adds_nothing(
    lakeside: Lakeside,
    server: FaultServer,
    rogue: FaultServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    clean: bytes,
) -> int:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password other\ndefault login a password b\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, rogue.url)
        monkeypatch.setenv(name.lower(), rogue.url)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "absent.pem"))
    result = lakeside.run()
    assert lakeside.archive() == clean
    assert rogue.requests == []
    assert {each.headers.get("Authorization", "")[:7] for each in server.asked("/users")} == {
        "Bearer "
    }
    return result.exit_code
