"""What becomes of every cell at the end, in one place: text as Apple's files take it.

Unicode is composed (NFC); line breaks, tabs and other control characters become one space; backslashes
go, because Apple does not say how it reads one (`docs/apple-school-manager.md`, file rules); white space
around a value goes. Costly steps run only in columns that need them.
"""

from __future__ import annotations

import polars as pl

CONTROL = r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+"
ODD = r"[\x00-\x1f\x7f\\]|[^\x00-\x7f]|^ | $"
"""What a cell has that needs any attention; nearly no cell does."""


def cleaned(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with clean cells. Only text columns are touched."""
    names = [name for name, kind in frame.schema.items() if kind == pl.String]
    if not names or not len(frame):
        return frame
    odd = frame.select(pl.col(names).str.contains(ODD).any()).row(0)
    return frame.with_columns(clean(name) for name, needs in zip(names, odd, strict=True) if needs)


def clean(name: str) -> pl.Expr:
    """One column, whatever is in it."""
    return (
        pl.col(name)
        .str.replace_all(CONTROL, " ")
        .str.replace_all("\\", "", literal=True)
        .str.normalize("NFC")
        .str.strip_chars()
    )
