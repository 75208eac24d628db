"""Ways to show who we are that need no token request: OAuth 1.0a, an API key in a header, Basic, or nothing."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from etlrunner.errors import EtlError, Refused
from etlrunner.lib import oauth1
from etlrunner.lib.http import Door
from etlrunner.lib.oauth import SignedIn, Take, Tokens
from etlrunner.lib.reply import Reply, clock_words
from etlrunner.model.secrets import Secret
from etlrunner.model.surroundings import Clock

Style = Literal["oauth2", "oauth1", "header", "bearer", "basic", "none"]


@dataclass(frozen=True, slots=True)
class Auth:
    """How requests are signed in: by a token (`oauth2`), or each by itself."""

    style: Style = "oauth2"
    method: oauth1.Method = "HMAC-SHA1"
    header: str = "X-Api-Key"
    """Where the secret goes, for the style `header`."""


class _NoTokens:
    """Stands where a bearer token would: there is none, and none to renew."""

    address = ""

    def current(self) -> Secret:
        return Secret("")

    def accepted(self, token: Secret) -> None:
        """There is nothing to remember."""


class SignedEach(SignedIn):
    """Reads JSON with requests that carry key and secret, or a signature, themselves."""

    def __init__(
        self,
        door: Door,
        auth: Auth,
        key: Secret,
        secret: Secret,
        clock: Clock,
        *,
        headers: Mapping[str, str],
        refused: str = "",
    ) -> None:
        tokens = cast(Tokens, _NoTokens())
        super().__init__(door, tokens, headers=headers, renew_on_500=False)
        self._auth, self._key, self._secret, self._clock = auth, key, secret, clock
        self._refused = refused

    def _is_stale(self, status: int) -> bool:
        return False

    def _ask(
        self,
        url: str,
        params: Mapping[str, str],
        what: str,
        take: Take,
        token: Secret,
    ) -> Any:
        return self._door.ask(
            "GET", url, what=what, params=params, headers=self._signed(url, params),
            read=take,
        )  # fmt: skip

    def _signed(self, url: str, params: Mapping[str, str]) -> Mapping[str, str]:
        auth, key, secret = self._auth, self._key, self._secret
        if auth.style == "oauth1":
            return oauth1.SignedHeaders(
                self._headers, key, secret, auth.method, url, params, self._clock
            )
        if auth.style == "header":
            return {**self._headers, auth.header: secret.reveal()}
        if auth.style == "bearer":
            return {**self._headers, "Authorization": f"Bearer {secret.reveal()}"}
        if auth.style == "basic":
            pair = f"{key.reveal()}:{secret.reveal()}".encode()
            return {**self._headers, "Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        return self._headers

    def _ending(self, reply: Reply, what: str, collection: str) -> EtlError:
        if reply.status != 401:
            return super()._ending(reply, what, collection)
        place = self._door.check_address(reply.url)
        words = "the signature" if self._auth.style == "oauth1" else "key or secret"
        message = f"{place}: {what}: {words} is refused (HTTP 401)"
        if self._auth.style == "oauth1":
            message += f": wrong key or secret, or the server wants another method than {self._auth.method}"
        skew = clock_words(reply.headers, self._clock.now())
        if skew:
            skew = f"Signatures count for a short time only, and {skew}"
        return Refused(". ".join(filter(None, [message, self._refused])), hint=skew)
