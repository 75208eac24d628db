"""Source to raw tables: each complete and frozen to Parquet, or the run ends and none is left."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import petl
import polars as pl

from etlrunner import roster
from etlrunner.errors import EtlError, Incomplete, Unreachable
from etlrunner.lib import files, stop, unfinished
from etlrunner.lib.paging import Moved
from etlrunner.model.components import SourceConnection
from etlrunner.model.surroundings import Clock, Progress
from etlrunner.model.tables import RawTable
from etlrunner.table import (
    ROW,
    BatchTable,
    collect,
    freeze,
    schema_of,
    sink,
    stream,
)

MOST_PULLS = 4
"""How often one table is read at most until a reading is proven, or equal to the one before."""
AT_ONCE = 500_000
"""Ids that are told apart in one go; each costs some 30 bytes meanwhile."""
LAST_WORDS = 30.0
"""Seconds that aborted pulls get to end by themselves."""
KEY = "sourcedId"


def extract(
    connection: SourceConnection,
    tables: Sequence[str],
    folder: Path,
    *,
    clock: Clock,
    progress: Progress,
    concurrency: int = 2,
    deadline: timedelta | None = None,
    verify: str = "auto",
    columns: Mapping[str, Sequence[str]] | None = None,
    have: Mapping[str, RawTable] | None = None,
    ended: Mapping[str, datetime] | None = None,
    keep_complete: bool = False,
) -> dict[str, RawTable]:
    """Pull `tables` side by side into `folder/raw`; the first failure ends all of them.

    Of each table only the model's `columns` that are named are kept, and those that a project's own
    definition adds; a source that can is told (`narrow`), so that it need not send the others.

    Those that `have` holds are there already, complete since `ended`. With `keep_complete` a pull that
    ends because the source cannot be reached leaves its complete tables to the next one.

    `verify`: `twice` compares two readings of each table, `auto` only where one reading proves nothing by
    itself (no total, or pages that moved), `once` never.
    """
    raw = files.private_folder(folder / "raw")
    missing = [table for table in tables if table not in (have or {})]
    narrow = getattr(connection, "narrow", None)
    if narrow is not None and columns is not None:
        narrow(columns)
    team = _Team(connection, missing, raw, clock, progress, verify, columns or {})
    team.done.update(have or {})
    team.ended.update(ended or {})
    try:
        team.work(concurrency, deadline)
    except BaseException as error:
        team.abort("the run is ending")
        kept = team.done if keep_complete and isinstance(error, Unreachable) else {}
        for table in tables:
            if table not in kept:
                _path(raw, table).unlink(missing_ok=True)
        unfinished.leave(raw, kept.values(), team.ended)
        raise
    return {table: team.done[table] for table in tables}


class _Team:
    """Threads that take one table after the other. They are daemons: a stuck one cannot hold the exit."""

    def __init__(
        self,
        connection: SourceConnection,
        tables: list[str],
        raw: Path,
        clock: Clock,
        progress: Progress,
        verify: str,
        columns: Mapping[str, Sequence[str]],
    ) -> None:
        self.verify = verify
        self.columns = columns
        self.connection = connection
        self.tables = tables
        self.raw = raw
        self.clock = clock
        self.progress = progress
        self.waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.results: queue.SimpleQueue[RawTable | BaseException] = queue.SimpleQueue()
        self.threads: list[threading.Thread] = []
        self.stopped = threading.Event()
        self.done: dict[str, RawTable] = {}
        self.ended: dict[str, datetime] = {}

    def work(self, concurrency: int, deadline: timedelta | None) -> None:
        for table in self.tables:
            self.waiting.put(table)
        # A source that counts its requests itself has all tables begin at once: every table states its
        # total with its first page, and until then its pages cannot travel side by side.
        at_once = getattr(self.connection, "tables_at_once", concurrency)
        for number in range(min(at_once, len(self.tables))):
            thread = threading.Thread(target=self._pull_all, name=f"pull-{number}", daemon=True)
            self.threads.append(thread)
            thread.start()
        ends = None if deadline is None else self.clock.monotonic() + deadline.total_seconds()
        for _ in self.tables:
            result = self._next(ends)
            if isinstance(result, BaseException):
                raise result
            self.done[result.name] = result
            self.ended[result.name] = self.clock.now()

    def abort(self, why: str) -> None:
        self.stopped.set()
        abort = getattr(self.connection, "abort", None)
        if abort is not None:
            abort(why)
        for thread in self.threads:
            thread.join(LAST_WORDS)

    def _next(self, ends: float | None) -> RawTable | BaseException:
        while True:
            stop.check()
            try:
                return self.results.get(timeout=0.5)
            except queue.Empty:
                if ends is not None and self.clock.monotonic() >= ends:
                    raise Unreachable("the pull took longer than its deadline") from None

    def _pull_all(self) -> None:
        while not self.stopped.is_set():
            try:
                table = self.waiting.get_nowait()
            except queue.Empty:
                return
            try:
                self.results.put(self._pull(table))
            except BaseException as error:
                self.results.put(error)
                return

    def _pull(self, table: str) -> RawTable:
        """Read a table until a reading is proven by itself, or two in a row are the same."""
        before: Digest | None = None
        for pull in range(1, MOST_PULLS + 1):
            is_last = pull == MOST_PULLS or self.stopped.is_set()
            try:
                raw, is_proven = _pull_once(
                    self.connection,
                    table,
                    _path(self.raw, table),
                    self.clock,
                    self.columns.get(table),
                )
            except Moved:
                before = None
                if is_last:
                    raise
                continue
            if self.verify == "once" or (self.verify == "auto" and is_proven):
                return raw
            now = digest(raw.path)
            if now == before:
                return raw
            if is_last and before is not None:
                _path(self.raw, table).unlink(missing_ok=True)
                raise _unlike(table, before, now)
            before = now
        raise Moved(f"{table}: it moved while it was read, {MOST_PULLS} times")


Digest = tuple[int, int, int]
"""Rows, and two sums of hashes: over the ids, and over all cells. The order of rows does not count."""


def digest(path: Path) -> Digest:
    """What two readings of a table are compared by, in the memory of a batch."""
    scan = pl.scan_parquet(path)
    names = [name for name in scan.collect_schema().names() if name != ROW]
    cells = pl.struct(names).hash(seed=1)
    sums = stream(scan.select(pl.len(), pl.col(KEY).hash(seed=2).sum(), cells.sum().alias("all")))
    rows, ids, content = sums.row(0)
    return int(rows), int(ids or 0), int(content or 0)


def _unlike(table: str, before: Digest, now: Digest) -> Incomplete:
    if before[0] != now[0]:
        what = f"{before[0]} records, then {now[0]}"
    elif before[1] != now[1]:
        what = f"{now[0]} records both times, but not the same ones"
    else:
        what = f"the same {now[0]} records, but changed"
    return Incomplete(
        f"{table}: no two readings in a row were the same ({what}): the source changes while it is read",
        hint="choose a quieter hour; source.verify says how a pull is proven",
    )


def _pull_once(
    connection: SourceConnection,
    table: str,
    path: Path,
    clock: Clock,
    columns: Sequence[str] | None = None,
) -> tuple[RawTable, bool]:
    """One reading, and whether it proves by itself that everything came."""
    began = clock.monotonic()
    source = connection.read(table)
    rows = _freeze(source, table, path, columns)
    try:
        rows, duplicates = _fold_duplicates(table, path, rows)
        report = getattr(source, "report", None)
        stated = getattr(report, "stated", None)
        if stated is not None and rows != stated:
            raise Moved(f"{table}: {rows} different records arrived, {stated} were stated")
        if stated is None and duplicates and getattr(report, "shifted", 0):
            # where some come twice, others may not come at all, and every reading may be wrong alike
            raise Moved(f"{table}: {duplicates} records came twice, on pages that do not join up")
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    if report is not None:
        report.duplicates = duplicates
    seconds = clock.monotonic() - began
    pages = getattr(report, "pages", 0)
    raw = RawTable(table, path, rows, pages, stated, duplicates, seconds)
    return raw, getattr(report, "is_proven", True)


def _freeze(source: petl.Table, table: str, path: Path, columns: Sequence[str] | None) -> int:
    """Freeze, and let the source's own error out: Polars would wrap it in one of its own."""
    schema = getattr(source, "schema", None) or schema_of(
        roster.TABLES[table], roster.LISTS.get(table, ())
    )
    if columns is not None:
        spare = set(roster.TABLES.get(table, ())) - {KEY, *columns}
        schema = {name: kind for name, kind in schema.items() if name not in spare}
    if not isinstance(source, BatchTable):
        return freeze(source, path, schema)
    watched = _Watched(source)
    try:
        return freeze(BatchTable(schema, watched), path, schema)
    except Exception as error:
        if watched.error is not None:
            raise watched.error from watched.error.__cause__
        if isinstance(error, EtlError):
            raise
        raise


class _Watched:
    """The batches of a table, remembering the error that ended them."""

    def __init__(self, source: BatchTable) -> None:
        self.source = source
        self.error: BaseException | None = None

    def __iter__(self) -> Iterator[pl.DataFrame]:
        try:
            yield from self.source.batches
        except BaseException as error:
            self.error = error
            raise


def _fold_duplicates(table: str, path: Path, rows: int) -> tuple[int, int]:
    """Fold records that came twice and are equal; two different ones under one id end the pull.

    The number of distinct hashes decides first, in little memory; only then are rows compared.
    """
    scan = pl.scan_parquet(path)
    if _distinct(scan, rows) == rows:
        return rows, 0
    names = [name for name in scan.collect_schema().names() if name != ROW]
    repeated = scan.filter(pl.len().over(KEY) > 1).select(names)
    equal = collect(repeated.unique()).get_column(KEY)
    different = equal.filter(equal.is_duplicated()).unique().sort()
    if len(different):
        shown = ", ".join(different.head(3).to_list())
        raise Moved(
            f"{table}: {len(different)} {KEY}(s) came twice with different content: "
            "the source changed while it was read, or its ids are not unique",
            detail=f"{KEY} {shown}{' and more' if len(different) > 3 else ''}",
        )
    folded = scan.unique(KEY, keep="first", maintain_order=True).drop(ROW).with_row_index(ROW)
    return _rewrite(folded, path, rows)


def _distinct(scan: pl.LazyFrame, rows: int) -> int:
    """How many different ids there are, by their hashes: so many at a time, whatever the table's size."""
    hashes, parts = scan.select(pl.col(KEY).hash().alias("hash")), 1 + rows // AT_ONCE
    shares = (hashes.filter(pl.col("hash") % parts == part) for part in range(parts))
    return sum(int(stream(one.select(pl.col("hash").n_unique())).item()) for one in shares)


def _rewrite(folded: pl.LazyFrame, path: Path, rows: int) -> tuple[int, int]:
    beside = path.with_name(f".{path.name}.folded")
    try:
        sink(folded, beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    left = int(stream(pl.scan_parquet(path).select(pl.len())).item())
    return left, rows - left


def _path(raw: Path, table: str) -> Path:
    return raw / f"{table}.parquet"
