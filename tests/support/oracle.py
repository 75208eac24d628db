"""Jinja2 itself, row by row, with the published differences: what compiled expressions are compared with.

The differences are written here a second time, in plain Python, on purpose.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
import uuid
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

import jinja2
from jinja2 import nodes

MOST = 10**15 - 1


class Oracle(jinja2.Environment):
    """One member beyond the end is the empty text; the rest is in filters and in the tree."""

    def getitem(self, obj: Any, argument: Any) -> Any:
        try:
            return obj[argument]
        except (IndexError, TypeError):
            return ""


def cell(expression: str, row: Mapping[str, Any], today: date) -> Any:
    """What Jinja2 makes of an expression for one row, as a cell: text, a list, or a truth."""
    value = _compiled(expression)(**row, today=today)
    return value if isinstance(value, (list, bool)) else str(value)


_kept: dict[str, Callable[..., Any]] = {}


def _compiled(expression: str) -> Callable[..., Any]:
    if expression not in _kept:
        _kept[expression] = _template(expression) if "{{" in expression else _value(expression)
    return _kept[expression]


def _value(expression: str) -> Callable[..., Any]:
    """The value of an expression, by way of `set`: a rendered template would be text."""
    tree = ENVIRONMENT.parse("{% set result = (" + expression + ") %}")
    template = _finished(tree)
    return lambda **row: template.make_module(row).result


def _template(expression: str) -> Callable[..., Any]:
    template = _finished(ENVIRONMENT.parse(expression))
    return template.render


def _finished(tree: nodes.Template) -> jinja2.Template:
    """An `if` without `else` has the empty value of its one branch's type; `~` writes no date as nothing."""
    for choice in tree.find_all(nodes.CondExpr):
        if choice.expr2 is None:
            choice.expr2 = nodes.Filter(choice.expr1, "nothing_like", [], [], None, None, lineno=1)
    for output in tree.find_all(nodes.Output):
        output.nodes = [_written(node) for node in output.nodes]
    for joined in tree.find_all(nodes.Concat):
        joined.nodes = [_written(node) for node in joined.nodes]
    tree.set_environment(ENVIRONMENT)
    return ENVIRONMENT.from_string(tree)


def _written(node: nodes.Node) -> nodes.Node:
    if isinstance(node, nodes.TemplateData):
        return node
    return nodes.Filter(node, "text", [], [], None, None, lineno=1)


def _text(value: Any) -> str:
    return str(value)


def _nothing_like(value: Any) -> Any:
    if isinstance(value, list):
        return []
    return NO_DATE if isinstance(value, (date, NoDate)) else ""


class NoDate:
    """No date: equal to itself, and neither before nor after anything."""

    def __str__(self) -> str:
        return ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NoDate)

    def __hash__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return False

    def _no(self, other: object) -> bool:
        return False

    __lt__ = __le__ = __gt__ = __ge__ = _no


NO_DATE = NoDate()


def _dated(day: Any, form: str) -> str:
    """glibc writes the year 1 as 1, other systems as 0001; here it is 0001."""
    if day == NO_DATE:
        return ""
    years = (f"{day.year:04d}" if part == "%Y" else part for part in re.split("(%.)", form))
    return day.strftime("".join(years))


def _date(text: str, format: str = "%Y-%m-%d") -> Any:
    try:
        return datetime.strptime(text, format).date()  # noqa: DTZ007
    except ValueError:
        return NO_DATE


def _int(value: Any, default: int = 0) -> int:
    number = jinja2.filters.do_int(value, None)
    return default if number is None or abs(number) > MOST else number


def _strip_accents(text: str) -> str:
    parts = [one for one in unicodedata.normalize("NFD", text) if unicodedata.category(one) != "Mn"]
    return unicodedata.normalize("NFC", "".join(parts))


def _split(text: str, separator: str = "") -> list[str]:
    return (text.split(separator) if text else []) if separator else text.split()


def _add_days(day: Any, days: int) -> Any:
    try:
        return NO_DATE if day == NO_DATE else date.fromordinal(day.toordinal() + days)
    except ValueError:
        return NO_DATE


def _school_year(day: Any, first_month: int = 7) -> int:
    """July 2026 to June 2027 is 2027; a year that begins in January ends in the same one."""
    if day == NO_DATE:
        return 0
    return day.year if first_month == 1 or day.month < first_month else day.year + 1


def _proper(text: str) -> str:
    """What stands before a character, its marks left aside, is a letter: then it is small."""
    made = []
    for place, one in enumerate(text):
        before = text[:place][-400:]
        while before and unicodedata.category(before[-1]).startswith("M"):
            before = before[:-1]
        made.append(one.lower() if before[-1:].isalpha() else one.upper())
    return "".join(made)


SPELT = {
    "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D",
    "þ": "th", "Þ": "Th", "ł": "l", "Ł": "L", "ħ": "h", "Ħ": "H", "ı": "i", "ŋ": "ng", "Ŋ": "Ng", "ŧ": "t", "Ŧ": "T",
    "\u2018": "'", "\u2019": "'", "\u02bc": "'", "\u02bb": "'", "\u201c": '"', "\u201d": '"',
    "\u2010": "-", "\u2011": "-", "\u2013": "-", "\u2014": "-", "\u2026": "...",
}  # fmt: skip


def _ascii(text: str) -> str:
    spelt = "".join(SPELT.get(one, one) for one in text)
    return "".join(one for one in unicodedata.normalize("NFKD", spelt) if ord(one) < 128)


def _slug(text: str) -> str:
    return re.sub("[^a-z0-9]+", "-", _ascii(text).lower()).strip("-")


def _replaced(text: str, pattern: str, replacement: str) -> str:
    """`${1}` and `$$` in Python's words; a group that took no part is empty in both."""
    parts = re.split(r"(\$\$|\$\{\d\})", replacement)

    def fill(match: re.Match[str]) -> str:
        return "".join(
            "$" if part == "$$" else (match[int(part[2])] or "") if part[:2] == "${" else part
            for part in parts
        )

    return re.sub(pattern, fill, text)


def _uuid(text: str, namespace: str = "") -> str:
    root = uuid.uuid5(uuid.NAMESPACE_URL, "https://etlrunner.invalid/uuid")
    return str(uuid.uuid5(uuid.uuid5(root, namespace), text)) if text else ""


def _hash(text: str, length: int = 64, namespace: str = "") -> str:
    lead = namespace + "\0" if namespace else ""
    return hashlib.sha256((lead + text).encode()).hexdigest()[:length] if text else ""


def _first(value: Any) -> str:
    return value[0] if value else ""


def _last(value: Any) -> str:
    return value[-1] if value else ""


ENVIRONMENT = Oracle()
ENVIRONMENT.filters.update(
    {
        "nothing_like": _nothing_like,
        "text": _text,
        "string": _text,
        "proper": _proper,
        "ascii": _ascii,
        "slug": _slug,
        "compact": lambda members: [one for one in members if one],
        "join": lambda members, separator="": separator.join(members),
        "remove_prefix": lambda text, prefix: text.removeprefix(prefix),
        "remove_suffix": lambda text, suffix: text.removesuffix(suffix),
        "add_days": _add_days,
        "school_year": _school_year,
        "first": _first,
        "last": _last,
        "default": lambda value, default_value, boolean=True: value or default_value,
        "d": lambda value, default_value, boolean=True: value or default_value,
        "split": _split,
        "pad_left": lambda text, width, fill="0": text.rjust(width, fill) if text else "",
        "strip_accents": _strip_accents,
        "digits": lambda text: "".join(one for one in text if one in "0123456789"),
        "initials": lambda text: "".join(
            word[0].upper() for part in text.split() for word in part.split("-") if word
        ),
        "regex_replace": _replaced,
        "regex_match": lambda text, pattern: bool(re.fullmatch(pattern, text)),
        "date": _date,
        "format_date": lambda day, format="%Y-%m-%d": _dated(day, format),
        "int": _int,
        "uuid": _uuid,
        "hash": _hash,
        "sort": lambda value, reverse=False, case_sensitive=False: sorted(
            value, key=None if case_sensitive else str.lower, reverse=reverse
        ),
        "unique": jinja2.pass_environment(
            lambda environment, value, case_sensitive=False: list(
                jinja2.filters.sync_do_unique(environment, value, case_sensitive)
            )
        ),
    }
)
ENVIRONMENT.tests.update(
    {
        "empty": lambda value: not value,
        "integer": lambda text: re.fullmatch("-?[0-9]{1,15}", text) is not None,
        "date": lambda text, format="%Y-%m-%d": _date(text, format) != NO_DATE,
        "starting_with": lambda text, start: text[: len(start)] == start,
        "ending_with": lambda text, end: text[-len(end) :] == end,
        "matching": lambda text, pattern: bool(re.fullmatch(pattern, text)),
    }
)
