"""A small SFTP server on loopback, for demos and tests, with a switch for each way to fail."""

from __future__ import annotations

import contextlib
import hmac
import io
import os
import posixpath
import secrets
import shutil
import socket
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paramiko import SFTPAttributes
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
)
from paramiko.server import InteractiveQuery
from paramiko.sftp import SFTP_FAILURE as FAILURE
from paramiko.sftp import SFTP_NO_SUCH_FILE as GONE
from paramiko.sftp import SFTP_OK as OK
from paramiko.sftp import SFTP_PERMISSION_DENIED as DENIED

from etlrunner.lib.host_keys import HostKey
from etlrunner.lib.sftp import MACS

if TYPE_CHECKING:
    from typing_extensions import Buffer


@dataclass
class Faults:
    """What the server does wrong; each may be switched while it runs."""

    takes_at_once: bool = False
    """Take a file away as soon as it has been written, as Apple's drop box is said to."""
    cut_after: int | None = None
    """Hang up after so many bytes of a file."""
    stall_after: int | None = None
    """Say nothing more after so many bytes of a file."""
    full_after: int | None = None
    """The disk is full after so many bytes of a file."""
    wrong_password: bool = False
    """Refuse every password."""
    only_questions: bool = False
    """Allow `keyboard-interactive` alone."""
    no_rename: bool = False
    cut_at_rename: bool = False
    """Hang up as soon as a file was renamed, without a word."""
    no_stat: bool = False
    no_listing: bool = False
    no_remove: bool = False
    read_only: bool = False
    close_fails: bool = False
    """Answer "failure" when a file is closed, as a store does that keeps files only then."""


def start(
    folder: Path | None = None, *, port: int = 0, directory: str = "dropbox", **faults: object
) -> SftpServer:
    """A running server; `folder` is what a client sees as `/`, and is removed at the end if not given."""
    return SftpServer(folder, port=port, directory=directory, faults=Faults(**faults))  # type: ignore[arg-type]


class SftpServer:
    """The server's address, its one account, its folder, and what clients asked of it."""

    def __init__(self, folder: Path | None, *, port: int, directory: str, faults: Faults) -> None:
        self._made = None if folder else tempfile.mkdtemp(prefix="etlrunner-sftp-")
        self.folder = Path(folder or self._made or "").resolve()
        self.directory = directory
        (self.folder / directory).mkdir(mode=0o700, exist_ok=True, parents=True)
        self.taken = self.folder / "taken"
        self.username = f"SFTP-{secrets.token_hex(4)}@sftp.example.org"
        self.password = secrets.token_urlsafe(18)
        self.faults = faults
        self.requests: Counter[str] = Counter()
        """SFTP requests by their name in the protocol, to prove what a client did not ask."""
        self.password_attempts = 0
        self.stopping = threading.Event()
        self._key = _new_key()
        self._transports: list[paramiko.Transport] = []
        self._listener = socket.create_server(("127.0.0.1", port))
        self.host, self.port = self._listener.getsockname()
        self._thread = threading.Thread(target=self._serve, name="sandbox-sftp", daemon=True)
        self._thread.start()

    @property
    def host_key(self) -> HostKey:
        """The key that this server shows; it is new at every start."""
        return HostKey(self._key.get_name(), self._key.asbytes())

    @property
    def host_key_line(self) -> str:
        """The line for flows/<flow>.known_hosts."""
        return self.host_key.line(self.host, self.port)

    def close(self) -> None:
        """Hang up on everybody and stop."""
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for transport in self._transports:
            transport.close()
        for transport in self._transports:
            transport.join(5)
        if self._made:
            shutil.rmtree(self._made, ignore_errors=True)

    def __enter__(self) -> SftpServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _serve(self) -> None:
        while not self.stopping.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with contextlib.suppress(Exception):  # a client that hangs up early is no trouble
                self._welcome(client)

    def _welcome(self, client: socket.socket) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = paramiko.Transport(client)
        transport.get_security_options().digests = MACS
        transport.add_server_key(self._key)
        transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Files, self)
        self._transports.append(transport)
        transport.start_server(event=threading.Event(), server=_Door(self, transport))


class _Door(paramiko.ServerInterface):
    """Who may come in."""

    def __init__(self, server: SftpServer, transport: paramiko.Transport) -> None:
        self.server = server
        self.hang_up = transport.close

    def get_allowed_auths(self, username: str) -> str:
        return "keyboard-interactive" if self.server.faults.only_questions else "password"

    def check_auth_password(self, username: str, password: str) -> int:
        if self.server.faults.only_questions:
            return AUTH_FAILED
        return self._check(username, password)

    def check_auth_interactive(self, username: str, submethods: str) -> int | InteractiveQuery:
        self.username = username
        return InteractiveQuery("", "", ("Password: ", False))

    def check_auth_interactive_response(self, responses: list[str]) -> int:
        return self._check(self.username, "".join(responses))

    def check_channel_request(self, kind: str, chanid: int) -> int:
        if kind == "session":
            return OPEN_SUCCEEDED
        return OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def _check(self, username: str, password: str) -> int:
        self.server.password_attempts += 1
        right = hmac.compare_digest(
            f"{username}\0{password}".encode(),
            f"{self.server.username}\0{self.server.password}".encode(),
        )
        if right and not self.server.faults.wrong_password:
            return AUTH_SUCCESSFUL
        return AUTH_FAILED


class _Files(paramiko.SFTPServerInterface):
    """The server's folder, and nothing outside it."""

    def __init__(self, door: _Door, server: SftpServer) -> None:
        super().__init__(door)
        self.door = door
        self.server = server

    def open(self, path: str, flags: int, attr: SFTPAttributes) -> paramiko.SFTPHandle | int:
        self.server.requests["open"] += 1
        if self.server.faults.read_only:
            return DENIED
        try:
            # O_NOFOLLOW: a link is not a way out of the folder
            number = os.open(self._real(path), flags | getattr(os, "O_NOFOLLOW", 0), 0o600)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)
        return _File(self.door, number, self._real(path))

    def stat(self, path: str) -> SFTPAttributes | int:
        self.server.requests["stat"] += 1
        if self.server.faults.no_stat:
            return DENIED
        try:
            return SFTPAttributes.from_stat(self._real(path).stat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    def lstat(self, path: str) -> SFTPAttributes | int:
        return self.stat(path)

    def list_folder(self, path: str) -> list[SFTPAttributes] | int:
        self.server.requests["opendir"] += 1
        if self.server.faults.no_listing:
            return DENIED
        try:
            entries = sorted(self._real(path).iterdir())
            return [SFTPAttributes.from_stat(entry.lstat(), entry.name) for entry in entries]
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    def remove(self, path: str) -> int:
        self.server.requests["remove"] += 1
        if self.server.faults.no_remove:
            return DENIED
        try:
            self._real(path).unlink()
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)
        return OK

    def rename(self, oldpath: str, newpath: str) -> int:
        self.server.requests["rename"] += 1
        old, new = self._real(oldpath), self._real(newpath)
        if self.server.faults.no_rename:
            return DENIED
        if new.exists():
            return FAILURE  # as version 3 of the protocol has it
        try:
            old.rename(new)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)
        if self.server.faults.cut_at_rename:
            self.door.hang_up()
        return OK

    def chattr(self, path: str, attr: SFTPAttributes) -> int:
        self.server.requests["setstat"] += 1
        return DENIED

    def mkdir(self, path: str, attr: SFTPAttributes) -> int:
        self.server.requests["mkdir"] += 1
        return DENIED

    def _real(self, path: str) -> Path:
        """Where a client's path lies; its folders must be real ones inside ours."""
        inside = posixpath.normpath(posixpath.join("/", path)).lstrip("/")
        real = self.server.folder / inside
        if not real.parent.resolve().is_relative_to(self.server.folder):
            return self.server.folder / "nowhere" / "at-all"
        return real


@dataclass(eq=False)
class _Handle:
    number: int = -1
    written: int = 0
    gone: bool = False
    closed: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


class _File(paramiko.SFTPHandle):
    """An open file."""

    def __init__(self, door: _Door, number: int, path: Path) -> None:
        super().__init__()
        self.door, self.server, self.path = door, door.server, path
        self.state = _Handle(number)

    def write(self, offset: int, data: Buffer) -> int:
        self.server.requests["write"] += 1
        state, faults = self.state, self.server.faults
        state.written += len(memoryview(data))
        if _passed(faults.cut_after, state.written):
            self.door.hang_up()
            return FAILURE
        if _passed(faults.stall_after, state.written):
            self.server.stopping.wait()
            return FAILURE
        if _passed(faults.full_after, state.written):
            return FAILURE
        os.lseek(state.number, offset, os.SEEK_SET)
        os.write(state.number, data)
        return OK

    def stat(self) -> SFTPAttributes | int:
        self.server.requests["fstat"] += 1
        if self.server.faults.no_stat:
            return DENIED
        if self.server.faults.takes_at_once:
            self._take()
            return GONE
        return SFTPAttributes.from_stat(os.fstat(self.state.number))

    def chattr(self, attr: SFTPAttributes) -> int:
        self.server.requests["fsetstat"] += 1
        return DENIED

    def close(self) -> None:
        with self.state.lock:
            if self.state.closed:
                return
            self.state.closed = True
            os.close(self.state.number)
        self.server.requests["close"] += 1
        if self.server.faults.takes_at_once:
            self._take()
        if self.server.faults.close_fails:
            raise OSError("the store did not keep it")

    def _take(self) -> None:
        if not self.state.gone:
            self.server.taken.mkdir(mode=0o700, exist_ok=True)
            os.replace(self.path, self.server.taken / self.path.name)
            self.state.gone = True


def _passed(limit: int | None, written: int) -> bool:
    return limit is not None and written > limit


def _new_key() -> paramiko.PKey:
    """An Ed25519 key; paramiko reads such keys but cannot make one."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    return paramiko.Ed25519Key(file_obj=io.StringIO(pem.decode("ascii")))
