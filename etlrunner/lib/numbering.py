"""Texts that are nobody else's: whoever has one keeps it, and the others are numbered around it.

What a roster alone says cannot be stable: when the first of two jsmiths leaves, nothing in the roster
tells that the other one was jsmith2 yesterday. So there is a memory, which is handed in and handed back.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class NoRoom(Exception):
    """Every text of the allowed length is somebody's already."""


@dataclass(frozen=True)
class Form:
    """How a text is made from a base and a number, and which texts count as the same."""

    format: str = "{base}{n}"
    start: int = 2
    width: int = 1
    """Digits of the number at least, filled up with zeros."""
    max_length: int | None = None
    """Characters of the whole at most; the base gives way, not the number."""
    plain_first: bool = True
    """The first one has the base alone."""
    ignore_accents: bool = False

    def plain(self, base: str) -> str:
        return base[: self.max_length]

    def numbered(self, base: str, number: int) -> str:
        """The base with a number. Raises NoRoom when no character of the base is left."""
        around = self.format.replace("{n}", str(number).zfill(self.width))
        if self.max_length is not None:
            room = self.max_length - len(around) + len("{base}")
            if room < 1:
                raise NoRoom(base)
            base = base[:room]
        return around.replace("{base}", base)

    def fits(self, text: str, base: str) -> bool:
        """Whether this text is one that the base can get, alone or with a number."""
        if self.plain_first and self.same(text) == self.same(self.plain(base)):
            return True
        before, _, after = self.format.partition("{n}")
        pattern = re.escape(before).replace(re.escape("{base}"), ".*") + r"(\d+)"
        pattern += re.escape(after).replace(re.escape("{base}"), ".*")
        found = re.fullmatch(pattern, text, re.DOTALL)
        # the number may follow digits of the base: every way to read it is tried
        digits = found[1] if found else ""
        for start in range(len(digits)):
            number = int(digits[start:])
            if number >= self.start and self.same(text) == self.same(self.numbered(base, number)):
                return True
        return False

    def same(self, text: str) -> str:
        """What two texts that count as the same have in common: Apple tells no capitals apart."""
        if text.isascii():
            return text.lower()
        text = unicodedata.normalize("NFKC", text).casefold()
        if self.ignore_accents:
            parts = unicodedata.normalize("NFD", text)
            text = "".join(part for part in parts if not unicodedata.combining(part))
        return unicodedata.normalize("NFC", text)


class Ledger:
    """Who has which text. `known` are key, base and text of everybody who is remembered."""

    def __init__(self, form: Form, known: Iterable[tuple[str, str, str]] = ()) -> None:
        self.form = form
        self.texts: dict[tuple[str, str], str] = {}
        self.owners: dict[str, str] = {}
        for key, base, text in known:
            self._give(key, base, text)

    def assign(self, wanted: Sequence[tuple[str, str]]) -> list[str]:
        """The text of each (key, base), given in this order to those who have none yet.

        First whoever can have the base alone gets it, then the others are numbered.
        """
        pairs = [(key, self.form.same(base)) for key, base in wanted]
        fresh = [turn for turn, pair in enumerate(pairs) if pair not in self.texts]
        if self.form.plain_first:
            for turn in fresh:
                (key, base), text = wanted[turn], self.form.plain(wanted[turn][1])
                if pairs[turn] not in self.texts and self._is_free(text, key):
                    self._give(key, base, text)
        numbers: dict[str, int] = {}
        for turn in fresh:
            if pairs[turn] not in self.texts:
                self._number(*wanted[turn], numbers)
        return [self.texts[pair] for pair in pairs]

    def _number(self, key: str, base: str, numbers: dict[str, int]) -> None:
        same = self.form.same(base)
        number = numbers.get(same, self.form.start)
        while not self._is_free(text := self.form.numbered(base, number), key):
            number += 1
        numbers[same] = number + 1
        self._give(key, base, text)

    def _is_free(self, text: str, key: str) -> bool:
        return self.owners.get(self.form.same(text), key) == key

    def _give(self, key: str, base: str, text: str) -> None:
        self.texts.setdefault((key, self.form.same(base)), text)
        self.owners.setdefault(self.form.same(text), key)
