"""Characters: what white space is, and letters without their accents."""

from __future__ import annotations

import re
import unicodedata

WHITE_SPACE = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""Exactly what Python's `str.strip` takes away."""

LETTERS = str.maketrans(
    {
        "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O",
        "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ł": "l", "Ł": "L",
        "ħ": "h", "Ħ": "H", "ı": "i", "ŋ": "ng", "Ŋ": "Ng", "ŧ": "t", "Ŧ": "T",
        "‘": "'", "’": "'", "ʼ": "'", "ʻ": "'", "“": '"', "”": '"', "‐": "-", "‑": "-", "–": "-", "—": "-", "…": "...",
    }
)  # fmt: skip
"""Letters and marks that have no accent to take off, and how they are usually written in ASCII."""

WORD_START = re.compile(r"([-\s({\[<]+)")
"""Where Jinja2's `title` begins a word."""


def without_accents(text: str) -> str:
    """Letters without their accents; letters of other scripts stay."""
    parts = unicodedata.normalize("NFD", text)
    return unicodedata.normalize(
        "NFC", "".join(part for part in parts if unicodedata.category(part) != "Mn")
    )


def ascii_only(text: str) -> str:
    """The nearest ASCII writing; what has none is left out."""
    plain = unicodedata.normalize("NFKD", text.translate(LETTERS))
    return plain.encode("ascii", "ignore").decode()


def titled(text: str) -> str:
    """Words with a capital, the rest small, as Jinja2 does it."""
    return "".join(word[0].upper() + word[1:].lower() for word in WORD_START.split(text) if word)


def proper(text: str) -> str:
    """A capital at the start of each run of letters, the rest small; a letter's marks belong to it."""
    made: list[str] = []
    inside = False
    for part in text:
        kind = unicodedata.category(part)[0]
        made.append(part.lower() if inside else part.upper())
        inside = kind == "L" or (inside and kind == "M")
    return "".join(made)


def slug(text: str) -> str:
    """Small ASCII letters and digits, joined by hyphens."""
    return "-".join(re.findall(r"[a-z0-9]+", ascii_only(text).lower()))


def initials(text: str) -> str:
    """The first character of each word, as a capital."""
    return "".join(word[0].upper() for word in re.split(r"[\s-]+", text) if word)


def truncated(text: str, length: int, whole_words: bool, end: str, leeway: int) -> str:
    """Cut to a length, `end` included; a text that is hardly longer stays."""
    if len(text) <= length + leeway:
        return text
    kept = text[: length - len(end)]
    return (kept.rsplit(" ", 1)[0] if whole_words else kept) + end
