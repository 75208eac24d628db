"""One answer of a server, what can be told about it without showing it, and what is wrong with it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass

from etlrunner.errors import ConfigurationError, Incomplete
from etlrunner.model import Problem


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


class Garbled(Incomplete):
    """A body that ended early or is no JSON: asked for again a few times, never used."""


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
        raise Garbled(f"{what}: HTTP {reply.status} with an empty body")
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Garbled(f"{what}: the answer is not UTF-8 (byte {error.start})") from None
    return body


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
