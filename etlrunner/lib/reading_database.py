"""Another program's database, opened for reading only, in one transaction: SQLite, PostgreSQL, whatever SQLAlchemy knows."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import petl
import sqlalchemy as sa

from etlrunner.errors import ConfigurationError, EtlError, Refused, Unreachable
from etlrunner.lib.suggest import close_to
from etlrunner.model.problems import Problem
from etlrunner.model.secrets import Secret

BATCH = 10_000
CONNECT_SECONDS = 20
_STEPS = 100_000
"""So many steps of SQLite's machine between two looks at the clock."""
_REFUSALS = ("authentication", "password", "permission denied", "access denied", "does not exist")


class Snapshot:
    """An open transaction; with `seconds` all that is read in it has to be there by then."""

    def __init__(self, connection: sa.Connection, seconds: float | None) -> None:
        self._connection = connection
        self._seconds = seconds
        self._ends = None if seconds is None else time.monotonic() + seconds
        self._under_way: list[Generator[Any, None, None]] = []

    def end(self) -> None:
        """End what nobody read to its end: later, without its connection, it would complain at any moment."""
        for one in self._under_way:
            with contextlib.suppress(sa.exc.SQLAlchemyError):
                one.close()

    def rows(self, query: str, where: str) -> tuple[list[str], Iterator[Any]]:
        """The names and the rows that a query gives; rows stream. A query that is wrong is the definition's fault.

        A colon or a per cent sign in it is just that: there are no parameters.
        """
        return self._read(sa.text(query.replace(":", "\\:")), where)

    def table_rows(
        self, table: str, columns: Sequence[str], where: str
    ) -> tuple[list[str], Iterator[Any]]:
        """These columns of a table or view (`name`, or `schema.name`), and nothing else of it."""
        schema, _, name = table.rpartition(".")
        try:
            inspector = sa.inspect(self._connection)
            there = [str(one["name"]) for one in inspector.get_columns(name, schema or None)]
        except sa.exc.NoSuchTableError:
            tables = [*inspector.get_table_names(schema or None), *inspector.get_view_names(schema or None)]  # fmt: skip
            hint = close_to(name, tables) or "is it in another schema? write schema.name"
            message = f"{where}: the database has no table '{table}'"
            raise ConfigurationError([Problem("E602", message, path=where, hint=hint)]) from None
        except sa.exc.DBAPIError as error:
            raise self._trouble(error, where) from None
        require(columns, there, where)
        source = sa.table(name, schema=schema or None)
        return self._read(sa.select(*map(sa.column, columns)).select_from(source), where)

    def _read(self, query: Any, where: str) -> tuple[list[str], Iterator[Any]]:
        streaming = self._connection.execution_options(yield_per=BATCH)
        found = iter(petl.fromdb(streaming, query))
        self._under_way.append(found)
        try:
            return list(next(found)), self._iterated(found, where)
        except sa.exc.DBAPIError as error:
            raise self._trouble(error, where) from None
        except sa.exc.ResourceClosedError:
            message = "the query gives no rows: a SELECT is needed"
            raise ConfigurationError([Problem("E602", message, path=where)], message) from None

    def _iterated(self, found: Iterator[Any], where: str) -> Iterator[Any]:
        try:
            for number, row in enumerate(found):
                if number % BATCH == 0 and self._is_late():
                    raise self._too_late(where)
                yield row
        except sa.exc.DBAPIError as error:
            raise self._trouble(error, where) from None

    def _is_late(self) -> bool:
        return self._ends is not None and time.monotonic() >= self._ends

    def _too_late(self, where: str) -> EtlError:
        return Unreachable(f"{where}: the database took longer than {self._seconds:g} seconds")

    def _trouble(self, error: sa.exc.DBAPIError, where: str) -> EtlError:
        """What the query is told about; of what the driver says, nothing that may be a value."""
        kind, state = type(error.orig).__name__, str(getattr(error.orig, "sqlstate", "") or "")
        said = str(error.orig).strip().split("\n")[0]
        is_sqlite = self._connection.dialect.name == "sqlite"
        if state == "57014" or (is_sqlite and said == "interrupted"):
            return self._too_late(where)
        if state == "42501" or "permission denied" in said.lower():
            return Refused(f"{where}: the account may not read this ({kind})")
        if (isinstance(error, sa.exc.OperationalError) and not is_sqlite) or "locked" in said:
            return Unreachable(f"{where}: the database broke off ({kind})")
        if state and not state.startswith("42"):
            said = f"a value does not fit it ({kind})"
        message = f"{where}: the database does not understand the query: {said}"
        return ConfigurationError([Problem("E602", message, path=where)], message)


def require(columns: Sequence[str], there: Sequence[str], where: str) -> None:
    """Raise ConfigurationError where some of the columns did not come; says which did."""
    missing = [name for name in columns if name not in there]
    if missing:
        message = f"{where} has no column '{missing[0]}'"
        near = close_to(missing[0], there)
        hint = f"{near}; " if near else ""
        hint += f"it has {', '.join(there)}"
        raise ConfigurationError([Problem("E602", message, path=where, hint=hint)], message)


@contextlib.contextmanager
def snapshot(
    url: Secret, *, name: str = "source.url", seconds: float | None = None
) -> Iterator[Snapshot]:
    """Open a database by its address, which messages call `name`; nothing of the address is ever told.

    Nothing is ever written: the transaction is read-only, and rolled back. Raises Unreachable, Refused, and
    ConfigurationError for an address that is none or whose driver is not installed.
    """
    engine = _engine(url, name)
    try:
        with _connected(engine, name, seconds) as connection:
            opened = Snapshot(connection, seconds)
            try:
                yield opened
            finally:
                opened.end()
    finally:
        engine.dispose()


@contextlib.contextmanager
def _connected(engine: sa.Engine, name: str, seconds: float | None) -> Iterator[sa.Connection]:
    try:
        connection = engine.connect()
        _make_read_only(connection, engine.dialect.name)
        if seconds is not None:
            _limit(connection, engine.dialect.name, seconds)
    except sa.exc.DBAPIError as error:
        raise _no_connection(error, name) from None
    try:
        yield connection
    finally:
        with contextlib.suppress(sa.exc.SQLAlchemyError):
            connection.rollback()
            connection.close()


def _make_read_only(connection: sa.Connection, dialect: str) -> None:
    if dialect == "sqlite":
        connection.exec_driver_sql("PRAGMA query_only = ON")
        connection.exec_driver_sql("BEGIN")
    elif dialect == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def _limit(connection: sa.Connection, dialect: str, seconds: float) -> None:
    """A statement that takes longer is ended where it runs; others are at least looked at between rows."""
    if dialect == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")
    elif dialect == "sqlite":
        ends = time.monotonic() + seconds
        driver: Any = connection.connection.driver_connection
        driver.set_progress_handler(lambda: time.monotonic() >= ends, _STEPS)


def _engine(url: Secret, name: str) -> sa.Engine:
    try:
        address = sa.make_url(url.reveal())
        if address.drivername in ("postgres", "postgresql"):
            address = address.set(drivername="postgresql+psycopg")
        if address.drivername.startswith("sqlite"):
            return _sqlite(address, name)
        timeout = {"connect_timeout": CONNECT_SECONDS} if "psycopg" in address.drivername else {}
        return sa.create_engine(address, hide_parameters=True, connect_args=timeout)
    except sa.exc.NoSuchModuleError:
        raise _problem(
            f"the value of {name} names a kind of database that is not known here", name
        ) from None
    except (sa.exc.ArgumentError, ValueError):
        raise _problem(
            f"the value of {name} is no address such as postgresql://user@host/name", name
        ) from None
    except ImportError as error:
        package = str(error.name or "its driver")
        hint = "pip install 'etlrunner[postgresql]'" if package == "psycopg" else ""
        raise _problem(
            f"the kind of database of {name} needs the Python package {package}", name, hint
        ) from None


def _sqlite(address: sa.URL, name: str) -> sa.Engine:
    """SQLite would make a file that is not there."""
    if not address.database or not Path(address.database).is_file():
        raise Unreachable(f"the SQLite file that {name} names is not there")
    engine = sa.create_engine(address, hide_parameters=True)
    sa.event.listen(engine, "connect", _set_up)
    return engine


def _set_up(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the transaction begins where it is said


def _no_connection(error: sa.exc.DBAPIError, name: str) -> EtlError:
    """The driver's own words may hold the host and the account: they are left out."""
    said = str(error.orig).lower()
    kind = type(error.orig).__name__
    if "not a database" in said:
        return _problem(f"the file that {name} names is no SQLite database", name)
    if any(sign in said for sign in _REFUSALS):
        return Refused(
            f"{name}: the database refuses the account, or has no such database ({kind})"
        )
    return Unreachable(f"{name}: the database cannot be reached ({kind})")


def _problem(message: str, name: str, hint: str = "") -> ConfigurationError:
    return ConfigurationError([Problem("E602", message, path=name, hint=hint)], message)
