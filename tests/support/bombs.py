"""Bombs of any size, small on the wire: one packed block that is sent again and again."""

from __future__ import annotations

import gzip
import socket
import zlib
from functools import cache

from tests.support.http_fault import Wire

BLOCK = 64 << 20
"""Bytes of zeros in each block."""
WBITS = {"gzip": 31, "deflate": 15}


def bomb(encoding: str, size: int) -> Wire:
    """A page of so many zeros, in one valid stream; it goes on until the client hangs up."""

    def act(connection: socket.socket) -> None:
        head, block = _parts(encoding)
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Content-Encoding: %s\r\n\r\n%s" % (encoding.encode(), head)
        )
        for _ in range(size // BLOCK):
            connection.sendall(block)

    return act


@cache
def _parts(encoding: str) -> tuple[bytes, bytes]:
    """How the stream opens, and a block that may come any number of times."""
    if encoding == "gzip, gzip":  # whole files after one another are a file too
        return b"", gzip.compress(gzip.compress(bytes(BLOCK), 9), 9)
    packer = zlib.compressobj(9, wbits=WBITS[encoding])
    head = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    # after a full flush a block refers to nothing before it
    return head, packer.compress(bytes(BLOCK)) + packer.flush(zlib.Z_FULL_FLUSH)
