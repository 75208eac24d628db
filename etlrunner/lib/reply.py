"""One answer of a server, what can be told about it without showing it, and what is wrong with it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from etlrunner.errors import ConfigurationError, EtlError, Incomplete
from etlrunner.model.problems import Problem

CLOCK_TOLERANCE = 300.0
"""Seconds that two clocks may differ before it is worth a word."""


@dataclass(frozen=True, slots=True, repr=False)
class Reply:
    """A status, headers and a whole body. It prints without its content."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    def __repr__(self) -> str:
        return f"Reply({self.status}, {len(self.body)} bytes)"

    @property
    def media_type(self) -> str:
        """The content type without parameters, if it looks like one."""
        kind = self.headers.get("Content-Type", "").split(";")[0].strip().lower()
        return kind if re.fullmatch(r"[a-z]{1,20}/[a-z0-9.+-]{1,60}", kind) else "no content type"


class Unfit(Exception):
    """An answer that is worth asking for again a few times; `ending` is raised when it stays so."""

    def __init__(self, ending: EtlError) -> None:
        super().__init__(ending.message)
        self.ending = ending


def garbled(message: str) -> Unfit:
    """A body that ended early or is no JSON: never used."""
    return Unfit(Incomplete(message))


def json_body(reply: Reply, what: str) -> bytes:
    """The body if it can be JSON in UTF-8; a page for people (HTML) is no answer."""
    body = reply.body.removeprefix(b"\xef\xbb\xbf")
    start = body[:64].lstrip()
    if "html" in reply.media_type or start.startswith(b"<"):
        raise Incomplete(
            f"{what}: HTTP {reply.status} with {reply.media_type} instead of JSON: "
            "a sign-in or maintenance page answers in the API's place",
            hint="is source.domain the API's address, and is the API server up?",
        )
    if not start:
        raise garbled(f"{what}: HTTP {reply.status} with an empty body")
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise garbled(f"{what}: the answer is not UTF-8 (byte {error.start})") from None
    return body


def clock_words(headers: Mapping[str, str], now: datetime) -> str:
    """What a server's `Date` says about this machine's clock, if that is wrong; else nothing.

    Tokens and certificates that are "not yet valid" or "expired" are often right, and the clock is not.
    """
    try:
        there = parsedate_to_datetime(headers.get("Date", ""))
        behind = (there.replace(tzinfo=there.tzinfo or UTC) - now).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""
    if abs(behind) < CLOCK_TOLERANCE:
        return ""
    minutes = abs(behind) / 60
    long = f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.0f} hours"
    side = "behind" if behind > 0 else "ahead of"
    return f"this machine's clock is {long} {side} the server's: set it"


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def address_problem(
    message: str, path: str = "source.domain", hint: str = ""
) -> ConfigurationError:
    """What the flow's author must change to be connected (exit code 2)."""
    return ConfigurationError([Problem("E601", message, path=path, hint=hint)], message, hint=hint)


def passing_words(status: int) -> str:
    words = {429: "too many requests", 504: "a gateway timed out"}
    return f"HTTP {status} ({words.get(status, 'overloaded or down')})"
