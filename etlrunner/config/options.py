"""Validated data as the values of the model: defaults filled in, durations, paths, places, references."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from etlrunner.lib import schema
from etlrunner.lib.document import Key, Places
from etlrunner.model.problems import Located
from etlrunner.model.secrets import SecretRef

MARKS = ("secret", "expression", "duration", "path")
UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def duration(text: str) -> timedelta:
    """`8h30m` as a duration; the schema has seen to its form."""
    parts = re.findall(r"([0-9]+)([dhms])", text)
    return timedelta(seconds=sum(int(number) * UNITS[unit] for number, unit in parts))


def filled(data: Any, name: str, places: Places, root: Path) -> dict[str, Any]:
    """A checked document, with every default of the schema `name`, as plain values of the model."""
    parts = schema.parts_of(name, data)
    values: dict[str, Any] = _value(schema.defaulted(data, parts), parts, (), places, root)
    return values


def _value(data: Any, parts: list[schema.Schema], way: Key, places: Places, root: Path) -> Any:
    marks = {mark for part in parts for mark in MARKS if part.get(mark)}
    if "secret" in marks:
        [(kind, target)] = data.items()
        return SecretRef(str(kind), str(target), places.at(way))  # type: ignore[arg-type]
    if isinstance(data, Mapping):
        return _map(data, parts, way, places, root)
    if isinstance(data, list):
        return tuple(
            _value(item, schema.below(parts, None, item), (*way, place), places, root)
            for place, item in enumerate(data)
        )
    if "expression" in marks:
        return Located(str(data), getattr(data, "place", None) or places.at(way))
    if "duration" in marks:
        return duration(str(data))
    if "path" in marks:
        return _path(str(data), root)
    return str(data) if isinstance(data, str) else data


def _map(
    data: Mapping[Any, Any], parts: list[schema.Schema], way: Key, places: Places, root: Path
) -> dict[str, Any]:
    return {
        str(key): _value(
            value, schema.below(parts, str(key), value), (*way, str(key)), places, root
        )
        for key, value in data.items()
    }


def _path(text: str, root: Path) -> Path:
    path = Path(text).expanduser()
    return path if path.is_absolute() else root / path
