"""What was asked and what came back, in shapes and counts: to be shown, and safe to be shown.

No value of a header, a form or a record is in it: names, types, sizes and the numbers of paging only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from etlrunner.lib.reply import Reply

MOST_FIELDS = 60
MOST_LEVELS = 4
LOOKED_AT = 20
"""Records of a list whose fields are looked at."""
_NAME = re.compile(r"[^\W\d][\w:.-]{0,40}")
_NUMBER = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer. `status` 0 means that none came."""

    method: str
    url: str
    query: Mapping[str, str]
    headers: tuple[str, ...]
    form: tuple[str, ...]
    status: int = 0
    media_type: str = ""
    size: int = 0
    total: str = ""
    """What the server states as the number of all records, if it is a number."""
    links: tuple[str, ...] = ()
    records: int | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


Seen = Callable[[Exchange], None]


def of(
    method: str,
    url: str,
    params: Mapping[str, str],
    headers: Mapping[str, str],
    form: str | None,
    reply: Reply | None,
) -> Exchange:
    """What may be told of a request and its answer; `reply` None: the connection failed."""
    asked = {
        "method": method,
        "url": url.partition("?")[0],
        "query": dict(params),
        "headers": tuple(sorted(headers)),
        "form": tuple(part.partition("=")[0] for part in (form or "").split("&") if part),
    }
    if reply is None:
        return Exchange(**asked)  # type: ignore[arg-type]
    total = reply.headers.get("X-Total-Count", "")
    records, fields = _shape(reply.body)
    return Exchange(
        **asked,  # type: ignore[arg-type]
        status=reply.status,
        media_type=reply.media_type,
        size=len(reply.body),
        total=total if _NUMBER.fullmatch(total) else "",
        links=tuple(re.findall(r'rel="?([a-z]{1,12})"?', reply.headers.get("Link", ""))),
        records=records,
        fields=fields,
    )


def _shape(body: bytes) -> tuple[int | None, dict[str, str]]:
    """How many records the largest list has, and each field's type; nothing for what is no JSON."""
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError):
        return None, {}
    found: dict[str, set[str]] = {}
    counts: list[int] = []
    for name, kind in _walk(whole, "", 0, counts):
        if name in found or len(found) < MOST_FIELDS:
            found.setdefault(name, set()).add(kind)
    shown = {name: " or ".join(sorted(kinds)) for name, kinds in found.items()}
    return (max(counts) if counts else None), shown


def _walk(value: Any, name: str, level: int, counts: list[int]) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        if level < 3:
            counts.append(len(value))
        if not value:
            yield f"{name}[]", "nothing"
        for item in value[:LOOKED_AT]:
            yield from _walk(item, f"{name}[]", level, counts)
    elif isinstance(value, dict) and level < MOST_LEVELS:
        for key, inner in value.items():
            shown = key if _NAME.fullmatch(key) else "*"  # such a key is data, not a name
            yield from _walk(inner, f"{name}.{shown}" if name else shown, level + 1, counts)
    else:
        yield name or "the answer", _kind(value)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return {str: "text", int: "number", float: "number"}.get(type(value), "more")
