"""The few SFTP requests that a delivery needs, over any byte stream; every answer is looked at.

paramiko's own file object does not look at the answers to the last hundred pipelined writes, and
swallows an error in the answer to `close`: a full disk or a quota can pass for a success there.
Protocol: draft-ietf-secsh-filexfer-02 (version 3), and OpenSSH's PROTOCOL file for the extensions.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Iterable
from typing import Protocol

from etlrunner.lib import stop

NO_SUCH_FILE, PERMISSION_DENIED, FAILURE, UNSUPPORTED = 2, 3, 4, 8
BLOCK = 32_000
"""Bytes per write: with its header it fits the 32 KiB that every server takes, and one SSH packet."""
WINDOW = 64
"""Writes under way at a time, as OpenSSH's client has it: 2 MB, or 20 MB/s over 100 ms of distance."""

_INIT, _VERSION, _OPEN, _CLOSE, _WRITE, _FSTAT, _OPENDIR = 1, 2, 3, 4, 6, 8, 11
_REMOVE, _MKDIR, _RMDIR, _STAT, _RENAME = 13, 14, 15, 17, 18
POSIX_RENAME = "posix-rename@openssh.com"
_STATUS, _HANDLE, _ATTRS, _EXTENDED, _EXTENDED_REPLY = 101, 102, 105, 200, 201
_WRITE_CREATE_TRUNCATE = 0x02 | 0x08 | 0x10
_LONGEST_ANSWER = 256 * 1024
_MEANINGS = {
    NO_SUCH_FILE: "no such file or folder",
    PERMISSION_DENIED: "permission denied",
    FAILURE: "failure, without a reason",
    UNSUPPORTED: "not supported",
    14: "no space left on the server",
    15: "the quota on the server is used up",
}


class Stream(Protocol):
    """What carries the bytes: a channel, or a socket."""

    def sendall(self, data: bytes, /) -> None: ...

    def recv(self, size: int, /) -> bytes: ...


class Status(Exception):
    """The server said no. Its own words are not kept: they may hold anything."""

    def __init__(self, code: int) -> None:
        super().__init__(_MEANINGS.get(code, f"status {code}"))
        self.code = code


class Garbled(Exception):
    """The server sent something that is not an answer."""


class WrongSize(Exception):
    """The server has another number of bytes than was sent."""

    def __init__(self, held: int, size: int) -> None:
        super().__init__(f"the server says it holds {held:,} of {size:,} bytes")


def reason(error: BaseException) -> str:
    """Why, in our words: nothing of what the server has written."""
    for kind, text in _REASONS:
        if isinstance(error, kind):
            return text
    if isinstance(error, OSError):
        return os.strerror(error.errno).lower() if error.errno else "the connection is gone"
    return str(error) if isinstance(error, Status | WrongSize) else type(error).__name__


_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (socket.gaierror, "the name cannot be resolved"),
    (TimeoutError, "no answer in time"),
    (ConnectionRefusedError, "nothing listens there"),
    (ConnectionError, "the connection was cut"),
    (EOFError, "the server hung up"),
    (Garbled, "the server does not speak SFTP as agreed"),
)


class Wire:
    """A session of SFTP version 3. Answers may come in any order."""

    def __init__(self, stream: Stream) -> None:
        self.extensions: frozenset[str] = frozenset()
        self._stream = stream
        self._received = bytearray()
        self._last = 0

    def start(self) -> None:
        """Say hello, and note what the server can do beyond version 3."""
        self._stream.sendall(struct.pack(">IBI", 5, _INIT, 3))
        kind, body = self._packet()
        if kind != _VERSION or len(body) < 4:
            raise Garbled("no version")
        fields, rest = [], body[4:]
        while rest:
            field, rest = _text(rest)
            fields.append(field)
        self.extensions = frozenset(name.decode("ascii", "replace") for name in fields[::2])

    def open(self, path: str) -> bytes:
        """A handle to write a file from its beginning; no attributes are asked for."""
        return self._handle(_OPEN, _string(path) + struct.pack(">II", _WRITE_CREATE_TRUNCATE, 0))

    def write(
        self, handle: bytes, blocks: Iterable[bytes], confirmed: Callable[[int], None]
    ) -> None:
        """Send the blocks, many under way at a time; returns when every one has been confirmed."""
        under_way: dict[int, int] = {}
        offset = 0
        for block in blocks:
            header = _string(handle) + struct.pack(">QI", offset, len(block))
            under_way[self._send(_WRITE, header, block)] = len(block)
            offset += len(block)
            if len(under_way) >= WINDOW:
                self._confirm(under_way, confirmed)
        while under_way:
            self._confirm(under_way, confirmed)

    def size(self, handle: bytes) -> int | None:
        """How many bytes the open file has by now; None when the server does not say."""
        body = self._answer(self._send(_FSTAT, _string(handle)), _ATTRS)
        if len(body) < 12 or not struct.unpack_from(">I", body)[0] & 1:
            return None
        return int(struct.unpack_from(">Q", body, 4)[0])

    def close(self, handle: bytes) -> None:
        self._done(_CLOSE, _string(handle))

    def remove(self, path: str) -> None:
        self._done(_REMOVE, _string(path))

    def rename(self, old: str, new: str) -> None:
        """Move a file to a name that is free."""
        self._done(_RENAME, _string(old) + _string(new))

    def replace(self, old: str, new: str) -> None:
        """Move a file over another one in one step, where the server can (posix-rename)."""
        names = _string(old) + _string(new)
        self._done(_EXTENDED, _string(POSIX_RENAME) + names)

    def stat(self, path: str) -> None:
        """Ask for a file by its name; what the server says of it is not kept."""
        self._answer(self._send(_STAT, _string(path)), _ATTRS)

    def make_folder(self, path: str) -> None:
        self._done(_MKDIR, _string(path) + struct.pack(">I", 0))

    def remove_folder(self, path: str) -> None:
        self._done(_RMDIR, _string(path))

    def open_folder(self, path: str) -> bytes:
        """A handle that shows that a folder is there; its entries are not read."""
        return self._handle(_OPENDIR, _string(path))

    def free(self, path: str) -> int:
        """Bytes that are free on the server's disk (statvfs)."""
        name = _string("statvfs@openssh.com")
        body = self._answer(self._send(_EXTENDED, name + _string(path)), _EXTENDED_REPLY)
        if len(body) < 40:
            raise Garbled("short statvfs")
        _, fragment, _, _, available = struct.unpack_from(">5Q", body)
        return int(fragment * available)

    def _confirm(self, under_way: dict[int, int], confirmed: Callable[[int], None]) -> None:
        kind, number, body = self._next()
        if number not in under_way:
            raise Garbled("an answer to nothing")
        _check(kind, body)
        confirmed(under_way.pop(number))

    def _done(self, kind: int, payload: bytes) -> None:
        self._answer(self._send(kind, payload), _STATUS)

    def _handle(self, kind: int, payload: bytes) -> bytes:
        return _text(self._answer(self._send(kind, payload), _HANDLE))[0]

    def _send(self, kind: int, payload: bytes, block: bytes = b"") -> int:
        self._last = (self._last + 1) & 0xFFFFFFFF
        size = 5 + len(payload) + len(block)
        with stop.whole():
            self._stream.sendall(struct.pack(">IBI", size, kind, self._last) + payload + block)
        return self._last

    def _answer(self, number: int, wanted: int) -> bytes:
        """The answer to this request; late ones to writes that nobody waits for any more are passed over."""
        while True:
            kind, other, body = self._next()
            if other == number:
                break
        if kind != _STATUS and kind != wanted:
            raise Garbled("another kind of answer")
        if kind == _STATUS:
            _check(kind, body)
            if wanted != _STATUS:
                raise Garbled("no more than a status")
        return body

    def _next(self) -> tuple[int, int, bytes]:
        kind, body = self._packet()
        if len(body) < 4:
            raise Garbled("an answer without a number")
        return kind, struct.unpack_from(">I", body)[0], body[4:]

    def _packet(self) -> tuple[int, bytes]:
        with stop.whole():
            (size,) = struct.unpack(">I", self._take(4))
            if not 1 <= size <= _LONGEST_ANSWER:
                raise Garbled("an answer of impossible size")
            packet = self._take(size)
        return packet[0], packet[1:]

    def _take(self, size: int) -> bytes:
        while len(self._received) < size:
            piece = self._stream.recv(65_536)
            if not piece:
                raise EOFError
            self._received += piece
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken


def _check(kind: int, body: bytes) -> None:
    if kind != _STATUS or len(body) < 4:
        raise Garbled("no status")
    (code,) = struct.unpack_from(">I", body)
    if code != 0:
        raise Status(code)


def _string(value: str | bytes) -> bytes:
    data = value.encode("utf-8") if isinstance(value, str) else value
    return struct.pack(">I", len(data)) + data


def _text(data: bytes) -> tuple[bytes, bytes]:
    if len(data) < 4:
        raise Garbled("a text without a length")
    (size,) = struct.unpack_from(">I", data)
    if len(data) < 4 + size:
        raise Garbled("a text cut short")
    return data[4 : 4 + size], data[4 + size :]
