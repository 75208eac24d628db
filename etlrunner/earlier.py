"""What was made before and is sent now: an approval, a repetition, a retry, or what was left without an end.

The bytes are those of the earlier run, under the same name. No source is asked, and nothing is mapped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from etlrunner import attempt, delivery, kept, safety, seasons, settle, stages
from etlrunner import plan as plans
from etlrunner.config.project import Project
from etlrunner.errors import Busy
from etlrunner.history import delivered as deliveries
from etlrunner.journal import Journal
from etlrunner.kept import Kept
from etlrunner.model.run import RunRecord
from etlrunner.plan import Plan
from etlrunner.run import Request, Result, Services

if TYPE_CHECKING:
    from etlrunner.history.store import History


def approve(
    project: Project,
    run: str,
    *,
    by: str,
    because: str,
    services: Services,
    expected_hash: str = "",
) -> Result:
    """Deliver what a held run showed, and nothing else: bound to its content hash.

    Raises UsageError when that run is not held, was overtaken, or its archive is not what was shown;
    and in a season that pauses deliveries.
    """
    history = services.history
    held, plan, ready = _to_approve(project, run, services, expected_hash)
    request = Request(trigger="approve", scheduled_date=held.scheduled_date)
    result = attempt.begin(plan, request, services)
    result.record = replace(result.record, approved_by=by, approved_because=because)
    _send_earlier(plan, result, services, held, ready, _send_kept)
    if result.exit_code == 0:
        settle.close_held(history, result.record, held.id)
    attempt.tell(plan.project, plan.flow, held, result)
    return result


def refuse_approval(project: Project, run: str, *, services: Services, expected_hash: str) -> None:
    """Raise UsageError where `approve` would, so that nobody is asked about what cannot be sent."""
    _to_approve(project, run, services, expected_hash)


def resend(project: Project, run: str, *, by: str, because: str, services: Services) -> Result:
    """Deliver an earlier delivery's archive once more, its bytes unchanged.

    If Apple has something else by now, the result is held: an older upload deactivates everybody who
    came since, so that it needs an approval like any other. Raises UsageError when that run was never
    delivered, or its archive is not what was sent; and in a season that pauses deliveries.
    """
    history = services.history
    sent = history.resolve_run(run)
    history.mark_interrupted(sent.flow)
    plan = plans.make(project, sent.flow, today=services.clock.now())
    attempt.refuse_in_a_pause(plan, services)
    ready = partial(kept.to_resend, project)
    ready(sent)
    previous = attempt.last_told(history, sent.flow)
    result = attempt.begin(plan, Request(trigger="resend"), services)
    result.record = replace(result.record, approved_by=by, approved_because=because)
    _send_earlier(plan, result, services, sent, ready, _send_once_more)
    attempt.tell(plan.project, plan.flow, previous, result)
    return result


def _to_approve(
    project: Project, run: str, services: Services, expected_hash: str
) -> tuple[RunRecord, Plan, Callable[[RunRecord], Kept]]:
    """The held run, its plan as the configuration is now, and the look to be taken once more before it is sent."""
    history = services.history
    held = history.resolve_run(run)
    history.mark_interrupted(held.flow)
    plan = plans.make(project, held.flow, today=services.clock.now())
    attempt.refuse_in_a_pause(plan, services)
    ready = partial(
        kept.to_approve,
        project,
        flow=plan.flow,
        expected_hash=expected_hash,
        history=history,
        clock=services.clock,
    )
    ready(held)
    return held, plan, ready


def _send_earlier(
    plan: Plan,
    result: Result,
    services: Services,
    earlier: RunRecord,
    ready: Callable[[RunRecord], Kept],
    send: Callable[..., None],
) -> None:
    """Be the one run of the flow, settle what is open, look at the earlier run once more, and send it."""
    lease = services.history.lease(plan.flow.name, owner=result.record.id, clock=services.clock)
    try:
        with lease as result.lease:  # it may have been sent while we were asked
            settle_before(plan, result, services, sends=earlier.archive_sha256)
            again = ready(services.history.resolve_run(earlier.id))
            attempt.keep(plan, result, services, partial(send, kept=again))
    except Busy as busy:
        attempt.skip(result, services, busy)


def settle_before(plan: Plan, result: Result, services: Services, *, sends: str) -> None:
    """Whatever was sent before has a known end when this returns, or this run is about to send it.

    Raises what ended the attempt: nothing else is sent while it is not known what is at the server.
    """
    day = stages.local_date(plan.flow, Request(), services.clock)
    found = settle.settle(plan, services, day)
    if found is None or found.kept is None or found.record.archive_sha256 == sends:
        result.leftovers = settle.leftovers(services.history, plan.flow.name)
        return
    before = found.record
    request = Request(
        trigger="retry",
        scheduled_date=before.scheduled_date,
        attempt=before.attempt + 1,
        source_file=before.source_file,
    )
    again = attempt.begin(plan, request, services)
    again.record = approved_as(again.record, before)
    again.lease = result.lease
    attempt.keep(plan, again, services, partial(send_retried, kept=found.kept))
    if again.error is not None:
        raise again.error


def _send_kept(
    plan: Plan,
    result: Result,
    journal: Journal,
    services: Services,
    *,
    kept: Kept,
) -> None:
    """Send the archive of an earlier run: the same bytes under the same name."""
    attempt.check_secrets(plan, Request())
    result.archive = kept.archive
    journal.note(**kept.facts())
    _deliver(plan, result, journal, services, kept)


def send_retried(
    plan: Plan,
    result: Result,
    journal: Journal,
    services: Services,
    *,
    kept: Kept,
) -> None:
    """Send them again; a held run whose approval failed to arrive is not held any more."""
    _send_kept(plan, result, journal, services, kept=kept)
    settle.close_held(services.history, journal.record)


def _send_once_more(
    plan: Plan,
    result: Result,
    journal: Journal,
    services: Services,
    *,
    kept: Kept,
) -> None:
    """As an approval does, but for the safeguards: what Apple has now is the other side."""
    attempt.check_secrets(plan, Request())
    day = stages.local_date(plan.flow, Request(), services.clock)
    journal.note(**{**kept.facts(), "config_hash": plan.flow.config_hash})
    result.archive, result.finished = kept.archive, kept.as_tables()
    result.last = deliveries.read(stages.delivered_folder(plan))
    result.unproven = settle.unproven(plan, services.history, day)
    with journal.stage("compare"):
        safety.compare_tables(plan, result, journal, day=day)
    with journal.stage("guard"):
        safety.guard_once_more(plan, result, kept.run, journal.record.scope)
    _deliver(plan, result, journal, services, kept)


def _deliver(plan: Plan, result: Result, journal: Journal, services: Services, kept: Kept) -> None:
    delivery.deliver_archive(
        plan, result, journal, services, finished=kept.finished(), assigned=kept.assigned
    )


def unsent(plan: Plan, request: Request, services: Services) -> Kept | None:
    """What a retry sends again: the attempt before, if only its delivery failed; nothing in a pause."""
    if request.trigger != "retry" or not request.deliver:
        return None
    if seasons.pause(plan.flow, stages.local_date(plan.flow, request, services.clock)):
        return None
    before = _last_real_run(services.history, plan.flow.name)
    if before is None or before.scheduled_date != request.scheduled_date:
        return None
    return kept.unsent(plan.project, before, plan.flow.config_hash)


def approved_as(record: RunRecord, before: RunRecord) -> RunRecord:
    """Whoever let the first attempt go let these bytes go: the next attempt says so too."""
    return replace(record, approved_by=before.approved_by, approved_because=before.approved_because)


def _last_real_run(history: History, flow: str) -> RunRecord | None:
    """The last run that could have delivered; plans do not count."""
    return next((run for run in history.runs(flow, limit=50) if run.trigger != "plan"), None)
