"""Rules about identifiers: once only, in Apple's characters, and not two that look alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from etlrunner.checks import values
from etlrunner.checks.listing import Message, RowRule, shown

_SPACE = "[\\s\\u00a0\\u00ad\\u200b-\\u200f\\u2060\\ufeff]"
_NUMBER = r"^[0-9]+\.0+$|^[0-9](?:\.[0-9]+)?[eE]\+[0-9]+$"
"""What spreadsheets make of identifiers. `12E4` is a course in some districts, `12E+4` is not."""


def rules(key: str, *, made_here: bool) -> Iterator[RowRule]:
    """Rules about a table's key; keys that the mapping made (`made_here`) are not looked at for look-alikes."""
    cell = pl.col(key)
    yield RowRule(
        "asm-unique-key",
        ~cell.is_first_distinct() & (cell != ""),
        _says(key, "is in this file more than once"),
        key,
        # far cheaper than the exact answer, and can only err towards looking: our own files are sorted
        hint=(cell <= cell.shift(1)).any(),
        gate=cell.hash().n_unique() < pl.len(),
    )
    odd = values.has_odd_characters(key)
    says = _says(key, "has other characters than letters, digits, hyphens")
    broken = cell.str.contains(values.ODD_IN_IDENTIFIER)
    yield RowRule("asm-id-charset", broken, says, key, hint=odd)
    says = _says(key, "was taken for a number")
    yield RowRule("asm-spreadsheet-number", cell.str.contains(_NUMBER), says, key, hint=odd)
    if not made_here:
        yield from _look_alikes(key)


def _look_alikes(key: str) -> Iterator[RowRule]:
    cell = pl.col(key)
    lower = cell.str.to_lowercase()
    yield RowRule(
        "asm-id-case",
        lower.is_duplicated() & cell.is_unique(),
        _says(key, "differs from another one in upper and lower case only"),
        key,
        hint=values.has_odd_letters(key),
        gate=lower.hash().n_unique() < cell.hash().n_unique(),
    )
    spaced = cell.str.contains(_SPACE)
    squeezed = cell.str.replace_all(_SPACE, "")
    yield RowRule(
        "asm-id-space",
        spaced & squeezed.is_duplicated() & cell.is_unique(),
        _says(key, "differs from another one in white space only"),
        key,
        hint=values.has_odd_characters(key),
        gate=spaced.any(),
    )
    is_number, zero = cell.str.contains("^[0-9]+$"), cell.str.starts_with("0")
    length, with_zero = cell.str.len_bytes(), cell.str.len_bytes().filter(is_number & zero)
    yield RowRule(
        "asm-leading-zeros",
        is_number & ~zero & (length < with_zero.min()) & (with_zero.min() == with_zero.max()),
        _says(key, "is shorter than those that begin with 0"),
        key,
        gate=zero.any(),
    )


def _says(key: str, what: str) -> Message:
    def message(cells: Mapping[str, str]) -> str:
        return f"{key} = '{shown(cells[key])}' {what}"

    return message
