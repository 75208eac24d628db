"""The only door to requests: bounded in time and size, and silent about what passes through it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit
from weakref import WeakSet

import requests
import urllib3

from etlrunner.errors import EtlError, Incomplete, Unreachable
from etlrunner.lib import exchanges, hosts
from etlrunner.lib.http_errors import translate
from etlrunner.lib.http_session import hang_up, open_session
from etlrunner.lib.reply import Reply, Unfit, address_problem, is_loopback, passing_words
from etlrunner.lib.retry import LONGEST_ASKED, Again, Budget, persist, read_retry_after
from etlrunner.lib.turns import Permits
from etlrunner.model.surroundings import Clock

T = TypeVar("T")

PASSING = frozenset({429, 502, 503, 504})
"""Answers that may be better in a moment."""
CHUNK = 1 << 18
"""Most bytes taken at once: each taking hands over between threads."""
SLICE = 1.0
"""Longest single pause, so that an abort is noticed."""
UNFIT_ATTEMPTS = 3


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
    whole: int = 64 << 30
    """Most bytes of all bodies together: a source that never ends must not fill the disk."""
    floor: int = 1024
    """Least bytes per second of a body that has begun, on average over `window` seconds."""
    window: float = 60.0
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
        seen: exchanges.Seen | None = None,
        cookies: bool = False,
    ) -> None:
        if ca_file is not None and not ca_file.is_file():
            raise address_problem(f"{ca_file} is not there", path="source.ca_file")
        self.clock = clock
        self.timeouts = timeouts
        self.limits = limits
        self.allow_http = allow_http
        self.seen = seen
        """Told of every request and its answer, in shapes and counts."""
        self.budget = Budget()
        self._ends = None if limits.deadline is None else clock.monotonic() + limits.deadline
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._aborted = ""
        self._permits = Permits(limits.concurrency)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._bytes = 0
        self._hosts: dict[str, hosts.Host] = {}
        self._session = open_session(
            self._sockets, limits.concurrency, ca_file, limits.window, cookies, self._permits.sent
        )
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
        ones, and may raise `Unfit` to have the request repeated a few times.
        """
        place = self.check_address(url)

        def attempt() -> T:
            reply = self._once(method, url, place, what, headers, params, form)
            try:
                return read(reply)
            except Unfit as error:
                raise Again(error.ending, most=UNFIT_ATTEMPTS) from None

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
        self._stop.set()
        for each in list(self._sockets):
            hang_up(each)

    def let_senders_go(self) -> None:
        """Before something is computed: a moment for the requests that can go out now."""
        self._permits.let_senders_go()

    def close(self) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
        self._session.close()
        for netloc in self._hosts:
            hosts.part(netloc)
        self._hosts = {}

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
        sent = dict.fromkeys(headers or (), "")
        with self._translating(place, what):  # before our turn, which others wait for
            request = self._session.prepare_request(
                requests.Request(method, url, params=dict(params or {}), headers=headers, data=form)
            )
        with self._permits.one(), self._turn(place, what) as turn:
            with self._translating(place, what), self._telling(method, url, params, sent, form):
                response = self._session.send(
                    request,
                    timeout=(self.timeouts.connect, self.timeouts.read),
                    allow_redirects=False,
                    stream=True,
                )
                with contextlib.closing(response):
                    body = self._body(response, place, what)
            reply = Reply(response.status_code, response.headers, body, url)
            if self.seen is not None:
                self.seen(exchanges.of(method, url, params or {}, sent, form, reply))
            if reply.status in PASSING:
                turn.is_overloaded(reply.headers.get("Retry-After"))
                ending = Unreachable(f"{place}: {what}: {passing_words(reply.status)}")
                raise Again(ending, retry_after=reply.headers.get("Retry-After"))
            turn.host.answered()
        _refuse_redirect(reply, place, what)
        return reply

    @contextlib.contextmanager
    def _telling(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | None,
        sent: Mapping[str, str],
        form: str | None,
    ) -> Iterator[None]:
        """Tell of a request that has no answer."""
        try:
            yield
        except BaseException:
            if self.seen is not None:
                self.seen(exchanges.of(method, url, params or {}, sent, form, None))
            raise

    def _body(self, response: requests.Response, place: str, what: str) -> bytes:
        """The whole body, within the caps, the read time-out as a whole, and the deadline."""
        began = since = self.clock.monotonic()
        parts: list[bytes] = []
        size = fresh = 0
        while True:
            part = response.raw.read1(CHUNK, decode_content=True)
            if not part:
                self._check_time(what)  # an aborted connection may look like a complete answer
                self._count(size, place)
                return b"".join(parts)
            parts.append(part)
            size += len(part)
            fresh += len(part)
            if size > self.limits.body:
                raise Incomplete(
                    f"{place}: {what}: the answer is larger than {self.limits.body >> 20} MiB",
                    hint="ask for smaller pages with source.page_size",
                )
            self._check_time(what)
            now = self.clock.monotonic()
            if now - since > self.limits.window:
                if fresh < self.limits.floor * (now - since):
                    raise _too_slow(place, what)
                since, fresh = now, 0
            if now - began > self.timeouts.read:
                raise _too_slow(place, what)

    def _count(self, size: int, place: str) -> None:
        with self._lock:
            self._bytes += size
            if self._bytes > self.limits.whole:
                raise Incomplete(f"{place}: more than {self.limits.whole >> 30} GiB arrived in all")

    @contextlib.contextmanager
    def _translating(self, place: str, what: str) -> Iterator[None]:
        try:
            yield
        except (
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            HTTPException,
            OSError,
        ) as error:
            self._check_time(what)
            ending = translate(error, f"{place}: {what}")
            if is_passing(ending):
                raise Again(ending) from None
            # `from None`: the library's text may hold the address with its query
            raise ending from None

    @contextlib.contextmanager
    def _turn(self, place: str, what: str) -> Iterator[_Turn]:
        """A place among those who ask this host, when it is our turn."""
        host = self._host(urlsplit(place).netloc)
        ticket, pause = host.enter(self.clock, self._stop)
        try:
            self._check_time(what)
            if pause > self._left():
                raise Unreachable(
                    f"{place}: {what}: waiting for our turn would exceed the deadline"
                )
            self._nap(pause)
            self._check_time(what)
            yield _Turn(host, ticket, self.clock)
        finally:
            host.leave()

    def _host(self, netloc: str) -> hosts.Host:
        with self._lock:
            if netloc not in self._hosts:
                self._hosts[netloc] = hosts.join(
                    netloc, self.limits.concurrency, self.limits.requests_per_second
                )
            return self._hosts[netloc]

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


@dataclass(frozen=True, slots=True)
class _Turn:
    """One request to a host, and what became of it."""

    host: hosts.Host
    ticket: int
    clock: Clock

    def is_overloaded(self, retry_after: str | None) -> None:
        wait = read_retry_after(retry_after, self.clock.now())
        self.host.overloaded(
            self.ticket, wait if (wait or 0) <= LONGEST_ASKED else None, self.clock
        )


def _too_slow(place: str, what: str) -> Again:
    return Again(
        Unreachable(f"{place}: {what}: the answer arrives too slowly"), most=UNFIT_ATTEMPTS
    )


def is_passing(error: EtlError) -> bool:
    """May the same request succeed in a moment?"""
    return isinstance(error, Unreachable)


def _refuse_redirect(reply: Reply, place: str, what: str) -> None:
    if reply.status not in (301, 302, 303, 307, 308):
        return
    target = urlsplit(reply.headers.get("Location", ""))
    where = f"{target.scheme}://{target.hostname}" if target.hostname else "another path"
    raise address_problem(
        f"{place}: {what}: the server redirects to {where}, which etlrunner does not follow",
        hint="write the address that answers itself into source.domain",
    )
