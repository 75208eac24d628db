"""Leases and claims: one run of a flow at a time, and one starter for each scheduled attempt.

On one machine (SQLite) a lease is a file lock, which the system frees the moment its holder ends, killed
or not; the row beside it only says who and since when. With several machines (PostgreSQL) it is a row
that its holder renews: one whose process is gone is free at once on the same machine, and elsewhere when
it has not been renewed for `LEASE_SECONDS`.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from etlrunner.errors import Busy, LocalTrouble
from etlrunner.history import rows
from etlrunner.history.database import CLAIMS, LEASES, RUNS, Database, owner_of, owner_values
from etlrunner.history.owner import locked

LEASE_SECONDS = 120
RENEW_SECONDS = 30
CLAIM_SECONDS = 600
"""How long a claim of another machine counts when no run has come of it."""
_FILE = "file "
"""Before a digest, where a scheduled attempt's claim has its date; never before any date in the order."""
_PATIENCE = 10
"""Looks at a lock that is taken, 50 ms apart: `holder` takes it for a moment, too."""


class Holder(NamedTuple):
    """The run that has a flow's lease, and since when."""

    run: str
    since: datetime


class Lease:
    """A flow's lease while it is held. `lost` is set when another machine may have taken over."""

    def __init__(self, flow: str, run: str) -> None:
        self.flow = flow
        self.run = run
        self.token = secrets.token_hex(8)
        self.lost = threading.Event()

    def check(self) -> None:
        """Raises Busy if the lease could not be kept: ask before something that cannot be undone."""
        if self.lost.is_set():
            raise Busy(f"{self.flow}: this run lost its lease while it could not reach the history")


@contextlib.contextmanager
def hold(database: Database, lease: Lease, now: datetime) -> Iterator[Lease]:
    """Hold a flow's lease; raises Busy with who has it and since when."""
    with _exclusive(database, lease.flow):
        _take(database, lease, now)
        try:
            with _renewing(database, lease):
                yield lease
        finally:
            with contextlib.suppress(LocalTrouble):  # a row that is left over claims nothing
                _give_back(database, lease)


def holder(database: Database, flow: str) -> Holder | None:
    """Who has a flow's lease now, if anybody."""
    if database.state is not None:
        with locked(_lock_file(database.state, flow)) as free:
            if free:
                return None
    with database.reading() as connection:
        row = connection.execute(_lease_of(flow)).one_or_none()
        if row is None or not _is_live(database, connection, row):
            return None
    return Holder(row.run, datetime.fromisoformat(row.since))


def claim(database: Database, flow: str, day: date, attempt: int) -> bool:
    """Be the one starter of an attempt for a date; False if another one is, or was."""
    with database.writing() as connection:
        mine = _is_claimed(database, connection, flow, day.isoformat(), attempt)
        return mine and not _was_made(connection, flow, day, attempt)


def claim_file(database: Database, flow: str, digest: str, attempt: int) -> bool:
    """Be the one starter of an attempt for a file; False if another one is. Look at the runs after it."""
    with database.writing() as connection:
        return _is_claimed(database, connection, flow, _FILE + digest, attempt)


def release_claim(database: Database, flow: str, day: date, attempt: int) -> None:
    """Nothing came of the attempt: another starter may make it."""
    with database.writing() as connection:
        connection.execute(sa.delete(CLAIMS).where(_claim_of(flow, day.isoformat(), attempt)))


def release_file(database: Database, flow: str, digest: str, attempt: int) -> None:
    """Nothing came of the attempt: another starter may make it."""
    with database.writing() as connection:
        connection.execute(sa.delete(CLAIMS).where(_claim_of(flow, _FILE + digest, attempt)))


def _is_claimed(
    database: Database, connection: sa.Connection, flow: str, what: str, attempt: int
) -> bool:
    """Whether the claim is ours now: nobody's before, or one whose process is gone."""
    now = database.now(connection)
    fresh = {"expires": now + CLAIM_SECONDS, **owner_values()}
    key = {"flow": flow, "day": what, "attempt": attempt}
    insert = database.insert(CLAIMS).values(**key, **fresh).on_conflict_do_nothing()
    if _is_new(connection, insert.returning(CLAIMS.c.flow)):
        return True
    same = _claim_of(flow, what, attempt)
    row = connection.execute(sa.select(CLAIMS).where(same).with_for_update()).one()
    alive = owner_of(row).is_alive()
    if alive or (alive is None and row.expires > now):
        return False
    connection.execute(sa.update(CLAIMS).where(same).values(**fresh))
    return True


# ---------------------------------------------------------------- taking and keeping


@contextlib.contextmanager
def _exclusive(database: Database, flow: str) -> Iterator[None]:
    """The file lock of this machine; with PostgreSQL the row alone decides."""
    if database.state is None:
        yield
        return
    for _ in range(_PATIENCE):
        with locked(_lock_file(database.state, flow)) as free:
            if free:
                yield
                return
        time.sleep(0.05)
    with database.reading() as connection:
        raise _busy(flow, connection.execute(_lease_of(flow)).one_or_none())


def _take(database: Database, lease: Lease, now: datetime) -> None:
    with database.writing() as connection:
        values = {
            "run": lease.run,
            "since": rows.stamp(now),
            "token": lease.token,
            "expires": database.now(connection) + LEASE_SECONDS,
            **owner_values(),
        }
        insert = database.insert(LEASES).values(flow=lease.flow, **values)
        insert = insert.on_conflict_do_nothing().returning(LEASES.c.flow)
        if _is_new(connection, insert):
            return
        row = connection.execute(_lease_of(lease.flow).with_for_update()).one_or_none()
        if row is not None and database.state is None and _is_live(database, connection, row):
            raise _busy(lease.flow, row)
        if row is not None:
            mine = sa.update(LEASES).where(LEASES.c.flow == lease.flow)
            connection.execute(mine.values(**values))
        elif not _is_new(connection, insert):  # given back, and taken again by another
            raise _busy(lease.flow, None)


@contextlib.contextmanager
def _renewing(database: Database, lease: Lease) -> Iterator[None]:
    """Renew a lease that others judge by its age, until the run ends."""
    if database.state is not None:
        yield
        return
    ended = threading.Event()
    renewer = threading.Thread(target=_renew, args=(database, lease, ended), daemon=True)
    renewer.start()
    try:
        yield
    finally:
        ended.set()
        renewer.join()


def _renew(database: Database, lease: Lease, ended: threading.Event) -> None:
    while not ended.wait(RENEW_SECONDS):
        with contextlib.suppress(LocalTrouble), database.writing() as connection:
            later = database.now(connection) + LEASE_SECONDS
            mine = sa.update(LEASES).where(_is_mine(lease)).values(expires=later)
            if connection.execute(mine).rowcount == 0:
                lease.lost.set()


def _give_back(database: Database, lease: Lease) -> None:
    with database.writing() as connection:
        connection.execute(sa.delete(LEASES).where(_is_mine(lease)))


# ---------------------------------------------------------------- small things


def _is_new(connection: sa.Connection, insert: Any) -> bool:
    """Whether the row was not there before: a count of inserted rows is not to be had everywhere."""
    return connection.execute(insert).scalar() is not None


def _is_live(database: Database, connection: sa.Connection, row: sa.Row[Any]) -> bool:
    alive = owner_of(row).is_alive()
    if alive is None:  # another machine, or a container beside this one
        return database.state is not None or bool(row.expires > database.now(connection))
    return alive


def _was_made(connection: sa.Connection, flow: str, day: date, attempt: int) -> bool:
    """Whether that attempt has a run: one who looked long ago may ask for it again."""
    query = sa.select(sa.func.count()).where(
        RUNS.c.flow == flow,
        RUNS.c.scheduled_date == day.isoformat(),
        RUNS.c.attempt == attempt,
        RUNS.c.started_by.not_in(("plan", "approve")),
        sa.or_(RUNS.c.outcome != "skipped", RUNS.c.exit_code.is_(None)),
    )
    return bool(connection.execute(query).scalar_one())


def _busy(flow: str, row: sa.Row[Any] | None) -> Busy:
    if row is None:
        return Busy(f"another run of {flow} is under way")
    since = datetime.fromisoformat(row.since)
    return Busy(f"another run of {flow} is under way since {since:%Y-%m-%d %H:%M} UTC: {row.run}")


def _lease_of(flow: str) -> sa.Select[Any]:
    return sa.select(LEASES).where(LEASES.c.flow == flow)


def _is_mine(lease: Lease) -> sa.ColumnElement[bool]:
    return (LEASES.c.flow == lease.flow) & (LEASES.c.token == lease.token)


def _claim_of(flow: str, what: str, attempt: int) -> sa.ColumnElement[bool]:
    return (CLAIMS.c.flow == flow) & (CLAIMS.c.day == what) & (CLAIMS.c.attempt == attempt)


def _lock_file(state: Path, flow: str) -> Path:
    return state / flow / "lock"
