"""The door to paramiko: signs in at a pinned server with one attempt, uploads one file, and always ends.

Every error of paramiko, of the socket and of the server comes out of here as one of ours. The server's
own words are not repeated anywhere: they may hold whatever was sent to it.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import paramiko

from etlrunner.errors import Refused
from etlrunner.lib import host_keys, sftp_wire
from etlrunner.lib.host_keys import HostKey
from etlrunner.lib.sftp_errors import OURS, cleaned, no_password, not_signed_in, translating
from etlrunner.lib.sftp_probe import Probe
from etlrunner.lib.sftp_server import Server, Timeouts
from etlrunner.lib.sftp_upload import Upload, unwatched, wrong_directory
from etlrunner.lib.sftp_wire import Status, Wire
from etlrunner.lib.watch import Watch
from etlrunner.model.components import Options
from etlrunner.model.delivery import Reached
from etlrunner.model.secrets import Secret

# paramiko logs user names, what servers say, and tracebacks; nothing of that may reach a log or a screen
logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)
logging.getLogger("paramiko").propagate = False

# AES-GCM first: a fifth faster than paramiko's own order (benchmarks/sftp_upload.py); no CBC, SHA-1, MD5
CIPHERS = (
    *("aes128-gcm@openssh.com", "aes256-gcm@openssh.com"),
    *("aes128-ctr", "aes192-ctr", "aes256-ctr"),
)
MACS = (
    *("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com"),
    *("hmac-sha2-256", "hmac-sha2-512"),
)
KEY_TYPES = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}
"""Types of host keys, and the signatures each may be proven with: never SHA-1's `ssh-rsa`."""


@contextlib.contextmanager
def connect(options: Options) -> Iterator[Session]:
    """Sign in, and close the session at the end; `deadline` in the options bounds all of it."""
    server = _server(options)
    if not server.expected:
        raise Refused(
            f"no host key is pinned for {server}; nothing was sent to it",
            hint=f"etlrunner connect {server.flow} --trust shows the key and writes it down for review",
        )
    with Watch(_seconds(options.get("deadline"))) as watch:
        transport, key = _trusted(server, watch)
        try:
            _sign_in(transport, server, watch, options)
            yield Session(server, transport, key, _open_wire(transport, server, watch), watch)
        finally:
            transport.close()


def learn_host_key(options: Options) -> tuple[str, str, str]:
    """The server's key, for a person to compare: type, fingerprint, and the line of known_hosts.

    No user name and no password are sent; the connection ends once the server has shown its key.
    """
    server = _server(options)
    with Watch() as watch:
        transport, key = _handshake(server, watch, tuple(KEY_TYPES))
        transport.close()
    return key.type, key.fingerprint, key.line(server.host, server.port)


def trust(options: Options, *, replace: bool = False) -> tuple[str, str, Path]:
    """Learn the server's key and write it into the flow's known_hosts file, for a person to review."""
    kind, fingerprint, line = learn_host_key(options)
    path = Path(options["known_hosts"])
    host_keys.remember(path, line, replace=replace)
    return kind, fingerprint, path


# ---------------------------------------------------------------- an open session


@dataclass
class Session:
    """Signed in at the server whose key is pinned."""

    server: Server
    transport: paramiko.Transport = field(repr=False)
    host_key: HostKey
    wire: Wire = field(repr=False)
    watch: Watch = field(repr=False)

    def facts(self) -> dict[str, str]:
        """What `connect` shows about the session; the server's own words without odd characters."""
        return {
            "server": str(self.server),
            "software": cleaned(self.transport.remote_version),
            "host key": str(self.host_key),
            "cipher": self.transport.local_cipher,
        }

    def look(self, directory: str) -> str:
        """Whether a directory is there, in words, by opening it and reading nothing."""
        with translating(self.server, self.watch, "looking for the directory"):
            self.watch.allow(self.server.timeouts.channel, "looking for the directory")
            try:
                self.wire.close(self.wire.open_folder(directory or "."))
            except Status as error:
                if error.code == sftp_wire.NO_SUCH_FILE:
                    raise wrong_directory(str(self.server), directory) from None
                return f"the server does not say ({error})"
            finally:
                self.watch.rest()
        return "is there"

    def explore(self, directory: str, announce: Callable[[str], None]) -> dict[str, str]:
        """What the server allows in a directory; a tiny file is written and removed again."""
        with translating(self.server, self.watch, "finding out what is allowed"):
            answer = self.server.timeouts.channel
            probe = Probe(
                self.wire, directory, lambda what: self.watch.allow(answer, what), announce
            )
            try:
                return probe.run()
            finally:
                self.watch.rest()

    def upload(
        self,
        source: Path,
        size: int,
        moved: Callable[[int], None],
        reached: Reached = unwatched,
    ) -> Upload:
        """A local file to be written: `under` a name, `beside` it, or `as_allowed`."""
        answer = self.server.timeouts.channel
        end, flow = str(self.server), self.server.flow
        return Upload(self.wire, self.watch, end, source, size, moved, answer, reached, flow)

    def forget(self, path: str) -> None:
        """Remove a file of ours, if it is there and may be removed; nothing depends on it."""
        self.watch.allow(self.server.timeouts.channel, "removing what an earlier delivery left")
        with (
            translating(self.server, self.watch, "removing what an earlier delivery left"),
            contextlib.suppress(Status),
        ):
            self.wire.remove(path)
        self.watch.rest()


@dataclass
class _Stream:
    """A channel whose errors are those of a socket."""

    channel: paramiko.Channel

    def sendall(self, data: bytes, /) -> None:
        with self._as_socket():
            self.channel.sendall(data)

    def recv(self, size: int, /) -> bytes:
        with self._as_socket():
            return self.channel.recv(size)

    @contextlib.contextmanager
    def _as_socket(self) -> Iterator[None]:
        try:
            yield
        except (OSError, EOFError, *OURS):
            raise
        except Exception as error:
            raise ConnectionError(type(error).__name__) from None


# ---------------------------------------------------------------- the way in


class _Transport(paramiko.Transport):
    """Remembers what the server offers, for messages and for the choice of host keys."""

    offered: Mapping[str, Sequence[str]] = {}

    def _really_parse_kex_init(self, *args: Any, **named: Any) -> Any:
        # a hook inside paramiko: if it goes away, messages lose a list, and nothing else changes
        self.offered = super()._really_parse_kex_init(*args, **named)  # type: ignore[misc]
        return self.offered


def _server(options: Options) -> Server:
    host, port = str(options["host"]), int(options.get("port") or 22)
    given = options.get("timeouts") or {}
    timeouts = Timeouts(**{name: _seconds(value) for name, value in given.items()})  # type: ignore[arg-type]
    pins, known_hosts = options.get("host_key") or (), options.get("known_hosts")
    pins = (pins,) if isinstance(pins, str) else tuple(map(str, pins))
    expected = host_keys.expected(pins, Path(known_hosts) if known_hosts else None, host, port)
    return Server(host, port, expected, timeouts, str(options.get("flow") or "FLOW"))


def _seconds(value: timedelta | float | None) -> float | None:
    return value.total_seconds() if isinstance(value, timedelta) else value


def _trusted(server: Server, watch: Watch) -> tuple[_Transport, HostKey]:
    """A connection to a server that proved to hold a pinned key.

    A fingerprint does not tell its key's type, and a server has several: the others are asked for
    before it is called a stranger. Nothing but the key exchange is ever sent to one.
    """
    known = [key.type for key in server.expected.keys]
    types = sorted(KEY_TYPES, key=lambda kind: kind not in known)
    shown: list[HostKey] = []
    while types:
        transport, key = _handshake(server, watch, types)
        if key in server.expected:
            return transport, key
        transport.close()
        shown.append(key)
        offered = transport.offered.get("server_key_algo_list", ())
        types = [kind for kind in types if kind != key.type and {*KEY_TYPES[kind]} & {*offered}]
    raise Refused(
        f"{server} is not the server that the flow expects: its host key is "
        f"{', '.join(map(str, shown))}, and {server.expected} is pinned; no password was sent",
        hint="ask the server's owner for the fingerprint by another way; "
        f"only if it has changed, learn it anew: etlrunner connect {server.flow} --trust",
    )


def _handshake(server: Server, watch: Watch, types: Sequence[str]) -> tuple[_Transport, HostKey]:
    watch.allow(server.timeouts.connect * 4, "connecting")  # several addresses may be tried
    with translating(server, watch, "connecting"):
        sock = socket.create_connection((server.host, server.port), server.timeouts.connect)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = _Transport(sock)
    try:
        watch.closes(lambda: _hang_up(sock, transport))
        watch.allow(server.timeouts.banner, "agreeing on keys")
        with translating(server, watch, "agreeing on keys", lambda: transport.offered):
            _restrict(transport, server.timeouts, types)
            transport.start_client()
            key = transport.get_remote_server_key()
    except BaseException:
        _hang_up(sock, transport)
        raise
    watch.rest()
    return transport, HostKey(key.get_name(), key.asbytes())


def _restrict(transport: _Transport, timeouts: Timeouts, types: Sequence[str]) -> None:
    security = transport.get_security_options()
    security.ciphers = tuple(name for name in CIPHERS if name in security.ciphers)
    security.digests = tuple(name for name in MACS if name in security.digests)
    security.key_types = tuple(name for kind in types for name in KEY_TYPES[kind])
    security.kex = tuple(name for name in security.kex if "sha1" not in name)
    # the watch ends each step sooner, and knows why; these are for a watch that is late
    transport.banner_timeout = transport.handshake_timeout = timeouts.banner + 5
    transport.auth_timeout = timeouts.auth + 5
    transport.channel_timeout = transport.clear_to_send_timeout = timeouts.channel + 5


def _hang_up(sock: socket.socket, transport: paramiko.Transport) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    transport.close()
    sock.close()


def _sign_in(transport: _Transport, server: Server, watch: Watch, options: Options) -> None:
    """One attempt: as `password`, or as the one question of a server that only asks questions."""
    username, password = _revealed(options["username"]), _revealed(options["password"])
    watch.allow(server.timeouts.auth, "signing in")
    try:
        more = transport.auth_password(username, password, fallback=False)
    except paramiko.BadAuthenticationType as error:
        if "keyboard-interactive" not in error.allowed_types:
            raise no_password(server) from None
        more = _answer_one_question(transport, server, watch, username, password)
    except OURS:
        raise
    except Exception as error:
        raise not_signed_in(server, watch, error) from None
    if more:
        raise Refused(
            f"{server} accepted the password but wants a second proof, which no program can give",
            hint="ask the server's owner for an account that needs a password alone",
        )
    watch.rest()


def _answer_one_question(
    transport: _Transport, server: Server, watch: Watch, username: str, password: str
) -> list[str]:
    answers = [password]

    def answer(title: str, instructions: str, fields: Sequence[Any]) -> list[str]:
        if not fields:
            return []
        if len(fields) > 1 or not answers:
            raise paramiko.AuthenticationException
        return [answers.pop()]

    try:
        return transport.auth_interactive(username, answer)
    except OURS:
        raise
    except Exception as error:
        raise not_signed_in(server, watch, error) from None


def _revealed(value: Secret | str) -> str:
    return value.reveal() if isinstance(value, Secret) else str(value)


def _open_wire(transport: _Transport, server: Server, watch: Watch) -> Wire:
    watch.allow(server.timeouts.channel, "opening an SFTP session")
    with translating(server, watch, "opening an SFTP session"):
        channel = transport.open_session(timeout=server.timeouts.channel + 5)
        channel.settimeout(server.timeouts.channel + 5)
        channel.invoke_subsystem("sftp")
        wire = Wire(_Stream(channel))
        wire.start()
    watch.rest()
    return wire
