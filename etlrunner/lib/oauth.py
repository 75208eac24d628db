"""Signing in with OAuth 2: the token requests that a definition lists, tried in order; renewed once."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar
from urllib.parse import quote, urlencode

from etlrunner.errors import ConfigurationError, EtlError, Incomplete, Refused, Unreachable
from etlrunner.lib.http import Door
from etlrunner.lib.reply import Reply, Unfit, address_problem, clock_words, json_body
from etlrunner.model.secrets import Secret
from etlrunner.model.surroundings import Clock

T = TypeVar("T")

SHORTEST = 30.0
LONGEST = 3600.0
EARLY = 10.0
"""A token is renewed this many seconds before it ends."""


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """One way to ask for a token."""

    grant: Literal["client_credentials", "password"] = "client_credentials"
    credentials: Literal["basic", "basic-plain", "body"] = "basic"
    scopes: bool = True

    def parts(self, key: Secret, secret: Secret, scopes: Sequence[str]) -> tuple[str, str]:
        """The form body, and the Authorization header (empty for none)."""
        form: dict[str, str] = {"grant_type": self.grant}
        header = ""
        if self.credentials == "body" or self.grant == "password":
            name, word = _PERSON if self.grant == "password" else _CLIENT
            form |= {name: key.reveal(), word: secret.reveal()}
        if self.credentials != "body":
            # RFC 6749 2.3.1: encoded first, so that a colon or a plus in them arrives as itself
            plain = self.credentials == "basic-plain"
            pair = ":".join(
                one.reveal() if plain else quote(one.reveal(), safe="") for one in (key, secret)
            )
            header = "Basic " + base64.b64encode(pair.encode()).decode("ascii")
        if self.scopes and scopes:
            form["scope"] = " ".join(scopes)
        return urlencode(form, quote_via=quote, safe=""), header


_CLIENT = ("client_id", "client_secret")
_PERSON = ("username", "password")


@dataclass(frozen=True, slots=True)
class TokenPlan:
    """Where and how to ask, in order."""

    urls: tuple[str, ...]
    requests: tuple[TokenRequest, ...]
    scopes: tuple[str, ...] = ()
    headers: Mapping[str, str | Secret] = field(default_factory=dict)
    refused: str = ""
    """What else may be wrong when key and secret are refused."""


class NotThere(ConfigurationError):
    """The server answers, but not under this address (404)."""

    @classmethod
    def at(cls, message: str, hint: str) -> NotThere:
        problem = address_problem(message, hint=hint).problems
        return cls(problem, message, hint=hint)


class Tokens:
    """The bearer token of one connection; threads share it, and only one of them renews it."""

    def __init__(
        self, door: Door, plan: TokenPlan, key: Secret, secret: Secret, clock: Clock
    ) -> None:
        self._door = door
        self._plan = plan
        self._key = key
        self._secret = secret
        self._clock = clock
        self._lock = threading.Lock()
        self._token: Secret | None = None
        self._ends = 0.0
        self._works: tuple[str, TokenRequest] | None = None
        self._accepted: Secret | None = None

    def accepted(self, token: Secret) -> None:
        """The server took it, for whichever thread."""
        self._accepted = token

    def was_accepted(self, token: Secret) -> bool:
        """Whether it worked for somebody: then it was used up, and is not one that never works."""
        return self._accepted is token

    @property
    def address(self) -> str:
        """The address that gives tokens, once one did."""
        return self._works[0] if self._works else ""

    def current(self) -> Secret:
        with self._lock:
            if self._token is None or self._clock.monotonic() >= self._ends:
                self._sign_in()
            assert self._token is not None
            return self._token

    def renew(self, stale: Secret) -> tuple[Secret, bool]:
        """A token other than `stale`, and whether it was asked for now or by another thread before."""
        with self._lock:
            is_asked = self._token is None or self._token is stale
            if is_asked:
                self._sign_in()
            assert self._token is not None
            return self._token, is_asked

    def _sign_in(self) -> None:
        ways = [self._works] if self._works else self._ways()
        failures: list[_Failure] = []
        for url, request in ways:
            if any(each.missing and each.url == url for each in failures):
                continue
            if _is_settled(failures, url, request):
                break
            answer = self._try(url, request)
            if not isinstance(answer, _Failure):
                self._works = (url, request)
                self._take(answer)
                return
            failures.append(answer)
        raise self._ending(failures)

    def _ways(self) -> list[tuple[str, TokenRequest]]:
        return [(url, request) for url in self._plan.urls for request in self._plan.requests]

    def _try(self, url: str, request: TokenRequest) -> Mapping[str, Any] | _Failure:
        form, authorization = request.parts(self._key, self._secret, self._plan.scopes)
        headers = {name: _revealed(value) for name, value in self._plan.headers.items()}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        if authorization:
            headers["Authorization"] = authorization
        return self._door.ask(
            "POST",
            url,
            what="signing in",
            headers=headers,
            form=form,
            read=lambda reply: _answer(reply, url, request, self._clock),
        )

    def _take(self, answer: Mapping[str, Any]) -> None:
        self._token = Secret(answer["access_token"])
        lifetime = clamp_lifetime(answer.get("expires_in"))
        self._ends = self._clock.monotonic() + lifetime - EARLY

    def _ending(self, failures: Sequence[_Failure]) -> EtlError:
        place = self._door.check_address(self._plan.urls[0])
        if all(each.missing for each in failures):
            return NotThere.at(
                f"{place}: signing in: no token is to be had there (HTTP 404)",
                "is source.domain the API's whole address, with its path? "
                "Else set source.token_path",
            )
        told = [each for each in failures if not each.missing]
        statuses = ", ".join(sorted({f"HTTP {each.status}" for each in told}))
        message = (
            f"{place}: key and secret are refused ({statuses}, {len(told)} ways of asking tried). "
            "Is each in its own place, and whole? They are stored again by: etlrunner secrets set"
        )
        clock = next((each.clock for each in told if each.clock), "")
        return Refused(". ".join(filter(None, [message, self._plan.refused])), hint=clock)


@dataclass(frozen=True, slots=True)
class _Failure:
    url: str
    request: TokenRequest
    status: int
    code: str
    clock: str = ""
    """What the server's time says about ours."""

    @property
    def missing(self) -> bool:
        return self.status in (404, 405, 410)


def _is_settled(failures: Sequence[_Failure], url: str, following: TokenRequest) -> bool:
    """Is it certain that key or secret are wrong? Each further attempt may lock the account."""
    for each in failures:
        if each.url != url and not each.missing:
            return True  # the address was right, whatever else was not
        if each.code == "invalid_client" and each.request.credentials == following.credentials:
            return True
        if each.code == "invalid_grant" and each.request.grant == "password":
            return True
    return False


def _answer(
    reply: Reply, url: str, request: TokenRequest, clock: Clock
) -> Mapping[str, Any] | _Failure:
    if reply.status >= 500:
        raise Unfit(Unreachable(f"signing in: HTTP {reply.status}"))
    if reply.status not in (200, 201):
        words = clock_words(reply.headers, clock.now())
        return _Failure(url, request, reply.status, _error_code(reply.body), words)
    try:
        answer = json.loads(json_body(reply, "signing in"))
    except (ValueError, RecursionError):
        raise Incomplete("signing in: the answer is not JSON") from None
    token = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
        raise Incomplete("signing in: the answer holds no token")
    return dict(answer)


def _error_code(body: bytes) -> str:
    """OAuth's own word for the failure, if it is one of RFC 6749's."""
    try:
        code = json.loads(body).get("error")
    except (ValueError, AttributeError, RecursionError):
        return ""
    known = {"invalid_client", "invalid_grant", "invalid_scope", "invalid_request"}
    return code if isinstance(code, str) and code in known else ""


def clamp_lifetime(value: Any) -> float:
    """Seconds a token is used, whatever the server says: 30 seconds to an hour."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return LONGEST
    try:
        seconds = float(value)
    except ValueError:
        return LONGEST
    return LONGEST if seconds != seconds else min(LONGEST, max(SHORTEST, seconds))


def _revealed(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


MOST_USED_UP = 5
"""So often a request may find that its new token was used up by others before it came to its turn."""

Take = Callable[[Reply], tuple[Reply, Any]]


class SignedIn:
    """Reads JSON with a token that is renewed once per request when the server no longer takes it."""

    def __init__(
        self,
        door: Door,
        tokens: Tokens,
        *,
        headers: Mapping[str, str],
        renew_on_500: bool,
        scope_words: str = "",
    ) -> None:
        self._door = door
        self._tokens = tokens
        self._headers = headers
        self._renew_on_500 = renew_on_500
        self._scope_words = scope_words
        self._has_read = False

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, str],
        what: str,
        collection: str,
        read: Any,
    ) -> Any:
        """What `read` makes of a good reply; any other status becomes its own sentence."""
        token, is_last = self._tokens.current(), False

        def take(reply: Reply) -> tuple[Reply, Any]:
            if reply.status == 200:
                # before it is read: others may find it used up meanwhile
                self._tokens.accepted(token)
                return reply, read(reply)
            if reply.status == 500 and (is_last or not self._is_stale(500)):
                raise Unfit(self._ending(reply, what, collection))
            return reply, None

        reply, result = self._ask(url, params, what, take, token)
        used_up = 0
        while self._is_stale(reply.status):
            if is_last:  # asked for by us, and refused: unless other threads used it up meanwhile
                used_up += 1
                if used_up > MOST_USED_UP or not self._tokens.was_accepted(token):
                    break
            token, is_last = self._tokens.renew(token)
            reply, result = self._ask(url, params, what, take, token)
        if reply.status != 200:
            raise self._ending(reply, what, collection)
        self._has_read = True
        return result

    @property
    def signed_in_at(self) -> str:
        """The address that gave the token; empty before it did."""
        return self._tokens.address

    def sign_in(self) -> None:
        """Have a token, so that an error is one of signing in."""
        self._tokens.current()

    def _is_stale(self, status: int) -> bool:
        """May this mean that the token has ended?"""
        return status in (401, 403) or (status == 500 and self._renew_on_500 and self._has_read)

    def _ask(
        self, url: str, params: Mapping[str, str], what: str, take: Take, token: Secret
    ) -> tuple[Reply, Any]:
        return self._door.ask(
            "GET",
            url,
            what=what,
            params=params,
            headers={**self._headers, "Authorization": f"Bearer {token.reveal()}"},
            read=take,
        )

    def _ending(self, reply: Reply, what: str, collection: str) -> EtlError:
        place = self._door.check_address(reply.url)
        message = f"{place}: {what}: HTTP {reply.status}"
        if reply.status == 401:
            return Refused(
                f"{message}: the token is not accepted, not even a fresh one",
                hint=clock_words(reply.headers, self._door.clock.now()),
            )
        if reply.status == 403:
            return Refused(
                f"{message}: the account may not read '{collection}'{self._scope_words}",
                hint=f"grant the key read access to '{collection}' in the SIS",
            )
        if reply.status in (404, 410):
            return NotThere.at(
                message, f"the server has no '{collection}' there; is source.base_path right?"
            )
        if reply.status >= 500 or reply.status in (408, 425):
            return Unreachable(message)
        if reply.status >= 400:
            return address_problem(
                f"{message}: the server does not understand the request for '{collection}'",
                path="source.page_size",
                hint="a smaller source.page_size may help",
            )
        return Incomplete(f"{message}: not an answer that holds records")
