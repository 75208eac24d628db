"""Finds JSON objects that say the same key twice: decoders settle that silently, each in its own way."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode
_QUOTE, _ESCAPE = b'"', b"\\"


def repeated(body: bytes, wanted: Collection[str]) -> str | None:
    """The first of the `wanted` keys that some object of valid JSON says twice.

    Quick where there is none: what a decoder dropped is missing when it is written out again, so the number
    of strings decides; only where they differ is every object looked at.
    """
    if strings(body) == strings(_encode(msgspec.json.decode(body))):
        return None
    names = frozenset(wanted)
    found: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        keys = [key for key, _ in pairs if key in names]
        if len(keys) != len(set(keys)):
            found.extend(sorted(key for key in set(keys) if keys.count(key) > 1))

    json.loads(body, object_pairs_hook=look)
    return found[0] if found else None


def strings(body: bytes) -> int:
    """How many strings valid JSON has, keys among them: half of the quotes that are not escaped."""
    if _ESCAPE not in body:
        return body.count(_QUOTE) // 2
    plain = body.replace(_ESCAPE * 2, b"")  # from the left, as escapes are read
    return (plain.count(_QUOTE) - plain.count(_ESCAPE + _QUOTE)) // 2
