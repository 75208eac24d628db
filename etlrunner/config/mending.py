"""What YAML's own complaints mean, and how the line at fault should have been written.

Expressions are where YAML stumbles: a value that starts with a quote and goes on, that holds `: `
or ` #`, or that starts with `{{`. Such a line is mended, so that reading can go on and the author
sees it as it should be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from etlrunner.lib.document import is_delicate, underlined
from etlrunner.model.problems import Place, Problem

_LINE = re.compile(r"^(?P<key>\s*(?:- +)*[\w.\-]+\s*:[ ]+)(?P<value>\S.*?)\s*$")
_TIGHT = re.compile(r"^(?P<key>\s*(?:- +)*[A-Za-z_]\w*:)(?P<value>[^\s:/].*)$")
_BARE = re.compile(r"^(?P<key>\s*[A-Za-z_]\w*) +(?P<value>[\w/.\-]+(\s+#.*)?)$")
_CANNOT_BEGIN = tuple("%@`*&!|>")


@dataclass(frozen=True)
class Fault:
    """Where YAML gave up, and the place it refers to; lines and columns from 1."""

    problem: str
    context: str
    line: int
    column: int
    begun: tuple[int, int] | None

    @classmethod
    def of(cls, error: Any) -> Fault:
        """From PyYAML's error."""
        mark = error.problem_mark or error.context_mark
        begun = error.context_mark
        return cls(
            str(error.problem or ""),
            str(error.context or ""),
            mark.line + 1 if mark else 1,
            mark.column + 1 if mark else 1,
            (begun.line + 1, begun.column + 1) if begun else None,
        )


@dataclass(frozen=True)
class Mend:
    """A line as it should be written."""

    line: int
    text: str
    problem: Problem


def mend(lines: list[str], fault: Fault, name: str) -> Mend | None:
    """The mended line, if the fault is one of those that mending helps."""
    is_key_lost = "block mapping start" in fault.problem or "mapping values" in fault.problem
    if is_key_lost and (bare := _without_colon(lines, fault.line - 1)):
        said = "a colon is missing after the key"
        return _told(lines, Place(name, *bare[0]), 1, bare[1], "E109", said)
    candidates = [fault.line, fault.line - 1, *([fault.begun[0]] if fault.begun else [])]
    for number in dict.fromkeys(candidates):
        found = of_line(lines, number, name)
        if found:
            return found
    return None


def of_line(lines: list[str], number: int, name: str) -> Mend | None:
    """The line with its value in quotes, or with the missing space; None if it needs neither."""
    if not 1 <= number <= len(lines):
        return None
    line = lines[number - 1]
    match = _LINE.match(line)
    if match and _needs_quotes(match["value"]):
        value, comment = _without_comment(match["value"])
        place = Place(name, number, match.start("value") + 1)
        return _mend(lines, place, len(value), match["key"] + quoted(value) + comment)
    tight = _TIGHT.match(line)
    if tight:
        place = Place(name, number, tight.end("key"))
        return _mend_colon(lines, place, f"{tight['key']} {tight['value']}")
    return None


def _without_colon(lines: list[str], number: int) -> tuple[tuple[int, int], str] | None:
    """Of a line such as `hour 2` that a key follows: the place where the colon belongs, and the mended line."""
    if not 1 <= number < len(lines):
        return None
    match = _BARE.match(lines[number - 1])
    if match is None or _depth(lines[number - 1]) != _depth(lines[number]):
        return None
    return (number, match.end("key") + 1), f"{match['key']}: {match['value']}"


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def cut_by_comment(lines: list[str], end: Any, value: str, name: str) -> Mend | None:
    """A plain value that ` #` cut off in the middle of a quoted part: `name ~ " #" ~ y`."""
    line = lines[end.line]
    match = _LINE.match(line)
    rest = line[end.column :]
    if not match or not re.match(r"\s+#", rest) or not _is_open(value):
        return None
    if not line[: end.column].endswith(value) or match["value"] != (value + rest).strip():
        return None
    place = Place(name, end.line + 1, end.column + 1 + len(rest) - len(rest.lstrip()))
    return _mend(lines, place, 1, match["key"] + quoted(match["value"]), "` #` begins a comment")


def quoted(value: str) -> str:
    """The text in the quotes that need the least change."""
    if "'" in value and '"' not in value and "\\" not in value:
        return f'"{value}"'
    return "'" + value.replace("'", "''") + "'"


def explain(lines: list[str], fault: Fault, name: str) -> Problem:
    """A fault that no mending helps, in the words of somebody who sees the file."""
    for said, put in _KNOWN.items():
        if said in f"{fault.context} {fault.problem}":
            message, hint, at_start = put
            break
    else:
        message, hint, at_start = f"YAML cannot read this: {fault.problem}", "", False
    line, column = fault.begun if at_start and fault.begun else (fault.line, fault.column)
    line = min(line, len(lines))
    deeper = _deeper_than(lines, line)
    if "mapping values" in fault.problem and deeper:
        message = f"this line is indented deeper than line {deeper}, which already has a value"
        hint = "lines of the same level begin in the same column"
        column = len(lines[line - 1]) - len(lines[line - 1].lstrip()) + 1
    place = Place(name, line, column)
    return Problem("E109", message, place, hint=hint, excerpt=underlined(lines, place, 1))


# What PyYAML says -> (what it means, what to do, whether to point at where it began).
_KNOWN: dict[str, tuple[str, str, bool]] = {
    "found unexpected end of stream": (
        "this quote is never closed",
        "add the closing quote at the end of the value",
        True,
    ),
    "while scanning a quoted scalar": (
        "this quoted text is not closed before something else begins",
        "add the closing quote at the end of the value",
        True,
    ),
    "found unknown escape character": (
        'a backslash has a meaning inside "…"',
        "use single quotes: '…'",
        False,
    ),
    "while parsing a flow mapping": (
        "this { is never closed, or a comma is missing inside",
        "write it as {key: value, key: value}",
        True,
    ),
    "while parsing a flow sequence": (
        "this [ is never closed, or a comma is missing inside",
        "write it as [value, value]",
        True,
    ),
    "found '\\t' that cannot start": (
        "a tab stands where a space belongs",
        "use spaces",
        False,
    ),
    "that cannot start any token": (
        "a value cannot begin with this character",
        "put the value into quotes: '…'",
        False,
    ),
    "mapping values are not allowed": (
        "a second `: ` in one line",
        "put the value into quotes: '…'",
        False,
    ),
    "found undefined tag handle": (
        "tags (!…) are not allowed",
        "remove the tag, or put quotes around a text with !",
        False,
    ),
    "could not find expected ':'": (
        "this line is no `key: value`",
        "a colon and a space are missing, or the line belongs to the one above",
        True,
    ),
    "found '<block mapping start>'": (
        "this line is indented differently from those above it",
        "lines of the same level begin in the same column",
        False,
    ),
    "found '<block sequence start>'": (
        "this list item is indented differently from those above it",
        "the dashes of one list begin in the same column",
        False,
    ),
    "but found '-'": (
        "a list item stands among keys",
        "indent the dash below the key that it belongs to, or remove it",
        False,
    ),
    "while parsing a block mapping": (
        "this does not fit in here: a key was expected",
        "check the indentation, and the quotes of the line above",
        False,
    ),
    "while parsing a block collection": (
        "this does not fit in here: a list item was expected",
        "check the indentation; every item begins with a dash",
        False,
    ),
}


def _mend(lines: list[str], place: Place, width: int, text: str, why: str = "") -> Mend:
    line = lines[place.line - 1]
    value = line[place.column - 1 :]
    message = f"this value must be in quotes: {why or _reason(value)}"
    return _told(lines, place, width, text, "E110", message)


def _mend_colon(lines: list[str], place: Place, text: str) -> Mend:
    return _told(lines, place, 1, text, "E109", "a space is missing after the colon")


def _told(lines: list[str], place: Place, width: int, text: str, code: str, message: str) -> Mend:
    """The mend with its problem; the line itself is shown only where it cannot hold a secret."""
    shown = "put single quotes around the value; where it is a secret, write {env: NAME} instead"
    if code == "E109":
        shown = "write key: value"
    if not is_delicate(lines, place.line):
        shown = f"write it as:  {text.strip()}"
    excerpt = underlined(lines, place, width)
    return Mend(place.line, text, Problem(code, message, place, hint=shown, excerpt=excerpt))


def _reason(value: str) -> str:
    if value[:1] in "'\"":
        return "it begins with a quote and goes on after the closing one"
    if value.startswith("{{"):
        return "YAML takes { at the beginning for a map"
    if value[:1] in "[{":
        return (
            f"YAML takes {value[:1]} at the beginning for a {'list' if value[0] == '[' else 'map'}"
        )
    if value[:1] in _CANNOT_BEGIN:
        return f"YAML has a use of its own for {value[:1]} at the beginning"
    return "`: ` inside a value begins a new key"


def _needs_quotes(value: str) -> bool:
    bare, _ = _without_comment(value)
    first = bare[:1]
    if first in ("'", '"'):
        closing = _closing(bare)
        return closing is not None and closing < len(bare) - 1
    if first == "{":
        return bare.startswith("{{") or (bare.count("{") == bare.count("}") and bare[-1] != "}")
    if first == "[":
        return bare.count("[") == bare.count("]") and bare[-1] != "]"
    if first in ("|", ">"):
        return re.fullmatch(r"[|>][-+0-9]*", bare) is None
    return first in _CANNOT_BEGIN or ": " in bare or bare.endswith(":")


def _closing(value: str) -> int | None:
    """Where the quoted text that begins the value ends, by YAML's rules."""
    quote, at = value[0], 1
    while at < len(value):
        if quote == '"' and value[at] == "\\":
            at += 1
        elif value[at] == quote:
            if quote == '"' or value[at + 1 : at + 2] != "'":
                return at
            at += 1
        at += 1
    return None


def _without_comment(value: str) -> tuple[str, str]:
    """The value, and the comment behind it: the first ` #` outside quotes."""
    quote = ""
    for at, character in enumerate(value):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"" and _opens(value, at):
            quote = character
        elif character == "#" and at and value[at - 1] in " \t":
            bare = value[:at].rstrip()
            return bare, value[len(bare) :]
    return value.rstrip(), ""


def _is_open(value: str) -> bool:
    """Whether a quoted part begins in the value and does not end there."""
    quote = ""
    for at, character in enumerate(value):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"" and _opens(value, at):
            quote = character
    return bool(quote)


def _opens(value: str, at: int) -> bool:
    """Whether a quote at this place begins a text, and is no apostrophe (`Joe's`)."""
    return at == 0 or value[at - 1] in " ([{,~=<>+|:"


def _deeper_than(lines: list[str], number: int) -> int | None:
    """The number of the line above that this one is indented deeper than, if there is a value."""
    indent = len(lines[number - 1]) - len(lines[number - 1].lstrip())
    for above, line in _lines_above(lines, number):
        if len(line) - len(line.lstrip()) < indent and _LINE.match(line):
            return above
        return None
    return None


def _lines_above(lines: list[str], number: int) -> Iterator[tuple[int, str]]:
    for above in range(number - 1, 0, -1):
        line = lines[above - 1]
        if line.strip() and not line.lstrip().startswith("#"):
            yield above, line
