"""`connect --probe`: what a real server allows is found out, and nothing stays behind."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from etlrunner.errors import EtlError
from etlrunner.model.surroundings import SilentProgress
from etlrunner.sandbox import sftp as sandbox
from etlrunner.sinks import apple_school_manager, local_folder, sftp
from tests.support import delivery, openssh

real = pytest.mark.skipif(bool(openssh.missing()), reason=openssh.missing() or "it is here")


@pytest.fixture(scope="module")
def account() -> Iterator[openssh.Account]:
    with openssh.account() as user:
        yield user


def explored(
    server: openssh.Server, folder: Path, clock: Any, sink: Any = sftp, announce: Any = None
) -> Mapping[str, str]:
    options = delivery.options(
        server.host,
        server.port,
        server.account.name,
        server.account.password,
        server.known_hosts_line(),
        folder,
    )
    with sink.connect(options, clock=clock, progress=SilentProgress()) as end:
        return dict(end.explore(announce or (lambda words: None)))


def there(account: openssh.Account) -> list[str]:
    return sorted(path.name for path in account.dropbox.iterdir())


WITHOUT = {
    "": {"write": "yes", "overwrite": "yes", "remove": "yes", "rename": "yes", "stat": "yes"},
    "rename,posix-rename": {"rename": "no", "rename over a file": "no", "etlrunner": "writes each"},
    "posix-rename": {"rename": "yes", "rename over a file": "no", "etlrunner": "writes .NAME.part"},
    "stat,fstat,statvfs": {"stat": "no", "size of an open file": "no", "write": "yes"},
    "mkdir": {"make folders": "no", "write": "yes"},
}
"""Requests that the server refuses -> how the answers begin."""


@real
@pytest.mark.parametrize("refused", WITHOUT)
def test_what_a_server_allows_is_found_out_and_nothing_stays(
    account: openssh.Account, tmp_path: Path, clock: Any, refused: str
) -> None:
    how = openssh.PLAIN + (f" -P {refused}" if refused else "")
    with openssh.serving(account, sftp=how) as server:
        found = explored(server, tmp_path, clock)
    for what, begins in WITHOUT[refused].items():
        assert found[what].startswith(begins), (what, found[what])
    assert found["left behind"] == "nothing"
    assert there(account) == []


@real
def test_where_nothing_may_be_removed_nothing_is_written(
    account: openssh.Account, tmp_path: Path, clock: Any
) -> None:
    with openssh.serving(account, sftp=openssh.DROP_BOX) as server:
        found = explored(server, tmp_path, clock, apple_school_manager)
    assert found["write"].startswith("not tried")
    assert "under its own name" in found["etlrunner"]
    assert there(account) == []


@real
def test_a_folder_that_cannot_be_written_is_found_out(
    account: openssh.Account, tmp_path: Path, clock: Any
) -> None:
    with openssh.serving(account, sftp=openssh.PLAIN + " -R") as server:
        assert explored(server, tmp_path, clock)["write"].startswith(("no", "not tried"))
    assert there(account) == []


@real
def test_a_probe_that_is_cut_off_has_said_what_to_remove(
    account: openssh.Account, tmp_path: Path, clock: Any
) -> None:
    said: list[str] = []
    with openssh.serving(account) as server:

        def cut(words: str) -> None:
            said.append(words)
            server.signal_sessions(signal.SIGKILL)

        with pytest.raises(EtlError):
            explored(server, tmp_path, clock, announce=cut)
    assert "if this is cut off, remove" in said[0]
    assert all(name in said[0] for name in there(account))


def test_a_server_that_takes_files_at_once_is_recognised(tmp_path: Path, clock: Any) -> None:
    with sandbox.start(takes_at_once=True) as server:
        options = delivery.options(
            *(server.host, server.port, server.username, server.password, server.host_key_line),
            tmp_path,
        )
        with sftp.connect(options, clock=clock, progress=SilentProgress()) as end:
            found = end.explore(lambda words: None)
    assert "took the file" in found["left behind"]


def test_a_local_folder_is_tried_and_left_as_it_was(tmp_path: Path, clock: Any) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    with local_folder.connect({"path": folder}, clock=clock, progress=SilentProgress()) as end:
        assert end.explore(lambda words: None)["write"] == "yes"
    assert list(folder.iterdir()) == []
