"""Queries of a database, made into a roster by a source definition: one read-only snapshot for all tables."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import polars as pl

from etlrunner.errors import ChecksFailed, ConfigurationError, EtlError
from etlrunner.lib import database_values, reading_database
from etlrunner.model.components import Options
from etlrunner.model.problems import Finding, Problem
from etlrunner.model.surroundings import Clock, Progress
from etlrunner.sources import definition as definitions
from etlrunner.sources import foreign
from etlrunner.sources.definition import TableDefinition
from etlrunner.sources.foreign import ForeignConnection
from etlrunner.table import schema_of, to_batches


def problems(options: Options) -> list[Problem]:
    """What is wrong with the definition, as far as it can be told without the database."""
    return foreign.problems(options, "sql")


@contextlib.contextmanager
def connect(options: Options, *, clock: Clock, progress: Progress) -> Iterator[ForeignConnection]:
    """Open the database, for reading only; everything is read as it was at this moment."""
    with reading_database.snapshot(options["url"]) as database:
        queries = _Queries(database)
        yield ForeignConnection(definitions.choose(options), progress, queries.open)


class _Queries:
    """Runs one query at a time: all share the connection, and with it the snapshot."""

    def __init__(self, database: reading_database.Snapshot) -> None:
        self._database = database
        self._lock = threading.Lock()

    def open(self, part: TableDefinition) -> Iterator[pl.DataFrame]:
        with self._lock:
            header, rows = self._database.rows(part.sql, f"tables.{part.name}.sql")
            twice = sorted({name for name in header if header.count(name) > 1})
            if twice:
                message = f"the query of {part.name} gives two columns called '{twice[0]}'"
                raise ConfigurationError(
                    [Problem("E602", message, path=f"tables.{part.name}.sql", hint="use AS")]
                )
            rows_of_text = _with_header(header, (texts(row, header, part.name) for row in rows))
            count = 0
            for batch in to_batches(rows_of_text, schema_of(header)):
                count += len(batch)
                yield batch
            if not count:
                message = "the query gives no rows"
                raise ChecksFailed(
                    [Finding("database.no_rows", "error", message, part.name)], message
                )


def _with_header(header: list[str], rows: Iterable[list[str]]) -> Iterator[list[str]]:
    yield header
    yield from rows


def texts(row: Iterable[Any], header: list[str], table: str) -> list[str]:
    """A row's values as the roster has them: text."""
    return [_text(value, name, table) for value, name in zip(row, header, strict=True)]


def _text(value: Any, name: str, table: str) -> str:
    try:
        return database_values.text(value)
    except database_values.NoText as error:
        raise _no_text(name, table, str(error)) from None


def _no_text(name: str, table: str, kind: str) -> EtlError:
    message = f"column '{name}' of {table} holds {kind}, which has no text: cast it in the query"
    return ConfigurationError([Problem("E602", message, path=f"tables.{table}.sql")], message)
