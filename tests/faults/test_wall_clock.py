"""Row A19 with a wall clock that really is wrong: the whole program under a shim that moves it by days."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest

from tests.support import alone
from tests.support.http_fault import JSON, FaultServer
from tests.support.lakeside import Lakeside
from tests.support.matrix import proves
from tests.support.tls import certificate, over_tls

DAYS = 2 * 86_400
SOURCE = Path(__file__).resolve().parents[1] / "support" / "wall.c"


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that moves CLOCK_REALTIME by WALL_SHIFT seconds, and nothing else."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("gcc is not installed: the shim that moves the wall clock cannot be built")
    built = tmp_path_factory.mktemp("shim") / "wall.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", built, SOURCE, "-ldl"], check=True)
    return built


def run(lakeside: Lakeside, shim: Path, seconds: int) -> alone.Ended:
    """A run whose clock is so many seconds ahead."""
    extra = {"LD_PRELOAD": str(shim), "WALL_SHIFT": str(seconds)}
    command = ("run", "lakeside", "--as-of", "2026-10-01")
    return alone.run(lakeside.project.root, *command, extra=extra)


@proves(
    "A19",
    fault="this machine's clock (a shim under the whole program) is two days behind the certificate's first day",
    behaviour="refused, as not yet valid; asks to check this machine's clock",
    exit=4,
)
def test_a_clock_two_days_behind_makes_the_certificate_not_yet_valid(
    tmp_path: Path, server: FaultServer, shim: Path
) -> int:
    pem = certificate(tmp_path, "127.0.0.1", since=1)
    over_tls(server, pem)
    lakeside = Lakeside(tmp_path / "project", server, allow_http=f"false\n  ca_file: {pem}")
    assert run(lakeside, shim, 0).exit_code == 0
    ended = run(lakeside, shim, -DAYS)
    assert "not yet valid" in ended.said
    assert "check this machine's clock" in ended.said
    lakeside.close()
    return ended.exit_code


@proves(
    "A19",
    fault="this machine's clock (a shim under the whole program) is two days ahead, and the server refuses the key",
    behaviour="says by how much this machine's clock is ahead of the server's",
    exit=4,
)
def test_a_clock_two_days_ahead_is_told_with_the_refusal(
    lakeside: Lakeside, server: FaultServer, shim: Path
) -> int:
    there = format_datetime(datetime.now(UTC), usegmt=True)
    server.scripts["/token"] = [(401, {**JSON, "Date": there}, b"{}")] * 9
    ended = run(lakeside, shim, DAYS)
    assert "clock is 48 hours ahead of the server's" in " ".join(ended.said.split())
    return ended.exit_code
