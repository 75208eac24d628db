"""Records in JSON to roster columns, by the field paths of a source definition.

A path is `a.b` (a field of an object), `a[]` (each item of a list) or `a[key=value]` (those items
that say so). Types are built from the paths, so that msgspec decodes what is wanted and skips the rest.
Tolerated, because servers do it: null, absent and empty alike; one value where a list is due; JSON
booleans and numbers as text; a bare id where a reference object is due.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from operator import attrgetter
from typing import Any

import msgspec
import polars as pl

from etlrunner.errors import Incomplete
from etlrunner.lib import columns, layout, repeated_keys
from etlrunner.lib.layout import attribute
from etlrunner.lib.reply import garbled

Scalar = str | int | float | bool | None
Record = Any
PLAIN = frozenset({str, int, float, bool, type(None)})
"""What a value is that is no object: one look at its class is several times as quick as isinstance."""
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

    @property
    def is_list(self) -> bool:
        """Whether the field has several values by itself: a path with `[]`, or pairs."""
        return self.pair is not None or any(
            segment.many and not segment.key for path in self.paths for segment in path
        )


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


@dataclass(frozen=True, slots=True)
class Decoded:
    """The records of one answer."""

    records: Sequence[Record]
    count: int
    """How many the server sent: several rows may be made of one."""
    layout: layout.Layout | None = None
    """What they were read by, if not with care."""
    is_tidy: bool = False
    """No text in the answer has white space around it."""


class TableReader:
    """Decodes the pages of one table and turns them into a frame of its columns."""

    def __init__(
        self,
        table: str,
        fields: Mapping[str, Field],
        wrappers: Sequence[str],
        schema: Mapping[str, Any],
        around: Collection[str] = (),
    ) -> None:
        """`around` names what else of an answer is believed: its total, the address of the next page."""
        self.table = table
        self.fields = fields
        self.wrappers = tuple(wrappers)
        self.schema = dict(schema)
        self._lists = frozenset(name for name, kind in schema.items() if kind == columns.LIST)
        self._truths = frozenset(name for name, each in fields.items() if each.truth)
        tree = _Node()
        for each in fields.values():
            for path in each.paths:
                tree.add(path, each.pair)
        self._names = tree.names() | set(self.wrappers) | set(around)
        shape: Any = tree.struct(table)
        self.names = tuple(tree.below)
        """The fields of a record that are read."""
        self._called = ""
        """The list of records, as the answers call it."""
        self._learner = layout.Learner(tree.wanted(), self.wrappers)
        self._texts: tuple[layout.Layout, dict[str, layout.Text]] | None = None
        self._list = msgspec.json.Decoder(list[shape])
        self._outer = msgspec.json.Decoder(dict[str, msgspec.Raw])

    def decode(self, body: bytes) -> Decoded:
        """The records of one page, whatever the wrapper is called."""
        known = self._learner.layout
        found = known.read(body) if known is not None else None
        if found is not None:
            return Decoded(found, len(found), known, _is_tidy(body))
        decoded = self._with_care(body)
        self._learner.learn(body)
        return decoded

    def _with_care(self, body: bytes) -> Decoded:
        try:
            records = self._decode(body)
            twice = repeated_keys.repeated(body, self._names | {self._called})
            if twice is not None:
                raise Incomplete(f"{self.table}: the answer says {twice!r} twice in one object")
            return Decoded(records, len(records))
        except msgspec.ValidationError as error:
            # msgspec's sentence names types and places, never values
            raise Incomplete(f"{self.table}: a record is not as described: {error}") from None
        except (msgspec.DecodeError, ValueError):
            raise garbled(f"{self.table}: the answer is not valid JSON, or it is cut off") from None
        except RecursionError:
            raise Incomplete(f"{self.table}: the answer is nested too deeply") from None

    def _decode(self, body: bytes) -> list[Record]:
        if body.lstrip()[:1] == b"[":
            return self._list.decode(body)
        return self._list.decode(self._records(self._outer.decode(body)))

    def frame(self, decoded: Decoded) -> pl.DataFrame:
        """The columns of the roster model; those that the definition does not name are empty."""
        return self.finish([self.raw(decoded)])

    def raw(self, decoded: Decoded) -> pl.DataFrame:
        """The same, to be finished together with other pages."""
        records, sure = decoded.records, self._sure(decoded.layout)
        made: list[pl.Series] = []
        for name in self.schema:
            if name in sure:
                cells = list(map(sure[name].of, records))
                is_clean = decoded.is_tidy and not sure[name].may_be_null
                made.append(columns.texts(name, cells, is_clean=is_clean))
            else:
                made.append(
                    columns.raw(name, self._values(name, records), self._lists, len(records))
                )
        return pl.DataFrame(made, height=len(records))

    def _sure(self, known: layout.Layout | None) -> Mapping[str, layout.Text]:
        """The columns that are simply a text of each record."""
        if known is None:
            return {}
        cached = self._texts
        if cached is None or cached[0] is not known:
            found = {
                name: text
                for name, each in self.fields.items()
                if name in self.schema
                and name not in self._lists
                and len(each.paths) == 1
                and not any(segment.many or segment.key for segment in each.paths[0])
                and (text := known.text([segment.name for segment in each.paths[0]])) is not None
            }
            cached = self._texts = (known, found)
        return cached[1]

    def finish(self, pages: Sequence[pl.DataFrame]) -> pl.DataFrame:
        """One frame of several pages that are still raw."""
        return columns.finish(pages, self._lists, self._truths)

    def _records(self, outer: Mapping[str, msgspec.Raw]) -> Any:
        for name in self.wrappers:
            if name in outer:
                self.is_called(name)
                raw = outer[name]
                return b"[]" if bytes(raw) == b"null" else raw
        arrays = [name for name, raw in outer.items() if bytes(raw)[:1] == b"["]
        if len(arrays) == 1:
            self.is_called(arrays[0])
            return outer[arrays[0]]
        raise Incomplete(f"{self.table}: the answer holds no list of records")

    def is_called(self, name: str) -> None:
        """One name for the list of records on all pages: a list of errors is no empty page."""
        self._called = self._called or name
        if name != self._called:
            raise Incomplete(
                f"{self.table}: the list of records has another name than on an earlier page"
            )

    def _values(self, name: str, records: Sequence[Record]) -> columns.Values:
        each = self.fields.get(name)
        if each is None:
            return None
        return _lists_of(each, records) if name in self._lists else _texts_of(each, records)


def _is_tidy(body: bytes) -> bool:
    """Whether no text of valid JSON can have white space around it: there is none, nor an escape."""
    return body.isascii() and b" " not in body and b"\\" not in body


# ---------------------------------------------------------------- types from paths


@dataclass
class _Node:
    many: bool = False
    below: dict[str, _Node] = field(default_factory=dict)

    def add(self, path: Path, pair: tuple[str, str] | None) -> None:
        node = self
        for segment in path:
            node = node.below.setdefault(segment.name, _Node())
            node.many |= segment.many
            if segment.key:
                node.below.setdefault(segment.key, _Node())
        for name in pair or ():
            node.below.setdefault(name, _Node())

    def wanted(self) -> layout.Wanted:
        """The same tree as keys alone."""
        return {name: node.wanted() for name, node in self.below.items()}

    def names(self) -> set[str]:
        """Every field name anywhere in the tree."""
        return set(self.below).union(*(node.names() for node in self.below.values()))

    def struct(self, name: str) -> Any:
        fields = [(attribute(key), node.type_of(key), None) for key, node in self.below.items()]
        rename = {attribute(key): key for key in self.below}
        return msgspec.defstruct(f"{name}_record", fields, rename=rename, gc=False)

    def type_of(self, name: str) -> Any:
        one: Any = self.struct(name) | Scalar if self.below else Scalar
        return list[one] | one if self.many else one


# ---------------------------------------------------------------- values by paths


def _texts_of(each: Field, records: Sequence[Record]) -> list[Any] | None:
    """The first value along the paths that is not empty, per record."""
    found = [values for path in each.paths if (values := _firsts(path, records)) is not None]
    if not found:
        return None
    first, *others = found
    for other in others:
        first = [b if a is None or a == "" else a for a, b in zip(first, other, strict=True)]
    return first


def _firsts(path: Path, records: Sequence[Record]) -> list[Any] | None:
    if any(segment.many for segment in path):
        every = _values(path, records)
        if every is None:
            return None
        return [next((v for v in items if v not in (None, "")), None) for items in every]
    values = _start(path, records)
    for segment in path[1:] if values is not None else ():
        values = _step(_getter(segment.name), values or ())
    if values is None or PLAIN.issuperset(map(type, values)):
        return values
    return [v if v.__class__ in PLAIN else None for v in values]


def _step(get: Callable[[Any], Any], values: Sequence[Any]) -> list[Any]:
    """One field of each value that is an object; a bare id stands for the reference that is due."""
    if PLAIN.isdisjoint(map(type, values)):
        return list(map(get, values))
    return [v if v.__class__ in PLAIN else get(v) for v in values]


def _lists_of(each: Field, records: Sequence[Record]) -> list[list[Any]] | None:
    if each.pair:
        return _pairs(each.paths[0], each.pair, records)
    found = [values for path in each.paths if (values := _values(path, records)) is not None]
    if not found:
        return None
    if len(each.paths) == 1:
        return found[0]
    rows = (
        found[0] if len(found) == 1 else [list(chain(*items)) for items in zip(*found, strict=True)]
    )
    return [_without_repeats(items) if len(items) > 1 else items for items in rows]


def _values(path: Path, records: Sequence[Record]) -> list[list[Any]] | None:
    """All values along a path, per record; None when no record has the first field at all."""
    start = _start(path, records)
    if start is None:
        return None
    if any(segment.key for segment in path) or len(path) > 2:
        return [_scalars(_walk(path, [record])) for record in records]
    if len(path) == 1:
        return [[v for v in _as_list(value) if v is not None] for value in start]
    get = _getter(path[1].name)
    return [
        _scalars([v if v.__class__ in PLAIN else get(v) for v in _as_list(value)])
        for value in start
    ]


def _start(path: Path, records: Sequence[Record]) -> list[Any] | None:
    values = list(map(_getter(path[0].name), records))
    return values if values.count(None) < len(values) else None


def _pairs(path: Path, pair: tuple[str, str], records: Sequence[Record]) -> list[list[str]] | None:
    """`{type:id}` for each item along a path; an item without the second field says nothing."""
    start = _start(path, records)
    if start is None:
        return None
    first, second = (_getter(name) for name in pair)
    if len(path) == 1 and not path[0].key:
        rows = [_as_list(value) for value in start]
    else:
        rows = [_walk(path, [record]) for record in records]
    return [
        [
            f"{{{columns.as_text(first(item)).strip()}:{value}}}"
            for item in items
            if item.__class__ not in PLAIN and (value := columns.as_text(second(item)).strip())
        ]
        for items in rows
    ]


def _walk(path: Path, level: Sequence[Any]) -> Sequence[Any]:
    """What a path leads to, step by step; a bare id stands for the reference that is due."""
    for segment in path:
        get = _getter(segment.name)
        found: list[Any] = []
        for item in level:
            if item.__class__ not in PLAIN:
                items = _as_list(get(item))
                found += items if not segment.key else _matching(items, segment)
            else:
                found.append(item)
        level = found
    return level


def _matching(items: Sequence[Any], segment: Segment) -> Iterator[Any]:
    get = _getter(segment.key)
    for item in items:
        if item.__class__ not in PLAIN and columns.as_text(get(item)) == segment.value:
            yield item


def _scalars(items: Sequence[Any]) -> list[Any]:
    return [v for v in items if v is not None and v.__class__ in PLAIN]


def _without_repeats(items: Sequence[Any]) -> list[str]:
    return list(dict.fromkeys(columns.as_text(item).strip(columns.WHITE) for item in items))


def _as_list(value: Any) -> Any:
    if value is None:
        return ()
    return value if value.__class__ is list else (value,)


@cache
def _getter(name: str) -> Callable[[Any], Any]:
    return attrgetter(attribute(name))
