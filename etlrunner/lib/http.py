"""The only door to requests: bounded in time and size, and silent about what passes through it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from weakref import WeakSet

import requests
import urllib3
from requests.adapters import HTTPAdapter

from etlrunner import __version__
from etlrunner.errors import (
    EtlError,
    Incomplete,
    LocalTrouble,
    Refused,
    Unreachable,
)
from etlrunner.lib.reply import Garbled, Reply, address_problem, is_loopback, passing_words
from etlrunner.lib.retry import Again, Budget, persist
from etlrunner.model import Clock

T = TypeVar("T")

PASSING = frozenset({429, 502, 503, 504})
"""Answers that may be better in a moment."""
CHUNK = 1 << 16
SLICE = 1.0
"""Longest single pause, so that an abort is noticed."""
GARBLED_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, between two arrivals of data (and for one body in all)."""

    connect: float = 20.0
    read: float = 900.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may use."""

    body: int = 64 << 20
    """Most bytes of one body, after decompression."""
    concurrency: int = 2
    requests_per_second: float | None = None
    deadline: float | None = None
    """Seconds from now until everything must be done."""


class Door:
    """One far side: a pool of connections, a deadline, a pace. Threads may share it."""

    def __init__(
        self,
        *,
        clock: Clock,
        timeouts: Timeouts = Timeouts(),
        limits: Limits = Limits(),
        ca_file: Path | None = None,
        allow_http: bool = False,
    ) -> None:
        if ca_file is not None and not ca_file.is_file():
            raise address_problem(f"{ca_file} is not there", path="source.ca_file")
        self.clock = clock
        self.timeouts = timeouts
        self.limits = limits
        self.allow_http = allow_http
        self.budget = Budget()
        self._ends = None if limits.deadline is None else clock.monotonic() + limits.deadline
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._aborted = ""
        self._permits = threading.BoundedSemaphore(limits.concurrency)
        self._pace = threading.Lock()
        self._next = clock.monotonic()
        self._session = _session(self._sockets, limits.concurrency, ca_file)
        self._watchdog = self._watch()

    def ask(
        self,
        method: str,
        url: str,
        *,
        what: str,
        read: Callable[[Reply], T],
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        form: str | None = None,
    ) -> T:
        """Send a request, again while it may help, and return what `read` makes of the reply.

        `what` names the request in messages. `read` gets every status but redirects and passing
        ones, and may raise `Garbled` to have the request repeated.
        """
        place = self.check_address(url)

        def attempt() -> T:
            reply = self._once(method, url, place, what, headers, params, form)
            try:
                return read(reply)
            except Garbled as error:
                raise Again(error, most=GARBLED_ATTEMPTS) from None

        return persist(
            attempt,
            budget=self.budget,
            now=self.clock.now,
            left=self._left,
            sleep=self._nap,
        )

    def check_address(self, url: str) -> str:
        """Scheme and host of an address that may be used; anything else is the flow's mistake."""
        parts = urlsplit(url)
        place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        if "@" in parts.netloc or not parts.hostname:
            raise address_problem(f"{place} is not an address etlrunner can use")
        if parts.scheme == "https" or (
            parts.scheme == "http" and self.allow_http and is_loopback(parts.hostname)
        ):
            return place
        raise address_problem(
            f"{place}: only https is used (plain HTTP with allow_http, and on loopback only)"
        )

    def abort(self, why: str) -> None:
        """End every request that is under way, from another thread."""
        self._aborted = self._aborted or why
        for each in list(self._sockets):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)

    def close(self) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
        self._session.close()

    def _once(
        self,
        method: str,
        url: str,
        place: str,
        what: str,
        headers: Mapping[str, str] | None,
        params: Mapping[str, str] | None,
        form: str | None,
    ) -> Reply:
        with self._permits:
            self._take_turn()
            self._check_time(what)
            with self._translating(place, what):
                response = self._session.request(
                    method,
                    url,
                    params=dict(params or {}),
                    headers=dict(headers or {}),
                    data=form,
                    timeout=(self.timeouts.connect, self.timeouts.read),
                    allow_redirects=False,
                    stream=True,
                )
                with contextlib.closing(response):
                    body = self._body(response, place, what)
        reply = Reply(response.status_code, response.headers, body, url)
        _refuse_redirect(reply, place, what)
        if reply.status in PASSING:
            ending = Unreachable(f"{place}: {what}: {passing_words(reply.status)}")
            raise Again(ending, retry_after=reply.headers.get("Retry-After"))
        return reply

    def _body(self, response: requests.Response, place: str, what: str) -> bytes:
        """The whole body, within the cap, the read time-out as a whole, and the deadline."""
        began = self.clock.monotonic()
        parts: list[bytes] = []
        size = 0
        while True:
            part = response.raw.read1(CHUNK, decode_content=True)
            if not part:
                self._check_time(what)  # an aborted connection may look like a complete answer
                return b"".join(parts)
            parts.append(part)
            size += len(part)
            if size > self.limits.body:
                raise Incomplete(
                    f"{place}: {what}: the answer is larger than {self.limits.body >> 20} MiB",
                    hint="ask for smaller pages with source.page_size",
                )
            self._check_time(what)
            if self.clock.monotonic() - began > self.timeouts.read:
                raise Unreachable(f"{place}: {what}: the answer arrives too slowly")

    @contextlib.contextmanager
    def _translating(self, place: str, what: str) -> Iterator[None]:
        try:
            yield
        except (requests.RequestException, _U.HTTPError, HTTPException, OSError) as error:
            self._check_time(what)
            ending = translate(error, f"{place}: {what}")
            if is_passing(ending):
                raise Again(ending) from None
            # `from None`: the library's text may hold the address with its query
            raise ending from None

    def _take_turn(self) -> None:
        if not self.limits.requests_per_second:
            return
        with self._pace:
            now = self.clock.monotonic()
            turn = max(self._next, now)
            self._next = turn + 1.0 / self.limits.requests_per_second
        self._nap(turn - now)

    def _nap(self, seconds: float) -> None:
        while seconds > 0 and not self._aborted:
            self.clock.sleep(min(seconds, SLICE))
            seconds -= SLICE

    def _left(self) -> float:
        return float("inf") if self._ends is None else self._ends - self.clock.monotonic()

    def _check_time(self, what: str) -> None:
        if self._aborted:
            raise Unreachable(f"{what}: {self._aborted}")
        if self._left() <= 0:
            raise Unreachable(f"{what}: the source's deadline has passed")

    def _watch(self) -> threading.Timer | None:
        """Ends requests at the deadline even where a read is stuck: a drip resets every time-out."""
        if self.limits.deadline is None:
            return None
        timer = threading.Timer(
            self.limits.deadline, self.abort, ["the source's deadline has passed"]
        )
        timer.daemon = True
        timer.start()
        return timer


def is_passing(error: EtlError) -> bool:
    """May the same request succeed in a moment?"""
    return isinstance(error, Unreachable)


# ---------------------------------------------------------------- translation, the only one


def translate(error: BaseException, place: str) -> EtlError:
    """Our error for anything that requests, urllib3 or the system raise. Their texts are not quoted."""
    chain = list(_chain(error))
    for one in chain:
        if isinstance(one, ssl.SSLCertVerificationError):
            return _certificate(one, place)
    for one in chain:
        if isinstance(one, ssl.SSLError) and "LEGACY_RENEGOTIATION" in str(one.reason):
            return Refused(
                f"{place}: the server's TLS is too old: it insists on unsafe legacy renegotiation",
                hint="ask whoever runs the server to update it; etlrunner does not weaken TLS",
            )
    for classes, make in _TRANSLATIONS:
        if any(isinstance(one, classes) for one in chain):
            return make(place)
    return Unreachable(f"{place}: the connection failed ({type(error).__name__})")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and those it wraps, however the library hangs them together; innermost last."""
    seen: set[int] = set()
    queue: list[Any] = [error]
    while queue:
        one = queue.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        queue += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]


def _certificate(error: ssl.SSLCertVerificationError, place: str) -> EtlError:
    why = getattr(error, "verify_message", "") or "it could not be verified"
    hint = "a private CA is named with source.ca_file; nothing turns verification off"
    if "expired" in why or "not yet valid" in why:
        hint = "check this machine's clock; else the server needs a new certificate"
    return Refused(f"{place}: the certificate is refused: {why}", hint=hint)


def _unreachable(words: str) -> Callable[[str], EtlError]:
    return lambda place: Unreachable(f"{place}: {words}")


def _address(words: str) -> Callable[[str], EtlError]:
    return lambda place: address_problem(f"{place}: {words}")


_R = requests.exceptions
_U = urllib3.exceptions
_TRANSLATIONS: tuple[tuple[tuple[type[BaseException], ...], Callable[[str], EtlError]], ...] = (
    (
        (_R.InvalidURL, _R.MissingSchema, _R.InvalidSchema, _R.URLRequired, _U.LocationValueError,
         _U.LocationParseError, _U.URLSchemeUnknown, UnicodeError),
        _address("this is not an address etlrunner can use"),
    ),
    (
        (_R.InvalidProxyURL, _R.ProxyError, _U.ProxyError, _U.ProxySchemeUnknown,
         _U.ProxySchemeUnsupported),
        _unreachable("a proxy stands in the way; etlrunner uses none"),
    ),
    ((_R.InvalidHeader, _U.InvalidHeader), _unreachable("a header is malformed")),
    (
        (_R.TooManyRedirects,),
        _address("the server redirects, which etlrunner does not follow"),
    ),
    ((FileNotFoundError, PermissionError, IsADirectoryError),
     lambda place: LocalTrouble(f"{place}: a file of this machine cannot be read (ca_file?)")),
    ((_U.NameResolutionError, socket.gaierror), _unreachable("the name cannot be resolved (DNS)")),
    ((ConnectionRefusedError,), _unreachable("nothing listens there (connection refused)")),
    ((_R.ConnectTimeout, _U.ConnectTimeoutError), _unreachable("no connection within the time-out")),
    ((_R.ReadTimeout, _R.Timeout, _U.ReadTimeoutError, _U.TimeoutError, TimeoutError),
     _unreachable("no answer within the time-out")),
    ((_R.SSLError, _U.SSLError, ssl.SSLError),
     _unreachable("the TLS handshake failed (does that port speak HTTPS?)")),
    ((_R.ContentDecodingError, _U.DecodeError), _unreachable("the answer cannot be decompressed")),
    ((_R.ChunkedEncodingError, _U.IncompleteRead, _U.InvalidChunkLength, HTTPException, _U.ProtocolError),
     _unreachable("the connection broke off in the middle of an answer")),
    ((_R.RequestException, _U.HTTPError, OSError), _unreachable("the connection failed")),
)  # fmt: skip


# ---------------------------------------------------------------- the session


class _Session(requests.Session):
    """A session that never looks at where a redirect points."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        # Even without following, requests would read the redirect's body whole to prepare the next.
        return None


def _session(sockets: WeakSet[socket.socket], size: int, ca_file: Path | None) -> _Session:
    session = _Session()
    session.trust_env = False  # no .netrc, no proxy or CA variables
    session.verify = True if ca_file is None else str(ca_file)
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.clear()
    session.headers.update(
        {
            "User-Agent": f"etlrunner/{__version__}",
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
        }
    )
    for scheme in ("https://", "http://"):
        session.mount(scheme, _adapter(sockets, size))
    return session


def _adapter(sockets: WeakSet[socket.socket], size: int) -> HTTPAdapter:
    """An adapter whose sockets are known, so that a stuck read can be ended from outside."""

    class Plain(urllib3.connection.HTTPConnection):
        def connect(self) -> None:
            super().connect()
            _remember(sockets, self.sock)

    class Secure(urllib3.connection.HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            _remember(sockets, self.sock)

    class PlainPool(urllib3.HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(urllib3.HTTPSConnectionPool):
        ConnectionCls = Secure

    adapter = HTTPAdapter(pool_connections=4, pool_maxsize=max(2, size), max_retries=0)
    adapter.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
    return adapter


def _remember(sockets: WeakSet[socket.socket], sock: Any) -> None:
    if isinstance(sock, socket.socket):
        sockets.add(sock)


def _refuse_redirect(reply: Reply, place: str, what: str) -> None:
    if reply.status not in (301, 302, 303, 307, 308):
        return
    target = urlsplit(reply.headers.get("Location", ""))
    where = f"{target.scheme}://{target.hostname}" if target.hostname else "another path"
    raise address_problem(
        f"{place}: {what}: the server redirects to {where}, which etlrunner does not follow",
        hint="write the address that answers itself into source.domain",
    )
