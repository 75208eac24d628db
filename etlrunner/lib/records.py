"""Records in JSON to roster columns, by the field paths of a source definition.

A path is `a.b` (a field of an object), `a[]` (each item of a list) or `a[key=value]` (those items
that say so). Types are built from the paths, so that msgspec decodes what is wanted and skips the rest.
Tolerated, because servers do it: null, absent and empty alike; one value where a list is due; JSON
booleans and numbers as text; a bare id where a reference object is due.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import msgspec
import polars as pl

from etlrunner.errors import Incomplete
from etlrunner.lib import columns
from etlrunner.lib.http import Garbled

Scalar = str | int | float | bool | None
Record = Any
_SEGMENT = re.compile(r"([^\W\d][\w:-]*)(\[(?:([\w:-]+)=([^\]=]+))?\])?")


@dataclass(frozen=True, slots=True)
class Segment:
    name: str
    many: bool = False
    key: str = ""
    value: str = ""


Path = tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """How one column is found: the paths in order; a list takes all of them, a text the first not empty."""

    paths: tuple[Path, ...]
    truth: bool = False
    pair: tuple[str, str] | None = None
    """Two fields of each item, written as OneRoster's CSV does: `{type:id}`."""


def parse_path(text: str) -> Path:
    """The segments of a field path; ValueError says what is wrong with it."""
    segments = []
    for part in text.split("."):
        match = _SEGMENT.fullmatch(part)
        if match is None:
            raise ValueError(f"{part!r} is not a field name, name[] or name[key=value]")
        name, brackets, key, value = match.groups()
        segments.append(Segment(name, bool(brackets), key or "", value or ""))
    return tuple(segments)


def parse_field(spec: Any) -> Field:
    """A field as a definition writes it: a path, several, `{truth: path}` or `{pairs: path, of: [a, b]}`."""
    if isinstance(spec, str):
        return Field((parse_path(spec),))
    if isinstance(spec, Sequence):
        return Field(tuple(parse_path(each) for each in spec))
    if "truth" in spec:
        return Field((parse_path(spec["truth"]),), truth=True)
    first, second = spec["of"]
    return Field((parse_path(spec["pairs"]),), pair=(str(first), str(second)))


class TableReader:
    """Decodes the pages of one table and turns them into a frame of its columns."""

    def __init__(
        self,
        table: str,
        fields: Mapping[str, Field],
        wrappers: Sequence[str],
        schema: Mapping[str, Any],
    ) -> None:
        self.table = table
        self.fields = fields
        self.wrappers = tuple(wrappers)
        self.schema = dict(schema)
        tree = _Node()
        for each in fields.values():
            for path in each.paths:
                tree.add(path, each.pair)
        self._shape = tree.struct(table)
        self._list = msgspec.json.Decoder(list[self._shape])  # type: ignore[name-defined]
        self._outer = msgspec.json.Decoder(dict[str, msgspec.Raw])

    def decode(self, body: bytes) -> list[Record]:
        """The records of one page, whatever the wrapper is called."""
        try:
            if body.lstrip()[:1] == b"[":
                return self._list.decode(body)
            return self._list.decode(self._records(self._outer.decode(body)))
        except msgspec.ValidationError as error:
            # msgspec's sentence names types and places, never values
            raise Incomplete(f"{self.table}: a record is not as described: {error}") from None
        except (msgspec.DecodeError, UnicodeError):
            raise Garbled(f"{self.table}: the answer is not valid JSON, or it is cut off") from None
        except RecursionError:
            raise Incomplete(f"{self.table}: the answer is nested too deeply") from None

    def frame(self, records: Sequence[Record]) -> pl.DataFrame:
        """The columns of the roster model; those that the definition does not name are empty."""
        return pl.DataFrame(
            [self._column(name, kind, records) for name, kind in self.schema.items()]
        )

    def _records(self, outer: Mapping[str, msgspec.Raw]) -> Any:
        for name in self.wrappers:
            if name in outer:
                raw = outer[name]
                return b"[]" if bytes(raw) == b"null" else raw
        arrays = [raw for raw in outer.values() if bytes(raw)[:1] == b"["]
        if len(arrays) == 1:
            return arrays[0]
        raise Incomplete(f"{self.table}: the answer holds no list of records")

    def _column(self, name: str, kind: Any, records: Sequence[Record]) -> pl.Series:
        is_list = kind == columns.LIST
        each = self.fields.get(name)
        if each is None:
            values: list[Any] = [[] if is_list else ""] * len(records)
            return pl.Series(name, values, dtype=kind)
        if is_list:
            return columns.lists(name, _lists_of(each, records))
        column = columns.text(name, _texts_of(each, records))
        if each.truth:
            return column.to_frame().select(columns.truth(pl.col(name)).alias(name)).to_series()
        return column


# ---------------------------------------------------------------- types from paths


@dataclass
class _Node:
    many: bool = False
    leaf: bool = False
    below: dict[str, _Node] = field(default_factory=dict)

    def add(self, path: Path, pair: tuple[str, str] | None) -> None:
        node = self
        for segment in path:
            node = node.below.setdefault(segment.name, _Node())
            node.many |= segment.many
            if segment.key:
                node.below.setdefault(segment.key, _Node()).leaf = True
        for name in pair or ():
            node.below.setdefault(name, _Node()).leaf = True
        node.leaf |= pair is None

    def struct(self, name: str) -> Any:
        fields = [(_attribute(key), node.type_of(key), None) for key, node in self.below.items()]
        rename = {_attribute(key): key for key in self.below}
        return msgspec.defstruct(f"{name}_record", fields, rename=rename, gc=False)

    def type_of(self, name: str) -> Any:
        one: Any = self.struct(name) | Scalar if self.below else Scalar
        return list[one] | one if self.many else one  # type: ignore[valid-type]


def _attribute(name: str) -> str:
    return "f_" + re.sub(r"\W", lambda found: f"_{ord(found[0]):x}_", name)


# ---------------------------------------------------------------- values by paths


def _texts_of(each: Field, records: Sequence[Record]) -> list[Any]:
    first, *others = (_first_values(path, records) for path in each.paths)
    for other in others:
        first = [a if a not in (None, "") else b for a, b in zip(first, other, strict=True)]
    return first


def _first_values(path: Path, records: Sequence[Record]) -> list[Any]:
    """One value per record along a path; of a list the first that is not empty."""
    if any(segment.many for segment in path):
        find = _finder(path)
        return [next((v for v in find(record) if v not in (None, "")), None) for record in records]
    values: list[Any] = list(map(attrgetter(_attribute(path[0].name)), records))
    for segment in path[1:]:
        get = attrgetter(_attribute(segment.name))
        values = [get(v) if isinstance(v, msgspec.Struct) else v for v in values]
    return [None if isinstance(v, msgspec.Struct) else v for v in values]


def _lists_of(each: Field, records: Sequence[Record]) -> list[list[Any]]:
    if each.pair:
        return [list(_pairs(each, record)) for record in records]
    finders = [_finder(path) for path in each.paths]
    if len(finders) == 1:
        return [[v for v in finders[0](record) if v is not None] for record in records]
    return [
        columns.without_repeats(
            columns.as_text(v) for find in finders for v in find(record) if v is not None
        )
        for record in records
    ]


def _pairs(each: Field, record: Record) -> Iterator[str]:
    first, second = (attrgetter(_attribute(name)) for name in each.pair or ())
    for item in _walk(each.paths[0], [record]):
        if isinstance(item, msgspec.Struct):
            kind, value = (columns.as_text(get(item)).strip() for get in (first, second))
            if value:
                yield f"{{{kind}:{value}}}"


def _finder(path: Path) -> Callable[[Record], Sequence[Any]]:
    """A function giving all values along a path; the common `name[]` and `name[].field` are quick."""
    if len(path) == 1 and path[0].many and not path[0].key:
        get = attrgetter(_attribute(path[0].name))
        return lambda record: _as_list(get(record))
    return lambda record: [v for v in _walk(path, [record]) if not isinstance(v, msgspec.Struct)]


def _walk(path: Path, level: Sequence[Any]) -> Sequence[Any]:
    for segment in path:
        get = attrgetter(_attribute(segment.name))
        found: list[Any] = []
        for item in level:
            if not isinstance(item, msgspec.Struct):
                found.append(item)  # a bare id stands for the reference
                continue
            value = get(item)
            if value is None:
                continue
            items = _as_list(value)
            found += items if not segment.key else _matching(items, segment)
        level = found
        if not level:
            break
    return level


def _matching(items: Sequence[Any], segment: Segment) -> Iterator[Any]:
    get = attrgetter(_attribute(segment.key))
    for item in items:
        if isinstance(item, msgspec.Struct) and columns.as_text(get(item)) == segment.value:
            yield item


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
