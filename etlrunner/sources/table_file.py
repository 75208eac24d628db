"""CSV, Excel and JSON lines files of any shape, made into a roster by a source definition."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import petl
import polars as pl

from etlrunner.errors import ChecksFailed, Unreachable
from etlrunner.lib import columns, scratch, still
from etlrunner.mapping import extra_tables
from etlrunner.model.components import Options
from etlrunner.model.mapping import ExtraTable
from etlrunner.model.problems import Finding, Problem
from etlrunner.model.surroundings import Clock, Progress
from etlrunner.sources import csv_files, foreign
from etlrunner.sources import definition as definitions
from etlrunner.sources.definition import TableDefinition
from etlrunner.sources.foreign import ForeignConnection
from etlrunner.table import collect, schema_of, to_batches

EXCEL = (".xlsx", ".xlsm")
LINES = (".jsonl", ".ndjson")
BOM = b"\xef\xbb\xbf"


def problems(options: Options) -> list[Problem]:
    """What is wrong with the definition, as far as it can be told without the files."""
    return foreign.problems(options, "file")


@contextlib.contextmanager
def connect(options: Options, *, clock: Clock, progress: Progress) -> Iterator[ForeignConnection]:
    """The files of a folder, or the sheets of one Excel file."""
    path = Path(options["path"])
    if not path.exists():
        raise Unreachable(f"{path} is not there: neither a folder nor a file")
    with scratch.folder() as folder:
        files = _Files(path, folder)
        with files.still.watched():
            yield ForeignConnection(definitions.choose(options), progress, files.open)


class _Files:
    """Opens the file that a table's definition names."""

    def __init__(self, path: Path, scratch: Path) -> None:
        self._path, self._scratch = path, scratch
        self.still = still.Files()

    def open(self, part: TableDefinition) -> Iterator[pl.DataFrame]:
        path = self._path / part.file if self._path.is_dir() else self._path
        if not path.is_file():
            raise Unreachable(f"{part.file or path.name} is not there (in {self._path.name}/)")
        self.still.look(path)
        if path.suffix.lower() in EXCEL:
            frame = collect(
                extra_tables.as_table(ExtraTable(part.name, excel=path, sheet=part.sheet)).frame
            )
        elif path.suffix.lower() in LINES:
            frame = _lines(path, part.name)
        else:
            frame = self._csv(path, part.name)
        if frame.is_empty():
            raise _refuse(part.name, [("header_only", "the file has no rows", None)], path.name)
        yield frame

    def _csv(self, path: Path, table: str) -> pl.DataFrame:
        """A byte order mark is what Excel writes as "CSV UTF-8": it is taken off here."""
        with open(path, "rb") as handle:
            if handle.read(len(BOM)) == BOM:
                path = self._scratch / f"{table}-{path.name}"
                with open(path, "wb") as copy:
                    shutil.copyfileobj(handle, copy)
        sheet, troubles = csv_files.examine(path, ())
        if sheet is None:
            raise _refuse(table, troubles, path.name)
        return collect(sheet.scan().select(columns.trimmed(pl.col(name)) for name in sheet.header))


def _lines(path: Path, table: str) -> pl.DataFrame:
    """One JSON object per line; the columns are all the names that occur, in the order of their first."""
    rows: list[dict[str, Any]] = []
    with open(path, "rb") as handle:
        for number, line in enumerate(handle, 1):
            if not line.strip():
                continue
            try:
                msgspec.json.decode(line, type=dict[str, Any])
                rows.append(_flat(json.loads(line, object_pairs_hook=_once)))
            except _NoCell as error:
                trouble = ("json", f"{path.name}: the line {error}", number)
                raise _refuse(table, [trouble]) from None
            except (msgspec.MsgspecError, ValueError, RecursionError):
                trouble = ("json", f"{path.name}: the line is not a JSON object", number)
                raise _refuse(table, [trouble]) from None
    header = list(dict.fromkeys(name for row in rows for name in row))
    lists = [name for name in header if any(isinstance(row.get(name), list) for row in rows)]
    texts = petl.fromdicts(
        [{name: _cell(row.get(name), name in lists) for name in header} for row in rows], header
    )
    batches = list(to_batches(texts, schema_of(header, lists)))
    return pl.concat(batches) if batches else pl.DataFrame()


class _NoCell(Exception):
    """A value that has no one place, or no text."""


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """An object, whose keys are said once."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _NoCell(f"says {name!r} twice")
        found[name] = value
    return found


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    """Objects inside become `outer_inner`."""
    return _once(_cells(record, ""))


def _cells(record: dict[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        if isinstance(value, dict):
            yield from _cells(value, f"{above}{name}_")
            continue
        if isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
            raise _NoCell(f"is no row: '{above}{name}' holds a list of objects or lists")
        yield above + name, value


def _cell(value: Any, is_list: bool) -> Any:
    if not is_list:
        return columns.as_text(value).strip(columns.WHITE)
    items = value if isinstance(value, list) else [value]
    return [text for each in items if (text := columns.as_text(each).strip(columns.WHITE))]


def _refuse(table: str, troubles: list[csv_files.Trouble], name: str = "") -> ChecksFailed:
    findings = [
        Finding(f"table_file.{rule}", "error", message, name or table, line=line)
        for rule, message, line in troubles
    ]
    said = "; ".join(
        f"{name or table}{f', line {line}' if line else ''}: {text}" for _, text, line in troubles
    )
    return ChecksFailed(findings, said)
