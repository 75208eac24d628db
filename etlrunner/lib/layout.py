"""The layout of a server's answers, learnt from one that was read with care, to read the next ones in one pass.

A server writes its pages the same way every time. A layout says exactly that: which keys each object has,
and what kinds of values they hold. Types are built from it, so that msgspec reads a page in one pass or
refuses it; and because a layout leaves nothing out, it knows how many strings such a page has. An object
that says a key twice has at least one string more than was kept, so counting quotes finds it. Whatever a
layout does not fit is nobody's mistake yet: that page is read with care, and its layout learnt besides.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import chain
from operator import attrgetter, or_
from typing import Any

import msgspec

from etlrunner.lib import repeated_keys

MOST_KEYS = 200
"""An object with more keys than this is a table by itself, whose keys are data."""
MOST_LEVELS = 12
MOST_LESSONS = 12
"""A server whose answers are still unlike after so many has no layout."""


class Unlike(Exception):
    """Nothing can be built from what was seen: its layout differs from one record to the next."""


@dataclass
class Seen:
    """What has been seen at one place of the answers."""

    text: bool = False
    number: bool = False
    truth: bool = False
    null: bool = False
    objects: int = 0
    keys: dict[str, Seen] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    """In how many of the objects each key was."""
    items: Seen | None = None

    def look(self, value: Any, level: int = 0) -> None:
        """Take a decoded value into account."""
        if level > MOST_LEVELS:
            raise Unlike
        kind = value.__class__
        if kind is str:
            self.text = True
        elif value is None:
            self.null = True
        elif kind is bool:
            self.truth = True
        elif kind is dict:
            self.objects += 1
            for key, below in value.items():
                self.times[key] = self.times.get(key, 0) + 1
                self.keys.setdefault(key, Seen()).look(below, level + 1)
            if len(self.keys) > MOST_KEYS:
                raise Unlike
        elif kind is list:
            self.items = self.items or Seen()
            for item in value:
                self.items.look(item, level + 1)
        else:
            self.number = True

    def is_optional(self, key: str) -> bool:
        return self.times.get(key, 0) < self.objects


class Layout:
    """Reads answers that look like those that were `seen`; `place` names the key of the list of records.

    `wanted` are the keys, level by level, that records must have an attribute for.
    """

    def __init__(self, seen: Seen, place: str | None, wanted: Wanted) -> None:
        if any(seen.is_optional(key) for key in seen.keys):
            raise Unlike  # where the records are is then not certain
        self._records = None if place is None else attrgetter(attribute(place))
        self._whole = _Value(seen, wanted if place is None else {place: wanted})
        self._decoder = msgspec.json.Decoder(self._whole.type)
        whole = self._whole.below(place) if place is not None else self._whole
        self._each = whole.items if whole is not None else None

    def read(self, body: bytes) -> list[Any] | None:
        """The records of an answer, or None where it is not exactly as the layout says."""
        try:
            whole = self._decoder.decode(body)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None
        if repeated_keys.strings(body) != self._whole.strings([whole]):
            return None
        records = whole if self._records is None else self._records(whole)
        return records if records.__class__ is list else None

    def text(self, path: Sequence[str]) -> Text | None:
        """How to get at the text at the end of a path of keys; None where it is not always a text.

        Every record has the objects on the way, so that nothing needs to be looked at one by one.
        """
        value = self._each
        for place, key in enumerate(path):
            if value is None or not value.is_just_object:
                return None
            found = value.below(key)
            if found is None or (value.is_optional(key) and place + 1 < len(path)):
                return None
            value, may_be_null = found, value.is_optional(key) or found.may_be_null
        if value is None or not value.is_just_text:
            return None
        return Text(attrgetter(".".join(map(attribute, path))), may_be_null)


@dataclass(frozen=True, slots=True)
class Text:
    """A text that every record has, or that some leave out or say null for."""

    of: Callable[[Any], Any]
    may_be_null: bool


class Learner:
    """Reads the answers of one table by their layout, which it learns; threads may share it."""

    def __init__(self, wanted: Wanted, wrappers: Sequence[str]) -> None:
        self._wanted = wanted
        self._wrappers = wrappers
        self._seen = Seen()
        self._place: str | None = None
        self.layout: Layout | None = None
        """What is known so far."""
        self._answers = 0
        self._lessons = 0
        self._is_over = False
        self._lock = threading.Lock()

    def learn(self, body: bytes) -> None:
        """Learn from an answer that was read with care, and found good.

        The first one is let pass: most tables have no second.
        """
        if self._is_over or not self._lock.acquire(blocking=False):
            return
        try:
            self._answers += 1
            if self._answers > 1:
                self._lesson(msgspec.json.decode(body))
        except Unlike:
            self.layout, self._is_over = None, True
        finally:
            self._lock.release()

    def _lesson(self, whole: Any) -> None:
        place = self._place_in(whole)
        if self._lessons and place != self._place:
            raise Unlike
        self._lessons += 1
        if self._lessons > MOST_LESSONS:
            raise Unlike
        self._seen.look(whole)
        self._place = place
        self.layout = Layout(self._seen, place, self._wanted)

    def _place_in(self, whole: Any) -> str | None:
        """Where a reader takes the records from."""
        if not isinstance(whole, dict):
            return None
        named = [name for name in self._wrappers if name in whole]
        lists = [name for name, value in whole.items() if isinstance(value, list)]
        if not named and len(lists) != 1:
            raise Unlike
        return (named or lists)[0]


Wanted = Mapping[str, Any]
"""Keys, each with the `Wanted` of the object below it."""


def attribute(key: str) -> str:
    """The name under which a record has what its key says; no other key has the same."""
    return "f_" + re.sub(r"\W|_", lambda found: f"_{ord(found[0]):x}_", key)


class _Value:
    """The type of the values at one place, and how many strings they account for."""

    def __init__(self, seen: Seen, wanted: Wanted) -> None:
        self._is_text = seen.text
        self._is_other = seen.number or seen.truth or seen.null
        self._object = _Object(seen, wanted) if seen.objects else None
        self.items = _Value(seen.items or Seen(), wanted) if seen.items else None
        kinds: list[Any] = []
        if not (self._is_text or self._is_other or self._object or self.items):
            self._is_text = True  # nothing was seen here, in lists that were all empty
        kinds += [str] if self._is_text else []
        kinds += [int, float] if seen.number else []
        kinds += [bool] if seen.truth else []
        kinds += [None] if seen.null else []
        kinds += [self._object.type] if self._object else []
        kinds += [list[self.items.type]] if self.items else []  # type: ignore[name-defined]
        self.type: Any = reduce(or_, kinds[1:], kinds[0])
        self._groups = sum(map(bool, (self._is_text, self._is_other, self._object, self.items)))
        is_scalar = seen.number or seen.truth
        self.may_be_null = seen.null
        self.is_just_text = self._is_text and not (is_scalar or self._object or self.items)
        """Nothing else but perhaps null."""
        self.is_just_object = self._object is not None and self._groups == 1

    def below(self, key: str) -> _Value | None:
        """What objects here have under a key."""
        found = self._object.values.get(key) if self._object else None
        return found[0] if found else None

    def is_optional(self, key: str) -> bool:
        """May objects here lack a key?"""
        return self._object is None or self._object.values[key][1]

    @property
    def each(self) -> int | None:
        """The strings of every value here, where that is the same number for all of them."""
        if self._groups > 1 or self.items:
            return None
        return self._object.each if self._object else int(self._is_text)

    def strings(self, values: Sequence[Any]) -> int:
        """The strings that the values hold, with their keys."""
        each = self.each
        if each is not None:
            return each * len(values)
        kinds = list(map(type, values))
        count = kinds.count(str)
        if self._object:
            mine = self._object.type
            count += self._object.strings(
                values
                if kinds.count(mine) == len(kinds)
                else [one for one in values if one.__class__ is mine]
            )
        if self.items:
            lists = [one for one in values if one.__class__ is list]
            count += self.items.strings(list(chain.from_iterable(lists)))
        return count


class _Object:
    """The type of the objects at one place."""

    def __init__(self, seen: Seen, wanted: Wanted) -> None:
        fields: list[Any] = []
        rename: dict[str, str] = {}
        self._sure = 0
        self.values: dict[str, tuple[_Value, bool]] = {}
        """Key -> what is there, and whether it may be missing."""
        self._unsure: list[tuple[Callable[[Any], Any], _Value, bool]] = []
        """Keys whose strings have to be counted: how to get at them, and whether they may be missing."""
        missing = [name for name in wanted if name not in seen.keys]
        for key in [*seen.keys, *missing]:
            below = seen.keys.get(key) or Seen(text=True)
            is_optional = seen.is_optional(key)
            if is_optional and below.null:
                raise Unlike  # nothing tells a null from a key that is not there
            value = _Value(below, wanted.get(key, {}))
            name = attribute(key)
            rename[name] = key
            self.values[key] = (value, is_optional)
            fields.append((name, value.type | None, None) if is_optional else (name, value.type))
            if is_optional or value.each is None:
                self._unsure.append((attrgetter(name), value, is_optional))
                self._sure += not is_optional
            else:
                self._sure += 1 + value.each
        try:
            self.type = msgspec.defstruct(
                "record", fields, rename=rename, kw_only=True, forbid_unknown_fields=True, gc=False
            )
        except ValueError:
            raise Unlike from None  # a key that msgspec takes for no field's name

    @property
    def each(self) -> int | None:
        return None if self._unsure else self._sure

    def strings(self, objects: Sequence[Any]) -> int:
        count = self._sure * len(objects)
        for get, value, is_optional in self._unsure:
            found = list(map(get, objects))
            if is_optional:
                found = [one for one in found if one is not None]
                count += len(found)
            count += value.strings(found)
        return count
