"""What is to be done for a flow now, from its schedule and its history alone.

Nothing is remembered elsewhere, so that several starters, and a starter that was restarted, agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from etlrunner.history.store import Try
from etlrunner.model.flow import Flow, Retry, Schedule
from etlrunner.schedule import calendar
from etlrunner.schedule.calendar import Occurrence

MAY_HEAL = (3, 7)
"""Exit codes after which another attempt makes sense; all others wait for a person."""
WELL = ("delivered", "unchanged", "held", "approved", "paused")
LATE = timedelta(minutes=15)
"""A first attempt that starts later than this is called a catch-up."""
MOST_INTERRUPTIONS = 3
"""After so many attempts that were cut off, the next one waits for the next date."""
_FAR = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to make now, for a date or for a file that arrived."""

    date: date | None
    trigger: str
    attempt: int
    source_file: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """`start` now, if anything; `missed` dates to write down; `wake` when it is worth looking again."""

    start: Attempt | None = None
    missed: tuple[Occurrence, ...] = ()
    wake: datetime | None = None
    under_way: bool = False


def decide(
    flow: Flow, tries: Sequence[Try], now: datetime, off: datetime | None = None
) -> Decision:
    """The last occurrence that has come decides; those before it are done, or missed.

    What was due until `off`, when the flow was last seen switched off, is neither made up nor missed.
    """
    if flow.schedule is None or not flow.enabled:
        return Decision()
    following = calendar.next_runs(flow.schedule, now, 1)
    wake = following[0].instant if following else None
    last = calendar.latest(flow.schedule, now)
    if last is None or (off is not None and last.instant <= off):
        return Decision(wake=wake)
    missed = _missed_before(flow.schedule, tries, last, off)
    mine = [each for each in tries if each.date == last.date]
    if any(each.outcome == "running" for each in mine):
        return Decision(missed=missed, wake=wake, under_way=True)
    if _is_settled(mine):
        return Decision(missed=missed, wake=wake)
    made = [each for each in mine if each.outcome != "skipped"]
    if made and made[-1].outcome == "failed":
        return _again(flow, last, made, now, missed, wake)
    return _first(flow.schedule, last, len(made), now, missed, wake)


def _first(
    schedule: Schedule,
    last: Occurrence,
    made: int,
    now: datetime,
    missed: tuple[Occurrence, ...],
    wake: datetime | None,
) -> Decision:
    """The first attempt, or one after others that were cut off: within the window, else missed."""
    if made >= MOST_INTERRUPTIONS:
        return Decision(missed=missed, wake=wake)
    if calendar.due(schedule, now, ()) != last.date:
        return Decision(missed=missed if made else (*missed, last), wake=wake)
    trigger = "catch-up" if now - last.instant > LATE else "schedule"
    return Decision(Attempt(last.date, "retry" if made else trigger, made + 1), missed, wake)


def _again(
    flow: Flow,
    last: Occurrence,
    made: Sequence[Try],
    now: datetime,
    missed: tuple[Occurrence, ...],
    wake: datetime | None,
) -> Decision:
    """Another attempt after one that failed in a way that may heal, at the flow's pauses."""
    assert flow.schedule is not None
    ended = made[-1].ended
    if len(made) > len(flow.retry.delays) or ended is None:
        return Decision(missed=missed, wake=wake)
    at = ended + flow.retry.delays[len(made) - 1]
    until = _until(flow.schedule, flow.retry, last)
    if until is not None and max(at, now) > until:
        return Decision(missed=missed, wake=wake)
    if now < at:
        return Decision(missed=missed, wake=min(at, wake) if wake else at)
    return Decision(Attempt(last.date, "retry", len(made) + 1), missed, wake)


def _until(schedule: Schedule, retry: Retry, last: Occurrence) -> datetime | None:
    """The first `until` after the hour: 06:00 is the next morning for a run at 22:00."""
    if retry.until is None:
        return None
    return calendar.local_time_after(schedule, last.instant, retry.until)


def _is_settled(tries: Sequence[Try]) -> bool:
    """Whether nothing more is to be done for a date."""
    for each in tries:
        if each.outcome in WELL:
            return True
        if each.outcome == "skipped" and each.exit_code is None:  # written down as missed
            return True
        if each.outcome == "failed" and each.exit_code not in MAY_HEAL:
            return True
    return False


def _missed_before(
    schedule: Schedule, tries: Sequence[Try], last: Occurrence, off: datetime | None
) -> tuple[Occurrence, ...]:
    """Dates between the last one that is known of and this one: nothing ran then."""
    earlier = [each.date for each in tries if each.date < last.date]
    if not earlier and off is not None:
        earlier = [off.date() - timedelta(days=2)]
    if not earlier or any(each.date > last.date for each in tries):
        return ()
    first = max(earlier) + timedelta(days=1)
    before = last.date - timedelta(days=1)
    gone = calendar.between(schedule, max(first, before - _FAR), before)
    return tuple(each for each in gone if off is None or each.instant > off)
