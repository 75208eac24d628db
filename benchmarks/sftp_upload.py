"""Seconds for one upload to a local OpenSSH server: ours, paramiko's `put`, and OpenSSH's own client.

sudo python benchmarks/sftp_upload.py [megabytes]
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import paramiko

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from etlrunner.deliver import deliver
from etlrunner.model.surroundings import SilentProgress
from etlrunner.sinks import apple_school_manager
from tests.support import delivery, openssh
from tests.support.clock import SimulatedClock


def main() -> None:
    size = int(sys.argv[1] if len(sys.argv) > 1 else 50) * 1_000_000
    if openssh.missing():
        sys.exit(openssh.missing())
    with (
        tempfile.TemporaryDirectory() as name,
        openssh.account() as user,
        openssh.serving(user) as server,
    ):
        folder = Path(name)
        ways = {
            "etlrunner": ours(server, folder, size),
            "paramiko put": plain(server, folder / "roster.zip"),
            "OpenSSH sftp": theirs(server, folder),
        }
        rounds = [{way: seconds(act) for way, act in ways.items() if act} for _ in range(5)]
        for way in rounds[0]:
            times = [each[way] for each in rounds]
            print(f"{way:14} {statistics.median(times):6.2f} s  (best {min(times):.2f})")


def ours(server: openssh.Server, folder: Path, size: int) -> Callable[[], object]:
    archive = delivery.archive(folder, size)
    account = server.account
    options = delivery.options(
        server.host, server.port, account.name, account.password, server.known_hosts_line(), folder
    )
    clock = SimulatedClock(datetime.now(UTC))
    return lambda: deliver(
        apple_school_manager.connect,
        options,
        archive,
        "ours.zip",
        clock=clock,
        progress=SilentProgress(),
    )


def plain(server: openssh.Server, source: Path) -> Callable[[], object]:
    def put() -> None:
        with paramiko.Transport((server.host, server.port)) as transport:
            transport.connect(username=server.account.name, password=server.account.password)
            with paramiko.SFTPClient.from_transport(transport) as client:
                client.put(source, "dropbox/plain.zip")

    return put


def theirs(server: openssh.Server, folder: Path) -> Callable[[], object] | None:
    """OpenSSH's client takes a password from a program only."""
    if not shutil.which("sftp"):
        return None
    ask = folder / "ask"
    ask.write_text(f"#!/bin/sh\necho '{server.account.password}'\n")
    ask.chmod(0o700)
    batch = folder / "batch"
    batch.write_text(f"put {folder}/roster.zip dropbox/theirs.zip\n")
    settings = {
        "UserKnownHostsFile": f"{folder}/flow.known_hosts",
        "PreferredAuthentications": "password",
        "BatchMode": "no",
    }
    # before -b, which would forbid the question for the password
    command = ["sftp", "-q", *(f"-o{name}={value}" for name, value in settings.items())]
    command += ["-P", str(server.port), "-b", str(batch), f"{server.account.name}@{server.host}"]
    environment = {**os.environ, "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force"}
    return lambda: subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


def seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
