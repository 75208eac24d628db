"""Tables: a petl `Table` over Polars columns, and the one door through which frames become data.

A cell is text, a missing one the empty text; some columns are lists of text. Every frame that is
frozen carries `_row`, its number in the order the source delivered. Two lazy results are never
aligned by position: what belongs together is joined on `_row` or selected in one go.

Every `collect` and `sink` of the program goes through here (a lint holds that), because a lazy
scan that returns rows out of order would give one child's value to another
(`tests/table/test_order.py` is the case that Polars 2.1.0 got wrong).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import petl
import polars as pl
from polars.io.plugins import register_io_source

from etlrunner.lib import files

petl.config.failonerror = True  # else a cell that fails would silently become None
petl.config.sort_buffersize = (
    None  # else petl sorts large tables in a temporary file: these are children
)
ROW = "_row"
TEXT = pl.String
LIST = pl.List(pl.String)
BATCH = 50_000
"""Rows per batch where Python rows become columns."""


class ColumnTable(petl.Table):  # type: ignore[misc]
    """A petl table over a lazy frame: rows for whoever iterates, columns for whoever asks `frame`."""

    def __init__(self, frame: pl.LazyFrame) -> None:
        self.frame = frame

    def __iter__(self) -> Iterator[tuple[object, ...]]:
        names = [name for name in self.frame.collect_schema().names() if name != ROW]
        yield tuple(names)
        yield from collect(self.frame.select(names)).iter_rows()


class NumberedTable(ColumnTable):
    """The same, whose rows show their `_row`: what a transform written with petl keeps, it kept."""

    def __iter__(self) -> Iterator[tuple[object, ...]]:
        yield tuple(self.frame.collect_schema().names())
        yield from collect(self.frame).iter_rows()


class BatchTable(petl.Table):  # type: ignore[misc]
    """A petl table over frames that arrive one after the other, once: pages of a pull."""

    def __init__(self, schema: Mapping[str, pl.DataType], batches: Iterable[pl.DataFrame]) -> None:
        self.schema = dict(schema)
        self.batches = batches

    def __iter__(self) -> Iterator[tuple[object, ...]]:
        yield tuple(self.schema)
        for batch in self.batches:
            yield from batch.select(list(self.schema)).iter_rows()


def schema_of(columns: Sequence[str], lists: Iterable[str] = ()) -> dict[str, pl.DataType]:
    """The frame schema of text columns, some of which are lists of text."""
    wanted = frozenset(lists)
    return {name: LIST if name in wanted else TEXT() for name in columns}


def collect(frame: pl.LazyFrame) -> pl.DataFrame:
    """The rows of a lazy frame, in order."""
    return frame.collect()  # door: the only one


def stream(frame: pl.LazyFrame) -> pl.DataFrame:
    """Like `collect`, by the engine that works in batches: less memory for small results."""
    return frame.collect(engine="streaming")  # door


def sink(frame: pl.LazyFrame, path: Path, compression: str = "lz4") -> Path:
    """Stream a lazy frame into a private Parquet file that appears whole or not at all."""
    with files.placing(path) as beside:
        frame.sink_parquet(beside, compression=compression, maintain_order=True)  # type: ignore[call-overload]  # door
    return path


def scan(path: Path) -> ColumnTable:
    """A frozen table, read when somebody asks."""
    return ColumnTable(pl.scan_parquet(path))


def begins_run(column: str) -> pl.Expr:
    """True in the first row of each run of equal values: a cheap way to look up fewer of them."""
    return pl.col(column).ne_missing(pl.col(column).shift(1)) | (pl.int_range(pl.len()) == 0)


def rows_in(path: Path) -> int:
    """How many rows a frozen table has; reads only the file's end."""
    return int(stream(pl.scan_parquet(path).select(pl.len())).item())


def can_be_opened(path: Path) -> bool:
    """Whether a file that lay on the disk for a while is a frozen table still; reads only its end."""
    try:
        return bool(pl.read_parquet_schema(path))
    except (OSError, pl.exceptions.PolarsError):
        return False


def freeze(table: petl.Table, path: Path, schema: Mapping[str, pl.DataType]) -> int:
    """Write a table to Parquet with `_row` in front; return the number of rows.

    Memory does not grow with the table: columns and batches stream, rows go in batches of `BATCH`.
    """
    if isinstance(table, ColumnTable):
        frame = table.frame.select(list(schema))
    else:
        batches = table.batches if isinstance(table, BatchTable) else to_batches(table, schema)
        frame = _lazy(iter(batches), schema)
    sink(frame.with_row_index(ROW), path)
    return rows_in(path)


def frame_of(table: petl.Table, lists: Iterable[str] = ()) -> pl.LazyFrame:
    """The columns of any petl table; a table that is not over columns is read once, now."""
    if isinstance(table, ColumnTable):
        return table.frame
    header = [str(name) for name in next(iter(table))]
    schema = schema_of(header, lists)
    if ROW in schema:
        schema[ROW] = pl.UInt32()
    frames = list(to_batches(table, schema))
    return pl.concat(frames).lazy() if frames else pl.LazyFrame(schema=schema)


def to_batches(
    table: Iterable[Sequence[object]], schema: Mapping[str, pl.DataType]
) -> Iterator[pl.DataFrame]:
    """Frames of at most `BATCH` rows from a header and rows; None becomes the empty text or list."""
    rows = iter(table)
    header = [str(name) for name in next(rows)]
    places = [header.index(name) for name in schema]
    empties: list[object] = [
        [] if kind == LIST else "" if kind == TEXT else None for kind in schema.values()
    ]
    batch: list[list[object]] = []
    for row in rows:
        batch.append(
            [
                empty if place >= len(row) or row[place] is None else row[place]
                for place, empty in zip(places, empties, strict=True)
            ]
        )
        if len(batch) == BATCH:
            yield pl.DataFrame(batch, schema=dict(schema), orient="row")
            batch = []
    if batch:
        yield pl.DataFrame(batch, schema=dict(schema), orient="row")


def _lazy(batches: Iterator[pl.DataFrame], schema: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    """A lazy frame that draws from an iterator, once, keeping its order."""

    def produce(
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        for batch in batches:
            frame = batch.select(list(schema))
            if with_columns is not None:
                frame = frame.select(with_columns)
            yield frame if predicate is None else frame.filter(predicate)

    return register_io_source(produce, schema=pl.Schema(schema), is_pure=False)
