"""What a person may write as `source.domain`: a host, with a port and a path if it has them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from etlrunner.lib.document import Key, Places
from etlrunner.model.problems import Problem

HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*\.?")
SIGN_IN = re.compile(r"([^/]+/(?:[^/]+/)*?[^/]*)STS(?:/|$)")
"""Up to where it says `STS`: the API has the same address with `API` there (Skyward's guide for vendors)."""
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


EXAMPLE = "write it like lakeside.example.org/LakesideAPI"


@dataclass(frozen=True)
class Trouble:
    """What is wrong, and what to do. Nothing of a domain that may hold a password is repeated."""

    message: str
    hint: str = ""
    key: str = "domain"


def problems(flow: Any, places: Places) -> list[Problem]:
    """What is wrong with the domain of a flow's source."""
    source = flow.get("source") if isinstance(flow, Mapping) else None
    if not isinstance(source, Mapping) or not isinstance(source.get("domain"), str):
        return []
    wrong = trouble(source["domain"], allow_http=source.get("allow_http") is True)
    if wrong is None or not source["domain"]:  # an empty one is the schema's to tell
        return []
    way: Key = ("source", wrong.key)
    path = ".".join(map(str, way))
    return [Problem("E223", wrong.message, places.at(way), path, wrong.hint, also=places.also(way))]


def trouble(domain: str, *, allow_http: bool = False) -> Trouble | None:
    """What is wrong with a domain, or None. The case of the path is kept: some servers mind it."""
    text = domain.strip()
    if not text:
        return Trouble("the domain is empty", EXAMPLE)
    scheme, separator, rest = text.partition("://")
    if "@" in text:
        return Trouble(
            "the domain holds a user name (user@host)", "key and secret have keys of their own"
        )
    if "?" in text or "#" in text:
        return Trouble("the domain holds a query (?…)", EXAMPLE)
    if separator and scheme.lower() == "http":
        return _correct("http:// is not possible: only https is spoken", rest)
    if separator and scheme.lower() != "https":
        return Trouble("the domain begins with something that is not a host", EXAMPLE)
    if separator:
        return _correct("the domain is written without https://", rest)
    if re.search(r"\s", domain):
        return _correct("the domain holds a space", domain)
    return _host_trouble(text, allow_http)


def is_loopback(domain: str) -> bool:
    """Whether the host is this machine."""
    host = _host(domain)
    if host in LOOPBACK:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _host_trouble(text: str, allow_http: bool) -> Trouble | None:
    host, colon, port = _authority(text)
    if colon and not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        return Trouble(f"'{port}' is not a port", "a number from 1 to 65535, or leave it out")
    if not _is_host(host):
        return Trouble(f"'{host}' is not a host name", EXAMPLE)
    if sign_in := SIGN_IN.match(text):
        return Trouble("this is the address of Qmlativ's sign-in page", f"write {sign_in[1]}API")
    if allow_http and not is_loopback(text):
        return Trouble(
            "allow_http is for servers on this machine only (127.0.0.1, localhost)",
            "remove allow_http",
            "allow_http",
        )
    return None


def _is_host(host: str) -> bool:
    if not host.startswith("["):
        return HOST.fullmatch(host) is not None
    try:
        return host.endswith("]") and ipaddress.ip_address(host[1:-1]).version == 6
    except ValueError:
        return False


def _authority(text: str) -> tuple[str, str, str]:
    """Host, the colon if there is one, and what follows it."""
    authority = text.split("/", 1)[0]
    if not authority.startswith("["):
        return authority.partition(":")
    host, bracket, rest = authority.partition("]")
    return host + bracket, rest[:1], rest[1:]


def _host(text: str) -> str:
    return _authority(text)[0].lower()


def _correct(message: str, text: str) -> Trouble:
    """With the corrected value, if nothing else is wrong with it."""
    correction = re.sub(r"\s+", "", text).rstrip("/")
    if correction and trouble(correction) is None:
        return Trouble(message, f"write {correction}")
    return Trouble(message, EXAMPLE)
