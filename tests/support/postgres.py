"""A PostgreSQL cluster of our own: in a temporary folder, on loopback, ended by its process."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

MISSING = "PostgreSQL is not installed (Debian: apt-get install postgresql)"


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`; Debian keeps it off the path."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@contextlib.contextmanager
def cluster() -> Iterator[str]:
    """Start one; gives its address. PostgreSQL refuses root, so root runs it as another account."""
    folder = programs()
    assert folder is not None, MISSING
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as name:
        home = Path(name)
        account = _unprivileged(home)
        data = home / "data"
        options = ["-A", "trust", "-U", "test", "-N", "-E", "UTF8", "--locale=C", "-D", str(data)]
        subprocess.run(
            [folder / "initdb", *options], check=True, capture_output=True, cwd=home, **account
        )
        port = _free_port()
        server = subprocess.Popen(
            [folder / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", home, "-F"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=home,
            **account,
        )
        try:
            _wait_for(server, port)
            yield f"postgresql://test@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # fast shutdown: clients are cut off
            server.wait(30)


def _unprivileged(home: Path) -> dict[str, object]:
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            person = pwd.getpwnam(name)
            os.chown(home, person.pw_uid, person.pw_gid)
            return {"user": person.pw_uid, "group": person.pw_gid, "extra_groups": []}
    raise AssertionError("no account to run PostgreSQL as")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def _wait_for(server: subprocess.Popen[bytes], port: int) -> None:
    import psycopg

    for _ in range(600):
        assert server.poll() is None, "PostgreSQL ended at once"
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(f"host=127.0.0.1 port={port} user=test dbname=postgres").close()
            return
        time.sleep(0.05)
    raise AssertionError("PostgreSQL does not answer")
