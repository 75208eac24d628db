"""Checks OAuth 1.0a signatures as a careful server does, written from RFC 5849 and from nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import threading
import time
from collections.abc import Callable, Iterable
from urllib.parse import quote, unquote, urlsplit

from etlrunner.sandbox.wire import Incoming

HASHES = {"HMAC-SHA1": hashlib.sha1, "HMAC-SHA256": hashlib.sha256}
WINDOW = 300
"""Seconds that a time stamp may be off."""

Pairs = Iterable[tuple[str, str]]


class Signatures:
    """Knows one key and secret; remembers every nonce."""

    def __init__(
        self, method: str, key: str, secret: str, now: Callable[[], float] = time.time
    ) -> None:
        self.method, self._key, self._secret, self._now = method, key, secret, now
        self._seen: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def problem(self, incoming: Incoming, url: str) -> str:
        """Why a request is refused, in the words of OAuth's problem reporting; empty if it is not."""
        sent = read_header(incoming.headers.get("authorization", ""))
        if sent.get("oauth_signature_method") != self.method:
            return "signature_method_rejected"
        if sent.get("oauth_consumer_key") != self._key:
            return "consumer_key_unknown"
        if not re.fullmatch(r"[0-9]+", sent.get("oauth_timestamp", "")):
            return "parameter_absent"
        if abs(self._now() - int(sent["oauth_timestamp"])) > WINDOW:
            return "timestamp_refused"
        pairs = [*incoming.query.items(), *sent.items()]
        text = base_string(incoming.method, url, pairs)
        if not hmac.compare_digest(
            sign(self.method, text, self._secret), sent.get("oauth_signature", "")
        ):
            return "signature_invalid"
        with self._lock:
            stamp = (sent["oauth_timestamp"], sent.get("oauth_nonce", ""))
            if stamp in self._seen or not stamp[1]:
                return "nonce_used"
            self._seen.add(stamp)
        return ""


def read_header(value: str) -> dict[str, str]:
    """The parameters of an `Authorization: OAuth` header, decoded; the realm is none of them."""
    kind, _, rest = value.partition(" ")
    if kind.lower() != "oauth":
        return {}
    found = re.findall(r'([^\s,=]+)="([^"]*)"', rest)
    return {unquote(name): unquote(text) for name, text in found if name.lower() != "realm"}


def base_string(method: str, url: str, pairs: Pairs) -> str:
    """RFC 5849, 3.4.1: what is signed. The signature itself is left out of the pairs."""
    parts = urlsplit(url)
    port = {"http": 80, "https": 443}[parts.scheme.lower()]
    host = (parts.hostname or "") + (f":{parts.port}" if parts.port not in (None, port) else "")
    address = f"{parts.scheme.lower()}://{host}{parts.path or '/'}"
    encoded = sorted((_encoded(n), _encoded(v)) for n, v in pairs if n != "oauth_signature")
    joined = "&".join(f"{name}={value}" for name, value in encoded)
    return "&".join((method.upper(), _encoded(address), _encoded(joined)))


def sign(method: str, text: str, secret: str, token_secret: str = "") -> str:
    """RFC 5849, 3.4.2, and the same with SHA-256."""
    key = f"{_encoded(secret)}&{_encoded(token_secret)}".encode()
    return base64.b64encode(hmac.new(key, text.encode(), HASHES[method]).digest()).decode()


def _encoded(text: str) -> str:
    return quote(text, safe="~")
