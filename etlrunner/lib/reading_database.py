"""Another program's database, opened for reading only, in one transaction: SQLite, PostgreSQL, whatever SQLAlchemy knows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from etlrunner.errors import ConfigurationError, EtlError, Refused, Unreachable
from etlrunner.model import Problem, Secret

BATCH = 10_000
_REFUSALS = ("authentication", "password", "permission denied", "access denied", "does not exist")


class Snapshot:
    """An open transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def rows(self, query: str, where: str) -> tuple[list[str], Iterator[Any]]:
        """The names and the rows that a query gives; rows stream. A query that is wrong is the definition's fault."""
        try:
            streaming = self._connection.execution_options(yield_per=BATCH)
            result = streaming.exec_driver_sql(query)
            return list(result.keys()), self._iterated(result)
        except sa.exc.DBAPIError as error:
            raise _bad_query(error, where) from None
        except sa.exc.ResourceClosedError:
            message = "the query gives no rows: a SELECT is needed"
            raise ConfigurationError([Problem("E602", message, path=where)], message) from None

    def _iterated(self, result: Any) -> Iterator[Any]:
        try:
            yield from result
        except sa.exc.DBAPIError as error:
            raise Unreachable(f"the database broke off ({type(error.orig).__name__})") from None


@contextlib.contextmanager
def snapshot(url: Secret) -> Iterator[Snapshot]:
    """Open a database by its address. Nothing is ever written: the transaction is read-only, and rolled back."""
    engine = _engine(url)
    try:
        with _connected(engine) as connection:
            yield Snapshot(connection)
    finally:
        engine.dispose()


@contextlib.contextmanager
def _connected(engine: sa.Engine) -> Iterator[sa.Connection]:
    try:
        connection = engine.connect()
        _make_read_only(connection, engine.dialect.name)
    except sa.exc.DBAPIError as error:
        raise _no_connection(error) from None
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


def _engine(url: Secret) -> sa.Engine:
    try:
        address = sa.make_url(url.reveal())
        if address.drivername in ("postgres", "postgresql"):
            address = address.set(drivername="postgresql+psycopg")
        if address.drivername.startswith("sqlite"):
            return _sqlite(address)
        return sa.create_engine(address, hide_parameters=True)
    except (sa.exc.ArgumentError, ValueError):
        raise _problem(
            "the value of source.url is no address such as postgresql://user@host/name"
        ) from None
    except ImportError as error:
        name = str(error.name or "its driver")
        raise _problem(f"this kind of database needs the Python package {name}") from None


def _sqlite(address: sa.URL) -> sa.Engine:
    """SQLite would make a file that is not there."""
    if not address.database or not Path(address.database).is_file():
        raise Unreachable("the SQLite file that source.url names is not there")
    engine = sa.create_engine(address, hide_parameters=True)
    sa.event.listen(engine, "connect", _set_up)
    return engine


def _set_up(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the transaction begins where it is said


def _no_connection(error: sa.exc.DBAPIError) -> EtlError:
    """The driver's own words may hold the host and the account: they are left out."""
    said = str(error.orig).lower()
    kind = type(error.orig).__name__
    if any(sign in said for sign in _REFUSALS):
        return Refused(f"the database refuses the account, or has no such database ({kind})")
    return Unreachable(f"the database cannot be reached ({kind})")


def _bad_query(error: sa.exc.DBAPIError, where: str) -> EtlError:
    said = str(error.orig).strip().split("\n")[0]
    if "permission denied" in said.lower():
        return Refused(f"{where}: the database refuses it: {said}")
    message = f"{where}: the database does not understand the query: {said}"
    return ConfigurationError([Problem("E602", message, path=where)], message)


def _problem(message: str) -> ConfigurationError:
    return ConfigurationError([Problem("E602", message, path="source.url")], message)
