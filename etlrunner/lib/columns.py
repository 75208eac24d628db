"""Python values to Polars columns: text without surrounding white space, lists without empty items."""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from itertools import chain
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
    """A frame from values per column."""
    made = [raw(name, cells, lists, rows) for name, cells in values.items()]
    return finish([pl.DataFrame(made, height=rows)], lists, truths)


def raw(name: str, cells: Values, lists: Collection[str], rows: int) -> pl.Series:
    """A column for `finish`, without asking Polars to compute: pages are small, and each asking is dear.

    Lists travel joined and are split by Polars, which is five times faster than Python's lists.
    """
    return _joined(name, cells, rows) if name in lists else _text(name, cells, rows)


def texts(name: str, cells: Sequence[Any], *, is_clean: bool) -> pl.Series:
    """A column from texts, of which some may be None; those that are clean are taken as they are."""
    if not is_clean:
        cells = [cell.strip() if cell else "" for cell in cells]
    return _series(name, cells, pl.String)


def finish(
    pages: Sequence[pl.DataFrame], lists: Collection[str], truths: Collection[str]
) -> pl.DataFrame:
    """The second half, for several pages in one go."""
    if any(page.schema != pages[0].schema for page in pages[1:]):
        return pl.concat([finish([page], lists, truths) for page in pages])
    whole = pl.concat(pages) if len(pages) > 1 else pages[0]
    split_now = [
        pl.col(name).str.split(SEPARATOR).fill_null(NOTHING)
        for name, kind in whole.schema.items()
        if name in lists and kind == pl.String
    ]
    words = [truth(pl.col(name)).alias(name) for name in truths if name in whole.columns]
    made = [*split_now, *words]
    return whole.with_columns(made) if made else whole


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
        return _series(name, list(map(str.strip, cells)), pl.String)
    if kinds <= {str, type(None)}:
        return texts(name, cells, is_clean=False)
    return _series(name, [as_text(cell).strip(WHITE) for cell in cells], pl.String)


def _joined(name: str, cells: Values, rows: int) -> pl.Series:
    """Clean lists as one text each, null for an empty one; as lists where an item holds the separator."""
    flat = list(chain.from_iterable(cells or ()))
    if cells is None or not flat:
        return pl.Series(name, [None], dtype=pl.String).new_from_index(0, rows)
    if set(map(type, flat)) != {str} or list(map(str.strip, flat)) != flat or "" in flat:
        cells = [_clean(items) for items in cells]
        flat = list(chain.from_iterable(cells))
    if SEPARATOR in "".join(flat):
        return _series(name, cells, LIST)
    return _series(name, [SEPARATOR.join(items) if items else None for items in cells], pl.String)


def _series(name: str, cells: Sequence[Any], kind: Any) -> pl.Series:
    try:
        return pl.Series(name, cells, dtype=kind)
    except UnicodeError:
        raise Incomplete(f"column {name} holds half a character (a lone surrogate)") from None


def _clean(items: Sequence[object]) -> list[str]:
    stripped = (as_text(item).strip(WHITE) for item in items)
    return [item for item in stripped if item]
