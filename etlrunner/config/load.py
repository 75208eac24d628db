"""The only door to YAML: a strict reader that keeps every value's place and guesses nothing.

Every scalar stays text (`Scalar`); the schema says later where a number or a boolean belongs.
Refused: duplicate keys, anchors, aliases, tags, merge keys, several documents, tabs as indentation,
other encodings than UTF-8, more than `MOST_BYTES`, more than `MOST_LEVELS` levels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from etlrunner.config import mending, reading
from etlrunner.errors import ConfigurationError
from etlrunner.lib.document import Document, Key, Places, Scalar, Spot, is_delicate, underlined
from etlrunner.model.problems import Place, Problem

MOST_BYTES = reading.MOST_BYTES
MOST_LEVELS = 20
MOST_MENDS = 20
"""How many lines are mended on the way to further problems, before giving up."""

NOTHING = ("null", "~")

__all__ = ["Document", "Scalar", "attempt", "load", "to_yaml"]


def load(path: Path | str, text: str | None = None, *, shown: str | None = None) -> Document:
    """Read one YAML file (or `text`, as if it stood there).

    Raises ConfigurationError with every problem; `shown` is the file's name in messages.
    """
    document, problems = attempt(path, text, shown=shown)
    if problems or document is None:
        raise ConfigurationError(problems)
    return document


def attempt(
    path: Path | str, text: str | None = None, *, shown: str | None = None
) -> tuple[Document | None, list[Problem]]:
    """Like `load`, but give what can be understood beside the problems, to find more of them."""
    path = Path(path)
    name = shown or str(path)
    decoded, problems = reading.text_of(path, name) if text is None else reading.clean(text, name)
    if decoded is None:
        return None, problems
    outcome = _parse(decoded, name)
    problems = sorted([*problems, *outcome.problems], key=_order)
    if outcome.data is None:
        return None, problems
    places = Places(outcome.spots, {name: decoded})
    return Document(outcome.data, places, path), problems


def to_yaml(data: Any) -> str:
    """Plain data as YAML text, in the order it has."""
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)


@dataclass
class _Outcome:
    data: Any
    spots: dict[Key, Spot]
    problems: list[Problem]


@lru_cache(maxsize=64)
def _parse(text: str, name: str) -> _Outcome:
    """Build the data; where YAML stumbles over a line, mend the line, report it and go on.

    Flows share their mapping and their base, so the same text comes again; nobody changes the data of a
    `Document`.
    """
    lines = text.split("\n")
    mended: list[Problem] = []
    for _ in range(min(MOST_MENDS, 1 + MOST_BYTES // (1 + len(text)))):
        builder = _Builder(lines, name)
        try:
            data = builder.build()
        except yaml.MarkedYAMLError as error:
            fault = mending.Fault.of(error)
            mend = mending.mend(lines, fault, name)
            if mend is None:
                problems = [*mended, *builder.problems, mending.explain(lines, fault, name)]
                return _Outcome(None, {}, problems)
        else:
            mend = builder.mend
            if mend is None:
                return _Outcome(data, builder.spots, [*mended, *builder.problems])
        mended.append(mend.problem)
        lines[mend.line - 1] = mend.text
    return _Outcome(None, {}, mended)


class _TooDeep(Exception):
    """Deeper than any configuration goes: nothing more is read."""


class _Builder:
    """One walk over YAML's events: data, spots and problems."""

    def __init__(self, lines: list[str], name: str) -> None:
        self.lines = lines
        self.name = name
        self.spots: dict[Key, Spot] = {}
        self.problems: list[Problem] = []
        self.mend: mending.Mend | None = None
        self.events: Iterator[yaml.Event] = iter(())

    def build(self) -> Any:
        """The data of the one document; problems and spots on the side."""
        self.events = yaml.parse("\n".join(self.lines), Loader=yaml.SafeLoader)
        try:
            return self._stream()
        except _TooDeep:
            return None

    def _stream(self) -> Any:
        data: Any = None
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                self._document_start(event, documents)
                node = self._node(next(self.events), (), None)
                data = node if documents == 1 else data
        if data is None:
            place = Place(self.name, 1, 1)
            self._say(
                "E107", place, "the file is empty", hint="it must hold at least one key: value"
            )
        return data

    def _document_start(self, event: yaml.DocumentStartEvent, number: int) -> None:
        if number == 2:
            message = "a second document begins here; one file holds one document"
            self._say("E107", self._place(event), message, 3, hint="remove the line with ---")
        if event.version or event.tags:
            message = "YAML directives (lines that begin with %) are not allowed"
            self._say("E106", self._place(event), message, hint="remove the line")

    def _node(self, event: yaml.Event, way: Key, key: Place | None) -> Any:
        if isinstance(event, yaml.AliasEvent):
            self._refuse_alias(event)
            return Scalar("", place=self._place(event))
        self._refuse_anchor_and_tag(event)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, way, key)
        if len(way) >= MOST_LEVELS:
            message = f"this is nested more than {MOST_LEVELS} levels deep"
            self._say("E103", self._place(event), message, hint="no key needs so many levels")
            raise _TooDeep
        self.spots[way] = Spot(self._place(event), key)
        if isinstance(event, yaml.MappingStartEvent):
            return self._map(way)
        return self._list(way)

    def _list(self, way: Key) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self._node(event, (*way, len(items)), None))
        return items

    def _map(self, way: Key) -> dict[Scalar, Any]:
        items: dict[Scalar, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._key(event)
            below = (*way, str(key)) if key is not None else way
            repeated = key is not None and key in items
            if key is not None and repeated:
                self._repeated(key, way, self._place(event))
            if key is None or repeated:
                self._skip(next(self.events), below)
            else:
                items[key] = self._node(next(self.events), below, self._place(event))
        return items

    def _key(self, event: yaml.Event) -> Scalar | None:
        """The key, or None (and a problem) when it cannot be one."""
        place = self._place(event)
        if not isinstance(event, yaml.ScalarEvent):
            self._strange_key(event, place)
            return None
        self._refuse_anchor_and_tag(event)
        plain = event.style is None
        if plain and event.value == "<<":
            hint = "write the keys out, or share them by `extends:`"
            self._say("E106", place, "merge keys (<<) are not allowed", 2, hint=hint)
            return None
        if plain and event.value == "":
            self._say("E109", place, "there is no key before the colon")
            return None
        return Scalar(event.value, plain, place)

    def _strange_key(self, event: yaml.Event, place: Place) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._refuse_alias(event)
            return
        mend = mending.of_line(self.lines, place.line, self.name)
        if mend is not None:
            self.mend = self.mend or mend
        else:
            message = "a list or a map cannot be a key"
            hint = "put quotes around the value if it is an expression"
            self._say("E109", place, message, hint=hint)
        self._skip(event, ("?",))

    def _skip(self, event: yaml.Event, way: Key) -> None:
        """Walk over a value that is not kept; what is wrong inside it is still told."""
        kept = dict(self.spots)
        self._node(event, way, None)
        self.spots = kept

    def _repeated(self, key: Scalar, way: Key, place: Place) -> None:
        first = self.spots[(*way, str(key))].key
        line = f"; the first is in line {first.line}" if first else ""
        hint = "keep one of the two"
        self._say("E105", place, f"'{key}' stands here twice{line}", len(key), hint, (*way, key))
        self.problems[-1] = replace(self.problems[-1], also=first)

    def _scalar(self, event: yaml.ScalarEvent, way: Key, key: Place | None) -> Scalar | None:
        place = self._place(event)
        plain = event.style is None
        self.spots[way] = Spot(place, key, text=event.value)
        if not plain:
            return Scalar(event.value, False, self._inside(event))
        if event.value in NOTHING:
            return None
        if event.value == "":
            self._empty(way, key or place)
        self._suspicions(event, place)
        return Scalar(event.value, True, place)

    def _empty(self, way: Key, place: Place) -> None:
        line = self.lines[place.line - 1] if place.line <= len(self.lines) else ""
        if "{" in line[: place.column] and is_delicate(self.lines, place.line):
            # `password: {hunter2}`: what looks like a key may be the secret itself
            message = "there is something inside { } that has no value"
            hint = "a reference looks like {env: NAME}"
            self.problems.append(Problem("E111", message, place, hint=hint))
            return
        name = str(way[-1]) if way else "the file"
        hint = 'remove the line; an empty text is "", and null removes what `extends` brings'
        self._say("E111", place, f"'{name}' has no value", len(name), hint=hint, way=way)

    def _suspicions(self, event: yaml.ScalarEvent, place: Place) -> None:
        """What YAML accepts, though the author must have meant something else."""
        if event.value[:1] in "“”„‘’«»" and event.value:
            message = "these are typographic quotes, which YAML takes for a part of the text"
            self._say("E102", place, message, hint="type the plain ones: \" or '")
        start, end = _mark(event.start_mark), _mark(event.end_mark)
        if self.mend is None and start.line == end.line:
            self.mend = mending.cut_by_comment(self.lines, end, event.value, self.name)

    def _inside(self, event: yaml.ScalarEvent) -> Place:
        """The first character of a quoted text or of a block."""
        mark = _mark(event.start_mark)
        line, column = mark.line, mark.column
        if event.style in ("'", '"'):
            return Place(self.name, line + 1, column + 2)
        below = self.lines[line + 1] if line + 1 < len(self.lines) else ""
        return Place(self.name, line + 2, len(below) - len(below.lstrip()) + 1)

    def _refuse_alias(self, event: yaml.AliasEvent) -> None:
        place = self._place(event)
        name = self._named("*", event.anchor, place)
        hint = f"write the value out, or put quotes around it: '{name}'"
        message = f"aliases ({name}) are not allowed"
        self._say("E106", place, message, len(str(event.anchor)) + 1, hint=hint)

    def _refuse_anchor_and_tag(self, event: yaml.Event) -> None:
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if anchor is not None:
            hint = "write the value out where it is needed, or put quotes around a text with &"
            name = self._named("&", anchor, self._place(event))
            message = f"anchors ({name}) are not allowed"
            self._say("E106", self._place(event), message, len(anchor) + 1, hint=hint)
        if tag is not None:
            hint = "remove the tag, or put quotes around a text with !"
            self._say("E106", self._place(event), "tags (!…) are not allowed", hint=hint)

    def _named(self, mark: str, name: object, place: Place) -> str:
        """The anchor, unless it may be a password that begins with & or *."""
        return f"{mark}…" if is_delicate(self.lines, place.line) else f"{mark}{name}"

    def _place(self, event: yaml.Event) -> Place:
        mark = _mark(event.start_mark)
        return Place(self.name, mark.line + 1, mark.column + 1)

    def _say(
        self, code: str, place: Place, message: str, width: int = 1, hint: str = "", way: Key = ()
    ) -> None:
        excerpt = underlined(self.lines, place, width, key_only=code in ("E105", "E111"))
        path = ".".join(str(part) for part in way)
        self.problems.append(Problem(code, message, place, path, hint, excerpt=excerpt))


def _mark(mark: Any) -> Any:
    """A mark of PyYAML: every event of a parsed text has both."""
    assert mark is not None
    return mark


def _order(problem: Problem) -> tuple[int, int]:
    return (problem.place.line, problem.place.column) if problem.place else (0, 0)
