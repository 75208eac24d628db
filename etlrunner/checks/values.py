"""Rules about the characters of a value, and about e-mail addresses; none ever shows the value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial

import polars as pl

from etlrunner.checks.listing import Message, RowRule

# C0, DEL and C1; line and paragraph separators; every character that Unicode calls Bidi_Control
_CONTROL = "\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069"
_BOM = "\\ufeff"
_INVISIBLE = "\\u00ad\\u200b-\\u200d\\u2060"
_OPENING, _CLOSING = "“”„", "“”"
_CURLY = f"^[{_OPENING}]|[{_CLOSING}]$"
_BACKSLASH = "\\\\"
_SUSPECT = f"[{_CONTROL}{_BOM}{_INVISIBLE}{_OPENING}{_BACKSLASH}]"
_ADDRESS = r"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$"


def characters(name: str, *, identifier: bool) -> Iterator[RowRule]:
    """What no value may hold, or had better not; one look at the column decides about all."""
    curly = f"(?s)^[{_OPENING}].*[{_CLOSING}]$"
    holds = partial(_holds, name, may_cut=not identifier)
    yield holds("asm-control-character", f"[{_CONTROL}]", "holds the control character")
    yield holds("asm-bom", _BOM, "holds the byte order mark")
    yield holds("asm-zero-width", f"[{_INVISIBLE}]", "holds the invisible character")
    yield holds("asm-curly-quotes", curly, "stands in curly quotes", cuts=_CURLY)
    rule = "asm-backslash-id" if identifier else "asm-backslash"
    yield holds(rule, _BACKSLASH, "holds a backslash")


def addresses(name: str, domains: tuple[str, ...]) -> Iterator[RowRule]:
    """Rules for an e-mail address, if there is one."""
    filled, well = pl.col(name) != "", pl.col(name).str.contains(_ADDRESS)
    yield RowRule("asm-email-malformed", filled & ~well, _says(f"{name} is no address"), name)
    if domains:
        outside = filled & well & ~in_domains(name, domains)
        message = f"{name} is outside the federated domains"
        yield RowRule("asm-email-domain", outside, _says(message), name)


def in_domains(name: str, domains: tuple[str, ...]) -> pl.Expr:
    """True where the address ends in one of the domains itself, whatever the case."""
    domain = pl.col(name).str.to_lowercase().str.extract("@([^@]*)$")
    return domain.is_in(list(domains)).fill_null(value=False)


def _holds(
    name: str, rule: str, pattern: str, what: str, *, may_cut: bool, cuts: str = ""
) -> RowRule:
    """The message names the character, not the value. `cuts` is what is cut off, if not all of it."""
    seen = re.compile(pattern)

    def message(cells: Mapping[str, str]) -> str:
        found = seen.search(cells[name])
        is_named = (
            found is not None and len(found.group()) == 1 and what.endswith(("character", "mark"))
        )
        return f"{name} {what}" + (f" U+{ord(found.group()):04X}" if found and is_named else "")

    suspect = pl.col(name).str.contains(_SUSPECT).any()
    broken = pl.col(name).str.contains(pattern)
    cut = pl.col(name).str.replace_all(cuts or pattern, "").str.strip_chars() if may_cut else None
    return RowRule(rule, broken, message, name, shows=(name,), gate=suspect, cut=cut)


def _says(message: str) -> Message:
    return lambda _: message
