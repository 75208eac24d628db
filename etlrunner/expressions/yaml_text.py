"""Where each character of a YAML text stands in the file, whatever way it is written.

A small reader for one scalar: it does what YAML 1.1 does with quotes, escapes, folded lines and blocks,
and keeps each character's offset. What it reads is compared with the text that is known, so a way of
writing that it does not know gives no place, never a wrong one.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from itertools import islice

Read = Iterator[tuple[str, int]]
"""Characters with the offsets at which they are written."""

DIGITS = {"x": 2, "u": 4, "U": 8}
"""How many digits follow the letter of an escape."""

ESCAPES = {
    "0": "\0", "a": "\x07", "b": "\x08", "t": "\t", "\t": "\t", "n": "\n", "v": "\x0b", "f": "\x0c", "r": "\r", "e": "\x1b",
    " ": " ", '"': '"', "\\": "\\", "/": "/", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029",
}  # fmt: skip

FOLD = re.compile(r"[ \t]*\n[ \t\n]*")
"""A line's end, and what YAML drops around it."""

QUOTES = ("'", '"')

INDENTED = re.compile(r"(?: *\n)*( *)")
"""The spaces before the first line that has more than spaces, blank lines passed over."""

BLOCK = re.compile(r"([|>])[+-]?([1-9]?)[+-]?[ \t]*(?:#[^\n]*)?\n")
"""The first line of a block: its sign and, seldom, by how much it is indented."""


def offsets(raw: str, start: int, text: str) -> list[int] | None:
    """The offset of each character of a scalar, and of its end; None where it is not written there."""
    for read in _readers(raw, start):
        found = list(islice(read, len(text)))
        if "".join(character for character, _ in found) == text:
            places = [offset for _, offset in found]
            return [*places, places[-1] + 1 if places else start]
    return None


def _readers(raw: str, start: int) -> Iterator[Read]:
    """Ways to read what begins at an offset, or just before it: a quote, or the line of a block's sign."""
    line = raw.rfind("\n", 0, start) + 1
    above = BLOCK.search(raw, raw.rfind("\n", 0, line - 1) + 1, line) if line else None
    block = BLOCK.match(raw, start) or above
    if block is not None:
        yield from _blocks(raw, block)
    if raw[start : start + 1] in QUOTES:
        yield _flow(raw, start + 1, raw[start])
    if raw[start - 1 : start] in QUOTES:
        yield _flow(raw, start, raw[start - 1])
    yield _flow(raw, start, "")


def _blocks(raw: str, sign: re.Match[str]) -> Iterator[Read]:
    first = INDENTED.match(raw, sign.end())
    deepest = len(first[1]) if first else 0
    # a stated indentation counts from a parent that is not known here: every one that it can be is tried
    for indent in range(deepest, 0, -1) if sign[2] else (deepest,):
        yield _block(raw, sign.end(), indent, sign[1] == ">")


def _flow(raw: str, at: int, quote: str) -> Read:
    """Plain text, or text in quotes, from its first character."""
    while at < len(raw):
        character = raw[at]
        fold = FOLD.match(raw, at) if character in " \t\n" else None
        if fold is not None:
            breaks = fold[0].count("\n")
            yield from [("\n", at)] * (breaks - 1) or [(" ", at)]
            at = fold.end()
        elif character == quote == "'":
            if raw[at + 1 : at + 2] != "'":
                return
            yield character, at
            at += 2
        elif character == quote:
            return
        elif character == "\\" and quote == '"':
            at = yield from _escaped(raw, at)
        else:
            yield character, at
            at += 1


def _escaped(raw: str, at: int) -> Generator[tuple[str, int], None, int]:
    """One escape; a line's end that is escaped joins two lines."""
    letter = raw[at + 1 : at + 2]
    if letter == "\n":
        fold = FOLD.match(raw, at + 1)
        assert fold is not None
        yield from [("\n", at)] * (fold[0].count("\n") - 1)
        return fold.end()
    digits = DIGITS.get(letter, 0)
    if digits:
        code = raw[at + 2 : at + 2 + digits]
        yield chr(int(code, 16)) if re.fullmatch("[0-9a-fA-F]+", code) else "", at
    else:
        yield ESCAPES.get(letter, ""), at
    return at + 2 + digits


def _block(raw: str, at: int, indent: int, folded: bool) -> Read:
    """The lines of a block from an offset; of folded ones, the ends of lines that YAML takes for spaces."""
    starts_in_space = True
    breaks: list[int] = []
    begun = False
    while at < len(raw):
        end = raw.find("\n", at)
        end = len(raw) if end < 0 else end
        line = raw[at:end]
        if not line[:indent].strip(" ") and len(line) <= indent:
            breaks.append(end)
            at = end + 1
            continue
        if line[:indent].strip(" "):
            break
        spaced = line[indent] in " \t"
        if begun and folded and not starts_in_space and not spaced:
            yield from [("\n", place) for place in breaks[1:]] or [(" ", breaks[0])]
        else:
            yield from [("\n", place) for place in breaks]
        yield from (
            (character, at + place) for place, character in enumerate(line) if place >= indent
        )
        begun, starts_in_space, breaks = True, spaced, [end]
        at = end + 1
    yield from [("\n", place) for place in breaks]
