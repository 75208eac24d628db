"""Signing requests with OAuth 1.0a (RFC 5849), as OneRoster 1.1 had it at first: no token, a signature each.

The only door to oauthlib, which makes the signature; nonce and time are new for every attempt.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from typing import Literal
from urllib.parse import quote, urlencode

from oauthlib import oauth1

from etlrunner.model.secrets import Secret
from etlrunner.model.surroundings import Clock

Method = Literal["HMAC-SHA1", "HMAC-SHA256"]


def authorization(
    key: Secret,
    secret: Secret,
    method: Method,
    url: str,
    params: Mapping[str, str],
    *,
    timestamp: int,
    nonce: str,
    verb: str = "GET",
) -> str:
    """The Authorization header of one request; `url` is without its query, which is in `params`."""
    client = oauth1.Client(
        key.reveal(),
        client_secret=secret.reveal(),
        signature_method=method,
        nonce=nonce,
        timestamp=str(timestamp),
    )
    query = urlencode(params, quote_via=quote, safe="")
    _, headers, _ = client.sign(f"{url}?{query}" if query else url, http_method=verb)
    return str(headers["Authorization"])


class SignedHeaders(Mapping[str, str]):
    """Headers whose Authorization is made anew each time it is read.

    A request that is repeated takes its headers again: servers refuse a nonce that they have seen.
    """

    def __init__(
        self,
        headers: Mapping[str, str],
        key: Secret,
        secret: Secret,
        method: Method,
        url: str,
        params: Mapping[str, str],
        clock: Clock,
    ) -> None:
        self._headers = dict(headers)
        self._signing = (key, secret, method, url, dict(params))
        self._clock = clock

    def __getitem__(self, name: str) -> str:
        if name != "Authorization":
            return self._headers[name]
        return authorization(
            *self._signing,
            timestamp=int(self._clock.now().timestamp()),
            nonce=secrets.token_hex(16),
        )

    def __iter__(self) -> Iterator[str]:
        yield from self._headers
        yield "Authorization"

    def __len__(self) -> int:
        return len(self._headers) + 1

    def __repr__(self) -> str:
        return "SignedHeaders([secure])"
