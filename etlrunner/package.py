"""Finished tables -> six CSV files in Apple's dialect -> one zip, the same bytes for the same rows.

The dialect (Apple, "Template information for importing data"): UTF-8 without BOM, LF, a comma, straight
quotes around a value that holds a space, comma, semicolon or quote and around no other, `\\"` for a
quote inside. Apple does not say how a lone backslash is read, so none is written: it is left out of the
value, and the check `asm-backslash` says so beforehand. Line breaks and tabs never come this far; the
checks refuse them, and so does the last look here.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from etlrunner import table
from etlrunner.errors import ChecksFailed
from etlrunner.lib import archive, files
from etlrunner.model.delivery import Archive
from etlrunner.model.problems import Finding
from etlrunner.target import FILE_ORDER, Target

ROWS = 250_000
"""Rows made into text at a time: about 20 MB of CSV, whatever the table's size."""

_NEEDS_CARE = r'[ ,;"\\]'


def package(target: Target, finished: Mapping[str, Path], path: Path) -> Archive:
    """Write the archive, read it back, and only then give it its name."""
    order = [name for name in FILE_ORDER if name in target.tables]
    with files.placing(path) as beside:
        written = archive.write(
            beside, ((f"{name}.csv", csv_blocks(name, finished[name])) for name in order)
        )
        archive.verify(beside, written)
    return Archive(
        path=path,
        content_hash=written.content_hash,
        size=written.size,
        rows={name: table.rows_in(finished[name]) for name in order},
        sha256=written.sha256,
    )


def content_hash(finished: Mapping[str, Path]) -> str:
    """The content hash that a package of these tables would have; empty if they cannot be read."""
    digests = {}
    try:
        for name in (name for name in FILE_ORDER if name in finished):
            digest = hashlib.sha256()
            for block in csv_blocks(name, finished[name]):
                digest.update(block)
            digests[f"{name}.csv"] = digest.hexdigest()
    except (OSError, pl.exceptions.PolarsError):
        return ""
    return archive.content_hash(digests)


def csv_blocks(name: str, path: Path) -> Iterator[bytes]:
    """The bytes of one CSV file: the header, then the rows as they stand in the finished table."""
    frame = pl.scan_parquet(path)
    names = [column for column in frame.collect_schema().names() if column != table.ROW]
    yield ",".join(names).encode("utf-8") + b"\n"
    for start in range(0, table.rows_in(path), ROWS):
        yield csv_lines(name, table.collect(frame.select(names).slice(start, ROWS)))


def csv_lines(name: str, rows: pl.DataFrame) -> bytes:
    """Rows as Apple's CSV, without header. Raises ChecksFailed for what no quoting can carry."""
    buffer = io.BytesIO()
    rows.select(_quoted(rows[name]) for name in rows.columns).write_csv(
        buffer, include_header=False, quote_style="never", line_terminator="\n"
    )
    lines = buffer.getvalue()
    if lines.count(b"\n") != rows.height or b"\r" in lines or b"\t" in lines:
        raise ChecksFailed(
            [Finding("asm-control-character", "error", "a value holds a line break or a tab", name)]
        )
    return lines


def _quoted(column: pl.Series) -> pl.Series:
    """The column with quotes where Apple wants them; most columns need none and stay as they are."""
    if not column.str.contains(_NEEDS_CARE).any():
        return column
    text = column.str.replace_all("\\", "", literal=True)
    wrapped = pl.Series(['"']) + text.str.replace_all('"', '\\"', literal=True) + pl.Series(['"'])
    return wrapped.zip_with(text.str.contains(_NEEDS_CARE), text).alias(column.name)
