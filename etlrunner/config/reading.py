"""From the bytes of a file to text that YAML can be trusted with: encoding, size, odd characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from etlrunner.lib.document import underlined
from etlrunner.model.problems import Place, Problem

MOST_BYTES = 1024 * 1024
MOST_REPORTED = 20

_MARKS = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
# Characters that look like a space, like nothing, or turn the reading direction around; and the
# line ends that YAML knows but editors do not count.
_ODD = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xa0\xad\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ufff9-\uffff]"
    "|[\ud800-\udfff]"
)
_TAB = re.compile(r"[ ]*\t")


def text_of(path: Path, name: str) -> tuple[str | None, list[Problem]]:
    """The text of a file, or None and the reason."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return None, [Problem("E101", "there is no such file", Place(name))]
    except IsADirectoryError:
        return None, [Problem("E101", "this is a folder, not a file", Place(name))]
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "the name is not a file's name"
        return None, [Problem("E101", f"the file cannot be read: {reason.lower()}", Place(name))]
    if len(data) > MOST_BYTES:
        return None, [_too_large(name)]
    return _decoded(data, name)


def clean(text: str, name: str) -> tuple[str | None, list[Problem]]:
    """The same checks for text that is already here."""
    if len(text) > MOST_BYTES:
        return None, [_too_large(name)]
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    problems = [*_odd_characters(lines, name), *_tabs(lines, name)][:MOST_REPORTED]
    return (None if problems else text), problems


def _decoded(data: bytes, name: str) -> tuple[str | None, list[Problem]]:
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            hint = "save it again with the encoding UTF-8"
            return None, [Problem("E102", f"the file is in {encoding}", Place(name), hint=hint)]
    try:
        return clean(data.decode("utf-8"), name)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        line = before.count("\n") + 1
        column = len(before) - before.rfind("\n")
        place = Place(name, line, column)
        message = "the file is not in UTF-8 from here on"
        hint = "save it again with the encoding UTF-8 (it may be Windows-1252 or Latin-1)"
        return None, [Problem("E102", message, place, hint=hint)]


def _too_large(name: str) -> Problem:
    message = f"the file is larger than {MOST_BYTES // 1024} KiB"
    hint = "a configuration is never so large; long lists belong into a crosswalk (CSV)"
    return Problem("E103", message, Place(name), hint=hint)


def _odd_characters(lines: list[str], name: str) -> Iterator[Problem]:
    for number, line in enumerate(lines, 1):
        for match in _ODD.finditer(line):
            character = match.group()
            called = unicodedata.name(character, "a control character").lower()
            message = f"there is an invisible character here: U+{ord(character):04X}, {called}"
            place = Place(name, number, match.start() + 1)
            hint = "delete it and type the spaces again (it often comes from a web page)"
            yield Problem("E102", message, place, hint=hint)


def _tabs(lines: list[str], name: str) -> Iterator[Problem]:
    for number, line in enumerate(lines, 1):
        match = _TAB.match(line)
        if match and line.strip():
            place = Place(name, number, match.end())
            hint = "use spaces, two for each level (most editors can convert them)"
            message = "a tab is used for indentation"
            excerpt = underlined(lines, place, 1).replace("\t", "→")
            yield Problem("E108", message, place, hint=hint, excerpt=excerpt)
