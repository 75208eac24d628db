"""When a flow runs: what only the calendar can tell of its `schedule:` and `retry:`, and their values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from etlrunner.config import timezones
from etlrunner.lib.document import Key, Places
from etlrunner.model.flow import Retry, Schedule
from etlrunner.model.problems import Problem


def problems(flow: Any, places: Places) -> Iterator[Problem]:
    """What is wrong with a flow's schedule, and what is odd about it as a warning."""
    schedule = flow.get("schedule") if isinstance(flow, Mapping) else None
    if not isinstance(schedule, Mapping):
        return
    way: Key = ("schedule",)
    zone = schedule.get("timezone")
    if isinstance(zone, str):
        if trouble := timezones.trouble(zone):
            yield places.problem("E224", trouble, (*way, "timezone"), zone)
        elif odd := timezones.warning(zone):
            place = places.at((*way, "timezone"))
            yield Problem("E224", odd, place, "schedule.timezone", severity="warning")
    if "cron" in schedule:
        for key in ("hour", "minute", "weekend"):
            if key in schedule:
                message = f"cron and {key} do not go together"
                yield places.problem(
                    "E225", message, (*way, key), schedule[key], "keep one of the two"
                )
        yield from _cron(str(schedule["cron"]), places)
    for number, text in enumerate(schedule.get("skip") or ()):
        if isinstance(text, str) and span(text) is None:
            message = f"'{text}' is no day and no span of days"
            hint = "write 2026-12-24, or 2026-12-21/2027-01-03"
            yield places.problem("E205", message, (*way, "skip", number), text, hint)


def _cron(cron: str, places: Places) -> Iterator[Problem]:
    from cronsim import CronSim, CronSimError

    way, fields = ("schedule", "cron"), cron.split()
    try:
        CronSim(cron, datetime(2027, 1, 1))  # noqa: DTZ001 - wall time on purpose
    except CronSimError as error:
        yield places.problem("E225", f"'{cron}' is no cron expression: {error}", way, cron)
        return
    if len(fields) != 5 or not (fields[0].isdecimal() and fields[1].isdecimal()):
        message = f"'{cron}' runs more than once a day"
        hint = 'name one minute and one hour: "30 2 * * 1-5"'
        yield places.problem("E225", message, way, cron, hint)


def schedule(values: dict[str, Any] | None) -> Schedule | None:
    """The schedule, if there is one."""
    if values is None:
        return None
    skip = tuple(days for text in values.get("skip", ()) if (days := span(text)))
    return Schedule(
        timezone=values["timezone"],
        hour=values["hour"],
        minute=values["minute"],
        weekend=values["weekend"],
        skip=skip,
        catch_up=values.get("catch_up"),
        cron=values.get("cron"),
    )


def retry(values: dict[str, Any]) -> Retry:
    """When a failed run is tried again."""
    until = values.get("until")
    hour, _, minute = (until or "").partition(":")
    return Retry(values["delays"], time(int(hour), int(minute)) if until else None)


def span(text: str) -> tuple[date, date] | None:
    """One day, or the first and the last of several."""
    first, _, last = text.partition("/")
    try:
        span = (date.fromisoformat(first), date.fromisoformat(last or first))
    except ValueError:
        return None
    return span if span[0] <= span[1] else None


def today(data: Any, now: date) -> date:
    """A moment's date in the flow's own time zone, in which its days begin; UTC where it names none."""
    if not isinstance(now, datetime):
        return now
    schedule = data.get("schedule") if isinstance(data, Mapping) else None
    zone = schedule.get("timezone") if isinstance(schedule, Mapping) else None
    usable = isinstance(zone, str) and not timezones.trouble(zone)
    return now.astimezone(ZoneInfo(str(zone)) if usable else UTC).date()
