"""A real OpenSSH server on loopback with one SFTP-only account, for tests that run as root.

Own configuration, own port, own host keys, own log; ended by its process id, and its user removed.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

SSHD = Path("/usr/sbin/sshd")

PLAIN = "internal-sftp"
DROP_BOX = PLAIN + (
    " -P posix-rename,rename,stat,lstat,fstat,setstat,fsetstat,opendir,remove,mkdir,statvfs"
)


def missing() -> str:
    """Why a server cannot be had here; empty when it can."""
    if os.name != "posix" or os.geteuid() != 0:
        return "a real OpenSSH server for tests needs root (it makes a user)"
    if not SSHD.exists():
        return "no /usr/sbin/sshd: apt-get install openssh-server"
    absent = [name for name in ("useradd", "userdel", "ssh-keygen") if not shutil.which(name)]
    return f"missing: {', '.join(absent)}" if absent else ""


@dataclass
class Account:
    """The one user that may sign in, and the folder it is locked into."""

    name: str
    password: str
    root: Path

    @property
    def dropbox(self) -> Path:
        return self.root / "dropbox"


@dataclass
class Server:
    """One listening sshd."""

    account: Account
    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    key: Path
    host: str = "127.0.0.1"

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def known_hosts_line(self) -> str:
        kind, blob = self.key.with_suffix(".pub").read_text().split()[:2]
        return f"[{self.host}]:{self.port} {kind} {blob}"

    def fingerprint(self) -> str:
        command = ["ssh-keygen", "-lf", str(self.key.with_suffix(".pub"))]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[1]

    def sessions(self) -> list[int]:
        """The processes behind open sessions: children of the listener, and theirs."""
        found, todo = [], [self.process.pid]
        while todo:
            for child in _children(todo.pop()):
                found.append(child)
                todo.append(child)
        return found

    def signal_sessions(self, number: signal.Signals) -> None:
        for pid in self.sessions():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def close(self) -> None:
        self.signal_sessions(signal.SIGCONT)
        self.signal_sessions(signal.SIGKILL)
        self.process.terminate()
        self.process.wait(10)


@contextlib.contextmanager
def account() -> Iterator[Account]:
    """A user of its own, locked into an empty folder with a dropbox in it; removed at the end."""
    # below /srv, because sshd wants every folder above a chroot to be root's and nobody else's
    base = Path(tempfile.mkdtemp(prefix="etlrunner-openssh-", dir="/srv"))
    base.chmod(0o755)
    user = Account(f"etlt{os.getpid()}", secrets.token_urlsafe(18), base / "chroot")
    user.root.mkdir(mode=0o755)
    try:
        options = ["--no-create-home", "--home-dir", "/", "--shell", "/usr/sbin/nologin"]
        _run(["useradd", *options, user.name])
        # a hash that is quick to check: each sign-in would pay for a slow one, and the password is random
        _run(["chpasswd", "-c", "SHA512", "-s", "1000"], f"{user.name}:{user.password}\n")
        user.dropbox.mkdir(mode=0o700)
        shutil.chown(user.dropbox, user.name, user.name)
        yield user
    finally:
        _run(["userdel", user.name])
        shutil.rmtree(base)


@contextlib.contextmanager
def serving(
    user: Account,
    *,
    sftp: str = PLAIN,
    first: Sequence[str] = (),
    key_type: str = "ed25519",
    port: int = 0,
    host_keys: Sequence[str] = (),
) -> Iterator[Server]:
    """A listening server; `first` are configuration lines that come before the others and so win."""
    folder = Path(tempfile.mkdtemp(prefix="server-", dir=user.root.parent))
    folder.chmod(0o755)
    keys = [_new_key(folder, kind) for kind in (key_type, *host_keys)]
    port = port or _free_port()
    config = folder / "config"
    config.write_text(_config(user, folder, port, keys, sftp, first))
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    process = subprocess.Popen([SSHD, "-D", "-f", config, "-E", folder / "log"])
    server = Server(user, folder, port, process, keys[0])
    try:
        until(lambda: "Server listening" in server.log())
        yield server
    finally:
        server.close()


def as_sink(server: Server) -> SimpleNamespace:
    """The server in the words of the sandbox's one."""
    return SimpleNamespace(
        host=server.host,
        port=server.port,
        username=server.account.name,
        password=server.account.password,
        host_key_line=server.known_hosts_line(),
    )


def until(true: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for something that is bound to happen; fail when it does not."""
    end = time.monotonic() + seconds
    while not _without_file(true):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def _without_file(true: Callable[[], bool]) -> bool:
    try:
        return true()
    except FileNotFoundError:
        return False


def _config(
    user: Account, folder: Path, port: int, keys: Sequence[Path], sftp: str, first: Sequence[str]
) -> str:
    lines = [
        *first,
        "ListenAddress 127.0.0.1",
        f"Port {port}",
        *(f"HostKey {key}" for key in keys),
        f"PidFile {folder}/pid",
        "LogLevel VERBOSE",
        "UsePAM no",
        "PasswordAuthentication yes",
        "PubkeyAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin no",
        f"AllowUsers {user.name}",
        "MaxAuthTries 3",
        "LoginGraceTime 20",
        "Subsystem sftp internal-sftp",
        f"Match User {user.name}",
        f"  ChrootDirectory {user.root}",
        f"  ForceCommand {sftp}",
        "  AllowTcpForwarding no",
        "  X11Forwarding no",
        "  PermitTunnel no",
    ]
    return "\n".join(lines) + "\n"


def _new_key(folder: Path, kind: str) -> Path:
    path = folder / f"host_{kind}"
    _run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(path)])
    return path


def _children(pid: int) -> list[int]:
    listing = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        return [int(child) for child in listing.read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _run(command: Sequence[str], text: str = "") -> None:
    subprocess.run(command, input=text, text=True, check=True, capture_output=True)
