"""Rows of one target table as the mapping makes them now, each with its source and every step between.

The same engine as a run, on a roster that is there already; nothing is kept of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from etlrunner import plan as plans
from etlrunner import table as tables
from etlrunner.lib import files, scratch
from etlrunner.mapping import apply, trace
from etlrunner.mapping.trace import Stepped, Trace
from etlrunner.model.flow import Flow
from etlrunner.model.surroundings import Progress
from etlrunner.model.tables import FinishedTable
from etlrunner.table import ROW
from etlrunner.why.records import Records


@dataclass(frozen=True)
class Sample:
    """One source row and one row of the target that came of it; `row` is None where none did."""

    asked: str
    """What it was asked by; empty for a row that was simply among the first."""
    source: Mapping[str, Any]
    row: Mapping[str, str] | None
    fate: str
    """`written`, the rule that took it out, or `not in the source`."""
    steps: Sequence[Stepped] = ()


@dataclass(frozen=True)
class Preview:
    """Some rows, and how many there are."""

    samples: Sequence[Sample]
    written: int


@dataclass(frozen=True)
class _Mapped:
    """The table as it has just been mapped, for whoever looks records up in it."""

    raw: Mapping[str, Path]
    made: FinishedTable

    @property
    def reasons(self) -> Mapping[str, tuple[str, ...]]:
        return {self.made.name: self.made.reasons}

    def finished(self, table: str) -> Path:
        return self.made.path

    def fate(self, table: str) -> Path:
        assert self.made.fate_path is not None
        return self.made.fate_path


def preview(
    flow: Flow,
    table: str,
    raw: Mapping[str, Path],
    *,
    as_of: date,
    ids: Sequence[str],
    most: int,
    progress: Progress,
) -> Preview:
    """The first `most` rows of a target table, or those of `ids`: keys, sourcedIds, whatever `why` takes."""
    with scratch.folder() as folder:
        made = apply.map_tables(
            flow, raw, folder, as_of=as_of, resolve=plans.transform, progress=progress, only=[table]
        )[table]
        records = Records(_Mapped(raw, made), flow, table)
        asked = dict(_asked(records, ids) if ids else _first(made, most))
        rows = sorted({row for many in asked.values() for row in many})
        traces = trace.trace(
            flow, table, raw, rows, files.private_folder(folder / "traced"), as_of=as_of,
            resolve=plans.transform, beside=records.beside(rows),
        ).traces  # fmt: skip
        sources = {source.pop(ROW): source for source in records.of(rows)}
    samples = [
        sample
        for word, many in asked.items()
        for sample in _samples(
            word if ids else "", word, [(traces[one], sources.get(one, {})) for one in many]
        )
    ]
    return Preview(samples, made.counts.written)


def _asked(records: Records, ids: Sequence[str]) -> Iterator[tuple[str, Sequence[int]]]:
    for word in ids:
        yield word, records.find([word]).rows


def _first(made: FinishedTable, most: int) -> Iterator[tuple[str, Sequence[int]]]:
    """Keys of the first rows that are written, with the source rows they were made from."""
    assert made.fate_path is not None
    written = tables.scan(made.fate_path).frame.filter(pl.col("fate") == 0).sort("key")
    for key, row in tables.collect(written.select("key", ROW).head(most)).iter_rows():
        yield key, [row]


def _samples(
    asked: str, word: str, found: Sequence[tuple[Trace, Mapping[str, Any]]]
) -> Iterator[Sample]:
    """Of a record that became several rows, the one with the key that was asked for, if it is one."""
    if not found:
        yield Sample(asked, {}, None, "not in the source")
    for one, source in found:
        if not one.made:
            yield Sample(asked, source, None, next(iter(one.fates), ""), one.steps)
        keys = [next(iter(made.cells.values()), "") for made in one.made]
        for key, made in zip(keys, one.made, strict=True):
            if word not in keys or key == word:
                row = made.cells if made.fate == trace.WRITTEN else None
                yield Sample(asked, source, row, made.fate, one.steps)
