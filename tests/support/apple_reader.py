"""A reader of Apple's CSV dialect, written from Apple's text alone, one character at a time."""

from __future__ import annotations

NEEDS_QUOTES = frozenset(' ,;"')


def read(content: bytes) -> list[list[str]]:
    """The cells; fails on anything that Apple's page does not allow."""
    text = content.decode("utf-8")
    assert not text.startswith("\ufeff")
    assert "\r" not in text
    assert text.endswith("\n")
    return [_row(line) for line in text[:-1].split("\n")]


def _row(line: str) -> list[str]:
    cells = []
    rest = line
    while True:
        cell, rest = _quoted(rest) if rest.startswith('"') else _plain(rest)
        cells.append(cell)
        if not rest:
            return cells
        assert rest[0] == ","
        rest = rest[1:]
        if not rest:
            return [*cells, ""]


def _plain(text: str) -> tuple[str, str]:
    cell, comma, rest = text.partition(",")
    assert not NEEDS_QUOTES & set(cell), "this value needs quotes"
    return cell, comma + rest


def _quoted(text: str) -> tuple[str, str]:
    cell = ""
    place = 1
    while text[place] != '"':
        if text[place] == "\\":
            place += 1
            assert text[place] == '"', "only a quote is escaped"
        cell += text[place]
        place += 1
    assert NEEDS_QUOTES & set(cell), "this value needs no quotes"
    return cell, text[place + 1 :]
