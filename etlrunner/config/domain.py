"""What a person may write as `source.domain`: a host, with a port and a path if it has them."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*\.?")
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class Trouble:
    """What is wrong, what to do, and how it should be written if that is clear."""

    message: str
    hint: str = ""
    correction: str = ""


def trouble(domain: str, *, allow_http: bool = False) -> Trouble | None:
    """What is wrong with a domain, or None. The case of the path is kept: some servers mind it."""
    text = domain.strip()
    if not text:
        return Trouble("the domain is empty", "write it like lakeside.example.org/LakesideAPI")
    if re.search(r"\s", domain):
        return _correct("the domain holds a space", re.sub(r"\s+", "", domain))
    scheme, separator, rest = text.partition("://")
    if separator:
        if scheme.lower() == "https":
            return _correct("the domain is written without https://", rest)
        return Trouble(
            f"{scheme}:// is not possible: only https is spoken",
            f"write it without: {rest}" if rest else "",
            rest,
        )
    if "@" in text:
        return Trouble(
            "the domain holds a user name (user@host)", "key and secret have keys of their own"
        )
    if "?" in text or "#" in text:
        return _correct("the domain holds a query", re.split(r"[?#]", text)[0])
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
    host, _, port = _authority(text)
    if port and not (port.isdecimal() and 0 < int(port) < 65536):
        return Trouble(f"'{port}' is not a port", "a number from 1 to 65535, or leave it out")
    if not host.startswith("[") and not HOST.fullmatch(host):
        return Trouble(
            f"'{host}' is not a host name", "write it like lakeside.example.org/LakesideAPI"
        )
    if allow_http and not is_loopback(text):
        return Trouble(
            "allow_http is for servers on this machine only (127.0.0.1, localhost)",
            "remove allow_http",
        )
    return None


def _authority(text: str) -> tuple[str, str, str]:
    authority = text.split("/", 1)[0]
    if authority.startswith("["):
        host, _, rest = authority.partition("]")
        return host + "]", ":", rest.removeprefix(":")
    return authority.partition(":")


def _host(text: str) -> str:
    return _authority(text)[0].lower()


def _correct(message: str, correction: str) -> Trouble:
    return Trouble(message, f"write {correction}" if correction else "", correction)
