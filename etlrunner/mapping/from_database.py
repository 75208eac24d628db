"""Code tables and tables beside the roster that come from a database: read once, and kept with the roster.

    raw/aides.parquet                        a table under `tables:`
    raw/lookups.students.buildings.parquet   a code table of the mapping of students

Whatever maps a run's roster later (`why`, `preview`, `plan --compare`) finds the same rows there, and asks
no database.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from etlrunner import table as tables
from etlrunner.errors import ConfigurationError, Held, UsageError
from etlrunner.lib import database_values, excel, files
from etlrunner.mapping import lookups
from etlrunner.model.changes import Hold
from etlrunner.model.mapping import DatabaseTable, LookupTable, MappingSet, TableMapping
from etlrunner.model.problems import Place, Problem
from etlrunner.model.secrets import Secret, SecretRef
from etlrunner.model.tables import RawTable

if TYPE_CHECKING:
    from etlrunner.lib.reading_database import Snapshot

MOST_ROWS = 200_000
SECONDS = 300.0
"""How long all tables of one database may take together."""


@dataclass(frozen=True)
class Wanted:
    """One table that a mapping takes from a database."""

    name: str
    """Its file's, below raw/."""
    what: str
    """As messages call it."""
    table: DatabaseTable
    lookup: LookupTable | None = None


def wanted(mapping: MappingSet) -> tuple[Wanted, ...]:
    """What the mapping of every target table takes from databases; a shared table once."""
    found: dict[str, Wanted] = {}
    for one in mapping.tables.values():
        for each in _of(one):
            found.setdefault(each.name, each)
    return tuple(found.values())


def problems(mapping: MappingSet) -> Iterator[Problem]:
    """Tables of one name that are not one and the same: their rows are kept under it."""
    first: dict[str, DatabaseTable | None] = {}
    for one in mapping.tables.values():
        for name, extra in one.tables.items():
            other = first.setdefault(name, extra.database)
            if other != extra.database:
                message = f"'{name}' stands for another table in another mapping"
                hint = "give one of the two another name"
                yield Problem("E327", message, extra.place, f"tables.{name}", hint)


def pull(
    mapping: MappingSet, raw: Path, reveal: Callable[[SecretRef], Secret]
) -> dict[str, RawTable]:
    """Read every table, those of one database as they were at one moment, and freeze it below `raw`.

    Raises Unreachable, Refused, ConfigurationError for what the database does not have or give as text,
    and Held for a table without a row.
    """
    made: dict[str, RawTable] = {}
    everything = sorted(wanted(mapping), key=lambda one: str(one.table.url))
    for url, many in groupby(everything, key=lambda one: one.table.url):
        files.private_folder(raw)
        made |= _of_one_database(url, list(many), raw, reveal(url))
    return made


def in_place(mapping: MappingSet, raw: Mapping[str, Path]) -> MappingSet:
    """The mapping with the rows of its code tables. Raises UsageError where `raw` lacks some."""
    missing = [one for one in wanted(mapping) if not _is_there(one, raw)]
    if missing:
        raise UsageError(
            f"these rows were pulled without {missing[0].what}, which the mapping takes from a database",
            hint="pull them anew: etlrunner plan FLOW",
        )
    made = {name: _with_rows(one, raw) for name, one in mapping.tables.items()}
    return replace(mapping, tables=made)


def names(mapping: MappingSet) -> tuple[str, ...]:
    """Which raw tables there are beside the roster's."""
    return tuple(one.name for one in wanted(mapping))


def _of(mapping: TableMapping) -> Iterator[Wanted]:
    for name, lookup in mapping.lookups.items():
        if lookup.database is not None:
            key, what = f"lookups.{mapping.table}.{name}", f"code table {name} of {mapping.table}"
            yield Wanted(key, what, lookup.database, lookup)
    for name, extra in mapping.tables.items():
        if extra.database is not None:
            yield Wanted(name, f"table {name}", extra.database)


def _is_there(one: Wanted, raw: Mapping[str, Path]) -> bool:
    path = raw.get(one.name)
    return path is not None and set(one.table.columns) <= set(pl.read_parquet_schema(path))


def _with_rows(mapping: TableMapping, raw: Mapping[str, Path]) -> TableMapping:
    found = dict(mapping.lookups)
    for one in _of(mapping):
        if one.lookup is not None:
            rows = dict(_codes(one.lookup, raw[one.name]))
            found[one.lookup.name] = replace(one.lookup, rows=rows, database=None)
    return replace(mapping, lookups=found)


def _codes(lookup: LookupTable, path: Path) -> Iterable[tuple[str, str]]:
    """Code and value of each row; a row without a code says nothing."""
    frame = tables.collect(pl.scan_parquet(path).select(on=lookup.on, take=lookup.take))
    return ((code, value) for code, value in frame.iter_rows() if code)


# ---------------------------------------------------------------- reading


def _of_one_database(
    url: SecretRef, many: list[Wanted], raw: Path, address: Secret
) -> dict[str, RawTable]:
    from etlrunner.lib import reading_database  # loads sqlalchemy: only who reads one pays for it

    made = {}
    with (
        _placed(url.place),
        reading_database.snapshot(address, name=str(url), seconds=SECONDS) as database,
    ):
        for one in many:
            with _placed(one.table.place):
                made[one.name] = _frozen(one, database, raw / f"{one.name}.parquet")
    return made


def _frozen(one: Wanted, database: Snapshot, path: Path) -> RawTable:
    table = one.table
    if table.sql:
        header, rows = database.rows(table.sql, one.what)
        _require(one, header)
    else:
        header, rows = database.table_rows(table.table, table.columns, one.what)
    schema = tables.schema_of(table.columns)
    frames = list(tables.to_batches(_texts(one, header, rows), schema))
    count = sum(len(frame) for frame in frames)
    if not count and not table.may_be_empty:
        message = f"the database has no row for the {one.what}"
        raise Held([Hold("empty_table", message, value="0")])
    frame = pl.concat(frames) if frames else pl.DataFrame(schema=schema)
    made = RawTable(one.name, path, tables.freeze(tables.ColumnTable(frame.lazy()), path, schema))
    if one.lookup is not None:
        _refuse_twice(one.lookup, path)
    return made


def _require(one: Wanted, header: list[str]) -> None:
    from etlrunner.lib import reading_database

    reading_database.require(one.table.columns, header, f"the answer to {one.table.shown}")
    if twice := [name for name in one.table.columns if header.count(name) > 1]:
        message = f"the answer to {one.table.shown} has two columns called '{twice[0]}'"
        raise _problem(message, "give one of them another name with AS")


def _texts(
    one: Wanted, header: list[str], rows: Iterable[tuple[object, ...]]
) -> Iterator[list[str]]:
    places = [header.index(name) for name in one.table.columns]
    yield list(one.table.columns)
    for number, row in enumerate(rows, start=1):
        if number > MOST_ROWS:
            message = f"{one.what} has more than {MOST_ROWS:,} rows"
            raise _problem(message, "write a query that gives those that matter")
        yield [_text(one, header[place], number, row[place]) for place in places]


def _text(one: Wanted, column: str, number: int, value: object) -> str:
    """Never the value in a message: it may be somebody's."""
    where = f"{one.what}: column '{column}', row {number}"
    try:
        text = database_values.text(value)
    except database_values.NoText as error:
        raise _problem(f"{where} holds {error}, which has no text", "cast it in a query", "E324") from None  # fmt: skip
    if found := excel.hidden(text):
        raise _problem(f"{where} holds a character that nobody can see ({found})", "mend it there, or in a query", "E324")  # fmt: skip
    return text


def _refuse_twice(lookup: LookupTable, path: Path) -> None:
    came = Counter(lookups.key(code, lookup) for code, _ in _codes(lookup, path))
    twice = sum(1 for count in came.values() if count > 1)
    if twice:
        message = f"{twice} codes of {lookup.name} are there more than once"
        hint = f"look in the database: GROUP BY {lookup.on} HAVING COUNT(*) > 1"
        raise _problem(message, hint, "E322")


def _problem(message: str, hint: str, code: str = "E328") -> ConfigurationError:
    return ConfigurationError([Problem(code, message, hint=hint)], message)


@contextlib.contextmanager
def _placed(place: Place | None) -> Iterator[None]:
    """Gives problems that have none the place where the mapping names what they are about."""
    try:
        yield
    except ConfigurationError as error:
        found = [
            replace(
                one,
                code="E328" if one.code == "E602" else one.code,
                place=one.place or place,
                path="",
            )
            for one in error.problems
        ]
        raise ConfigurationError(found, error.message) from None
