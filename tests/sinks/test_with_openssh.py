"""Deliveries to a real OpenSSH server, whose own log is the witness."""

from __future__ import annotations

import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from etlrunner.errors import DeliveryFailed, EtlError, Refused
from etlrunner.lib import sftp as door
from etlrunner.model.delivery import Receipt
from etlrunner.model.surroundings import SilentProgress
from etlrunner.sinks import apple_school_manager, sftp
from tests.support import delivery, openssh
from tests.support.delivery import CANARY, PATIENT
from tests.support.matrix import proves

pytestmark = pytest.mark.skipif(bool(openssh.missing()), reason=openssh.missing() or "it is here")

Send = Callable[..., Receipt]
SINKS = [apple_school_manager, sftp]


@pytest.fixture(scope="module")
def account() -> Iterator[openssh.Account]:
    with openssh.account() as user:
        yield user


@pytest.fixture(scope="module")
def running(account: openssh.Account) -> Iterator[openssh.Server]:
    with openssh.serving(account) as server:
        yield server


@pytest.fixture
def server(running: openssh.Server) -> Iterator[openssh.Server]:
    yield running
    empty(running)


def empty(server: openssh.Server) -> None:
    for path in server.account.dropbox.iterdir():
        path.unlink()


def to(server: openssh.Server, folder: Path, **more: Any) -> dict[str, Any]:
    line = more.pop("line", server.known_hosts_line())
    more.setdefault("password", server.account.password)
    return delivery.options(
        server.host, server.port, server.account.name, line=line, folder=folder, **more
    )


def there(server: openssh.Server, name: str = "lakeside.zip") -> Path:
    return server.account.dropbox / name


def names(account: openssh.Account) -> list[str]:
    return sorted(path.name for path in account.dropbox.iterdir())


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


class After(SilentProgress):
    """Does something once, when so many bytes have been confirmed."""

    def __init__(self, size: int, act: Callable[[], None]) -> None:
        self.left, self.act = size, act

    def advance(self, what: str, amount: int) -> None:
        before, self.left = self.left, self.left - amount
        if before > 0 >= self.left:
            self.act()


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("size", [1, 32_000, 3_000_001])
def test_the_bytes_arrive(send: Send, server, tmp_path, sink, size) -> None:
    archive = delivery.archive(tmp_path, size)
    for _ in range(2):
        receipt = send(to(server, tmp_path), archive, sink)
        assert there(server).read_bytes() == archive.path.read_bytes()
    assert receipt.host_key == server.fingerprint()
    assert receipt.sha256 == archive.sha256
    assert names(server.account) == ["lakeside.zip"]


@proves(
    "E1",
    fault="a wrong password",
    behaviour="tried once, says the server's own log; never repeated by itself",
    exit=4,
)
def test_a_wrong_password_is_tried_once_says_the_log(send: Send, account, tmp_path, archive) -> int:
    with openssh.serving(account) as server:
        with pytest.raises(Refused, match="tried once") as caught:
            send(to(server, tmp_path, password=CANARY), archive)
        openssh.until(lambda: "Connection closed" in server.log())
        assert server.log().count("Failed password") == 1
        assert "Accepted" not in server.log()
        assert CANARY not in server.log()
        return caught.value.exit_code


def test_one_wrong_password_too_many_is_refused_though_the_server_hangs_up(
    send: Send, account, tmp_path, archive
) -> None:
    with openssh.serving(account, first=["MaxAuthTries 1"]) as server:
        with pytest.raises(Refused, match="tried once"):
            send(to(server, tmp_path, password=CANARY), archive)
        assert server.log().count("Failed password") == 1


@proves(
    "E2",
    fault="another host key than the one that is pinned",
    behaviour="refused before user name and password are sent; both fingerprints are shown",
    exit=4,
)
def test_a_changed_host_key_gets_no_password_says_the_log(
    send: Send, account, tmp_path, archive
) -> int:
    with openssh.serving(account) as before:
        line = before.known_hosts_line()
    with openssh.serving(account, port=before.port) as server:
        with pytest.raises(Refused, match="no password was sent") as caught:
            send(to(server, tmp_path, line=line), archive)
        assert server.fingerprint() in str(caught.value)
        assert before.fingerprint() in str(caught.value)
        openssh.until(lambda: "Connection" in server.log())
        assert "password" not in server.log()
        assert server.account.name not in server.log()
        return caught.value.exit_code


def test_trusting_leaves_no_sign_in_in_the_log(account, tmp_path) -> None:
    with openssh.serving(account) as server:
        options = to(server, tmp_path, line="")
        kind, fingerprint, path = apple_school_manager.trust(options)
        assert (kind, fingerprint) == ("ssh-ed25519", server.fingerprint())
        assert path.read_text().strip() == server.known_hosts_line()
        assert server.account.name not in server.log()
        with door.connect(options):
            pass


def test_what_ssh_keyscan_writes_is_understood(send: Send, server, tmp_path, archive) -> None:
    if not shutil.which("ssh-keyscan"):
        pytest.skip("no ssh-keyscan: apt-get install openssh-client")
    command = ["ssh-keyscan", "-p", str(server.port), server.host]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    send(to(server, tmp_path, line=lines), archive)


def test_a_pinned_key_is_found_among_several(send: Send, account, tmp_path, archive) -> None:
    with openssh.serving(account, key_type="rsa", host_keys=["ecdsa", "ed25519"]) as server:
        for more in ({"line": "", "host_key": [server.fingerprint()]}, {}):
            receipt = send(to(server, tmp_path, **more), archive)
            assert receipt.host_key == server.fingerprint()
        with pytest.raises(Refused, match=r"ssh-ed25519 .*, ecdsa-sha2-nistp256 .*, ssh-rsa "):
            send(to(server, tmp_path, line="", host_key=["SHA256:" + "A" * 43]), archive)
        assert server.log().count("Accepted password") == 2
        assert "Failed password" not in server.log()


@proves(
    "E3",
    fault="only SHA-1 for keys or key exchange, only CBC, only weak checksums",
    behaviour="refused before a password is sent; names what the server offers and what to ask its owner for",
    exit=4,
)
@pytest.mark.parametrize(
    ("first", "lacks", "offers"),
    [
        (
            "KexAlgorithms diffie-hellman-group14-sha1",
            "key exchange",
            "diffie-hellman-group14-sha1",
        ),
        ("HostKeyAlgorithms ssh-rsa", "kind of host key", "ssh-rsa"),
        ("Ciphers aes128-cbc,3des-cbc", "cipher", "aes128-cbc, 3des-cbc"),
        ("MACs hmac-sha1,hmac-md5", "checksum", "hmac-sha1, hmac-md5"),
    ],
)
def test_weak_algorithms_are_refused_with_what_to_ask(
    send: Send, account, tmp_path, archive, first, lacks, offers
) -> int:
    more = ["Ciphers aes128-ctr"] if first.startswith("MACs") else []
    with openssh.serving(account, key_type="rsa", first=[first, *more]) as server:
        with pytest.raises(Refused) as caught:
            send(to(server, tmp_path), archive)
        assert lacks in str(caught.value)
        assert offers in str(caught.value)
        assert "ask the server's owner" in caught.value.hint
        assert "password" not in server.log()
        return caught.value.exit_code


@proves(
    "E8",
    fault="no kind of renaming is allowed",
    behaviour="found out without writing anything; the archive is written under its own name, and no other",
    exit=0,
)
@pytest.mark.parametrize("more", ["", ",remove", ",remove,stat,fstat,opendir,statvfs"])
def test_a_server_that_refuses_to_rename_gets_the_final_name(
    send: Send, account, tmp_path, archive, more
) -> int:
    seen: set[str] = set()
    with openssh.serving(account, sftp=f"{openssh.PLAIN} -P posix-rename,rename{more}") as server:
        watching = After(1, lambda: seen.update(names(account)))
        receipt = send(to(server, tmp_path), archive, sftp, progress=watching)
        assert seen == {*names(account)} == {"lakeside.zip"}
        assert there(server).read_bytes() == archive.path.read_bytes()
        empty(server)
    return 0 if receipt.sha256 == archive.sha256 else 1


@proves(
    "E8",
    fault="no kind of renaming is allowed, and the flow says sink.rename: true",
    behaviour="the file is removed again, where that is allowed; says to set sink.rename: false, which works",
    exit=7,
)
@pytest.mark.parametrize("more", ["", ",remove"])
def test_a_server_that_refuses_to_rename(send: Send, account, tmp_path, archive, more) -> int:
    with openssh.serving(account, sftp=f"{openssh.PLAIN} -P posix-rename,rename{more}") as server:
        empty(server)
        with pytest.raises(DeliveryFailed, match="permission denied") as caught:
            send(to(server, tmp_path, rename=True), archive, sftp)
        assert "sink.rename: false" in caught.value.hint
        left = [".lakeside.zip.part"] if more else []
        assert names(account) == left
        assert ("the whole file is there as .lakeside" in caught.value.far_side) == bool(more)
        send(to(server, tmp_path, rename=False), archive, sftp)
        assert names(account) == [*left, "lakeside.zip"]
        empty(server)
    return caught.value.exit_code


@proves(
    "E9",
    fault="a drop box that allows nothing but writing: no stat, no fstat, no rename, no remove",
    behaviour="the archive is written under its own name through one handle",
    exit=0,
)
def test_a_drop_box_that_allows_nothing_but_writing(send: Send, account, tmp_path, archive) -> int:
    with openssh.serving(account, sftp=openssh.DROP_BOX) as server:
        receipt = send(to(server, tmp_path), archive)
        assert not receipt.taken_at_once
        assert there(server).read_bytes() == archive.path.read_bytes()
        empty(server)
        return 0 if receipt.sha256 == archive.sha256 else 1


@proves(
    "E8",
    fault="no posix-rename, and the name is there already",
    behaviour="the old file is removed and the new one renamed",
    exit=0,
)
def test_a_server_without_posix_rename_replaces_too(send: Send, account, tmp_path, archive) -> int:
    with openssh.serving(account, sftp=openssh.PLAIN + " -P posix-rename") as server:
        for _ in range(2):
            receipt = send(to(server, tmp_path), archive, sftp)
        assert names(account) == ["lakeside.zip"]
        empty(server)
        return 0 if receipt.sha256 == archive.sha256 else 1


@proves(
    "E9",
    fault="the file is taken as soon as it is whole",
    behaviour="a success",
    exit=0,
)
def test_a_file_that_is_moved_away_as_soon_as_it_is_whole(send: Send, server, tmp_path) -> int:
    archive = delivery.archive(tmp_path, 2_000_000)
    away = tmp_path / "taken.zip"

    def take() -> None:
        openssh.until(lambda: there(server).stat().st_size == archive.size)
        shutil.move(there(server), away)

    thread = threading.Thread(target=take)
    thread.start()
    receipt = send(to(server, tmp_path), archive)
    thread.join()
    assert away.read_bytes() == archive.path.read_bytes()
    return 0 if receipt.sha256 == archive.sha256 else 1


def test_probing_leaves_nothing_behind(server, tmp_path, clock) -> None:
    for sink in SINKS:
        with sink.connect(to(server, tmp_path), clock=clock, progress=SilentProgress()) as end:
            facts = end.probe()
        assert facts["directory"] == "dropbox: is there"
        assert facts["software"].startswith("SSH-2.0-OpenSSH")
    assert names(server.account) == []


@proves(
    "E5",
    fault="the server's session is killed in the middle (SIGKILL)",
    behaviour="says what may be there; with renaming nothing has the final name; sent again it is whole",
    exit=7,
)
@pytest.mark.parametrize("sink", SINKS)
def test_a_session_killed_in_the_middle(send: Send, server, tmp_path, sink) -> int:
    archive = delivery.archive(tmp_path, 20_000_000)
    kill = After(4_000_000, lambda: server.signal_sessions(signal.SIGKILL))
    with pytest.raises(DeliveryFailed) as caught:
        send(to(server, tmp_path), archive, sink, progress=kill)
    assert "may hold an incomplete" in caught.value.far_side
    if sink is sftp:
        assert not there(server).exists()
    send(to(server, tmp_path), archive, sink)
    assert there(server).read_bytes() == archive.path.read_bytes()
    return caught.value.exit_code


@proves(
    "E6",
    fault="the session freezes in the middle (SIGSTOP)",
    behaviour="ends by the time-out of a step, or the deadline of the whole",
    exit=7,
)
@pytest.mark.parametrize("limit", ["channel", "deadline"])
def test_a_frozen_session_ends_in_time(send: Send, server, tmp_path, limit) -> int:
    archive = delivery.archive(tmp_path, 20_000_000)
    freeze = After(4_000_000, lambda: server.signal_sessions(signal.SIGSTOP))
    more: dict[str, Any] = {"deadline": timedelta(seconds=1)} if limit == "deadline" else {}
    options = to(server, tmp_path, timeouts={**PATIENT, "channel": 0.5 if not more else 60})
    began = time.monotonic()
    with pytest.raises(DeliveryFailed) as caught:
        send(options, archive, progress=freeze, **more)
    assert time.monotonic() - began < 10
    assert ("deadline of 1 s" if more else "no answer within 0.5 s") in str(caught.value)
    server.signal_sessions(signal.SIGKILL)
    return caught.value.exit_code


@proves(
    "E11",
    fault="the directory is not there",
    behaviour="refused; none is made",
    exit=4,
)
def test_a_directory_that_is_not_there(send: Send, server, tmp_path, archive) -> int:
    with pytest.raises(Refused, match="no directory inbox") as caught:
        send(to(server, tmp_path, directory="inbox"), archive)
    return caught.value.exit_code


@proves(
    "E11",
    fault="the directory may not be written to",
    behaviour="refused",
    exit=4,
)
def test_a_folder_that_cannot_be_written(send: Send, server, tmp_path, archive) -> int:
    server.account.dropbox.chmod(0o500)
    try:
        with pytest.raises(Refused, match="does not let this account write") as caught:
            send(to(server, tmp_path), archive)
    finally:
        server.account.dropbox.chmod(0o700)
    return caught.value.exit_code


def test_a_read_only_server(send: Send, account, tmp_path, archive) -> None:
    with (
        openssh.serving(account, sftp=openssh.PLAIN + " -R") as server,
        pytest.raises(Refused, match="does not let this account write"),
    ):
        send(to(server, tmp_path), archive)


@pytest.fixture
def small_disk(server: openssh.Server) -> Iterator[openssh.Server]:
    """The dropbox is a disk of 1 MB."""
    user, box = server.account.name, server.account.dropbox
    stat = box.stat()
    options = f"size=1m,uid={stat.st_uid},gid={stat.st_gid},mode=700"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, user, box], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a tmpfs is not permitted here")
    yield server
    empty(server)
    server.signal_sessions(signal.SIGKILL)
    openssh.until(lambda: subprocess.run(["umount", box], capture_output=True).returncode == 0)


@proves(
    "E7",
    fault="the server's disk is full (a tmpfs of 1 MB)",
    behaviour="the server is asked for its free space; what was written is removed again",
    exit=7,
)
@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("size", [3_000_000, 1_048_577])
def test_a_full_disk_says_so_and_leaves_nothing(
    send: Send, small_disk: openssh.Server, tmp_path, sink, size
) -> int:
    archive = delivery.archive(tmp_path, size)
    with pytest.raises(DeliveryFailed) as caught:
        send(to(small_disk, tmp_path), archive, sink)
    assert "removed again" in caught.value.far_side
    assert "the server's disk is full" in caught.value.hint
    assert names(small_disk.account) == []
    return caught.value.exit_code


def test_a_server_without_sftp(account, tmp_path) -> None:
    # internal-sftp under another name: the session opens, and ends without a word of SFTP
    with openssh.serving(account, sftp="/nowhere/sftp") as server:
        with pytest.raises(EtlError) as caught, door.connect(to(server, tmp_path)):
            pass
        assert caught.value.exit_code == 3


@pytest.mark.slow
def test_many_deliveries_leave_no_threads_and_no_files_open(
    send: Send, server, tmp_path, archive
) -> None:
    options = to(server, tmp_path)
    send(options, archive)
    threads, files = threading.active_count(), open_files()
    for _ in range(50):
        send(options, archive)
    openssh.until(lambda: threading.active_count() <= threads)
    openssh.until(lambda: open_files() <= files)
