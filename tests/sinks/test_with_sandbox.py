"""Deliveries to the small server of the sandbox, which can fail in every way."""

from __future__ import annotations

import contextlib
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from etlrunner.errors import (
    DeliveryFailed,
    EtlError,
    Interrupted,
    LocalTrouble,
    Refused,
    Unreachable,
)
from etlrunner.lib import sftp as door
from etlrunner.lib.host_keys import HostKey
from etlrunner.lib.sftp_wire import PERMISSION_DENIED, Status, Wire
from etlrunner.model.delivery import Archive, Receipt
from etlrunner.model.surroundings import SilentProgress
from etlrunner.sandbox import sftp as sandbox
from etlrunner.sinks import apple_school_manager, sftp
from tests.support import delivery
from tests.support.delivery import CANARY, PATIENT
from tests.support.matrix import proves

Send = Callable[..., Receipt]


@pytest.fixture
def server() -> Iterator[sandbox.SftpServer]:
    with sandbox.start() as running:
        yield running


@pytest.fixture
def options(server: sandbox.SftpServer, tmp_path: Path) -> dict[str, Any]:
    return to(server, tmp_path)


def to(server: sandbox.SftpServer, folder: Path, **more: Any) -> dict[str, Any]:
    line = more.pop("line", server.host_key_line)
    more.setdefault("password", server.password)
    return delivery.options(
        server.host, server.port, server.username, line=line, folder=folder, **more
    )


def refuse(
    send: Send, options: Any, archive: Archive, kind: type[EtlError], **more: Any
) -> EtlError:
    """The delivery must end this way, without a secret in what a person or a log may see."""
    with pytest.raises(EtlError) as caught:
        send(options, archive, **more)
    error = caught.value
    assert type(error) is kind, error
    shown = "".join(traceback.format_exception(error)) + repr(error) + error.hint + repr(options)
    for secret in ("username", "password"):
        assert options[secret].reveal() not in shown
    return error


def test_the_bytes_arrive_and_the_receipt_proves_it(send, server, options, archive) -> None:
    progress = delivery.Counting()
    receipt = send(options, archive, progress=progress)
    assert (server.folder / "dropbox" / "lakeside.zip").read_bytes() == archive.path.read_bytes()
    assert (receipt.sha256, receipt.size) == (archive.sha256, archive.size)
    assert receipt.host_key == server.host_key.fingerprint
    assert (receipt.sink, receipt.attempts) == ("apple-school-manager", 1)
    assert not receipt.taken_at_once
    assert progress.totals == progress.moved == {"deliver": archive.size}
    assert progress.ended == ["deliver"]


@pytest.mark.parametrize("size", [0, 1, 31_999, 32_000, 32_001, 32_000 * 64, 5_000_000])
def test_any_size_arrives_byte_for_byte(send, server, options, tmp_path, size) -> None:
    archive = delivery.archive(tmp_path, size)
    assert send(options, archive).sha256 == archive.sha256
    assert (server.folder / "dropbox" / "lakeside.zip").read_bytes() == archive.path.read_bytes()


def test_the_drop_box_is_asked_for_nothing_but_open_write_fstat_close(
    send, server, options, archive
) -> None:
    send(options, archive)
    assert set(server.requests) == {"open", "write", "fstat", "close"}


def test_a_second_delivery_replaces_the_first(send, server, options, tmp_path) -> None:
    for sink in (apple_school_manager, sftp):
        for size in (70_000, 100):
            archive = delivery.archive(tmp_path, size)
            send(options, archive, sink)
            there = server.folder / "dropbox" / "lakeside.zip"
            assert there.read_bytes() == archive.path.read_bytes()
    assert [path.name for path in there.parent.iterdir()] == ["lakeside.zip"]


def test_a_file_that_is_taken_at_once_is_a_success(send, server, options, archive) -> None:
    server.faults.takes_at_once = True
    assert send(options, archive).taken_at_once
    assert (server.taken / "lakeside.zip").read_bytes() == archive.path.read_bytes()


def test_a_drop_box_that_allows_no_stat_is_a_success(send, server, options, archive) -> None:
    server.faults.no_stat = True
    assert not send(options, archive).taken_at_once


def test_a_wrong_password_is_tried_once(send, server, tmp_path, archive) -> None:
    options = to(server, tmp_path, password=CANARY)
    error = refuse(send, options, archive, Refused)
    assert server.password_attempts == 1
    assert "did not accept" in str(error)


@proves(
    "E4",
    fault="password sign-in is not offered, only questions (keyboard-interactive)",
    behaviour="one question is answered with the password, once",
    exit=0,
)
@pytest.mark.parametrize("right", [True, False])
def test_a_server_that_only_asks_questions_gets_one_answer(
    send, server, tmp_path, archive, right
) -> int:
    server.faults.only_questions = True
    options = to(server, tmp_path, password=server.password if right else CANARY)
    if right:
        send(options, archive)
    else:
        refuse(send, options, archive, Refused)
    assert server.password_attempts == 1
    return 0


def test_a_stranger_gets_no_password(send, server, tmp_path, archive) -> None:
    with sandbox.start() as other:
        line = other.host_key.line(server.host, server.port)
        error = refuse(send, to(server, tmp_path, line=line), archive, Refused)
    assert server.password_attempts == 0
    assert server.host_key.fingerprint in str(error)
    assert other.host_key.fingerprint in str(error)
    assert "no password was sent" in str(error)


def test_a_server_that_nobody_pinned_is_not_even_called(send, server, tmp_path, archive) -> None:
    error = refuse(send, to(server, tmp_path, line=""), archive, Refused)
    assert "--trust" in error.hint
    assert server._transports == []


def test_a_fingerprint_in_the_flow_is_enough(send, server, tmp_path, archive) -> None:
    pins = ["SHA256:" + "A" * 43, server.host_key.fingerprint]
    send(to(server, tmp_path, line="", host_key=pins), archive)


def test_trusting_learns_the_key_without_signing_in(send, server, tmp_path, archive) -> None:
    options = to(server, tmp_path, line="")
    del options["username"]
    kind, fingerprint, path = apple_school_manager.trust(options)
    assert (kind, fingerprint) == ("ssh-ed25519", server.host_key.fingerprint)
    assert path.read_text() == server.host_key_line + "\n"
    assert server.password_attempts == 0
    send(to(server, tmp_path), archive)


def test_trusting_does_not_replace_a_key(server, tmp_path) -> None:
    other = HostKey("ssh-ed25519", b"\0\0\0\x0bssh-ed25519" + b"x" * 36).line(
        server.host, server.port
    )
    options = to(server, tmp_path, line=other)
    with pytest.raises(Refused, match="another ssh-ed25519 key"):
        apple_school_manager.trust(options)
    assert options["known_hosts"].read_text() == other + "\n"
    apple_school_manager.trust(options, replace=True)
    assert options["known_hosts"].read_text() == server.host_key_line + "\n"


def test_probing_signs_in_and_writes_nothing(server, options, clock) -> None:
    for sink in (apple_school_manager, sftp):
        with sink.connect(options, clock=clock, progress=SilentProgress()) as connection:
            facts = connection.probe()
        assert facts["directory"] == "dropbox: is there"
        assert facts["host key"] == f"ssh-ed25519 {server.host_key.fingerprint}"
        assert facts["cipher"] == "aes128-gcm@openssh.com"
    assert set(server.requests) == {"opendir"}


def test_probing_a_box_that_cannot_be_listed_says_so(server, options, clock) -> None:
    server.faults.no_listing = True
    with apple_school_manager.connect(
        options, clock=clock, progress=SilentProgress()
    ) as connection:
        assert "does not say" in connection.probe()["directory"]


def test_probing_notices_a_wrong_directory(server, options, clock) -> None:
    options["directory"] = "dropbx"
    with (
        pytest.raises(Refused, match="no directory dropbx"),
        sftp.connect(options, clock=clock, progress=SilentProgress()) as connection,
    ):
        connection.probe()


def test_a_wrong_directory_is_called_one(send, server, options, archive) -> None:
    options["directory"] = "inbox"
    error = refuse(send, options, archive, Refused)
    assert "no directory inbox" in str(error)
    assert "sink.directory" in error.hint


def test_a_read_only_folder_is_refused(send, server, options, archive) -> None:
    server.faults.read_only = True
    assert "does not let this account write" in str(refuse(send, options, archive, Refused))


@pytest.mark.parametrize("sink", [apple_school_manager, sftp])
def test_a_cut_in_the_middle_says_what_is_there(send, server, options, archive, sink) -> None:
    server.faults.cut_after = archive.size // 2
    error = refuse(send, options, archive, DeliveryFailed, sink=sink)
    name = "lakeside.zip" if sink is apple_school_manager else ".lakeside.zip.part"
    assert f"may hold an incomplete {name}" in error.far_side
    assert f"of {archive.size:,} bytes" in error.far_side
    server.faults.cut_after = None
    send(options, archive, sink)
    there = server.folder / "dropbox" / "lakeside.zip"
    assert there.read_bytes() == archive.path.read_bytes()


def test_with_renaming_half_a_file_never_has_the_final_name(
    send, server, options, tmp_path
) -> None:
    archive = delivery.archive(tmp_path, 400_000)
    for cut in range(0, 400_000, 32_000):
        server.faults.cut_after = cut
        refuse(send, options, archive, DeliveryFailed, sink=sftp)
        assert not (server.folder / "dropbox" / "lakeside.zip").exists()


def test_a_full_disk_leaves_nothing_where_removing_is_allowed(
    send, server, options, archive
) -> None:
    server.faults.full_after = archive.size // 2
    error = refuse(send, options, archive, DeliveryFailed)
    assert "removed again" in error.far_side
    assert list((server.folder / "dropbox").iterdir()) == []


@proves(
    "E13",
    fault="the last block is not written, and the server lets nothing be looked at or removed",
    behaviour="no success; says what may be there",
    exit=7,
)
def test_a_full_disk_in_the_last_block_is_noticed(send, server, options, archive) -> int:
    server.faults.full_after = archive.size - 1
    server.faults.no_stat = server.faults.no_remove = True
    error = refuse(send, options, archive, DeliveryFailed)
    assert "may hold an incomplete lakeside.zip" in error.far_side
    return error.exit_code


@proves(
    "E13",
    fault="the server fails when the file is closed",
    behaviour="no success",
    exit=7,
)
def test_a_refusal_on_closing_is_no_success(send, server, options, archive) -> int:
    server.faults.close_fails = True
    error = refuse(send, options, archive, DeliveryFailed)
    assert "failure" in str(error)
    return error.exit_code


def test_a_frozen_server_ends_after_the_timeout(send, server, tmp_path, archive) -> None:
    server.faults.stall_after = 64_000
    options = to(server, tmp_path, timeouts={**PATIENT, "channel": 0.3})
    with pytest.raises((DeliveryFailed, Unreachable), match=r"no answer within 0[.]3 s while"):
        send(options, archive)


def test_a_frozen_server_ends_at_the_deadline(send, server, options, archive) -> None:
    server.faults.stall_after = 64_000
    with pytest.raises((DeliveryFailed, Unreachable), match=r"the deadline of 0[.]5 s passed"):
        send(options, archive, deadline=timedelta(seconds=0.5))


def test_a_server_that_refuses_renaming_is_left_as_it_was(send, server, options, archive) -> None:
    server.faults.no_rename = True
    named = {**options, "rename": True, "flow": "lakeside"}
    error = refuse(send, named, archive, DeliveryFailed, sink=sftp)
    assert "the file was removed again" in error.far_side
    assert "etlrunner connect lakeside --probe" in error.hint
    for rename in (False, "auto"):
        send({**options, "rename": rename}, archive, sftp)
        (sent,) = (server.folder / "dropbox").iterdir()
        sent.unlink()


def test_a_server_that_takes_no_hidden_name_gets_the_file_under_its_own(
    send, server, options, archive, monkeypatch
) -> None:
    opened = Wire.open

    def picky(wire: Wire, path: str) -> bytes:
        if not path.endswith(".zip"):
            raise Status(PERMISSION_DENIED)
        return opened(wire, path)

    monkeypatch.setattr(Wire, "open", picky)
    send({**options, "rename": "auto"}, archive, sftp)
    (sent,) = (server.folder / "dropbox").iterdir()
    assert sent.read_bytes() == archive.path.read_bytes()
    refuse(send, {**options, "rename": True}, archive, Refused, sink=sftp)


def test_a_file_that_cannot_be_read_is_our_own_trouble(
    send, server, options, archive, tmp_path
) -> None:
    gone = tmp_path / "not-there.zip"
    with (
        pytest.raises(LocalTrouble, match="removed again"),
        door.connect(options) as session,
    ):
        session.upload(gone, 1, lambda size: None).under("dropbox/x.zip")
    assert not (server.folder / "dropbox" / "x.zip").exists()


def test_an_interruption_takes_half_a_file_away(send, server, options, archive) -> None:
    class Stopping(delivery.Counting):
        def advance(self, what: str, amount: int) -> None:
            raise Interrupted(signal_number=15)

    with pytest.raises(Interrupted):
        send(options, archive, progress=Stopping())
    assert list((server.folder / "dropbox").iterdir()) == []


def test_a_mistake_of_ours_is_not_blamed_on_the_server(send, server, options, archive) -> None:
    class Broken(delivery.Counting):
        def advance(self, what: str, amount: int) -> None:
            raise AttributeError("a mistake")

    with pytest.raises(AttributeError):
        send(options, archive, progress=Broken())


def test_the_sandbox_writes_nowhere_else(server, options, tmp_path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (server.folder / "dropbox" / "way").symlink_to(outside)
    (server.folder / "dropbox" / "link.zip").symlink_to(outside / "x.zip")
    with door.connect(options) as session:
        for path in ("dropbox/way/x.zip", "dropbox/link.zip", "../../../outside/x.zip"):
            with pytest.raises(EtlError):
                session.upload(tmp_path / "flow.known_hosts", 1, lambda size: None).under(path)
    assert list(outside.iterdir()) == []


# ---------------------------------------------------------------- servers that are none


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def at(listener: socket.socket, folder: Path) -> dict[str, Any]:
    host, port = listener.getsockname()
    line = HostKey("ssh-ed25519", b"\0\0\0\x0bssh-ed25519" + b"x" * 36).line(host, port)
    timeouts = dict.fromkeys(PATIENT, 0.4)
    return delivery.options(host, port, "nobody", CANARY, line, folder, timeouts=timeouts)


@proves(
    "E12",
    fault="a port that accepts and says nothing",
    behaviour="ends by the time-out",
    exit=3,
)
def test_a_port_that_accepts_and_never_speaks(send, listener, tmp_path, archive) -> int:
    error = refuse(send, at(listener, tmp_path), archive, Unreachable)
    assert "no answer within 0.4 s while agreeing on keys" in str(error)
    return error.exit_code


@pytest.mark.parametrize(
    "words",
    [
        b"SSH-2.0-quiet\r\n",
        b"hello\r\n" * 200,
        b"\xff\xfe\x00" * 1000,
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"SSH-1.0-old\r\n",
        b"SSH-2.0-odd\r\n" + b"\x00\x00\x00\x0c\x0a" + b"\x14" * 40,
        b"SSH-2.0-odd\r\n" + b"\xff" * 500,
    ],
)
@pytest.mark.parametrize("hang_up", [False, True])
def test_a_port_that_says_something_else(send, listener, tmp_path, archive, words, hang_up) -> None:
    def speak() -> None:
        client, _ = listener.accept()
        with client, contextlib.suppress(OSError):
            client.sendall(words)
            if not hang_up:
                client.settimeout(5)
                while client.recv(1000):
                    pass

    thread = threading.Thread(target=speak)
    thread.start()
    with pytest.raises((Unreachable, Refused)) as caught:
        send(at(listener, tmp_path), archive)
    assert CANARY not in str(caught.value)
    thread.join()


def test_a_port_where_nothing_listens(send, listener, tmp_path, archive) -> None:
    options = at(listener, tmp_path)
    listener.close()
    assert "nothing listens there" in str(refuse(send, options, archive, Unreachable))


def test_a_name_that_does_not_exist(send, server, tmp_path, archive) -> None:
    options = to(server, tmp_path, line=server.host_key.line("no-such-host.invalid", 22))
    options |= {"host": "no-such-host.invalid", "port": 22}
    assert "cannot be resolved" in str(refuse(send, options, archive, Unreachable))
