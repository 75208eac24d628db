"""The token endpoint of the sandbox's Skyward, and the tokens it has given out."""

from __future__ import annotations

import base64
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from etlrunner.sandbox.switches import Switches, Variant
from etlrunner.sandbox.wire import Incoming, Reply, to_json


@dataclass
class _Token:
    ends: float
    requests: int | None


class SignIn:
    """Knows one key and secret; whoever shows them gets a token."""

    def __init__(self, variant: Variant, switches: Switches, key: str, secret: str) -> None:
        self._variant = variant
        self._switches = switches
        self._key = key
        self._secret = secret
        self._known: dict[str, _Token] = {}
        self._lock = threading.Lock()

    def forget(self) -> None:
        """Every token given out so far has expired."""
        with self._lock:
            self._known.clear()

    def is_good(self, token: str) -> bool:
        """Is the token known and alive? Counts its use."""
        with self._lock:
            known = self._known.get(token)
            if known is None or time.monotonic() >= known.ends or known.requests == 0:
                return False
            if known.requests is not None:
                known.requests -= 1
            return True

    def answer(self, incoming: Incoming) -> Reply:
        """A token for whoever has key and secret, else the reason why not."""
        form = dict(parse_qsl(incoming.body.decode("utf-8", "replace"), keep_blank_values=True))
        switches = self._switches
        grants = self._variant.grants if switches.grants is None else switches.grants
        if form.get("grant_type") not in grants:
            return self._refuse(400, "unsupported_grant_type", incoming)
        if switches.scopes_required and not form.get("scope"):
            return self._refuse(400, "invalid_request", incoming)
        if switches.scopes_refused and form.get("scope"):
            return self._refuse(400, "invalid_scope", incoming)
        if (self._key, self._secret) not in self._offered(incoming, form):
            return self._refuse(self._variant.refusal, "invalid_client", incoming)
        needed = switches.integration_token
        if needed and incoming.headers.get("skyward-integration-token") != needed:
            return self._refuse(self._variant.refusal, "invalid_client", incoming)
        return to_json(200, self._new_token())

    def _offered(self, incoming: Incoming, form: Mapping[str, str]) -> list[tuple[str, str]]:
        """Key and secret wherever known clients put them; in Basic they are form-encoded first."""
        pairs = [(form.get("client_id", ""), form.get("client_secret", ""))]
        if "password" in self._variant.grants:
            # in the client-credentials grant too: one client in production sends them so
            pairs.append((form.get("username", ""), form.get("password", "")))
        kind, _, value = incoming.headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":
            try:
                name, _, word = base64.b64decode(value, validate=True).decode().partition(":")
            except ValueError:
                return pairs
            pairs.append((unquote_plus(name), unquote_plus(word)))
        return pairs

    def _new_token(self) -> dict[str, Any]:
        token = secrets.token_urlsafe(24)
        switches = self._switches
        with self._lock:
            self._known[token] = _Token(
                time.monotonic() + switches.token_seconds, switches.token_requests or None
            )
        answer: dict[str, Any] = {"access_token": token, "token_type": "bearer"}
        stated = switches.expires_in
        if stated == "as token_seconds":
            answer["expires_in"] = int(switches.token_seconds)
        elif stated is not None:
            answer["expires_in"] = stated
        return answer

    def _refuse(self, status: int, code: str, incoming: Incoming) -> Reply:
        answer = {"error": code}
        if self._switches.echo_secret:
            answer["error_description"] = incoming.body.decode("utf-8", "replace")
        return to_json(status, answer)
