"""Rules about the characters of a value, and about e-mail addresses; none ever shows the value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import polars as pl

from etlrunner.checks.listing import Message, RowRule

# C0, DEL and C1; line and paragraph separators; every character that Unicode calls Bidi_Control
_CONTROL = "\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069"
_BOM = "\\ufeff"
_INVISIBLE = "\\u00ad\\u200b-\\u200d\\u2060"
_OPENING, _CLOSING = "“”„", "“”"
_BACKSLASH = "\\\\"
_SUSPECT = f"[{_CONTROL}{_BOM}{_INVISIBLE}{_OPENING}{_BACKSLASH}]"
_ADDRESS = r"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$"


def characters(name: str, *, identifier: bool) -> Iterator[RowRule]:
    """What no value may hold, or had better not; one look at the column decides about all."""
    curly = f"(?s)^[{_OPENING}].*[{_CLOSING}]$"
    yield _holds("asm-control-character", name, f"[{_CONTROL}]", "holds the control character")
    yield _holds("asm-bom", name, _BOM, "holds the byte order mark")
    yield _holds("asm-zero-width", name, f"[{_INVISIBLE}]", "holds the invisible character")
    yield _holds("asm-curly-quotes", name, curly, "stands in curly quotes")
    rule = "asm-backslash-id" if identifier else "asm-backslash"
    yield _holds(rule, name, _BACKSLASH, "holds a backslash")


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


def _holds(rule: str, name: str, pattern: str, what: str) -> RowRule:
    """The message names the character, not the value."""
    seen = re.compile(pattern)

    def message(cells: Mapping[str, str]) -> str:
        found = seen.search(cells[name])
        is_named = (
            found is not None and len(found.group()) == 1 and what.endswith(("character", "mark"))
        )
        return f"{name} {what}" + (f" U+{ord(found.group()):04X}" if found and is_named else "")

    suspect = pl.col(name).str.contains(_SUSPECT).any()
    broken = pl.col(name).str.contains(pattern)
    return RowRule(rule, broken, message, name, shows=(name,), gate=suspect)


def _says(message: str) -> Message:
    return lambda _: message
