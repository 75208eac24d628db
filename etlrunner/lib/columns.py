"""Python values to Polars columns: text without surrounding white space, lists without empty items."""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import polars as pl

from etlrunner.errors import Incomplete

WHITE = string.whitespace + "".join(
    chr(code)
    for code in (0x1C, 0x1D, 0x1E, 0x1F, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029,
                 0x202F, 0x205F, 0x3000)
)  # fmt: skip
"""What `str.strip` takes away; spelled out, because Polars' own idea of it differs."""
WHOLE = 2.0**53
"""From here on a number with a decimal point stands for several whole ones."""
SEPARATOR = "\x1f"
LIST = pl.List(pl.String)
NOTHING = pl.lit([], dtype=LIST)

Values = Sequence[Any] | None
"""One value per row; None where no row has any."""


def frame(
    values: Mapping[str, Values], lists: Collection[str], truths: Collection[str], rows: int
) -> pl.DataFrame:
    """A frame from values per column, in as few steps over all columns as can be.

    Lists travel joined and are split by Polars, which is five times faster than Python's lists.
    """
    raw = pl.DataFrame(
        [
            _joined(name, cells)
            if name in lists and cells is not None
            else _text(name, cells, rows)
            for name, cells in values.items()
        ],
        height=rows,
    )
    filled = {name: cells for name, cells in values.items() if name in lists and cells is not None}
    careful = _careful(raw, filled)
    exact = [
        pl.Series(name, [_clean(items) for items in cells], dtype=LIST)
        for name, cells in careful.items()
    ]
    split_now = [
        pl.col(name).str.split(SEPARATOR).fill_null(NOTHING) if cells is not None else empty(name)
        for name, cells in values.items()
        if name in lists and name not in careful
    ]
    words = [truth(pl.col(name)).alias(name) for name in truths if name in values]
    made = [*exact, *split_now, *words]
    return raw.with_columns(made) if made else raw


def empty(name: str) -> pl.Expr:
    """A list column in which nobody has anything."""
    return NOTHING.alias(name)


def as_text(value: object) -> str:
    """A scalar from JSON as the roster model writes it: booleans in words, absent values empty."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if abs(value) >= WHOLE:
            raise Incomplete("a number has more digits than can be kept; ids belong in quotes")
        return str(int(value)) if value.is_integer() else str(value)
    return str(value)


def trimmed(cell: pl.Expr) -> pl.Expr:
    return cell.fill_null("").str.strip_chars(WHITE)


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
    return pl.when(tidy == "").then(NOTHING).otherwise(tidy.str.split(","))


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


def _text(name: str, cells: Values, rows: int) -> pl.Series:
    """Finished text. Python strips it as quickly as Polars, on one core and without asking others."""
    if cells is None:
        return pl.Series(name, [""], dtype=pl.String).new_from_index(0, rows)
    kinds = set(map(type, cells))
    if kinds == {str}:
        text = list(map(str.strip, cells))
    elif kinds <= {str, type(None)}:
        text = [cell.strip() if cell else "" for cell in cells]
    else:
        text = [as_text(cell).strip(WHITE) for cell in cells]
    try:
        return pl.Series(name, text, dtype=pl.String)
    except UnicodeError:
        raise _no_unicode(name) from None


def _joined(name: str, cells: Sequence[Any]) -> pl.Series:
    try:
        joined = [SEPARATOR.join(items) if items else None for items in cells]
    except TypeError:
        joined = [SEPARATOR.join(map(as_text, items)) if items else None for items in cells]
    try:
        return pl.Series(name, joined, dtype=pl.String)
    except UnicodeError:
        raise _no_unicode(name) from None


def _careful(raw: pl.DataFrame, full: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    """The columns with an item that is empty, has white space around it, or holds the separator."""
    if not full:
        return {}
    edges = f"(?:^|{SEPARATOR})(?:[{WHITE}]|$)|[{WHITE}](?:{SEPARATOR}|$)"
    facts = raw.select(
        *(pl.col(name).str.contains(edges).any().alias(name) for name in full),
        *(
            pl.col(name)
            .str.count_matches(SEPARATOR, literal=True)
            .sum()
            .alias(f"{name}{SEPARATOR}")
            for name in full
        ),
    ).row(0, named=True)
    return {
        name: cells
        for name, cells in full.items()
        if facts[name] or facts[name + SEPARATOR] != sum(len(items) - 1 for items in cells if items)
    }


def _clean(items: Sequence[object]) -> list[str]:
    stripped = (as_text(item).strip(WHITE) for item in items)
    return [item for item in stripped if item]


def _no_unicode(name: str) -> Incomplete:
    return Incomplete(f"column {name} holds half a character (a lone surrogate)")
