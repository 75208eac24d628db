"""The classes of an invented district and who is in them: rows of `classes` and `enrollments`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import polars as pl

from etlrunner import roster, table
from etlrunner.sandbox import places
from etlrunner.sandbox.draws import below, few, indexed, numbered, salt
from etlrunner.sandbox.plan import PERIODS, Cell, School

Rates = Mapping[str, float]
CLASS, STUDENT, STAFF, ENROLLMENT = "cls-", "stu-", "stf-", "enr-"


def classes(
    schools: Sequence[School], cells: Sequence[Cell], seed: int, rates: Rates
) -> pl.DataFrame:
    """Every section of every period in the order of their numbers, with `school_at` and `index`."""
    rows = pl.DataFrame(
        {
            "school_at": [cell.school for cell in cells],
            "schoolSourcedId": [schools[cell.school].id for cell in cells],
            "school_number": [str(schools[cell.school].number) for cell in cells],
            "grades": [list(cell.grades) for cell in cells],
            "sections": [cell.sections for cell in cells],
            "size": [cell.sections * PERIODS for cell in cells],
        }
    )
    rows = rows.with_columns(at=pl.int_ranges("size")).explode("at", empty_as_null=False)
    rows = indexed(rows).with_columns(
        period=pl.col("at") // pl.col("sections"),
        section=pl.col("at") % pl.col("sections") + 1,
        grade=pl.col("grades").list.first(),
    )
    titles, codes = zip(*places.SUBJECTS, strict=True)
    title = pl.lit(pl.Series(titles)).gather("period")
    code = pl.lit(pl.Series(codes)).gather("period")
    owned = pl.when(pl.col("period") == PERIODS - 1).then(
        pl.concat_str(pl.lit("crs-"), "school_number", pl.lit("-"), "grade", pl.lit("-"), code)
    )
    return rows.with_columns(
        sourcedId=numbered(CLASS, pl.col("index") + 1),
        status=_status(few(rows.height, rates["deleted_classes"], salt(seed, "deleted classes"))),
        title=pl.concat_str(title, pl.lit(" "), "grade", numbered(" (", pl.col("section"), ")")),
        courseSourcedId=owned.otherwise(pl.concat_str(pl.lit("crs-"), "grade", pl.lit("-"), code)),
        classCode=pl.concat_str(code, "grade", numbered("-", pl.col("section"))),
        classType=pl.when(pl.col("period") == 0)
        .then(pl.lit("homeroom"))
        .otherwise(pl.lit("scheduled")),
        location=numbered("Room ", pl.col("index") % 97 + 1),
        subjects=pl.concat_list(title.str.replace_all(",", "", literal=True)),
        subjectCodes=pl.concat_list(code),
        periods=pl.concat_list((pl.col("period") + 1).cast(pl.String)),
        termSourcedIds=_terms(rows.height, seed, rates),
    )


def to_classes(rows: pl.DataFrame) -> pl.DataFrame:
    """The columns of the roster model."""
    return rows.select(roster.TABLES["classes"])


def of_students(
    pupils: pl.DataFrame, schools: Sequence[School], seed: int, rates: Rates
) -> pl.DataFrame:
    """One row per pupil and period: the numbers of pupil and class."""
    elsewhere = pl.DataFrame(
        {
            "second_at": range(len(schools)),
            "other_first": [school.first_class for school in schools],
            "other_classes": [school.classes for school in schools],
        }
    )
    rows = pupils.select("index", "position", "sections", "first_class", "second_at")
    rows = rows.join(elsewhere, on="second_at", how="left", maintain_order="left")
    rows = rows.with_columns(period=pl.lit(list(range(PERIODS)))).explode(
        "period", empty_as_null=False
    )
    position, sections, period = pl.col("position"), pl.col("sections"), pl.col("period")
    section = (position + position // sections * period) % sections
    own = pl.col("first_class") + period * sections + section
    other = pl.col("other_first") + below(
        pl.col("index"), salt(seed, "elsewhere"), pl.col("other_classes").fill_null(1)
    )
    away = pl.col("second_at").is_not_null() & (period == PERIODS - 1)
    return rows.select("index", class_at=pl.when(away).then(other).otherwise(own))


def of_staff(
    lessons: pl.DataFrame, schools: Sequence[School], seed: int, rates: Rates
) -> pl.DataFrame:
    """One row per class and teacher: numbers of person and class, and whether it is the primary one."""
    houses = pl.DataFrame(
        {
            "school_at": range(len(schools)),
            "first_staff": [school.first_staff for school in schools],
            "teachers": [school.teachers for school in schools],
            "staff": [school.staff for school in schools],
        }
    )
    rows = lessons.select("index", "school_at").join(
        houses, on="school_at", how="left", maintain_order="left"
    )
    slots = (
        1
        + few(rows.height, rates["co_taught_classes"], salt(seed, "co")).cast(pl.Int64)
        + 2 * few(rows.height, rates["crowded_classes"], salt(seed, "crowd")).cast(pl.Int64)
        + 17 * few(rows.height, rates["overcrowded_classes"], salt(seed, "mob")).cast(pl.Int64)
    )
    rows = rows.with_columns(slot=pl.int_ranges(pl.lit(slots).clip(upper_bound=pl.col("staff"))))
    rows = rows.explode("slot", empty_as_null=False)
    others = pl.col("staff") - 1
    first = (pl.col("index") * 7 + pl.col("index") // 5) % pl.col("teachers")
    step = (below(pl.col("index"), salt(seed, "co-teacher"), others) + pl.col("slot") - 1) % others
    place = pl.when(pl.col("slot") == 0).then(first).otherwise((first + 1 + step) % pl.col("staff"))
    return rows.select(
        class_at="index", index=pl.col("first_staff") + place, first=pl.col("slot") == 0
    )


def enrollments(
    learning: pl.DataFrame,
    teaching: pl.DataFrame,
    lessons: pl.DataFrame,
    stamps: pl.Series,
    as_of: date,
    seed: int,
    rates: Rates,
) -> pl.DataFrame:
    """Both kinds as rows of the roster model, with the dirt that comes in rows."""
    numbers = pl.col("index") + 1
    rows = pl.concat(
        [
            learning.select(
                "class_at",
                userSourcedId=numbered(STUDENT, numbers),
                role=pl.lit("student"),
                primary=pl.lit("false"),
            ),
            teaching.select(
                "class_at",
                userSourcedId=numbered(STAFF, numbers),
                role=pl.lit("teacher"),
                primary=pl.when("first").then(pl.lit("true")).otherwise(pl.lit("false")),
            ),
        ]
    )
    classes_of = [lessons["schoolSourcedId"], lessons["sourcedId"]]
    rows = rows.select(
        status=_status(few(rows.height, rates["deleted_enrollments"], salt(seed, "dropped"))),
        classSourcedId=pl.lit(classes_of[1]).gather("class_at"),
        schoolSourcedId=pl.lit(classes_of[0]).gather("class_at"),
        userSourcedId="userSourcedId",
        role="role",
        primary="primary",
        **_dates(rows.height, as_of, seed, rates),
    )
    rows = _returned(rows, as_of, seed, rates)
    rows = _dangling(rows, seed, rates)
    at = pl.int_range(pl.len())
    return rows.with_columns(
        sourcedId=numbered(ENROLLMENT, at + 1),
        dateLastModified=pl.lit(stamps).gather(below(at, salt(seed, "stamp"), len(stamps))),
    ).select(roster.TABLES["enrollments"])


def _dates(count: int, as_of: date, seed: int, rates: Rates) -> dict[str, pl.Expr]:
    """Most have none; some are dated and under way, some ended (today at the latest), some to begin."""
    at = pl.int_range(count)
    dated = few(count, rates["dated_enrollments"], salt(seed, "dated"))
    ended = few(count, rates["ended_enrollments"], salt(seed, "ended"))
    ahead = few(count, rates["coming_enrollments"], salt(seed, "coming"))
    past = pl.lit(pl.Series([str(as_of - timedelta(days=days)) for days in range(20)]))
    next_days = pl.lit(pl.Series([str(as_of + timedelta(days=days)) for days in range(1, 15)]))
    begun, far = pl.lit(str(as_of - timedelta(days=60))), pl.lit(str(as_of + timedelta(days=60)))
    return {
        "beginDate": pl.when(ended).then(begun)
        .when(ahead).then(next_days.gather(below(at, salt(seed, "begin"), 14)))
        .when(dated).then(begun).otherwise(pl.lit("")),
        "endDate": pl.when(ended).then(past.gather(below(at, salt(seed, "end"), 20)))
        .when(~ahead & dated).then(far).otherwise(pl.lit("")),
    }  # fmt: skip


def _returned(rows: pl.DataFrame, as_of: date, seed: int, rates: Rates) -> pl.DataFrame:
    """Pupils who left a class and came back: a second, ended, record for the same class."""
    candidates = (
        (rows["role"] == "student") & (rows["status"] == "active") & (rows["endDate"] == "")
    )
    came_back = rows.filter(
        candidates & few(rows.height, rates["returned_enrollments"], salt(seed, "returned"))
    )
    earlier = came_back.with_columns(
        beginDate=pl.lit(str(as_of - timedelta(days=90))),
        endDate=pl.lit(str(as_of - timedelta(days=30))),
    )
    return pl.concat([rows, earlier])


def _dangling(rows: pl.DataFrame, seed: int, rates: Rates) -> pl.DataFrame:
    """Records that name a person or a class which no table has."""
    at = pl.int_range(pl.len()) + 1
    nobody = few(rows.height, rates["missing_people"], salt(seed, "nobody"), one_from=1000)
    nowhere = few(rows.height, rates["missing_classes"], salt(seed, "nowhere"), one_from=1000)
    return rows.with_columns(
        userSourcedId=pl.when(nobody).then(numbered("gone-", at)).otherwise("userSourcedId"),
        classSourcedId=pl.when(nowhere & ~nobody)
        .then(numbered("cls-gone-", at))
        .otherwise("classSourcedId"),
    )


def _terms(count: int, seed: int, rates: Rates) -> pl.Expr:
    """Whole years, semesters and quarters that today lies in; some classes are over, some to come."""
    past = few(count, rates["past_classes"], salt(seed, "past"))
    ahead = few(count, rates["coming_classes"], salt(seed, "coming"))
    turn = pl.col("index") % 2
    choices = pl.Series(
        [places.YEAR] * 4 + [places.SEMESTER, places.QUARTERS, places.SECOND_QUARTER]
        + [(term,) for term in places.PAST + places.FUTURE],
        dtype=table.LIST,
    )  # fmt: skip
    period = pl.col("index") % PERIODS
    return pl.lit(choices).gather(
        pl.when(past).then(PERIODS + turn).when(ahead).then(PERIODS + 2 + turn).otherwise(period)
    )


def _status(gone: pl.Series) -> pl.Expr:
    return pl.when(gone).then(pl.lit("tobedeleted")).otherwise(pl.lit("active"))
