"""What Apple has, brought in from a zip that another tool uploaded: the other side of the first comparison.

Without it a first delivery is compared with nothing, and a district that comes from elsewhere with other
identifiers would double every account without anybody noticing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from etlrunner import figures, holdover, package, scope, settle, stages, table
from etlrunner import plan as plans
from etlrunner.checks.archive_file import ReadArchive, read_archive
from etlrunner.config.project import Project
from etlrunner.errors import ChecksFailed, UsageError
from etlrunner.history import delivered as deliveries
from etlrunner.history.delivered import Delivered
from etlrunner.journal import Journal
from etlrunner.kept import run_folder
from etlrunner.lib import files, git
from etlrunner.model.problems import Finding
from etlrunner.model.run import RunRecord
from etlrunner.model.tables import Counts
from etlrunner.plan import Plan
from etlrunner.run import Request, Services
from etlrunner.target import FILE_ORDER, TargetTable


@dataclass(frozen=True)
class Imported:
    """The record of an import, and what of the zip breaks Apple's rules."""

    record: RunRecord
    findings: tuple[Finding, ...]


def bring_in(
    project: Project,
    flow: str,
    zip: Path,
    *,
    by: str,
    because: str,
    replaces: bool,
    services: Services,
) -> Imported:
    """Make the six files in `zip` the flow's last delivery.

    Raises ChecksFailed for a zip that cannot be read whole, UsageError where there is a last delivery
    already and nobody said to replace it, Busy while a run is under way.
    """
    read = read_archive(zip)
    _refuse_unreadable(read)
    plan = plans.make(project, flow, today=services.clock.now())
    history = services.history
    history.mark_interrupted(plan.flow.name)
    day = stages.local_date(plan.flow, Request(), services.clock)
    record = RunRecord(
        id=history.new_run_id(plan.flow.name, day),
        flow=plan.flow.name,
        trigger="import",
        started=services.clock.now(),
        timezone=plan.flow.schedule.timezone if plan.flow.schedule else "UTC",
        stage="record",
        config_hash=plan.flow.config_hash,
        git_commit=git.head(project.root),
        archive_sha256=files.sha256(zip),
        archive_size=zip.stat().st_size,
        approved_by=by,
        approved_because=because,
    )
    with history.lease(plan.flow.name, owner=record.id, clock=services.clock):
        if settle.settle(plan, services, day) is not None:
            raise UsageError(
                "it is not known how the last delivery ended; nothing was brought in",
                hint=f"the next run settles it: etlrunner run {plan.flow.name}",
            )
        before = deliveries.read(stages.delivered_folder(plan))
        if before is not None and not replaces:
            raise UsageError(
                f"{plan.flow.name} has a last delivery, {before.run_id}; nothing was brought in",
                hint='to replace it: --replace --because "…"',
            )
        journal = Journal(record, run_folder(project, record), history, services.clock)
        try:
            _promote(plan, journal, read.tables, before, services)
        except BaseException as error:
            journal.end_with(error)
            raise
    return Imported(journal.record, read.findings)


def _promote(
    plan: Plan,
    journal: Journal,
    tables: Mapping[str, pl.DataFrame],
    before: Delivered | None,
    services: Services,
) -> None:
    made = files.private_folder(journal.folder / "finished")
    paths = {
        name: table.sink(
            _apples_columns(plan.target.tables[name], tables[name]), made / f"{name}.parquet"
        )
        for name in FILE_ORDER
    }
    rows = {name: tables[name].height for name in FILE_ORDER}
    folder, id = stages.delivered_folder(plan), journal.record.id
    day = stages.local_date(plan.flow, Request(), services.clock)
    journal.note(
        counts={name: Counts(written=count) for name, count in rows.items()},
        content_hash=package.content_hash(paths),
        scope=scope.of(plan.flow),
        baseline=before.run_id if before else "",
    )
    deliveries.promote(
        folder,
        id,
        paths,
        journal.record.content_hash,
        journal.record.scope,
        rows=rows,
        trail=[figures.as_data(figures.of(paths, id, day))],
        memory=deliveries.assigned(folder),
    )
    holdover.settle(
        journal.folder, stages.state_folder(plan)
    )  # of another baseline: nobody is gone
    total = f"{sum(rows.values()):,} rows in {len(rows)} files"
    journal.end("imported", 0, f"brought in {total}; the next run is compared with them")


def _apples_columns(spec: TargetTable, rows: pl.DataFrame) -> pl.LazyFrame:
    """What else stands in the file is a finding, and nothing that a delivery could be compared with."""
    return rows.lazy().select(name for name in rows.columns if spec.column(name) is not None)


def _refuse_unreadable(read: ReadArchive) -> None:
    """What cannot be compared is no baseline: a file or a required column is missing, keys twice."""
    target = plans.default_target()
    wrong = [
        Finding("zip-unreadable", "error", "the file is not there or cannot be read", name)
        for name in FILE_ORDER
        if name not in read.tables
    ]
    for name, rows in read.tables.items():
        spec, key = target.tables[name], target.tables[name].key
        absent = [one.name for one in spec.columns if one.required and one.name not in rows.columns]
        if absent:
            message = f"there is no column {', '.join(absent)}"
            wrong.append(Finding("asm-header", "error", message, name))
        elif twice := rows.height - rows[key].n_unique():
            message = f"{key} is not of one row only"
            wrong.append(Finding("asm-unique-key", "error", message, name, count=twice))
        elif not rows.height:
            wrong.append(Finding("empty-file", "error", "there are no rows", name))
    if wrong:
        raise ChecksFailed(wrong, "the zip cannot be what Apple has; nothing was brought in")
