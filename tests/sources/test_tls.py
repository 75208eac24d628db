"""Certificates: a stranger is refused, a private CA is named with ca_file."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from etlrunner.errors import ConfigurationError, Refused
from etlrunner.lib.http import Door
from tests.support.clock import SimulatedClock
from tests.support.http_fault import FaultServer


def certificate(folder: Path, address: str, *, days: int = 30) -> Path:
    """A self-signed certificate and its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Invented District")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def over_tls(server: FaultServer, pem: Path) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server._http.socket = context.wrap_socket(
        server._http.socket, server_side=True, do_handshake_on_connect=False
    )
    return server.url.replace("http:", "https:")


@pytest.fixture
def doors(clock: SimulatedClock) -> Iterator[list[Door]]:
    opened: list[Door] = []
    yield opened
    for door in opened:
        door.close()


def status(door: Door, url: str) -> int:
    return door.ask("GET", f"{url}/x", what="x", read=lambda reply: reply.status)


def test_a_private_ca_is_named_with_ca_file(
    server: FaultServer, clock: SimulatedClock, doors: list[Door], tmp_path: Path
) -> None:
    pem = certificate(tmp_path, "127.0.0.1")
    doors.append(Door(clock=clock, ca_file=pem))
    assert status(doors[0], over_tls(server, pem)) == 404


@pytest.mark.parametrize(
    ("address", "days", "known", "words"),
    [
        ("127.0.0.1", 30, False, "self-signed"),
        ("127.0.0.9", 30, True, "mismatch"),
        ("127.0.0.1", -1, True, "expired"),
    ],
)
def test_a_certificate_that_does_not_fit_is_refused_at_once(
    server: FaultServer,
    clock: SimulatedClock,
    doors: list[Door],
    tmp_path: Path,
    address: str,
    days: int,
    known: bool,
    words: str,
) -> None:
    pem = certificate(tmp_path, address, days=days)
    doors.append(Door(clock=clock, ca_file=pem if known else None))
    url = over_tls(server, pem)
    with pytest.raises(Refused, match=words):
        status(doors[0], url)
    assert clock.slept == []


def test_a_ca_file_that_is_not_there_is_a_configuration_error(
    clock: SimulatedClock, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="is not there"):
        Door(clock=clock, ca_file=tmp_path / "absent.pem")
