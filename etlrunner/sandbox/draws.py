"""Draws that are the same on every machine: a mixing of row numbers in plain integers."""

from __future__ import annotations

import zlib

import polars as pl

_MASK = 0xFFFF_FFFF
_SPAN = 2**32


def salt(seed: int, *words: object) -> int:
    """A number from 0 to 2**32 - 1 for a seed and a purpose."""
    return zlib.crc32("/".join(str(word) for word in (seed, *words)).encode())


def draw(index: pl.Expr, salted: int) -> pl.Expr:
    """A number from 0 to 2**32 - 1 for each row number; Polars' own hashes differ by version."""
    mixed = (index.cast(pl.UInt64) * _u(0x9E37_79B1) + _u(salted)) & _u(_MASK)
    for shift, factor in ((16, 0x85EB_CA6B), (13, 0xC2B2_AE35)):
        mixed = (mixed ^ (mixed // _u(2**shift))) * _u(factor) & _u(_MASK)
    return mixed ^ (mixed // _u(2**16))


def below(index: pl.Expr, salted: int, count: int | pl.Expr) -> pl.Expr:
    """A number from 0 to count - 1 for each row number."""
    limit = _u(count) if isinstance(count, int) else count.cast(pl.UInt64)
    return (draw(index, salted) * limit // _u(_SPAN)).cast(pl.Int64)


def few(rows: int, rate: float, salted: int, *, one_from: int = 100) -> pl.Series:
    """True for `rate` of the rows, to the row; at least for one where there are `one_from` rows."""
    wanted = min(rows, int(rows * rate))
    if rate > 0 and rows >= one_from:
        wanted = max(1, wanted)
    if wanted == 0:
        return pl.repeat(False, rows, eager=True)
    drawn = pl.select(draw(pl.int_range(rows), salted)).to_series()
    return drawn <= drawn.bottom_k(wanted).max()


def among(values: list[str] | tuple[str, ...], index: pl.Expr, salted: int) -> pl.Expr:
    """One of the values for each row number."""
    return pl.lit(pl.Series(values)).gather(below(index, salted, len(values)))


def numbered(before: str, number: pl.Expr, after: str = "") -> pl.Expr:
    """A text around a number: identifiers and addresses."""
    return pl.concat_str([pl.lit(before), number.cast(pl.String), pl.lit(after)])


def indexed(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with their numbers in `index`, wide enough to reckon with."""
    return rows.with_row_index("index").with_columns(pl.col("index").cast(pl.Int64))


def _u(number: int) -> pl.Expr:
    return pl.lit(number, dtype=pl.UInt64)
