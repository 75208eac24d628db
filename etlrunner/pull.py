"""The first stage of a run: connect to the source, and have every table that the mapping needs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from etlrunner import extract
from etlrunner.config import secrets, settings
from etlrunner.journal import Journal
from etlrunner.lib import hosts, unfinished
from etlrunner.mapping import from_database
from etlrunner.model.run import RunRecord
from etlrunner.model.tables import RawTable
from etlrunner.plan import Plan
from etlrunner.run import Services

PULL_FAILED = 3


def pull(
    plan: Plan, folder: Path, services: Services, journal: Journal, before: Path | None
) -> Mapping[str, RawTable]:
    """Every raw table, frozen in `folder`; `before` is the folder of a run whose pull broke off.

    Complete tables of that one are used again while they are young (`source.resume`). What the mapping
    takes from databases comes first: it is small, and a mistake in it is told before the source works.
    """
    options = secrets.fill(plan.flow.source.options, plan.project, plan.flow.name)
    window: timedelta = options.get("resume") or timedelta(0)
    hosts.cap(settings.read(plan.project).limits)
    ended: dict[str, datetime] = {}
    have: dict[str, RawTable] = {}
    if before is not None:
        ended = unfinished.ends(before / "raw")
        have = unfinished.take(
            before / "raw", folder / "raw", plan.raw_tables, services.clock.now(), window
        )
    reveal = partial(secrets.reveal, project=plan.project)
    beside = from_database.pull(plan.flow.mapping, folder / "raw", reveal)
    with plan.source.connect(
        options, clock=services.clock, progress=services.progress
    ) as connection:
        if taken := getattr(connection, "source_file", None):
            journal.note(source_file=taken)
        found = extract.extract(
            connection,
            plan.raw_tables,
            folder,
            clock=services.clock,
            progress=services.progress,
            concurrency=int(options.get("concurrency") or 2),
            deadline=options.get("deadline"),
            verify=str(options.get("verify") or "auto"),
            columns=plan.raw_columns,
            have=have,
            ended=ended,
            keep_complete=bool(window),
        )
    return {**found, **beside}


def broke_off(before: RunRecord | None, config_hash: str, now: datetime) -> bool:
    """Was this a run of the same configuration, on the same day, whose pull ended early?"""
    return (
        before is not None
        and before.stage == "extract"
        and before.exit_code == PULL_FAILED
        and before.config_hash == config_hash
        and (before.ended or now).date() == now.date()
    )
