"""Where the history lies: SQLite in the state folder, or a PostgreSQL database for several machines."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from etlrunner.errors import LocalTrouble, UsageError
from etlrunner.history.owner import Owner, this_process
from etlrunner.lib import files
from etlrunner.model.secrets import Secret

SCHEMA = 1
BUSY_TIMEOUT_MS = 10_000

_metadata = sa.MetaData()


def _owner_columns() -> tuple[sa.Column[Any], ...]:
    """The process that a row belongs to."""
    return (
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("born", sa.Text, nullable=False),
    )


FACTS = sa.Table(
    "facts",
    _metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
RUNS = sa.Table(
    "runs",
    _metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("flow", sa.Text, nullable=False),
    sa.Column("started_by", sa.Text, nullable=False),  # the trigger; a reserved word in SQL
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("exit_code", sa.Integer),
    sa.Column("started", sa.Text, nullable=False),
    sa.Column("ended", sa.Text),
    sa.Column("scheduled_date", sa.Text),
    sa.Column("attempt", sa.Integer, nullable=False),
    *_owner_columns(),
    sa.Column("record", sa.Text, nullable=False),
    sa.Index("runs_by_flow", "flow", "number"),
    sa.Index("runs_under_way", "outcome", "flow"),
)
COUNTERS = sa.Table(
    "counters",
    _metadata,
    sa.Column("flow", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("last", sa.Integer, nullable=False),
)
LEASES = sa.Table(
    "leases",
    _metadata,
    sa.Column("flow", sa.Text, primary_key=True),
    sa.Column("run", sa.Text, nullable=False),
    sa.Column("since", sa.Text, nullable=False),
    sa.Column("token", sa.Text, nullable=False),
    sa.Column("expires", sa.Double, nullable=False),
    *_owner_columns(),
)
CLAIMS = sa.Table(
    "claims",
    _metadata,
    sa.Column("flow", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("expires", sa.Double, nullable=False),
    *_owner_columns(),
)


class Database:
    """Transactions that wait for each other, and trouble in plain words."""

    def __init__(self, engine: sa.Engine, state: Path | None) -> None:
        self.state = state
        self._engine = engine
        self._name = f"the history {state / 'history.db'}" if state else "the history database"
        with self.writing() as connection:
            self._prepare(connection)

    @classmethod
    def open(cls, where: Path | str | Secret) -> Database:
        """The one in a state folder, or the one behind a `postgresql://` address."""
        if isinstance(where, Path):
            return cls(_sqlite(where), where)
        return cls(_postgresql(where), None)

    def close(self) -> None:
        self._engine.dispose()

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction; SQLite takes its write lock at the start, so that waiting works."""
        with self._plain_words(), self._engine.connect() as connection:
            if self.state is not None:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        with self._plain_words(), self._engine.connect() as connection:
            yield connection

    def insert(self, table: sa.Table) -> Any:
        """An insert that can say what to do when the row is there already."""
        if self.state is not None:
            return sqlite.insert(table)
        from sqlalchemy.dialects import (
            postgresql,
        )  # a fifth of the time that sqlalchemy takes to load

        return postgresql.insert(table)

    def now(self, connection: sa.Connection) -> float:
        """The database's own time in seconds: machines need not agree on theirs."""
        if self.state is not None:
            clock = sa.text("SELECT (julianday('now') - 2440587.5) * 86400.0")
        else:
            clock = sa.text("SELECT extract(epoch FROM clock_timestamp())")
        return float(connection.execute(clock).scalar_one())

    def _prepare(self, connection: sa.Connection) -> None:
        """Make the tables, or see that they are ours; two starters may be here at once."""
        if self.state is None:
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(7303014512)"))
        elif connection.exec_driver_sql("PRAGMA quick_check(1)").scalar() != "ok":
            raise _damaged(self._name)
        _metadata.create_all(connection)
        version = connection.execute(sa.select(FACTS.c.value).where(FACTS.c.name == "schema"))
        found = version.scalar()
        if found is None:
            connection.execute(sa.insert(FACTS).values(name="schema", value=str(SCHEMA)))
        elif found != str(SCHEMA):
            raise LocalTrouble(
                f"{self._name} was written by another etlrunner (schema {found}; this one knows"
                f" {SCHEMA})",
                hint="use the same version everywhere: pip install --upgrade etlrunner",
            )

    @contextlib.contextmanager
    def _plain_words(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as error:
            raise _in_plain_words(error, self._name) from error


def owner_values() -> dict[str, Any]:
    """This process, as the columns say it."""
    owner = this_process()
    return {"host": owner.host, "pid": owner.pid, "born": owner.born}


def owner_of(row: sa.Row[Any]) -> Owner:
    return Owner(row.host, row.pid, row.born)


# ---------------------------------------------------------------- opening


def _sqlite(state: Path) -> sa.Engine:
    """SQLite that survives a power cut: WAL, and every commit flushed (synchronous=FULL)."""
    _keep_private(files.private_folder(state))
    path = state / "history.db"
    _make_private(path)
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"timeout": BUSY_TIMEOUT_MS / 1000},
        hide_parameters=True,
    )
    sa.event.listen(engine, "connect", _set_up)
    return engine


def _keep_private(state: Path) -> None:
    """Close a state folder that is open to others; refuse one that we cannot close."""
    if os.name == "nt" or not stat.S_IMODE(state.stat().st_mode) & 0o077:
        return
    with files.trouble(state):
        state.chmod(files.PRIVATE_FOLDER)


def _make_private(path: Path) -> None:
    """Create the file for its owner alone before SQLite would, by its own mode; refuse a link."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    try:
        handle = os.open(path, flags, files.PRIVATE_FILE)
    except OSError as error:
        raise LocalTrouble(
            f"cannot open the history {path}: {files.reason(error)}",
            hint="the folder .etlrunner must belong to the account that runs etlrunner, on a disk with"
            " room that can be written",
        ) from error
    size = os.fstat(handle).st_size
    os.close(handle)
    if 0 < size < 512:  # SQLite would take a file without a whole header for an empty one
        raise _damaged(f"the history {path}")


def _set_up(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions begin where `writing` says so
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")


def _postgresql(address: str | Secret) -> sa.Engine:
    text = address.reveal() if isinstance(address, Secret) else address
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.split("+")[0] not in ("postgresql", "postgres"):
        raise UsageError("history.url must begin with postgresql://")
    try:
        return sa.create_engine(
            f"postgresql+psycopg://{rest}",
            connect_args={"connect_timeout": 10, "keepalives_idle": 30},
            pool_pre_ping=True,
            hide_parameters=True,
        )
    except ImportError as error:
        raise LocalTrouble(
            "a history in PostgreSQL needs psycopg", hint="pip install 'etlrunner[postgresql]'"
        ) from error
    except sa.exc.ArgumentError:
        raise UsageError("history.url is not an address that PostgreSQL understands") from None


# ---------------------------------------------------------------- trouble


def _in_plain_words(error: sa.exc.DBAPIError, name: str) -> LocalTrouble:
    said = str(error.orig).lower()
    if "malformed" in said or "not a database" in said:
        return _damaged(name)
    for sign, words, hint in _SAYINGS:
        if sign in said:
            return LocalTrouble(f"{name}: {words}", hint=hint)
    # the driver's own words may hold the host and the account: leave them out
    kind = type(error.orig).__name__
    return LocalTrouble(f"{name} cannot be used ({kind})", hint="is it up, and reachable?")


def _damaged(name: str) -> LocalTrouble:
    return LocalTrouble(
        f"{name} is damaged",
        hint="move it aside, with its -wal and -shm files, or bring back a copy",
    )


_SAYINGS = (
    ("full", "the disk is full", "make room, then run again"),
    ("readonly", "it is not writable", "the folder must belong to the account that runs etlrunner"),
    ("unable to open", "it cannot be opened", "is the folder there, and is it ours?"),
    ("database is locked", "another program keeps it locked", "end that program, then run again"),
    ("disk i/o", "the disk does not work", "see the system's log"),
)
