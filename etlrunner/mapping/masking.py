"""Invented values in place of people's: the same in, the same out, of the same shape, none of the old.

Words become invented words, figures other figures, ids are numbered anew, days are moved together. What
separates words stays, as do capitals and whether there are accents: that is what mappings stumble over.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import date, timedelta

WORD = re.compile(r"[^\W\d_]+")
FIGURES = re.compile(r"\d+")
PART = re.compile(r"[^\W\d_]+|\d+|.", re.S)
NO_VALUE = frozenset({"null", "none", "n/a"})
"""What some SISes send for nothing: no person's, and what a mapping has to deal with."""
CODE = re.compile(r"[A-Za-z0-9]{1,3}")
TELLING = 3
"""A part of a name that is shorter tells nobody who it was."""
STRIDE = 2897
"""Shares no factor with 95, the number of syllables, so that every word comes once."""
ACCENTS = str.maketrans("aeiou", "áéíóú")


class Masks:
    """One recording's invented values. `originals` are all texts that must not be in it."""

    def __init__(self, originals: Iterable[str], known: Iterable[str] = ()) -> None:
        texts = list(originals)
        self.taken = {part for text in texts for part in _parts(text) if len(part) >= TELLING}
        self.known = frozenset(known)
        """Codes of OneRoster and of the mapping, which are nobody's."""
        self._words: dict[str, str] = {}
        self._figures: dict[str, str] = {}
        self._domains: dict[str, str] = {}
        self._fresh = (word for word in _inventions() if not self._tells(word))

    def text(self, value: str) -> str:
        """A name, a title, a number, a user name or an address."""
        if value.strip().casefold() in NO_VALUE:
            return value
        if value.count("@") == 1:
            name, _, domain = value.partition("@")
            return f"{self.text(name)}@{self._domain(domain)}"
        composed = unicodedata.normalize("NFC", value)
        made = "".join(map(self._part, PART.findall(composed)))
        return made if composed == value else unicodedata.normalize("NFD", made)

    def code(self, value: str) -> str:
        """A grade, a role, a status: as it is, unless it is no code at all."""
        return value if value in self.known or CODE.fullmatch(value) else self.text(value)

    def _part(self, part: str) -> str:
        if FIGURES.fullmatch(part):
            return self._figure(part)
        if WORD.fullmatch(part):
            return _in_the_shape_of(part, self._word(_plain(part)))
        if part.isspace() or not part.isprintable():
            return " "
        return part if part.isascii() else "-"

    def _word(self, word: str) -> str:
        if word not in self._words:
            single = len(word) == 1 and word.isascii()
            self._words[word] = _turned(word) if single else next(self._fresh)
        return self._words[word]

    def _figure(self, figures: str) -> str:
        if figures not in self._figures:
            used = set(self._figures.values())
            numbers = (str(n).zfill(len(figures)) for n in itertools.count(1))
            self._figures[figures] = next(
                one for one in numbers if one not in used and not self._tells(one)
            )
        return self._figures[figures]

    def _domain(self, domain: str) -> str:
        key = domain.strip().casefold()
        number = len(self._domains) + 1
        self._domains.setdefault(key, f"d{number}.example.org" if number > 1 else "example.org")
        return _in_the_shape_of(domain[:1], self._domains[key]) if domain else ""

    def _tells(self, word: str) -> bool:
        return any(part in word for part in self.taken)


class Ids:
    """Ids numbered anew per table, in the order the old ones sort in, so that what sorts by id still does."""

    def __init__(self) -> None:
        self._numbered: dict[str, dict[str, str]] = {}

    def number(self, kind: str, olds: Iterable[str]) -> None:
        """Give every id of a kind (`person`) its number."""
        ordered = sorted({old for old in olds if old})
        width = len(str(len(ordered)))
        self._numbered[kind] = {
            old: f"{kind}-{str(n).zfill(width)}" for n, old in enumerate(ordered, 1)
        }

    def new(self, kind: str, old: str) -> str:
        """The new id; one that refers to nothing in the recording stays a reference to nothing."""
        return self._numbered[kind].get(old, f"{kind}-elsewhere" if old else "")


def moved(day: str, by: timedelta) -> str:
    """The date of an ISO day or moment, moved; anything else is dropped."""
    try:
        return (date.fromisoformat(day[:10]) + by).isoformat()
    except (ValueError, OverflowError):
        return ""


def _parts(text: str) -> set[str]:
    """Words and figures of a text, and all of it run together, as user names have them."""
    plain = _plain(unicodedata.normalize("NFC", text))
    return {*WORD.findall(plain), *FIGURES.findall(plain)}


def _plain(word: str) -> str:
    """Without accents and capitals: José and jose are one name."""
    parts = unicodedata.normalize("NFKD", word.casefold())
    return "".join(one for one in parts if not unicodedata.combining(one))


def _in_the_shape_of(old: str, new: str) -> str:
    if not old.isascii():
        new = new[:1] + new[1:].translate(ACCENTS)
    if len(old) > 1 and old.isupper():
        return new.upper()
    if old.islower():
        return new
    if len(old) > 1 and not old[1:].islower() and old[1:].lower() != old[1:]:  # McDonald
        return new[:2].capitalize() + new[2:].capitalize()
    return new[:1].upper() + new[1:]


def _turned(letter: str) -> str:
    return chr((ord(letter) - ord("a") + 7) % 26 + ord("a"))


def _inventions() -> Iterator[str]:
    """Words that are nobody's name, the same ones in the same order every time: zoban, then longer ones."""
    syllables = [a + b for a in "zvxqkwjpgbdfmtlnrsh" for b in "oiuea"]
    for length in itertools.count(2):
        count = len(syllables) ** length
        for number in range(count):
            place = number * STRIDE % count  # neighbours look unlike each other
            word = ""
            for _ in range(length):
                place, which = divmod(place, len(syllables))
                word += syllables[which]
            yield word + "n"
