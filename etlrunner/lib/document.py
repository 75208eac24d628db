"""What a YAML file says, and where each part of it stands: plain data plus places."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etlrunner.model.problems import Place, Problem

Key = tuple[str | int, ...]
"""The way to a value: `("source", "domain")`, `("notify", 0, "url")`."""

# A line is shown only where no secret can be: a misspelt `psswd:` looks like any other key. So these
# are the sections of a flow that hold none, and, of the others, the keys that hold none.
_WITHOUT_SECRETS = frozenset({
    "version", "description", "extends", "enabled", "mapping", "schedule", "select", "overrides",
    "leave_out", "repair", "rules", "merge_duplicates", "policy", "safeguards", "retry", "grace",
    "seasons", "groups",
})  # fmt: skip
_HARMLESS = frozenset({
    "type", "variant", "domain", "oneroster", "definition", "base_path", "token_path", "scopes",
    "page_size", "concurrency", "requests_per_second", "deadline", "timeouts", "connect", "read", "banner",
    "channel", "ca_file", "allow_http", "path", "host", "port", "directory", "rename", "host_key",
    "account_name_uses", "federated_domains", "file_name", "keep", "keep_rows", "on",
})  # fmt: skip
_DATABASE = re.compile(r"\b(?:database|url)\s*:|://")
_OWN_KEY = re.compile(r"\s*(?:- +)*([\w.\-]+)\s*:")

MOST_SHOWN = 120
"""Longer lines are cut to a window around the spot."""


class Scalar(str):
    """A text of a YAML file that remembers whether it was written plain, and where it begins."""

    plain: bool
    place: Place | None
    """The first character of the text itself: after an opening quote, below a block's `|`."""

    def __new__(cls, text: str, plain: bool = True, place: Place | None = None) -> Scalar:
        scalar = super().__new__(cls, text)
        scalar.plain = plain
        scalar.place = place
        return scalar

    def __getnewargs__(self) -> tuple[str, bool, Place | None]:  # type: ignore[override]
        return str(self), self.plain, self.place


@dataclass(frozen=True, slots=True)
class Spot:
    """Where one value stands, and its key; `also` is what it replaced, from another file.

    `text` is what a scalar says. A key that null removed keeps its spot, without a value.
    """

    value: Place
    key: Place | None = None
    also: Place | None = None
    text: str = ""


class Places(Mapping[Key, Place]):
    """The place of each value by its way; also of keys, and of lines to show."""

    def __init__(self, spots: Mapping[Key, Spot], texts: Mapping[str, str]) -> None:
        self.spots = dict(spots)
        self.texts = dict(texts)

    def __getitem__(self, way: Key) -> Place:
        return self.spots[way].value

    def __iter__(self) -> Iterator[Key]:
        return iter(self.spots)

    def __len__(self) -> int:
        return len(self.spots)

    def at(self, way: Key) -> Place | None:
        """Where the value stands, or the nearest one above it that stands in a file."""
        for length in range(len(way), -1, -1):
            spot = self.spots.get(way[:length])
            if spot:
                return spot.value
        return None

    def key(self, way: Key) -> Place | None:
        """Where the key stands, or the nearest above it."""
        for length in range(len(way), -1, -1):
            spot = self.spots.get(way[:length])
            if spot:
                return spot.key or spot.value
        return None

    def also(self, way: Key) -> Place | None:
        """Where the value stood that this one replaced."""
        spot = self.spots.get(way)
        return spot.also if spot else None

    def excerpt(self, place: Place | None, width: int = 1, key_only: bool = False) -> str:
        """The line with the spot underlined; nothing where the line may hold a secret."""
        if place is None or not place.line or place.file not in self.texts:
            return ""
        lines = self.texts[place.file].split("\n")
        return underlined(lines, place, width, key_only)

    def problem(self, code: str, message: str, way: Key, value: object, hint: str = "") -> Problem:
        """A problem with a value, with its place and its line."""
        place = self.at(way)
        excerpt = self.excerpt(place, len(str(value)))
        path = dotted(way)
        return Problem(code, message, place, path, hint, also=self.also(way), excerpt=excerpt)

    def below(self, way: Key) -> Places:
        """The places of one part, as if it were a document of its own."""
        length = len(way)
        spots = {key[length:]: spot for key, spot in self.spots.items() if key[:length] == way}
        return Places(spots, self.texts)


def dotted(way: Key) -> str:
    """`notify[0].url`."""
    text = ""
    for step in way:
        text += f"[{step}]" if isinstance(step, int) else (f".{step}" if text else str(step))
    return text


@dataclass(frozen=True)
class Document:
    """One YAML file, or several merged: maps, lists, `Scalar`s and None; nothing is guessed."""

    data: Any
    places: Places
    path: Path | None = None


def underlined(lines: list[str], place: Place, width: int, key_only: bool = False) -> str:
    """A line and a second one with `^` below the spot; empty where showing it would be unwise.

    Of `{a: 1, b: 2}` only the member is shown: its neighbors may be secrets. Of a key alone
    (`key_only`) nothing behind it is shown, so that it may stand in any line.
    """
    if not 1 <= place.line <= len(lines) or not lines[place.line - 1].strip():
        return ""
    if not key_only and is_delicate(lines, place.line):
        return ""
    line, start = _member(lines[place.line - 1], place.column - 1, width)
    width = max(1, min(width, len(line) - start))
    if key_only and len(line) > start + width:
        line = line[: start + width] + ": …"
    if len(line) > MOST_SHOWN:  # a window around the spot
        cut = max(0, start - MOST_SHOWN // 2)
        line, start = line[cut : cut + MOST_SHOWN], start - cut
    return f"{line}\n{' ' * start}{'^' * max(1, min(width, len(line) - start))}"


def _member(line: str, start: int, width: int) -> tuple[str, int]:
    """The member of a `{…}` that the spot lies in, and where the spot is in it."""
    before = line[:start]
    if "{" not in before or before.rstrip().endswith("{{"):
        return line, start
    begin = max(before.rfind("{"), before.rfind(",")) + 1
    ends = [at for mark in ",}" if (at := line.find(mark, start + width)) >= 0]
    item = line[begin : min(ends, default=len(line))]
    bare = item.lstrip()
    return bare.rstrip(), start - begin - (len(item) - len(bare))


def is_delicate(lines: list[str], number: int) -> bool:
    """Whether the line may hold a secret.

    Mappings and their tests hold none, whatever a column is called, but where they name a database.
    """
    chain = list(_chain(lines, number))
    names_database = any(_DATABASE.search(line) for line in chain)
    if any(line.startswith(("table:", "tests:")) for line in lines):
        return names_database
    keys = [_key_of(line) for line in chain]
    if keys[-1] in _WITHOUT_SECRETS:
        return names_database
    return keys[0] not in _HARMLESS or "@" in lines[number - 1]


def _key_of(line: str) -> str:
    match = _OWN_KEY.match(line)
    return match[1] if match else ""


def _chain(lines: list[str], number: int) -> Iterator[str]:
    """The line, then each line that it hangs below, by indentation."""
    limit = len(lines[number - 1]) + 1
    for line in reversed(lines[:number]):
        bare = line.lstrip()
        indent = len(line) - len(bare)
        if bare and indent < limit and (limit > len(lines[number - 1]) or not bare.startswith("#")):
            yield line
            limit = indent
