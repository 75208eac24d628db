"""When a flow runs: an occurrence is a local date, and each date has exactly one instant.

A time that does not exist, because clocks go forward over it, moves forward by the length of the gap; of
a time that exists twice the first counts; a date that a zone left out altogether has no occurrence.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

from etlrunner.model.flow import Schedule

HORIZON = timedelta(days=4400)
"""How far to look for an occurrence: past the eight years that February 29 can be away."""
_DAY = timedelta(days=1)
_SATURDAY = 5


class Occurrence(NamedTuple):
    """A local date and the instant (UTC) at which its run is to start."""

    date: date
    instant: datetime


def instant(schedule: Schedule, day: date) -> datetime:
    """When the run of a local date starts, in UTC."""
    return _at(schedule, day, _time_of_day(schedule))


def is_due_day(schedule: Schedule, day: date) -> bool:
    """Whether a run is wanted on that local date: weekends are judged in the flow's own zone."""
    if any(first <= day <= last for first, last in schedule.skip):
        return False
    if not exists(ZoneInfo(schedule.timezone), day):
        return False
    if schedule.cron is not None:
        return next(_cron_days(schedule.cron, day, backwards=False), None) == day
    return schedule.weekend or day.weekday() < _SATURDAY


def next_runs(schedule: Schedule, after: datetime, n: int) -> list[Occurrence]:
    """The next `n` occurrences later than `after`; fewer if the schedule has no more."""
    first = _local_date(schedule, after) - _DAY
    coming = (each for each in _occurrences(schedule, first) if each.instant > after)
    return list(islice(coming, n))


def latest(schedule: Schedule, now: datetime) -> Occurrence | None:
    """The last occurrence that is not later than `now`."""
    first = _local_date(schedule, now) + _DAY
    past = (each for each in _occurrences(schedule, first, backwards=True) if each.instant <= now)
    return next(past, None)


def between(schedule: Schedule, first: date, last: date) -> Iterator[Occurrence]:
    """The occurrences from one local date to another, both included."""
    for each in _occurrences(schedule, first):
        if each.date > last:
            return
        yield each


def window_ends(schedule: Schedule, occurrence: Occurrence) -> datetime:
    """Until when a missed run may still start: `catch_up` later, or when the next one is due."""
    if schedule.catch_up is not None:
        return occurrence.instant + schedule.catch_up
    following = next_runs(schedule, occurrence.instant, 1)
    return following[0].instant if following else occurrence.instant + HORIZON


def due(schedule: Schedule, now: datetime, done_dates: Container[date]) -> date | None:
    """The date whose run should start now: the last one that came, unless done or too late."""
    last = latest(schedule, now)
    if last is None or last.date in done_dates or now > window_ends(schedule, last):
        return None
    return last.date


def local_time_after(schedule: Schedule, moment: datetime, wanted: time) -> datetime:
    """The first time the local clock shows `wanted` at or after `moment`."""
    day = _local_date(schedule, moment) - _DAY
    while True:
        found = _at(schedule, day, wanted)
        if found >= moment:
            return found
        day += _DAY


def cron_problem(expression: str) -> str | None:
    """What is wrong with a cron expression, in words; a flow runs at most once a day."""
    from cronsim import CronSim, CronSimError

    if len(expression.split()) != 5:
        return "five fields are needed: minute hour day-of-month month day-of-week"
    try:
        parsed = CronSim(expression, datetime(2027, 1, 1))  # noqa: DTZ001 - wall time on purpose
        next(parsed)
    except CronSimError as error:
        return str(error)
    except StopIteration:
        return "no such day ever comes"
    if len(parsed.minutes) != 1 or len(parsed.hours) != 1:
        return "name one minute and one hour: a flow runs at most once a day"
    return None


def exists(zone: ZoneInfo, day: date) -> bool:
    """False for the few dates that a place left out, as Apia did with 2011-12-30."""
    # a date that begins or ends inside a gap still exists, unless it does both
    begins = datetime.combine(day, time(0), zone)
    ends = datetime.combine(day, time(23, 59, 59), zone).replace(fold=1)
    return any(_there_and_back(moment).date() == day for moment in (begins, ends))


def _occurrences(
    schedule: Schedule, first: date, *, backwards: bool = False
) -> Iterator[Occurrence]:
    for day in _candidates(schedule, first, backwards=backwards):
        if abs(day - first) > HORIZON:
            return
        if is_due_day(schedule, day):
            yield Occurrence(day, instant(schedule, day))


def _candidates(schedule: Schedule, first: date, *, backwards: bool) -> Iterator[date]:
    if schedule.cron is not None:
        yield from _cron_days(schedule.cron, first, backwards=backwards)
        return
    step = -_DAY if backwards else _DAY
    for number in range(HORIZON.days + 2):
        yield first + number * step


def _cron_days(expression: str, first: date, *, backwards: bool) -> Iterator[date]:
    """Matching dates from `first` on, without a zone: the wall clock is all that cron knows."""
    from cronsim import CronSim

    edge = time(23, 59, 59) if backwards else time(0)
    beyond = timedelta(seconds=1 if backwards else -1)
    start = datetime.combine(first, edge) + beyond
    last = None
    for moment in CronSim(expression, start, reverse=backwards):
        if moment.date() != last:
            last = moment.date()
            yield last


def _time_of_day(schedule: Schedule) -> time:
    if schedule.cron is None:
        return time(schedule.hour, schedule.minute)
    from cronsim import CronSim

    parsed = CronSim(schedule.cron, datetime(2027, 1, 1))  # noqa: DTZ001 - wall time on purpose
    return time(min(parsed.hours), min(parsed.minutes))


def _at(schedule: Schedule, day: date, wanted: time) -> datetime:
    """The instant of a wall time: `fold=0` takes the first of two, and the old offset in a gap."""
    return datetime.combine(day, wanted, ZoneInfo(schedule.timezone)).astimezone(UTC)


def _local_date(schedule: Schedule, moment: datetime) -> date:
    return moment.astimezone(ZoneInfo(schedule.timezone)).date()


def _there_and_back(moment: datetime) -> datetime:
    return moment.astimezone(UTC).astimezone(moment.tzinfo)
