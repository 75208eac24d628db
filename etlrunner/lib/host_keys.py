"""SSH host keys: what a flow expects, and what its known_hosts file says."""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from etlrunner.errors import ConfigurationError, LocalTrouble, Refused
from etlrunner.lib import files
from etlrunner.model.problems import Place, Problem


@dataclass(frozen=True, slots=True)
class HostKey:
    """A server's public key as it travels: its type (`ssh-ed25519`) and its bytes."""

    type: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """`SHA256:…`, as ssh-keygen and every client show it."""
        digest = hashlib.sha256(self.blob).digest()
        return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")

    def line(self, host: str, port: int) -> str:
        """The line of a known_hosts file that pins this key for a server."""
        return f"{_entry(host, port)} {self.type} {base64.b64encode(self.blob).decode('ascii')}"

    def __str__(self) -> str:
        return f"{self.type} {self.fingerprint}"


@dataclass(frozen=True, slots=True)
class Expected:
    """The keys that a server may show: whole ones from known_hosts, and fingerprints from the flow."""

    keys: tuple[HostKey, ...] = ()
    fingerprints: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.keys or self.fingerprints)

    def __contains__(self, key: HostKey) -> bool:
        return key in self.keys or any(
            hmac.compare_digest(key.fingerprint, fingerprint) for fingerprint in self.fingerprints
        )

    def __str__(self) -> str:
        return ", ".join([*map(str, self.keys), *self.fingerprints])


def expected(pins: tuple[str, ...], known_hosts: Path | None, host: str, port: int) -> Expected:
    """What the flow says about this server; false when it says nothing."""
    fingerprints = tuple(pin.strip().rstrip("=") for pin in pins)
    return Expected(known(known_hosts, host, port) if known_hosts else (), fingerprints)


def known(path: Path, host: str, port: int) -> tuple[HostKey, ...]:
    """The keys that a known_hosts file holds for this server; none when there is no such file."""
    return tuple(key for names, key in _lines(path) if _matches(names, _entry(host, port)))


def remember(path: Path, line: str, *, replace: bool = False) -> bool:
    """Write a learned line into a known_hosts file; say whether the file has changed.

    A different key of the same server and type is refused unless `replace` is said: that is what a
    server in the middle looks like.
    """
    text = _read(path)
    names, kind, _ = line.split(" ", 2)
    rest: list[str] = []
    others: list[str] = []
    for old in text.splitlines():
        fields = old.split()
        (others if fields[:2] == [names, kind] else rest).append(old)
    if others and any(old.split()[:3] == line.split()[:3] for old in others):
        return False
    if others and not replace:
        raise Refused(
            f"{path.name} holds another {kind} key for {names}; it was left as it is",
            hint="ask the server's owner whether the key has changed; if so, remove the old line and try again",
        )
    files.write_private(path, "".join(f"{entry}\n" for entry in [*rest, line]))
    return True


def _entry(host: str, port: int) -> str:
    return host.lower() if port == 22 else f"[{host.lower()}]:{port}"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise LocalTrouble(f"cannot read {path}: {type(error).__name__}") from error


def _lines(path: Path) -> Iterator[tuple[str, HostKey]]:
    """Each entry's host names and key; a line that cannot be read is an error, never skipped."""
    for number, line in enumerate(_read(path).splitlines(), start=1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        try:
            names, kind, blob = fields[0], fields[1], base64.b64decode(fields[2], validate=True)
        except (IndexError, binascii.Error):
            names, kind, blob = "", "", b""
        if not blob or blob[4 : 4 + len(kind)] != kind.encode() or names.startswith("@"):
            raise ConfigurationError([_unreadable(path, number)])
        yield names, HostKey(kind, blob)


def _unreadable(path: Path, number: int) -> Problem:
    return Problem(
        code="E205",
        message="not a line 'host type key' as in known_hosts (markers such as @revoked are not supported)",
        place=Place(str(path), number, 1),
        hint=f"etlrunner connect {path.stem} --trust writes the right line",
    )


def _matches(names: str, entry: str) -> bool:
    """OpenSSH's rule: a list of patterns, of which none with '!' and at least one other may match."""
    if names.startswith("|1|"):
        return _hashed(names, entry)
    patterns = names.lower().split(",")
    if any(_like(entry, pattern[1:]) for pattern in patterns if pattern.startswith("!")):
        return False
    return any(_like(entry, pattern) for pattern in patterns)


def _like(entry: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(entry, pattern.replace("[", "[[]"))


def _hashed(names: str, entry: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in names.split("|")[2:4])
    except (ValueError, binascii.Error):
        return False
    # SHA-1 is what the file format has; it hides a name here, it protects nothing
    return hmac.compare_digest(hmac.new(salt, entry.encode(), hashlib.sha1).digest(), digest)
