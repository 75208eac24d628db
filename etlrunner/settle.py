"""What the start of a run does about a delivery that has no known end: one answer for each state.

Whoever starts a flow (`run`, a retry, an approval, the scheduler) asks here first, when it holds the lease.
The states and their answers are in `lib/far_side.py`; this finds the state, and finishes what needs no
server. Sending again is the engine's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from etlrunner import delivery, kept, seasons, stages
from etlrunner.errors import LocalTrouble
from etlrunner.history import delivered as deliveries
from etlrunner.history.store import History
from etlrunner.journal import Journal
from etlrunner.kept import Kept, run_folder
from etlrunner.lib import far_side, files
from etlrunner.model.run import RunRecord
from etlrunner.plan import Plan
from etlrunner.run import Services, Unproven

_FAR_BACK = 200
"""Runs that are looked through for the last one that sent something."""


@dataclass(frozen=True)
class Unfinished:
    """The last delivery of a flow, when it has no known end."""

    record: RunRecord
    kept: Kept | None
    """Its archive, when the same bytes can be sent again; else the next delivery takes its place."""


def settle(plan: Plan, services: Services, day: date) -> Unfinished | None:
    """Finish what can be finished here; return what has to be sent again, if anything.

    To be asked by whoever holds the flow's lease. Raises LocalTrouble when this machine cannot note a
    delivery that is known to be there.
    """
    _sweep(plan, services.history)
    record = _last_sent(services.history, plan.flow.name)
    if record is None:
        return None
    last = deliveries.read(stages.delivered_folder(plan))
    state = far_side.found(record, last.run_id if last else "")
    answer = far_side.STATES[state].answer
    if answer in ("promote", "finish"):
        _finish(plan, record, services, last)
    elif answer == "send again":
        can_be = not _why_not(plan, record, last, day)
        return Unfinished(record, kept.intact(plan.project, record) if can_be else None)
    elif state == "delivered":
        close_held(services.history, record)
    return None


def unproven(plan: Plan, history: History, day: date) -> tuple[Unproven, ...]:
    """What the target may have by now, though nothing proves it: it is compared with, too.

    A proven delivery, or a baseline that is brought in, ends it. Of each content the newest; nothing is
    changed, so that a plan may ask.
    """
    last = deliveries.read(stages.delivered_folder(plan))
    found: dict[str, Unproven] = {}
    for place, run in enumerate(history.since_proven(plan.flow.name)):
        if run.delivery is not None and far_side.may_be_whole(run.delivery):
            why = "something else was tried since" if place else _why_not(plan, run, last, day)
            if not why and kept.intact(plan.project, run) is None:
                why = "its archive is gone from here"
            found.setdefault(run.content_hash, Unproven(run, why))
    return tuple(found.values())


def leftovers(history: History, flow: str) -> tuple[str, ...]:
    """Names at the server under which deliveries without a known end may have left half a file."""
    sent = [run.delivery for run in history.since_proven(flow) if run.delivery is not None]
    return tuple(dict.fromkeys(name for one in sent for name in far_side.leftovers(one)))


def close_held(history: History, sent: RunRecord, approved: str = "") -> None:
    """The held run whose archive was sent is not held any more; `approved` is its id, if it is known."""
    name = approved or sent.archive_of
    held = history.get(name) if name else None
    if held is not None and held.outcome == "held":
        history.save(replace(held, outcome="approved", message=f"sent as {sent.id}"))


def _last_sent(history: History, flow: str) -> RunRecord | None:
    """The last run that wrote down that it was going to send something, if nothing was sent since."""
    runs = history.runs(flow, limit=_FAR_BACK)
    return next((run for run in runs if run.delivery is not None), None)


def _why_not(plan: Plan, record: RunRecord, last: deliveries.Delivered | None, day: date) -> str:
    """Why the same bytes are not sent again, as far as that can be said without looking at them."""
    if pause := seasons.pause(plan.flow, day):
        return seasons.told(pause)
    if record.config_hash != plan.flow.config_hash:
        return "the configuration has changed since"
    if record.baseline != (last.run_id if last else ""):
        return "something else was delivered since"
    return ""


def _finish(
    plan: Plan, record: RunRecord, services: Services, last: deliveries.Delivered | None
) -> None:
    """The file is proven to be there: make it what counts, and a success, without asking anybody."""
    journal = Journal.again(
        record, run_folder(plan.project, record), services.history, services.clock
    )
    rows = {name: counts.written for name, counts in record.counts.items()}
    baseline = last.run_id if last else ""
    intact = kept.intact(plan.project, record)
    if baseline == record.id:
        folder = _folder_of_archive(plan, record)
        delivery.settle_grace(plan, record, services.history, folder)
        delivery.end_delivered(journal, rows)
    elif baseline != record.baseline or not (intact or baseline):
        delivery.end_delivered(journal, rows)  # somebody gave the flow another baseline, or none
    elif intact is None:
        raise LocalTrouble(
            f"{record.id} was delivered, but its tables are gone from here: the next run cannot be"
            " compared with it; nothing was sent",
            hint="bring back its folder from a copy; or move the flow's delivered/ aside, and the next"
            " run is a first delivery that waits for approval",
        )
    else:
        delivery.record_delivery(
            plan,
            intact.archive,
            journal,
            services,
            finished=intact.finished(),
            assigned=intact.assigned,
        )
    close_held(services.history, journal.record)


def _folder_of_archive(plan: Plan, record: RunRecord) -> Path:
    return plan.project.runs_folder(record.flow) / (record.archive_of or record.id)


def _sweep(plan: Plan, history: History) -> None:
    """What runs that were killed left half done; the lease says that nobody writes here now."""
    state = stages.state_folder(plan)
    for left in (state, stages.delivered_folder(plan)):
        files.sweep(left, below=False)
    deliveries.tidy(stages.delivered_folder(plan))
    for run in history.runs(plan.flow.name, limit=5):
        if run.outcome != "running":  # a plan has no lease, and may be under way
            files.sweep(run_folder(plan.project, run))
