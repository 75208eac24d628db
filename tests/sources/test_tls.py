"""Certificates: a stranger is refused, a private CA is named with ca_file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from etlrunner.errors import ConfigurationError, Refused
from etlrunner.lib.http import Door
from tests.support.clock import SimulatedClock
from tests.support.http_fault import FaultServer
from tests.support.tls import certificate, over_tls


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
