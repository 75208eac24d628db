from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etlrunner.model.flow import Schedule
from etlrunner.schedule import calendar

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
US_ZONES = sorted(name for name in available_timezones() if name.startswith("US/"))
SOME_ZONES = [
    "Africa/Cairo",  # gap at midnight
    "America/Havana",
    "America/Nuuk",  # gap at 23:00 on a Saturday
    "America/Santiago",
    "Antarctica/Troll",  # two hours
    "Asia/Beirut",
    "Asia/Jerusalem",
    "Atlantic/Azores",
    "Australia/Lord_Howe",  # half an hour
    "Europe/London",
    "Pacific/Auckland",
    "Pacific/Chatham",  # at 02:45
]


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def transitions(zone: ZoneInfo, first: int = 2025, last: int = 2035) -> list[datetime]:
    """The instants at which a zone's offset changes, found by halving."""
    found = []
    moment, end = utc(first, 1, 1), utc(last + 1, 1, 1)
    while moment < end:
        later = moment + timedelta(days=7)
        if moment.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
            low, high = moment, later
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) / 2
                same = middle.astimezone(zone).utcoffset() == low.astimezone(zone).utcoffset()
                low, high = (middle, high) if same else (low, middle)
            found.append(high.replace(microsecond=0))
        moment = later
    return found


def expected(zone: ZoneInfo, day: date, hour: int, minute: int) -> datetime:
    """By another way than the program's: the first minute at which the wall shows that time.

    If it never does, the clock goes over it: then as long after the change as the time is after the
    beginning of the gap.
    """
    wall = datetime.combine(day, time(hour, minute))
    offsets = {
        moment.astimezone(zone).utcoffset()
        for moment in (wall.replace(tzinfo=UTC) + timedelta(hours=h) for h in range(-30, 31, 1))
    }
    fits = [
        instant
        for instant in (wall.replace(tzinfo=UTC) - offset for offset in offsets)
        if instant.astimezone(zone).replace(tzinfo=None) == wall
    ]
    if fits:
        return min(fits)
    for change in transitions_near(zone, wall.replace(tzinfo=UTC)):
        before = (change - timedelta(seconds=1)).astimezone(zone).utcoffset()
        gap_begins = (change + before).replace(tzinfo=None)
        after = change.astimezone(zone).replace(tzinfo=None)
        if gap_begins <= wall < after:
            return change + (wall - gap_begins)
    raise AssertionError("no such time, and no gap that it could be in")


def transitions_near(zone: ZoneInfo, moment: datetime) -> list[datetime]:
    found, at = [], moment - timedelta(hours=30)
    while at < moment + timedelta(hours=30):
        later = at + timedelta(minutes=15)
        if at.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
            found.append(later)
        at = later
    return found


def runs_each_date_once(schedule: Schedule, first: date, last: date) -> None:
    """Walk by the instants themselves, a minute before and after, as a scheduler would."""
    done: list[date] = []
    for day in (first + n * DAY for n in range((last - first).days + 1)):
        if not calendar.is_due_day(schedule, day):
            continue
        at = calendar.instant(schedule, day)
        assert calendar.due(schedule, at - MINUTE, done) != day
        assert calendar.due(schedule, at, done) == day
        assert calendar.due(schedule, at + timedelta(hours=3), done) == day
        done.append(day)
        for later in (at, at + MINUTE, at + timedelta(hours=1), at + timedelta(hours=2)):
            assert calendar.due(schedule, later, done) is None
    assert len(set(done)) == len(done)


@pytest.mark.parametrize("zone", [*US_ZONES, *SOME_ZONES])
def test_every_date_runs_once_over_both_clock_changes(zone):
    info = ZoneInfo(zone)
    for change in transitions(info, 2027, 2027):
        day = change.astimezone(info).date()
        for hour in range(24):
            schedule = Schedule(zone, hour, 30 if hour % 2 else 0)
            for each in (day - DAY, day, day + DAY):
                found = calendar.instant(schedule, each)
                assert found == expected(info, each, schedule.hour, schedule.minute)
            runs_each_date_once(schedule, day - DAY, day + DAY)


def test_the_us_zones_are_all_there():
    assert len(US_ZONES) >= 12


@pytest.mark.slow
@pytest.mark.parametrize("zone", sorted(available_timezones() - {"Factory", "localtime"}))
def test_every_date_runs_once_in_every_zone_hour_and_year(zone):
    info = ZoneInfo(zone)
    for change in transitions(info):
        day = change.astimezone(info).date()
        for hour in range(24):
            for weekend in (True, False):
                runs_each_date_once(
                    Schedule(zone, hour, weekend=weekend), day - 2 * DAY, day + 2 * DAY
                )


@settings(max_examples=150, deadline=None)
@given(
    zone=st.sampled_from(sorted(available_timezones() - {"Factory", "localtime"})),
    day=st.dates(date(2024, 1, 1), date(2037, 12, 1)),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
)
def test_instants_follow_the_wall_clock_in_any_zone(zone, day, hour, minute):
    schedule = Schedule(zone, hour, minute)
    assert calendar.instant(schedule, day) == expected(ZoneInfo(zone), day, hour, minute)
    assert calendar.instant(schedule, day) < calendar.instant(schedule, day + DAY)


def test_a_time_that_does_not_exist_moves_forward_by_the_gap():
    schedule = Schedule("US/Central", 2, 30)
    assert calendar.instant(schedule, date(2027, 3, 14)) == utc(2027, 3, 14, 8, 30)  # 03:30 CDT


def test_of_a_time_that_exists_twice_the_first_counts():
    schedule = Schedule("US/Central", 1, 30)
    assert calendar.instant(schedule, date(2027, 11, 7)) == utc(2027, 11, 7, 6, 30)  # CDT


@pytest.mark.parametrize("hour", range(24))
def test_a_date_that_does_not_exist_never_runs(hour):
    schedule = Schedule("Pacific/Apia", hour)
    found = calendar.next_runs(schedule, utc(2011, 12, 28, 20), 4)
    days = [each.date for each in found]
    assert date(2011, 12, 30) not in days
    assert {date(2011, 12, 29), date(2011, 12, 31), date(2012, 1, 1)} <= set(days)
    instants = [each.instant for each in found]
    assert sorted(set(instants)) == instants
    runs_each_date_once(schedule, date(2011, 12, 27), date(2012, 1, 3))


def test_the_weekend_is_that_of_the_scheduled_date_in_the_flows_own_zone():
    auckland = Schedule("Pacific/Auckland", 6, weekend=False)
    days = [each.date for each in calendar.next_runs(auckland, utc(2027, 2, 26, 12), 5)]
    assert [day.strftime("%a") for day in days] == ["Mon", "Tue", "Wed", "Thu", "Fri"]
    assert calendar.instant(auckland, days[0]).strftime("%a") == "Sun"
    # Nuuk's clocks skip 23:00 of Saturday 2027-03-27: the instant is Sunday, the date is Saturday
    nuuk = Schedule("America/Nuuk", 23, weekend=False)
    assert not calendar.is_due_day(nuuk, date(2027, 3, 27))


def test_sixty_next_runs_hold_no_weekend():
    schedule = Schedule("US/Hawaii", 23, 45, weekend=False)
    found = calendar.next_runs(schedule, utc(2027, 3, 1), 60)
    assert len(found) == 60
    zone = ZoneInfo("US/Hawaii")
    assert all(moment.astimezone(zone).date() == day for day, moment in found)
    assert all(day.weekday() < 5 for day, _ in found)


def test_skipped_ranges_include_both_ends():
    schedule = Schedule("US/Eastern", skip=((date(2026, 12, 21), date(2027, 1, 3)),))
    found = calendar.next_runs(schedule, utc(2026, 12, 20), 3)
    assert [each.date.isoformat() for each in found] == ["2026-12-20", "2027-01-04", "2027-01-05"]


def test_a_schedule_that_is_always_skipped_ends():
    schedule = Schedule("US/Eastern", skip=((date(2000, 1, 1), date(9999, 12, 31)),))
    assert calendar.next_runs(schedule, utc(2027, 1, 1), 1) == []
    assert calendar.due(schedule, utc(2027, 1, 1), ()) is None


def test_only_the_last_missed_date_is_due():
    schedule = Schedule("US/Central", 2)
    assert calendar.due(schedule, utc(2027, 3, 10, 12), {date(2027, 3, 1)}) == date(2027, 3, 10)


def test_a_missed_run_starts_within_its_window_only():
    schedule = Schedule("US/Central", 2, catch_up=timedelta(hours=4))
    at = calendar.instant(schedule, date(2027, 3, 10))
    assert calendar.due(schedule, at + timedelta(hours=4), ()) == date(2027, 3, 10)
    assert calendar.due(schedule, at + timedelta(hours=4, seconds=1), ()) is None


def test_without_a_window_it_is_open_until_the_next_occurrence():
    schedule = Schedule("US/Central", 2, weekend=False)
    friday = calendar.instant(schedule, date(2027, 3, 5))
    assert calendar.due(schedule, friday + timedelta(hours=71), ()) == date(2027, 3, 5)


@pytest.mark.parametrize("changed", [{"hour": 14}, {"hour": 1}, {"timezone": "US/Pacific"}])
def test_a_changed_hour_or_zone_makes_no_second_run_for_a_date(changed):
    done = {date(2027, 3, 9), date(2027, 3, 10)}
    schedule = Schedule(**{"timezone": "US/Central", "hour": 2, **changed})
    now = utc(2027, 3, 10, 8)
    while now < utc(2027, 3, 11, 6):
        assert calendar.due(schedule, now, done) is None
        now += timedelta(minutes=10)


def test_cron_names_the_days_and_follows_the_same_rule_of_clock_changes():
    schedule = Schedule("US/Central", cron="30 2 * * 1-5")
    days = [each.date for each in calendar.next_runs(schedule, utc(2027, 3, 12, 12), 2)]
    assert days == [date(2027, 3, 15), date(2027, 3, 16)]
    every_day = Schedule("US/Central", cron="30 2 * * *")
    assert calendar.instant(every_day, date(2027, 3, 14)) == utc(2027, 3, 14, 8, 30)
    for change in transitions(ZoneInfo("US/Central"), 2027, 2027):
        day = change.astimezone(ZoneInfo("US/Central")).date()
        runs_each_date_once(every_day, day - DAY, day + DAY)


def test_cron_finds_the_rare_day():
    schedule = Schedule("US/Central", cron="0 2 29 2 *")
    assert calendar.next_runs(schedule, utc(2027, 1, 1), 1)[0].date == date(2028, 2, 29)
    assert calendar.latest(schedule, utc(2027, 1, 1)).date == date(2024, 2, 29)


@pytest.mark.parametrize("expression", ["30 2 * * 1-5", "0 2 1 * *", "15 23 * JAN MON#2"])
def test_a_cron_of_once_a_day_or_less_is_fine(expression):
    assert calendar.cron_problem(expression) is None


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("*/5 * * * *", "at most once a day"),
        ("0 2,14 * * *", "at most once a day"),
        ("0 2 * *", "five fields"),
        ("0 0 2 * * *", "five fields"),
        ("61 2 * * *", "minute"),
        ("0 2 30 2 *", "day"),
    ],
)
def test_any_other_cron_is_refused_in_words(expression, words):
    assert words in calendar.cron_problem(expression)


def test_us_zones_work_without_system_zone_data():
    script = (
        "import zoneinfo, datetime; assert zoneinfo.TZPATH == ()\n"
        "from etlrunner.model.flow import Schedule\n"
        "from etlrunner.schedule import calendar\n"
        f"for zone in {US_ZONES!r}:\n"
        "    print(calendar.instant(Schedule(zone, 2), datetime.date(2027, 7, 1)).hour)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONTZPATH": ""},
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert len(answer.stdout.split()) == len(US_ZONES)
