"""The change from semester 1 to semester 2: what holds it, and that the season of docs/safeguards.md lets it go."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from etlrunner import check, figures, seasons
from etlrunner import plan as plans
from etlrunner.checks import apple_school_manager, references
from etlrunner.compare import compare
from etlrunner.guard import guard
from etlrunner.mapping import apply
from etlrunner.model.changes import Changes, Figures
from etlrunner.model.flow import Flow
from etlrunner.model.surroundings import SilentProgress
from etlrunner.sandbox.district import District, Tables
from etlrunner.target import APPLE_SCHOOL_MANAGER as TARGET
from tests.support.project import TestProject

PAGE = Path(__file__).parents[2] / "docs" / "safeguards.md"
ENDS, BEGINS = date(2028, 1, 14), date(2028, 1, 18)
"""Of semester 1 and of semester 2."""
FIRST, LAST = date(2027, 11, 15), date(2028, 4, 7)
BLOCK = next(
    block
    for block in re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    if block.startswith("seasons:")
)
LIMITS = [*re.finditer(r"(max_\w+): [\w%]+(?:, )?", BLOCK)]


class Year:
    """The days around the change, each pulled, mapped, checked and compared with the one before.

    Nothing else happens in them, so that a roster is mapped only when the change alters it.
    """

    def __init__(self, project: TestProject, folder: Path, *, keeps_ids: bool) -> None:
        self.project, self.folder, self.keeps_ids = project, folder, keeps_ids
        self.district = District(400, seed=11, as_of=FIRST, clean=True)
        project.csv("lakeside", self.district.write_csv(folder / "roster.zip"))
        self.known: dict[tuple[str, str], tuple[Changes, Figures]] = {}
        self.made: dict[tuple[bool, ...], Mapping[str, Path]] = {}

    def holds(self, extra: str = "") -> dict[date, list[str]]:
        """What holds each day on which anything does; somebody approves it on the same day."""
        flow = self.flow(extra)
        last: Mapping[str, Path] | None = None
        trail: tuple[Figures, ...] = ()
        marks: tuple[Figures, ...] = ()
        held: dict[date, list[str]] = {}
        for day in (FIRST + timedelta(days=at) for at in range((LAST - FIRST).days)):
            if day.weekday() > 4:
                continue
            paths = self.tables(day)
            changes, now = self.compared(paths, last)
            of_today = seasons.in_force(flow, day)
            anew = seasons.loosened(flow, day)
            found = guard(
                of_today, changes, {}, delivered_scope=None,
                now=replace(now, day=day), trail=trail, marks=figures.without(marks, anew),
            )  # fmt: skip
            if last and found:
                held[day] = sorted({hold.safeguard.removeprefix("safeguards.") for hold in found})
            tables = {table: () for hold in found for table in hold.sizes} if last else {}
            trail = figures.extended(trail, replace(now, day=day), tables)
            marks = figures.marked(marks, trail, tables, anew)
            last = paths
        return held

    def flow(self, extra: str) -> Flow:
        self.project.csv("told", self.folder / "roster.zip", extra)
        return plans.make(self.project.project, "told").flow

    def compared(
        self, paths: Mapping[str, Path], last: Mapping[str, Path] | None
    ) -> tuple[Changes, Figures]:
        """Once for each two days that differ: most are like the day before."""
        key = str(paths), str(last)
        if key not in self.known:
            changes = compare(TARGET, paths, last, "before" if last else None)
            self.known[key] = changes, figures.of(paths, "now", FIRST)
        return self.known[key]

    def tables(self, day: date) -> Mapping[str, Path]:
        two_weeks = timedelta(days=14)
        phase = (day >= BEGINS - two_weeks, day >= BEGINS, day >= ENDS + two_weeks)
        if phase not in self.made:
            folder = self.folder / str(day)
            (folder / "raw").mkdir(parents=True)
            self.made[phase] = self.map(self.roster(day), folder, day)
        return self.made[phase]

    def map(self, tables: Tables, folder: Path, day: date) -> Mapping[str, Path]:
        raw = {}
        for name, frame in tables.items():
            raw[name] = folder / "raw" / f"{name}.parquet"
            frame.with_row_index("_row").write_parquet(raw[name])
        flow = plans.make(self.project.project, "lakeside").flow
        quiet = SilentProgress()
        made = apply.map_tables(
            flow, raw, folder, as_of=day, resolve=plans.transform, progress=quiet
        )
        modules = (apple_school_manager, references)
        checked = check.check(flow, TARGET, made, folder, modules=modules, progress=quiet)
        assert not checked.has_errors
        return {name: table.path for name, table in checked.finished.items()}

    def roster(self, day: date) -> Tables:
        """Every class in two semesters: the same pupils, another teacher of the same school."""
        tables = self.district.roster()
        sessions = tables["academicSessions"].filter(
            pl.col("sourcedId").is_in(["ses-s1", "ses-s2"])
        )
        first = pl.col("sourcedId") == "ses-s1"
        sessions = sessions.with_columns(
            startDate=pl.when(first).then("startDate").otherwise(pl.lit(str(BEGINS))),
            endDate=pl.when(first).then(pl.lit(str(ENDS))).otherwise("endDate"),
        )
        classes, enrollments = tables["classes"], tables["enrollments"]
        one = classes.with_columns(termSourcedIds=pl.lit(["ses-s1"]))
        two = classes.with_columns(termSourcedIds=pl.lit(["ses-s2"]))
        then = enrollments.with_columns(endDate=pl.lit(str(ENDS)))
        teaches = pl.col("role") == "teacher"
        next_one = pl.col("userSourcedId").replace(_colleagues(enrollments.filter(teaches)))
        after = enrollments.with_columns(
            beginDate=pl.lit(str(BEGINS)),
            userSourcedId=pl.when(teaches).then(next_one).otherwise("userSourcedId"),
        )
        if self.keeps_ids:
            has_begun = day >= BEGINS
            classes, enrollments = (two, after) if has_begun else (one, enrollments)
        else:
            new = [pl.col(name) + "-2" for name in ("sourcedId", "classSourcedId")]
            classes = pl.concat([one, two.with_columns(new[0])])
            enrollments = pl.concat([then, after.with_columns(new)])
        return {
            **tables,
            "academicSessions": sessions,
            "classes": classes,
            "enrollments": enrollments,
        }


def _colleagues(teaching: pl.DataFrame) -> dict[str, str]:
    """Each teacher's successor in the same school."""
    found: dict[str, str] = {}
    for _, rows in teaching.group_by("schoolSourcedId"):
        teachers = rows["userSourcedId"].unique().sort().to_list()
        found.update(zip(teachers, [*teachers[1:], teachers[0]], strict=True))
    return found


@pytest.fixture(scope="module")
def years(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Year]]:
    made = {}
    for name in ("new ids", "same ids"):
        folder = tmp_path_factory.mktemp("year")
        project = TestProject(folder / "project")
        made[name] = Year(project, folder, keeps_ids=name == "same ids")
    yield made
    for year in made.values():
        year.project.close()


def test_without_a_season_new_classes_are_held_at_lead_and_old_ones_after_lag(
    years: dict[str, Year],
) -> None:
    gone = ["max_removed", "max_removed_per_school", "max_shrunk"]
    assert years["new ids"].holds() == {
        BEGINS - timedelta(days=14): ["classes.max_added", "rosters.max_added"],
        ENDS + timedelta(days=14): [f"{of}.{key}" for of in ("classes", "rosters") for key in gone],
    }


def test_without_a_season_classes_that_keep_their_ids_are_held_on_the_terms_first_day(
    years: dict[str, Year],
) -> None:
    assert years["same ids"].holds() == {BEGINS: ["classes.max_changed", "classes.max_retaught"]}


@pytest.mark.parametrize("ids", ["new ids", "same ids"])
def test_the_season_of_the_page_lets_the_change_of_terms_go(
    years: dict[str, Year], ids: str
) -> None:
    assert years[ids].holds(BLOCK) == {}


@pytest.mark.parametrize("at", range(len(LIMITS)), ids=[limit[0] for limit in LIMITS])
def test_the_season_of_the_page_has_no_limit_that_it_does_not_need(
    years: dict[str, Year], at: int
) -> None:
    limit = LIMITS[at]
    less = BLOCK[: limit.start()] + BLOCK[limit.end() :]
    held = [name for year in years.values() for one in year.holds(less).values() for name in one]
    assert [name.partition(".")[2] for name in held] == [limit[1]]


def test_a_season_that_ends_with_the_lag_is_too_short_for_what_is_usual(
    years: dict[str, Year],
) -> None:
    early = BLOCK.replace("to: 2028-02-25", "to: 2028-02-04")
    assert early != BLOCK
    assert years["new ids"].holds(early) == {
        date(2028, 2, 7): ["classes.max_shrunk", "rosters.max_shrunk"]
    }


def test_in_the_season_of_the_page_people_places_and_courses_keep_their_limits(
    years: dict[str, Year],
) -> None:
    flow = years["new ids"].flow(BLOCK)
    then, now = flow.safeguards.tables, seasons.in_force(flow, BEGINS).safeguards.tables
    assert {name for name in then if then[name] != now[name]} == {"classes", "rosters"}
    assert now["classes"].max_emptied == then["classes"].max_emptied is not None
    assert now["classes"].max_replaced == then["classes"].max_replaced is not None
