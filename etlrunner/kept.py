"""Archives of earlier runs: what a retry sends again, and what an approval lets go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etlrunner import journal
from etlrunner.config.project import Project
from etlrunner.errors import UsageError
from etlrunner.history import delivered as deliveries
from etlrunner.lib import far_side, files
from etlrunner.lib.clock import STEADY
from etlrunner.model.delivery import Archive
from etlrunner.model.flow import Flow
from etlrunner.model.run import RunRecord
from etlrunner.model.surroundings import Clock
from etlrunner.model.tables import Counts, FinishedTable, RawTable
from etlrunner.target import FILE_ORDER

if TYPE_CHECKING:
    from etlrunner.history.store import History

ASSIGNED = "assigned.parquet"
CAN_HEAL = (3, 7)
"""Exit codes after which the same bytes may be sent again."""


@dataclass(frozen=True)
class Kept:
    """An earlier run whose archive is still exactly what was recorded."""

    run: RunRecord
    archive: Archive
    folder: Path

    def finished(self) -> Mapping[str, Path]:
        """The finished tables that the archive was made from."""
        return _finished(self.folder)

    def as_tables(self) -> Mapping[str, FinishedTable]:
        """The same, as the stages know them."""
        return {
            name: FinishedTable(name, path, (), self.run.counts.get(name, Counts()))
            for name, path in self.finished().items()
        }

    @property
    def assigned(self) -> Path | None:
        """The memory of numbered values as that run left it, if it has one."""
        return self.folder / ASSIGNED if self.run.assigned_sha256 else None

    def facts(self) -> Mapping[str, Any]:
        """What the sending run takes over into its own record."""
        names = (
            "raw_rows raw_sha256 counts findings repairs touched changes kinds counters held_over season "
            "config_hash content_hash archive_sha256 archive_size assigned_sha256 baseline scope "
            "source_file sizes"
        )
        beside = journal.identifiers(self.folder.parent / self.run.id)
        facts = {name: beside.get(name, getattr(self.run, name)) for name in names.split()}
        return {**facts, "archive_of": self.folder.name}


def run_folder(project: Project, record: RunRecord) -> Path:
    """Where a run keeps its data: `.etlrunner/<flow>/runs/<run id>/`."""
    return project.runs_folder(record.flow) / record.id


def unsent(project: Project, before: RunRecord, config_hash: str) -> Kept | None:
    """The attempt before, if nothing but its delivery failed and the configuration is the same."""
    was_cut_off = before.outcome == "interrupted" and before.delivery is not None
    if before.stage != "deliver" or not (was_cut_off or before.exit_code in CAN_HEAL):
        return None
    return intact(project, before) if before.config_hash == config_hash else None


def to_approve(
    project: Project,
    held: RunRecord,
    flow: Flow,
    *,
    expected_hash: str,
    history: History,
    clock: Clock,
) -> Kept:
    """The held run, ready to be sent.

    Raises UsageError unless it is held, not too long ago, no run since found that Apple has what the
    source has, and its archive is what was shown.
    """
    again = f"look at it afresh: etlrunner run {held.flow}"
    if held.outcome != "held":
        raise UsageError(
            f"{held.id} is not held: it is {held.outcome}", hint="see: etlrunner history"
        )
    if held.trigger == "plan":
        raise UsageError(f"{held.id} was a plan, and a plan is never sent", hint=again)
    if not held.content_hash:
        raise UsageError(
            f"{held.id} was held before there was an archive; there is nothing to approve",
            hint=f"mend the source, then {again}",
        )
    if not held.content_hash.startswith(expected_hash.lower()):
        raise UsageError(
            f"{held.id} holds content {held.content_hash[:12]}, not {expected_hash}: not sent"
        )
    if held.config_hash != flow.config_hash:
        raise UsageError(
            f"the configuration is not the one under which {held.id} was held: not sent", hint=again
        )
    last = deliveries.read(project.state / held.flow / "delivered")
    if last is not None and last.run_id != held.baseline:
        raise UsageError(
            f"{held.id} is obsolete: {last.run_id} was delivered since: not sent", hint=again
        )
    if newer := history.overtaken_by(held):
        raise UsageError(
            f"{held.id} is obsolete: {newer.id} found since that Apple has what the source has: not sent",
            hint=again,
        )
    for sent in history.since_proven(held.flow):
        assert sent.delivery is not None
        is_other = sent.started > held.started and sent.content_hash != held.content_hash
        if is_other and far_side.may_be_whole(sent.delivery):
            raise UsageError(
                f"{sent.id} was sent since {held.id} was held, and whether it arrived is not known: "
                "not sent",
                hint=again,
            )
    age, within = clock.now() - held.started, flow.safeguards.approve_within
    if age < -STEADY:
        raise UsageError(
            f"{held.id} was held at {held.started:%Y-%m-%d %H:%M} UTC, which is yet to come: a clock was "
            "set, and how old it is nobody knows: not sent",
            hint=again,
        )
    if age > within:
        raise UsageError(
            f"{held.id} was held {age.days:,} days ago, and may be approved within {_in_units(within)} "
            "(safeguards.approve_within): not sent",
            hint=again,
        )
    kept = intact(project, held)
    if kept is None:
        raise UsageError(
            f"the archive of {held.id} is gone, or not what was shown: not sent", hint=again
        )
    return kept


def to_resend(project: Project, sent: RunRecord) -> Kept:
    """A delivered run, ready to be sent once more.

    Raises UsageError unless it was delivered, and its archive is still what was recorded.
    """
    if sent.trigger == "plan":
        raise UsageError(f"{sent.id} was a plan, and a plan is never sent")
    if sent.outcome == "held":
        raise UsageError(
            f"{sent.id} is held, it was never sent: not sent",
            hint=f"look at it, then: etlrunner approve {sent.id}",
        )
    if sent.outcome == "approved":
        raise UsageError(
            f"{sent.id} was held, and {sent.message}: not sent",
            hint=f"resend the run that sent it: etlrunner resend {sent.message.rpartition(' ')[2]}",
        )
    if sent.outcome != "delivered":
        raise UsageError(
            f"{sent.id} was never delivered, it is {sent.outcome}: not sent",
            hint=f"see: etlrunner history {sent.flow}",
        )
    kept = intact(project, sent)
    if kept is None:
        raise UsageError(
            f"the archive of {sent.id} is gone, or not what was sent: not sent",
            hint="rows and archives are kept for history.keep_rows; send what the source has now: "
            f"etlrunner run {sent.flow}",
        )
    return kept


def roster(
    project: Project, run: RunRecord, flow: str, wanted: Iterable[str]
) -> dict[str, RawTable]:
    """The raw tables of an earlier run, byte for byte.

    Raises UsageError where one is not there, or not what was pulled.
    """
    pull = f"pull them anew: etlrunner run {flow}"
    if run.flow != flow:
        raise UsageError(f"{run.id} is a run of {run.flow}, not of {flow}")
    found = {}
    for name in wanted:
        path = project.runs_folder(flow) / (run.archive_of or run.id) / "raw" / f"{name}.parquet"
        if name not in run.raw_rows:
            raise UsageError(f"{run.id} pulled no {name}, or not all of them", hint=pull)
        if not path.is_file():
            raise UsageError(f"the {name} that {run.id} pulled are gone", hint=pull)
        if not _is(path, run.raw_sha256.get(name, "")):
            raise UsageError(f"the {name} of {run.id} are not what was pulled", hint=pull)
        found[name] = RawTable(name, path, run.raw_rows[name])
    return found


def _in_units(span: timedelta) -> str:
    """A time as a flow writes it: `7d`, `36h`."""
    hours = span.total_seconds() / 3600
    return f"{hours / 24:g}d" if hours % 24 == 0 else f"{hours:g}h"


def intact(project: Project, record: RunRecord) -> Kept | None:
    """Archive, tables and identifiers as they were: one is sent, with the others the next run is compared."""
    folder = project.runs_folder(record.flow) / (record.archive_of or record.id)
    path = folder / "roster.zip"
    if not _is(path, record.archive_sha256):
        return None
    if record.assigned_sha256 and not _is(folder / ASSIGNED, record.assigned_sha256):
        return None
    beside = run_folder(project, record) / journal.BESIDE  # the scope that the next run is held to
    if record.identifiers_sha256 and not _is(beside, record.identifiers_sha256):
        return None
    if not _makes(folder, record.content_hash):
        return None
    rows = {name: counts.written for name, counts in record.counts.items()}
    archive = Archive(path, record.content_hash, path.stat().st_size, rows, record.archive_sha256)
    return Kept(record, archive, folder)


def tables(project: Project, record: RunRecord) -> Mapping[str, Path] | None:
    """The tables of what a run sent, as they were; None when they are gone, or are others by now."""
    folder = project.runs_folder(record.flow) / (record.archive_of or record.id)
    return _finished(folder) if _makes(folder, record.content_hash) else None


def _is(path: Path, sha256: str) -> bool:
    return path.is_file() and files.sha256(path) == sha256


def _finished(folder: Path) -> dict[str, Path]:
    return {name: folder / "finished" / f"{name}.parquet" for name in FILE_ORDER}


def _makes(folder: Path, content_hash: str) -> bool:
    """Whether the tables in the folder are still those whose text has this hash."""
    from etlrunner import package  # loads polars: only who sends pays for it

    finished = _finished(folder)
    if not all(path.is_file() for path in finished.values()):
        return False
    return package.content_hash(finished) == content_hash
