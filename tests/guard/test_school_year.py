"""Ordinary turnover, day after day: nothing of it may be held, or people stop to look at what is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from etlrunner import check, figures
from etlrunner import plan as plans
from etlrunner.checks import apple_school_manager, references
from etlrunner.compare import compare
from etlrunner.guard import guard
from etlrunner.mapping import apply
from etlrunner.model.changes import Changes, Figures
from etlrunner.model.flow import Flow
from etlrunner.model.surroundings import SilentProgress
from etlrunner.sandbox.district import District as Sandbox
from etlrunner.sandbox.district import Tables
from etlrunner.target import APPLE_SCHOOL_MANAGER as TARGET
from tests.support.project import DAY, TestProject
from tests.support.sweeps import Sweep


def simulate(
    project: TestProject, folder: Path, students: int, days: Iterable[int]
) -> Iterator[list[str]]:
    """School days of ordinary turnover, each against the one before; what holds each of them."""
    district = Sandbox(students=students, seed=11, as_of=DAY)
    project.csv("lakeside", district.write_csv(folder / "first.zip"))
    flow = plans.make(project.project, "lakeside").flow
    last: dict[str, Path] | None = None
    trail: tuple[Figures, ...] = ()
    marks: tuple[Figures, ...] = ()
    for day in days:
        here = folder / f"{day % 2}"
        changes, now, paths = one_day(flow, district, here, last, day)
        holds = guard(flow, changes, {}, delivered_scope=None, now=now, trail=trail, marks=marks)
        yield [hold.message for hold in holds] if day else []
        trail = figures.extended(trail, now)
        marks = figures.marked(marks, trail)
        last = paths
        district = district.grown(1)
        district.seed += 1


def one_day(
    flow: Flow, district: Sandbox, folder: Path, last: dict[str, Path] | None, day: int
) -> tuple[Changes, Figures, dict[str, Path]]:
    raw = {}
    (folder / "raw").mkdir(parents=True, exist_ok=True)
    tables = district.roster()
    tables["users"] = corrected(tables["users"], day)
    tables = staffed(tables, day)
    for name, frame in tables.items():
        raw[name] = folder / "raw" / f"{name}.parquet"
        frame.with_row_index("_row").write_parquet(raw[name])
    made = apply.map_tables(
        flow, raw, folder, as_of=DAY, resolve=plans.transform, progress=SilentProgress()
    )
    checked = check.check(
        flow,
        TARGET,
        made,
        folder,
        modules=(apple_school_manager, references),
        progress=SilentProgress(),
    )
    assert not checked.has_errors
    paths = {name: table.path for name, table in checked.finished.items()}
    changes = compare(TARGET, paths, last, "before" if last else None)
    return changes, figures.of(paths, "now", DAY + timedelta(days=day)), paths


def staffed(tables: Tables, day: int) -> Tables:
    """Three teachers a month leave, and another one has their classes on the same day.

    A post that stays empty takes the instructor from each of its classes: where these are more than
    `max_emptied` lets go, that is held, and meant to be.
    """
    users, enrollments = tables["users"], tables["enrollments"]
    teachers = users.filter(pl.col("role") == "teacher", pl.col("status") == "active")
    gone = teachers.head((day + 6) // 7)  # on the days 1, 8, 15, …
    new = gone.with_columns(
        sourcedId="new-" + pl.col("sourcedId"),
        identifier="9" + pl.col("identifier"),
        givenName=pl.col("givenName") + "o",
        familyName=pl.col("familyName") + "son",
        **{name: "next." + pl.col(name) for name in ("username", "email")},
    )
    successor = dict(zip(gone["sourcedId"], new["sourcedId"], strict=True))
    return {
        **tables,
        "users": pl.concat([users.filter(~pl.col("sourcedId").is_in(gone["sourcedId"])), new]),
        "enrollments": enrollments.with_columns(pl.col("userSourcedId").replace(successor)),
    }


def corrected(users: pl.DataFrame, day: int) -> pl.DataFrame:
    """What a registrar corrects day by day: surnames after a marriage, first names, addresses."""
    place = pl.int_range(pl.len())
    age = day - place % 180  # each of the first 540 people has a day of their own
    return users.with_columns(
        familyName=pl.when((place < 180) & (age >= 0))
        .then(pl.col("familyName") + "-Smith")
        .otherwise("familyName"),
        givenName=pl.when((place >= 180) & (place < 360) & (age >= 0))
        .then(pl.col("givenName") + "a")
        .otherwise("givenName"),
        email=pl.when((place >= 360) & (place < 540) & (age >= 0) & (pl.col("email") != ""))
        .then("new." + pl.col("email"))
        .otherwise("email"),
    )


def test_eight_school_days_of_ordinary_turnover_are_not_held(
    project: TestProject, tmp_path: Path
) -> None:
    assert [*simulate(project, tmp_path, 300, range(8))] == [[]] * 8


@pytest.mark.slow
@pytest.mark.parametrize("students", [400, 2_000])
def test_a_school_year_of_ordinary_turnover_is_never_held(
    project: TestProject, tmp_path: Path, students: int
) -> None:
    going = Sweep(
        f"180 school days of ordinary turnover, {students:,} students",
        "not one false hold: joins, leavers, moves, new names and addresses every day, new teachers",
    )
    for held in simulate(project, tmp_path, students, going.over(range(180), in_order=True)):
        going.ended["held" if held else "goes"] += 1
        going.wrong += held
    assert not going.wrong
