"""The last two stages: an archive is sent, and what is proven to be there becomes the other side.

    intended -> uploading -> uploaded -> placed -> promoted -> delivered        (lib/far_side.py)

Each state is in the history, flushed to the disk, before the step that follows it. However a run ends,
`settle` can say from the last of them what may be at the server, and what is to be done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from etlrunner import safety, seasons, stages
from etlrunner.config import secrets
from etlrunner.errors import EtlError, LocalTrouble
from etlrunner.history import delivered as deliveries
from etlrunner.journal import Journal
from etlrunner.lib import far_side
from etlrunner.model.changes import Figures
from etlrunner.model.delivery import Archive, Delivery, Receipt
from etlrunner.model.flow import Flow
from etlrunner.model.run import RunRecord
from etlrunner.plan import Plan
from etlrunner.run import Request, Result, Services

if TYPE_CHECKING:
    from etlrunner.history.store import History


def deliver_archive(
    plan: Plan,
    result: Result,
    journal: Journal,
    services: Services,
    *,
    finished: Mapping[str, Path],
    assigned: Path | None,
) -> None:
    """Send the archive, with what is to be done written down before it is done.

    `finished` are the tables it was made from, the next comparison's other side; `assigned` is what
    was numbered, the next run's memory.
    """
    assert result.archive is not None
    with journal.stage("deliver"):
        _intend(plan, result.archive, journal)
        try:
            result.receipt = _send(plan, result, result.archive, journal, services)
        except (EtlError, KeyboardInterrupt) as error:
            journal.note(delivery=far_side.after(_delivery(journal), error))
            raise
        placed = replace(_delivery(journal), state="placed")
        journal.note(receipt=result.receipt, delivery=placed)
    record_delivery(
        plan,
        result.archive,
        journal,
        services,
        finished=finished,
        assigned=assigned,
        counted=result.figures,
    )


def _intend(plan: Plan, archive: Archive, journal: Journal) -> None:
    """In the history, and on the disk, before the first byte leaves."""
    record = journal.record
    name = _remote_name(plan.flow, record)
    sink = plan.flow.sink.type
    intent = Delivery("intended", sink, name, archive.sha256, archive.size, record.attempt)
    journal.note(delivery=intent)
    journal.log("intended", remote_name=name, size=archive.size, sha256=archive.sha256)


def _send(
    plan: Plan, result: Result, archive: Archive, journal: Journal, services: Services
) -> Receipt:
    from etlrunner import deliver

    def reached(state: str, beside: str) -> None:
        now = _delivery(journal)
        journal.note(delivery=replace(now, state=state, beside=beside or now.beside))

    options = secrets.fill(plan.flow.sink.options, plan.project, plan.flow.name)
    if result.lease is not None:
        result.lease.check()  # another machine may have taken over after a long pause
    name = _delivery(journal).remote_name
    return deliver.deliver(
        plan.sink.connect,
        options,
        archive,
        name,
        clock=services.clock,
        progress=services.progress,
        reached=reached,
        leftovers=[other for other in result.leftovers if other != name],
    )


def _delivery(journal: Journal) -> Delivery:
    assert journal.record.delivery is not None
    return journal.record.delivery


def record_delivery(
    plan: Plan,
    archive: Archive,
    journal: Journal,
    services: Services,
    *,
    finished: Mapping[str, Path],
    assigned: Path | None,
    counted: Figures | None = None,
) -> None:
    """What is proven to be there is what the next run is compared with, and a success.

    `counted` are the delivery's figures, where this run has them.
    """
    from etlrunner import figures

    with journal.stage("record"):
        day = stages.local_date(plan.flow, Request(), services.clock)
        sizes = counted or figures.of(finished, journal.record.id, day)
        sizes = replace(sizes, day=day)
        _promote(plan, journal, archive, finished, assigned, sizes, services.history)
    end_delivered(journal, archive.rows)


def end_delivered(journal: Journal, rows: Mapping[str, int]) -> None:
    """The last word of a delivery."""
    total = sum(rows.values())
    done = replace(_delivery(journal), state="delivered")
    journal.end("delivered", 0, f"delivered {total:,} rows in {len(rows)} files", delivery=done)


def settle_grace(plan: Plan, record: RunRecord, history: History, folder: Path) -> None:
    """What a look at the source found is what the days of grace are counted from.

    An archive that was sent before is no new look: sending it once more neither adds nor takes a day.
    """
    from etlrunner import holdover

    if not _was_sent(record, history):
        holdover.settle(folder, stages.state_folder(plan))


def _promote(
    plan: Plan,
    journal: Journal,
    archive: Archive,
    finished: Mapping[str, Path],
    assigned: Path | None,
    now: Figures,
    history: History,
) -> None:
    """Make this delivery the one that the next is compared with, and numbers from."""
    from etlrunner import figures

    folder, record = stages.delivered_folder(plan), journal.record
    try:
        last = deliveries.read(folder)
        is_approved = bool(record.approved_by) and record.trigger != "resend"
        sizes = record.sizes if is_approved else None
        trail = figures.extended(safety.trail(last), now, sizes)
        anew = seasons.loosened(plan.flow, now.day)
        marks = figures.marked(safety.marks(last), trail, sizes, anew)
        deliveries.promote(
            folder,
            record.id,
            finished,
            archive.content_hash,
            record.scope,
            rows=archive.rows,
            trail=[figures.as_data(one) for one in trail],
            memory=_memory(folder, journal, assigned, history),
            marks=[figures.as_data(one) for one in marks],
        )
        settle_grace(plan, record, history, next(iter(finished.values())).parent.parent)
    except LocalTrouble as error:
        raise LocalTrouble(
            f"the archive was delivered, but this machine could not note it: {error.message}",
            hint="the next run notes it before it does anything else; nothing is sent twice",
        ) from error


def _was_sent(record: RunRecord, history: History) -> bool:
    """Whether the archive of this delivery was delivered before, by another run."""
    earlier = history.get(record.archive_of) if record.archive_of else None
    return earlier is not None and earlier.outcome in ("delivered", "approved")


def _memory(
    delivered: Path, journal: Journal, assigned: Path | None, history: History
) -> Path | None:
    """The numbered values from here on. What an earlier archive did not know yet is not forgotten."""
    newer = deliveries.assigned(delivered)
    if newer is None or not _was_sent(journal.record, history):
        return assigned
    from etlrunner.mapping import assigned as memory

    return memory.write(memory.joined(newer, assigned), journal.folder) if assigned else newer


def _remote_name(flow: Flow, record: RunRecord) -> str:
    """The name at the server: the same for every attempt of the same content."""
    chosen = flow.sink.options.get("file_name")
    return str(chosen) if chosen else f"{flow.name}-{record.content_hash[:12]}.zip"
