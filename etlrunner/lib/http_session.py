"""A requests session that keeps nothing, follows nothing, and can be cut off from another thread."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any
from weakref import WeakSet

import requests
import urllib3
from requests.adapters import HTTPAdapter

from etlrunner import __version__
from etlrunner.lib.alarms import Alarms


def open_session(
    sockets: WeakSet[socket.socket],
    size: int,
    ca_file: Path | None,
    stall: float,
    cookies: bool = False,
    sent: Callable[[], None] = lambda: None,
) -> requests.Session:
    """A session of `size` connections, each known in `sockets` while it lives.

    Once an answer has begun, `stall` seconds without a byte end it; its head may take the read time-out
    as a whole, however slowly it drips. With `cookies`, what a host hands out goes back to that host. `sent`
    is called when a request is on its way, in its thread.
    """
    session = _Session()
    session.alarms = Alarms()
    session.trust_env = False  # no .netrc, no proxy or CA variables
    session.verify = True if ca_file is None else str(ca_file)
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=None if cookies else []))
    session.headers.clear()
    session.headers.update(
        {
            "User-Agent": f"etlrunner/{__version__}",
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
        }
    )
    for scheme in ("https://", "http://"):
        session.mount(scheme, _adapter(sockets, size, stall, session.alarms, sent))
    return session


class _Session(requests.Session):
    """A session that never looks at where a redirect points."""

    alarms: Alarms

    def close(self) -> None:
        super().close()
        self.alarms.close()

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        # Even without following, requests would read the redirect's body whole to prepare the next.
        return None


class _Watched:
    """What both kinds of connections do more than urllib3's."""

    sockets: WeakSet[socket.socket]
    stall: float
    alarms: Alarms
    sent: Callable[[], None]
    sock: Any
    timeout: Any

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        if isinstance(self.sock, socket.socket):
            self.sockets.add(self.sock)

    def getresponse(self) -> Any:
        sock = self.sock
        self.sent()
        with _ending(sock, self.timeout, self.alarms):
            response = super().getresponse()  # type: ignore[misc]
        with contextlib.suppress(OSError):
            sock.settimeout(min(self.stall, self.timeout or self.stall))
        return response


def _adapter(
    sockets: WeakSet[socket.socket],
    size: int,
    stall: float,
    alarms: Alarms,
    sent: Callable[[], None],
) -> HTTPAdapter:
    known = {"sockets": sockets, "stall": stall, "alarms": alarms, "sent": staticmethod(sent)}
    plain = type("Plain", (_Watched, urllib3.connection.HTTPConnection), known)
    secure = type("Secure", (_Watched, urllib3.connection.HTTPSConnection), known)
    adapter = HTTPAdapter(pool_connections=4, pool_maxsize=max(2, size), max_retries=0)
    adapter.poolmanager.pool_classes_by_scheme = {
        "http": type("PlainPool", (urllib3.HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("SecurePool", (urllib3.HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }
    return adapter


@contextlib.contextmanager
def _ending(sock: Any, seconds: float | None, alarms: Alarms) -> Iterator[None]:
    """Hang up after so long: a head that drips sets every time-out anew."""
    if seconds is None or not isinstance(sock, socket.socket):
        yield
        return
    # a little later than the time-out of a read, which knows better what it waited for
    alarm = alarms.set(1.2 * seconds + 0.2, lambda: hang_up(sock))
    try:
        yield
    finally:
        alarms.cancel(alarm)


def hang_up(sock: socket.socket) -> None:
    """End whatever is read from or written to a socket, from another thread."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
