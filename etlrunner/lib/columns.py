"""Python values to Polars columns: text without surrounding white space, lists without empty items."""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Iterable, Sequence

import polars as pl

from etlrunner.errors import Incomplete

WHITE = string.whitespace + "".join(
    chr(code)
    for code in (0x1C, 0x1D, 0x1E, 0x1F, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029,
                 0x202F, 0x205F, 0x3000)
)  # fmt: skip
"""What `str.strip` takes away; spelled out, because Polars' own idea of it differs."""
SEPARATOR = "\x1f"
LIST = pl.List(pl.String)


def as_text(value: object) -> str:
    """A scalar from JSON as the roster model writes it: booleans in words, absent values empty."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def text(name: str, values: Sequence[object]) -> pl.Series:
    """A text column; the quick way when every value is text or None."""
    try:
        column = pl.Series(name, values, dtype=pl.String, strict=True)
    except TypeError:
        column = pl.Series(name, [as_text(value) for value in values], dtype=pl.String)
    except UnicodeError:
        raise _no_unicode(name) from None
    return trimmed(column)


def trimmed(column: pl.Series) -> pl.Series:
    return column.fill_null("").str.strip_chars(WHITE)


def truth(cell: pl.Expr) -> pl.Expr:
    """Text that means a boolean in the two words of the model; anything else stays as it came."""
    lower = cell.str.to_lowercase()
    return (
        pl.when(lower.is_in(["true", "1"]))
        .then(pl.lit("true"))
        .when(lower.is_in(["false", "0"]))
        .then(pl.lit("false"))
        .otherwise(cell)
    )


def split(cell: pl.Expr) -> pl.Expr:
    """Lists from cells that hold several values with commas, as OneRoster's CSV binding has them."""
    tidy = cell.str.replace_all(f"[{WHITE}]*,[{WHITE},]*", ",").str.strip_chars(WHITE + ",")
    return pl.when(tidy == "").then(pl.lit([], dtype=LIST)).otherwise(tidy.str.split(","))


def lists(name: str, values: Sequence[Sequence[object]]) -> pl.Series:
    """A column of lists. Joined and split again by Polars, which is five times faster than lists."""
    try:
        joined = [SEPARATOR.join(items) if items else None for items in values]  # type: ignore[arg-type]
    except TypeError:
        values = [[as_text(item) for item in items] for items in values]
        joined = [SEPARATOR.join(items) if items else None for items in values]  # type: ignore[arg-type]
    try:
        column = pl.Series(name, joined, dtype=pl.String)
    except UnicodeError:
        raise _no_unicode(name) from None
    if column.null_count() == len(column):
        return pl.Series(name, [[]] * len(column), dtype=LIST)
    if _needs_care(column, values):
        return pl.Series(name, [_clean(items) for items in values], dtype=LIST)
    return _split(column)


def without_repeats(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))


def _split(column: pl.Series) -> pl.Series:
    parts = column.str.split(SEPARATOR)
    empty = pl.Series(column.name, [[]], dtype=LIST)
    return parts.to_frame().select(pl.col(column.name).fill_null(pl.lit(empty))).to_series()


def _needs_care(column: pl.Series, values: Sequence[Sequence[object]]) -> bool:
    """Is there an item that is empty, has white space around it, or holds the separator itself?"""
    edges = f"(^|{SEPARATOR})([{WHITE}]|{SEPARATOR}|$)|[{WHITE}](?:{SEPARATOR}|$)"
    if column.str.contains(edges).any():
        return True
    found = int(column.str.count_matches(SEPARATOR, literal=True).sum())
    return found != sum(len(items) - 1 for items in values if items)


def _clean(items: Sequence[object]) -> list[str]:
    stripped = (as_text(item).strip(WHITE) for item in items)
    return [item for item in stripped if item]


def _no_unicode(name: str) -> Incomplete:
    return Incomplete(f"column {name} holds half a character (a lone surrogate)")


def hidden(text: str) -> list[str]:
    """The characters of a text that nobody sees: controls, zero-width ones, odd spaces."""
    return sorted(
        {
            f"U+{ord(each):04X}"
            for each in text
            if unicodedata.category(each) in ("Cc", "Cf", "Zl", "Zp", "Co", "Cn")
            or (unicodedata.category(each) == "Zs" and each != " ")
        }
    )
