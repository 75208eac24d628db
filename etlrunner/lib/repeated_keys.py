"""Finds JSON objects that say the same key twice: decoders settle that silently, each in its own way."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode
_ESCAPED_QUOTE = rb"\u0022"
_KEY = b'":'
"""How every key ends where nobody writes a blank; where somebody does, the numbers differ."""


def repeated(body: bytes, wanted: Collection[str]) -> str | None:
    """The first of the `wanted` keys that some object of valid JSON says twice.

    Quick where there is none: what a decoder dropped is missing when it is written out again, so the number
    of keys decides; only where they differ is every object looked at.
    """
    if not _may_repeat(body):
        return None
    names = frozenset(wanted)
    found: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        keys = [key for key, _ in pairs if key in names]
        if len(keys) != len(set(keys)):
            found.extend(sorted(key for key in set(keys) if keys.count(key) > 1))

    json.loads(body, object_pairs_hook=look)
    return found[0] if found else None


def _may_repeat(body: bytes) -> bool:
    """Whether the body has more keys than a decoder keeps of it, or might hide some."""
    kept = _encode(msgspec.json.decode(body)).count(_KEY)
    return body.count(_KEY) != kept or _ESCAPED_QUOTE in body
