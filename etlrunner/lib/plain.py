"""Values of the model as plain data, for JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from etlrunner.model.secrets import Secret, SecretRef

_PLAIN = (str, int, float, bool, type(None))


def of(value: Any) -> Any:
    """Dataclasses to dicts, times to ISO text, durations to seconds, paths to text, secrets to `[secure]`."""
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Secret):
        return "[secure]"
    if isinstance(value, SecretRef):
        return str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Path):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: of(getattr(value, name)) for name in _fields(type(value))}
    if isinstance(value, Mapping):
        return {str(key): of(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(of(item) for item in value)
    if isinstance(value, tuple | list):
        return [of(item) for item in value]
    return str(value)


@cache
def _fields(kind: type) -> tuple[str, ...]:
    return tuple(item.name for item in dataclasses.fields(kind))
