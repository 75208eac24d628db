"""What goes wrong at an SFTP server, in our words: every error of paramiko, the socket or the wire becomes ours.

Nothing of what the server says is repeated: it may hold whatever was sent to it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import paramiko
from paramiko.ssh_exception import IncompatiblePeer

from etlrunner.errors import EtlError, Refused, Unreachable
from etlrunner.lib import sftp_wire
from etlrunner.lib.sftp_server import Server
from etlrunner.lib.sftp_wire import Status
from etlrunner.lib.watch import Watch

OURS = (AssertionError, AttributeError, NameError, TypeError)
"""A mistake in this program rather than something from outside: not translated."""


@contextlib.contextmanager
def translating(
    server: Server,
    watch: Watch,
    step: str,
    offered: Callable[[], Mapping[str, Sequence[str]]] = dict,
) -> Iterator[None]:
    """Before the first byte of the file: ours pass, everything from outside becomes one of ours.

    `offered` are the algorithms that the server named, by the field of SSH's message.
    """
    try:
        yield
    except (EtlError, *OURS):
        raise
    except Exception as error:
        raise translated(error, server, step, watch.passed, offered()) from None


_NO = (paramiko.AuthenticationException, paramiko.ChannelException, paramiko.BadHostKeyException)


def translated(
    error: Exception,
    server: Server,
    step: str,
    passed: str = "",
    offered: Mapping[str, Sequence[str]] = {},
) -> EtlError:
    """Any exception of paramiko, the socket or the wire, before the first byte of the file."""
    if passed:
        return Unreachable(f"{server} cannot be reached: {passed}")
    if isinstance(error, IncompatiblePeer):
        return _incompatible(server, error, offered)
    if isinstance(error, _NO):
        return Refused(f"{server} refused while {step}: {_reason(error)}")
    return Unreachable(f"{server} cannot be reached: {_reason(error)} while {step}")


def not_signed_in(server: Server, watch: Watch, error: Exception) -> EtlError:
    """Whatever ends a sign-in but silence counts as a no: a second try could lock the account.

    Some servers answer a wrong password by hanging up, which cannot be told from a lost line.
    """
    if watch.passed:
        return Unreachable(f"{server} cannot be reached: {watch.passed}")
    return Refused(
        f"{server} did not accept the user name and password ({_reason(error)}); it was tried once",
        hint=f"set both again, each in its own place: etlrunner secrets set {server.flow}; repeated attempts can lock the account",
    )


def no_password(server: Server) -> Refused:
    """The server takes keys only."""
    return Refused(
        f"{server} does not let this account sign in with a password",
        hint="ask the server's owner to allow the method 'password' or 'keyboard-interactive'",
    )


def _incompatible(
    server: Server, error: Exception, offered: Mapping[str, Sequence[str]]
) -> Refused:
    """Which algorithms do not meet; the server's list cleaned, because it is the server's text."""
    text = str(error)
    kinds = {
        "kex": ("a key exchange", "kex_algo_list"),
        "host key": ("a kind of host key", "server_key_algo_list"),
        "cipher": ("a cipher", "client_encrypt_algo_list"),
        "mac": ("a checksum (MAC)", "client_mac_algo_list"),
    }
    what, where = next(
        (kind for word, kind in kinds.items() if word in text), ("a version of SSH", "")
    )
    names = [cleaned(name) for name in offered.get(where, ())][:12]
    offers = f"; it offers {', '.join(names)}" if names else ""
    return Refused(
        f"{server} and this program have no safe way to talk: they lack {what} in common{offers}",
        hint="ask the server's owner to offer current algorithms (not SHA-1): for example "
        "curve25519-sha256, ssh-ed25519 or rsa-sha2-512, aes128-gcm@openssh.com, hmac-sha2-256",
    )


def cleaned(text: str) -> str:
    """A name that a server gave, as far as it looks like one."""
    return "".join(char for char in text if char.isalnum() or char in "-_.@")[:60]


def _reason(error: BaseException) -> str:
    """Why, in our words: nothing of what the server, or paramiko in its name, has written."""
    for kind, text in _REASONS:
        if isinstance(error, kind):
            return text
    if isinstance(error, OSError | EOFError | Status | sftp_wire.Garbled):
        return sftp_wire.reason(error)
    return f"the server's answers make no sense ({type(error).__name__})"


_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (paramiko.BadAuthenticationType, "that way of signing in is not allowed"),
    (paramiko.AuthenticationException, "refused"),
    (paramiko.BadHostKeyException, "another host key"),
    (paramiko.ChannelException, "no session of this kind is allowed"),
    (paramiko.SSHException, "the SSH connection failed"),
)
