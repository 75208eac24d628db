"""The history: one row per run with its counts, hashes and times; no names, no secrets."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from etlrunner.errors import UsageError
from etlrunner.history import leases, rows
from etlrunner.history.database import (
    CLAIMS,
    COUNTERS,
    FACTS,
    RUNS,
    Database,
    owner_of,
    owner_values,
)
from etlrunner.history.leases import Holder, Lease
from etlrunner.lib import far_side
from etlrunner.model.run import RunRecord
from etlrunner.model.secrets import Secret
from etlrunner.model.surroundings import Clock


class Try(NamedTuple):
    """What the schedule needs to know of one run."""

    date: date
    outcome: str
    exit_code: int | None
    ended: datetime | None
    attempt: int


class History:
    """Everything that is remembered of runs. Safe to use from several threads and processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, where: Path | str | Secret) -> History:
        """The history of a state folder, or the one behind a `postgresql://` address."""
        return cls(Database.open(where))

    def close(self) -> None:
        self._database.close()

    # ------------------------------------------------------------ runs

    def new_run_id(self, flow: str, day: date) -> str:
        """`<flow>-<date>-<n>`: never given out twice, whoever else asks at the same time."""
        first = self._database.insert(COUNTERS).values(flow=flow, day=day.isoformat(), last=1)
        counting = first.on_conflict_do_update(
            index_elements=["flow", "day"], set_={"last": COUNTERS.c.last + 1}
        ).returning(COUNTERS.c.last)
        with self._database.writing() as connection:
            number = connection.execute(counting).scalar_one()
        return f"{flow}-{day.isoformat()}-{number}"

    def begin(self, record: RunRecord) -> None:
        """The first row of a run, owned by this process."""
        self.save(record)

    def save(self, record: RunRecord) -> None:
        """Put a record into the history, in place of what it said before."""
        values = _columns(record)
        change = sa.update(RUNS).where(RUNS.c.id == record.id).values(**values)
        with self._database.writing() as connection:
            if connection.execute(change).rowcount == 0:
                connection.execute(sa.insert(RUNS).values(**values, **owner_values()))

    def get(self, run_id: str) -> RunRecord | None:
        return self._newest(RUNS.c.id == run_id)

    def last(self, flow: str) -> RunRecord | None:
        """The run of a flow that began last."""
        return self._newest(RUNS.c.flow == flow)

    def runs(self, flow: str | None = None, limit: int | None = 50) -> list[RunRecord]:
        """Runs, the one that began last first."""
        query = sa.select(RUNS.c.record).order_by(RUNS.c.number.desc()).limit(limit)
        if flow is not None:
            query = query.where(RUNS.c.flow == flow)
        with self._database.reading() as connection:
            return [rows.from_text(text) for text in connection.execute(query).scalars()]

    def waiting(self, flow: str | None) -> RunRecord | None:
        """The newest run that is held, of a flow or of all."""
        held = (RUNS.c.outcome == "held") & (RUNS.c.started_by != "plan")
        return self._newest(held if flow is None else held & (RUNS.c.flow == flow))

    def resolve_run(self, name: str) -> RunRecord:
        """The run a person means: a run's id, `last`, or a flow (its last run that was not skipped)."""
        real = RUNS.c.outcome != "skipped"
        found = self.get(name)
        found = found or self._newest(real if name == "last" else real & (RUNS.c.flow == name))
        if found is None:
            raise UsageError(f"there is no run '{name}'", hint=self._suggest(name))
        return found

    def overtaken_by(self, held: RunRecord) -> RunRecord | None:
        """The first run after a held one that delivered, or found that there was nothing to do.

        It looked at a younger roster, so that what is held is out of date.
        """
        number = sa.select(RUNS.c.number).where(RUNS.c.id == held.id).scalar_subquery()
        query = (
            sa.select(RUNS.c.record)
            .where(RUNS.c.flow == held.flow, RUNS.c.number > number, RUNS.c.started_by != "plan")
            .where(RUNS.c.outcome.in_(("delivered", "unchanged", "imported")))
            .order_by(RUNS.c.number)
            .limit(1)
        )
        with self._database.reading() as connection:
            text = connection.execute(query).scalar()
        return rows.from_text(text) if text else None

    def since_proven(self, flow: str) -> list[RunRecord]:
        """Runs that wrote down that they send something, and did not prove it, since something was proven.

        The one that began last first. What a person brought in as what Apple has is as good as a proof.
        """
        good = RUNS.c.outcome.in_(("delivered", "imported"))
        proven = sa.select(sa.func.max(RUNS.c.number)).where(RUNS.c.flow == flow, good)
        query = (
            sa.select(RUNS.c.record)
            .where(RUNS.c.flow == flow, RUNS.c.outcome != "running")
            .where(RUNS.c.number > sa.func.coalesce(proven.scalar_subquery(), 0))
            .order_by(RUNS.c.number.desc())
        )
        with self._database.reading() as connection:
            found = [rows.from_text(text) for text in connection.execute(query).scalars()]
        return [run for run in found if run.delivery is not None]

    def tries(self, flow: str, limit: int = 60) -> list[Try]:
        """The latest scheduled runs of a flow, oldest first."""
        columns = (RUNS.c[name] for name in ("scheduled_date", *Try._fields[1:]))
        query = (
            sa.select(*columns)
            .where(RUNS.c.flow == flow, RUNS.c.scheduled_date.is_not(None))
            .where(RUNS.c.started_by != "plan")
            .order_by(RUNS.c.number.desc())
            .limit(limit)
        )
        with self._database.reading() as connection:
            found = connection.execute(query).all()
        return [_try(row) for row in reversed(found)]

    def mark_interrupted(self, flow: str) -> list[str]:
        """Runs whose process is gone become `interrupted`; returns their ids."""
        held = leases.holder(self._database, flow)
        with self._database.writing() as connection:
            query = sa.select(RUNS).where(RUNS.c.flow == flow, RUNS.c.outcome == "running")
            running = connection.execute(query).all()
            dead = [row for row in running if not _may_live(row, held)]
            return [_interrupt(connection, row) for row in dead]

    # ------------------------------------------------------------ one run at a time

    def lease(self, flow: str, *, owner: str, clock: Clock) -> AbstractContextManager[Lease]:
        """Be the one run of a flow; `owner` is its id. Raises Busy: who has it, and since when."""
        return leases.hold(self._database, Lease(flow, owner), clock.now())

    def holder(self, flow: str) -> Holder | None:
        """Who has a flow's lease now, if anybody."""
        return leases.holder(self._database, flow)

    def claim(self, flow: str, day: date, attempt: int) -> bool:
        """Be the one starter of an attempt for a date; False if another one is, or was."""
        return leases.claim(self._database, flow, day, attempt)

    def release_claim(self, flow: str, day: date, attempt: int) -> None:
        """Nothing came of the attempt: another starter may make it."""
        leases.release_claim(self._database, flow, day, attempt)

    def claim_file(self, flow: str, digest: str, attempt: int) -> bool:
        """Be the one starter of an attempt for a dropped file; False if another one is."""
        return leases.claim_file(self._database, flow, digest, attempt)

    def release_file(self, flow: str, digest: str, attempt: int) -> None:
        """Nothing came of the attempt: another starter may make it."""
        leases.release_file(self._database, flow, digest, attempt)

    # ------------------------------------------------------------ switched off

    def note_off(self, flow: str, moment: datetime) -> None:
        """A scheduler saw the flow switched off: nothing that was due until then is missed."""
        name, value = f"off {flow}", rows.stamp(moment)
        insert = self._database.insert(FACTS).values(name=name, value=value)
        change = insert.on_conflict_do_update(index_elements=["name"], set_={"value": value})
        with self._database.writing() as connection:
            connection.execute(change)

    def last_off(self, flow: str) -> datetime | None:
        """When a scheduler last saw the flow switched off."""
        query = sa.select(FACTS.c.value).where(FACTS.c.name == f"off {flow}")
        with self._database.reading() as connection:
            value = connection.execute(query).scalar()
        return datetime.fromisoformat(value) if value else None

    # ------------------------------------------------------------ forgetting

    def prune(self, flow: str, *, before: datetime) -> list[str]:
        """Forget runs that began earlier; returns their ids.

        Never the flow's last run, its last delivery, or one that is under way. Counters stay, so that a
        run's id is never given out again.
        """
        earlier = sa.select(RUNS.c.number, RUNS.c.id).where(
            RUNS.c.flow == flow,
            RUNS.c.started < rows.stamp(before),
            RUNS.c.outcome != "running",
        )
        old = (CLAIMS.c.flow == flow) & (CLAIMS.c.day < before.date().isoformat())
        with self._database.writing() as connection:
            keep = _newest_numbers(connection, flow)
            gone = [row for row in connection.execute(earlier).all() if row.number not in keep]
            for row in gone:
                connection.execute(sa.delete(RUNS).where(RUNS.c.number == row.number))
            connection.execute(sa.delete(CLAIMS).where(old))
        return [row.id for row in gone]

    # ------------------------------------------------------------ below the surface

    def _newest(self, condition: sa.ColumnElement[bool]) -> RunRecord | None:
        query = sa.select(RUNS.c.record).where(condition).order_by(RUNS.c.number.desc()).limit(1)
        with self._database.reading() as connection:
            text = connection.execute(query).scalar()
        return rows.from_text(text) if text else None

    def _suggest(self, name: str) -> str:
        query = sa.select(RUNS.c.flow, RUNS.c.id).order_by(RUNS.c.number.desc()).limit(500)
        with self._database.reading() as connection:
            known = [word for row in connection.execute(query) for word in row]
        near = difflib.get_close_matches(name, dict.fromkeys(known), n=1)
        return f"did you mean '{near[0]}'?" if near else "see: etlrunner history"


_A_DAY = timedelta(days=1)


def _may_live(run: sa.Row[Any], held: Holder | None) -> bool:
    """Whether a `running` run may be under way; for certain only on the machine it runs on."""
    alive = owner_of(run).is_alive()
    if alive is not None:
        return alive
    if run.started_by == "plan":  # has no lease, and harms nobody
        return datetime.fromisoformat(run.started) > datetime.now().astimezone() - _A_DAY
    return held is not None and held.run == run.id


def _columns(record: RunRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "flow": record.flow,
        "started_by": record.trigger,
        "outcome": record.outcome,
        "exit_code": record.exit_code,
        "started": rows.stamp(record.started),
        "ended": rows.stamp(record.ended) if record.ended else None,
        "scheduled_date": record.scheduled_date.isoformat() if record.scheduled_date else None,
        "attempt": record.attempt,
        "record": rows.to_text(record),
    }


def _try(row: Sequence[Any]) -> Try:
    day, outcome, exit_code, ended, attempt = row
    when = datetime.fromisoformat(ended) if ended else None
    return Try(date.fromisoformat(day), outcome, exit_code, when, attempt)


def _newest_numbers(connection: sa.Connection, flow: str) -> set[int]:
    """The rows that are never pruned: the last run and the last delivery."""
    newest = sa.select(sa.func.max(RUNS.c.number)).where(RUNS.c.flow == flow)
    delivered = newest.where(RUNS.c.outcome == "delivered")
    return {connection.execute(query).scalar() or 0 for query in (newest, delivered)}


def _interrupt(connection: sa.Connection, row: sa.Row[Any]) -> str:
    """Nobody saw it end: its last sign of life is when the stage began that it died in."""
    before = rows.from_text(row.record)
    words = f"interrupted in stage {before.stage}: the program or the machine stopped"
    if before.delivery is not None:
        words += f"; {far_side.told(before.delivery)}; {far_side.next_start(before.delivery)}"
    after = replace(
        before,
        outcome="interrupted",
        ended=before.started + timedelta(seconds=sum(before.seconds.values())),
        message=words,
    )
    same = RUNS.c.number == row.number
    connection.execute(sa.update(RUNS).where(same).values(**_columns(after)))
    return before.id
