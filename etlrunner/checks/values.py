"""Rules about the characters of a value, damage on its way, and addresses; none ever shows the value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

import polars as pl

from etlrunner.checks.listing import RowRule, always

# C0, DEL and C1; line and paragraph separators; every character that Unicode calls Bidi_Control
_CONTROL = "\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069"
_BOM = "\\ufeff"
_INVISIBLE = "\\u00ad\\u200b-\\u200d\\u2060"
_OPENING, _CLOSING = "“”„", "“”"
_CURLY = f"^[{_OPENING}]|[{_CLOSING}]$"
_BACKSLASH = "\\\\"
_SUSPECT = f"[{_CONTROL}{_BOM}{_INVISIBLE}{_OPENING}{_BACKSLASH}]"
_MOJIBAKE = "\\ufffd|[ÂÃÄÅÐÑ][\\u0080-\\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|â€|ï»¿|ðŸ"
"""UTF-8 read as Latin-1 or Windows-1252, and the mark for what could not be read at all."""
_SHEET_ERRORS = "#N/A|#REF!|#VALUE!|#NAME\\?|#DIV/0!|#NULL!|#NUM!|#####+"
_NOTHING = "nan|null|none|nil|undefined|n/a|<null>"
_LONGEST_NOTHING = len("undefined")
_APART = "\ue000"
"""Between values, where all are searched in one go; nobody's name has a private-use character."""
ODD_IN_IDENTIFIER = r"[^A-Za-z0-9-]"
LONGEST = 1_024
"""Characters beyond which no value is what it should be; Apple publishes no length."""
_ADDRESS = r"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$"


def characters(name: str, *, identifier: bool) -> Iterator[RowRule]:
    """What no value may hold, or had better not; one look at the column decides about all.

    An identifier in Apple's characters can only be too long: whether there is another is asked first.
    """
    hint = has_odd_characters(name) if identifier else _may_be_odd(name)
    for rule in _characters(name, identifier=identifier):
        yield rule if rule.among is not None and not identifier else replace(rule, hint=hint)
    yield _oversized(name, identifier=identifier)


def has_odd_characters(name: str) -> pl.Expr:
    """Whether any value of an identifier has a character that Apple does not know in one."""
    return _any_holds(name, ODD_IN_IDENTIFIER)


def has_odd_letters(name: str) -> pl.Expr:
    """Whether any value of an identifier has a letter that is another one in lower case, or may have."""
    return _any_holds(name, r"[A-Z\x{80}-\x{10ffff}]")


def _may_be_odd(name: str) -> pl.Expr:
    """Whether any value has a character that is worth a look, or white space at an end: one search for all.

    A value that holds the separator itself only makes us look.
    """
    edge = "[ \\t\\u00a0]"
    odd = f"{_SUSPECT}|{_APART}{edge}|{edge}{_APART}"
    whole = pl.concat_str(pl.lit(_APART), pl.col(name).str.join(_APART), pl.lit(_APART))
    return whole.str.contains(odd).first()


def _any_holds(name: str, character: str) -> pl.Expr:
    """Whether any value has a character of the class: the same of all values in one long text.

    One search through a column's text costs a fraction of a search per value. Only for patterns that
    match single characters: anything longer could match across the end of a value.
    """
    return pl.col(name).str.join("").str.contains(character).first()


def _characters(name: str, *, identifier: bool) -> Iterator[RowRule]:
    curly = f"(?s)^[{_OPENING}].*[{_CLOSING}]$"
    holds = partial(_holds, name, may_cut=not identifier)
    yield holds("asm-control-character", f"[{_CONTROL}]", "holds the control character")
    yield holds("asm-bom", _BOM, "holds the byte order mark")
    yield holds("asm-zero-width", f"[{_INVISIBLE}]", "holds the invisible character")
    yield holds("asm-curly-quotes", curly, "stands in curly quotes", cuts=_CURLY)
    rule = "asm-backslash-id" if identifier else "asm-backslash"
    yield holds(rule, _BACKSLASH, "holds a backslash")
    foreign = pl.col(name).str.len_bytes() != pl.col(name).str.len_chars()
    damaged = pl.col(name).str.contains(_MOJIBAKE)
    says = always(f"{name} was read in the wrong encoding")
    yield RowRule("asm-mojibake", damaged, says, name, gate=foreign.any(), among=foreign)
    composed = pl.col(name).str.normalize("NFC")
    says = always(f"{name} is not composed (NFC)")
    is_other = composed != pl.col(name)
    yield RowRule("asm-not-nfc", is_other, says, name, gate=foreign.any(), among=foreign)
    yield from _outer_space(name)


def _oversized(name: str, *, identifier: bool) -> RowRule:
    cell = pl.col(name)
    return RowRule(
        "asm-oversized", cell.str.len_chars() > LONGEST,
        always(f"{name} is longer than {LONGEST:,} characters"), name,
        gate=cell.str.len_bytes().max() > LONGEST,
        cut=None if identifier else cell.str.slice(0, LONGEST).str.strip_chars(),
    )  # fmt: skip


def placeholders(name: str, *, strict: bool) -> Iterator[RowRule]:
    """Words that stand for no value; a surname may be Null, so `strict` is for other columns."""
    pattern = f"(?i)^(?:{_SHEET_ERRORS}{'|' + _NOTHING if strict else ''})$"
    numeral = pl.col(name).str.starts_with("#")
    short = pl.col(name).str.len_bytes() <= _LONGEST_NOTHING
    hint = ((numeral | short) if strict else numeral).any()
    says = always(f"{name} holds a word that stands for no value")
    yield RowRule("asm-placeholder", pl.col(name).str.contains(pattern), says, name, hint=hint)


def _outer_space(name: str) -> Iterator[RowRule]:
    cell = pl.col(name)
    edges = [
        edge
        for one in (" ", "\t", "\u00a0")
        for edge in (cell.str.starts_with(one), cell.str.ends_with(one))
    ]
    at_edge = pl.any_horizontal(edges)
    outer = at_edge & cell.str.contains(r"[^\s\u00a0]")
    yield RowRule(
        "asm-outer-space",
        outer,
        always(f"{name} has white space around it"),
        name,
        gate=at_edge.any(),
    )


def addresses(name: str, domains: tuple[str, ...]) -> Iterator[RowRule]:
    """Rules for an e-mail address, if there is one."""
    filled, well = pl.col(name) != "", pl.col(name).str.contains(_ADDRESS)
    yield RowRule("asm-email-malformed", filled & ~well, always(f"{name} is no address"), name)
    if domains:
        outside = filled & well & ~in_domains(name, domains)
        message = f"{name} is outside the federated domains"
        yield RowRule("asm-email-domain", outside, always(message), name)


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

    suspect = _any_holds(name, _SUSPECT)
    broken = pl.col(name).str.contains(pattern)
    cut = pl.col(name).str.replace_all(cuts or pattern, "").str.strip_chars() if may_cut else None
    return RowRule(rule, broken, message, name, shows=(name,), gate=suspect, cut=cut)
