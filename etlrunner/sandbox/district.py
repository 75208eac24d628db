"""An invented school district: roster tables of any size, the same for the same seed and day.

    district = District(students=2_000, seed=1, as_of=date(2027, 3, 1))
    district.tables["users"]        # a Polars frame in the roster model
    district.dirt["emails_null"]    # how many rows are wrong in that way
    tomorrow = district.grown(days=1)

Everybody in it is invented. Rows are made by columns, so a million pupils take seconds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import polars as pl

from etlrunner import roster
from etlrunner.sandbox import dirt, people, places, plan, teaching, turnover
from etlrunner.sandbox.draws import few, salt

Tables = dict[str, pl.DataFrame]

RATES: Mapping[str, float] = MappingProxyType(
    {
        # share of pupils and of staff
        "odd_names": 0.08,
        "middle_names": 0.3,
        "deleted_users": 0.005,
        "disabled_users": 0.003,
        "emails_missing": 0.01,
        "emails_null": 0.002,
        "identifiers_missing": 0.004,
        "names_missing": 0,
        # share of pupils
        "dual_enrolled": 0.005,
        "census_students": 0.002,
        "guardians": 0.1,
        # share of staff
        "shared_staff": 0.02,
        # share of classes
        "deleted_classes": 0.002,
        "co_taught_classes": 0.3,
        "crowded_classes": 0.005,
        "overcrowded_classes": 0.0002,
        "past_classes": 0.06,
        "coming_classes": 0.06,
        # share of enrollments
        "deleted_enrollments": 0.01,
        "dated_enrollments": 0.3,
        "ended_enrollments": 0.01,
        "coming_enrollments": 0.003,
        "returned_enrollments": 0.0005,
        "missing_people": 0.001,
        "missing_classes": 0.0005,
        # of the enrollments of people and classes that are marked deleted: share still active
        "stale_enrollments": 0.1,
        # there or not
        "census_school": 1,
        "deleted_places": 1,
    }
)
"""How often a row is odd, by default: real rosters are, and no safeguard of ours should mind."""


class District:
    """A district's roster in OneRoster 1.1's words; `roster("1.2")` says it in 1.2's.

    `clean` means no dirt at all, on which `rates` may put single kinds back. `as_of` is today (UTC)
    unless given; terms past, present and to come lie around it.
    """

    def __init__(
        self,
        students: int = 2_000,
        seed: int = 1,
        as_of: date | None = None,
        *,
        schools: int | None = None,
        clean: bool = False,
        rates: Mapping[str, float] | None = None,
    ) -> None:
        if students < 1:
            raise ValueError("a district has at least one student")
        unknown = sorted(set(rates or {}) - set(RATES))
        if unknown:
            raise ValueError(f"no such rates: {', '.join(unknown)}; known: {', '.join(RATES)}")
        self.seed = seed
        self.as_of = as_of or datetime.now(UTC).date()
        self.turnover: Mapping[str, int] = {}
        """Pupils that `grown` let join, leave and change a class."""
        usual = dict.fromkeys(RATES, 0.0) if clean else dict(RATES)
        self.tables: Tables = _generate(
            students, seed, self.as_of, schools, {**usual, **(rates or {})}
        )

    @property
    def dirt(self) -> dict[str, int]:
        """How many rows are odd, by kind, counted in the tables as they are."""
        return dirt.count(self.tables, self.as_of)

    @property
    def schools(self) -> list[str]:
        """The sourcedIds of the schools that have pupils of their own."""
        return list(self.tables["classes"]["schoolSourcedId"].unique(maintain_order=True))

    def roster(self, version: str = "1.1") -> Tables:
        """The tables as a reader of that OneRoster version should get them.

        1.2 splits `administrator` and has `primaryOrgSourcedId`; all else is equal.
        """
        if version == "1.1":
            return dict(self.tables)
        return {**self.tables, "users": _users_in_1_2(self.tables["users"])}

    def write_csv(self, target: Path, version: str = "1.1") -> Path:
        """Write OneRoster CSV files into a folder, or into a zip if the name ends in .zip."""
        from etlrunner.sandbox import csv_files

        return csv_files.write_csv(self.tables, target, version)

    def grown(self, days: int = 1) -> District:
        """The district some school days later: a few pupils joined, left, changed a class."""
        tables, counts = turnover.grown(self.tables, days, self.seed)
        return self._with(tables, counts)

    def without_school(self, school: str) -> District:
        """The district as a pull shows it that lost a school: its classes and its people are gone."""
        return self._with(turnover.without_school(self.tables, school))

    def rekeyed(self, prefix: str = "q") -> District:
        """The district after a change of its SIS: every record has another id."""
        return self._with(turnover.rekeyed(self.tables, prefix))

    def without(self, table: str, ids: Collection[str]) -> District:
        """The district without those rows of one table; what refers to them stays."""
        kept = self.tables[table].filter(~pl.col("sourcedId").is_in(list(ids)))
        return self._with({**self.tables, table: kept})

    def changed(self, table: str, rows: Mapping[str, Mapping[str, object]]) -> District:
        """The district with other values in some rows: `{"stu-1": {"givenName": "Ada"}}`."""
        return self._with({**self.tables, table: turnover.changed(self.tables[table], rows)})

    def _with(self, tables: Tables, counts: Mapping[str, int] | None = None) -> District:
        other = object.__new__(District)
        other.seed = self.seed
        other.as_of = self.as_of
        other.turnover = counts or {}
        other.tables = tables
        return other


def _generate(
    students: int, seed: int, as_of: date, count: int | None, rates: Mapping[str, float]
) -> Tables:
    schools, cells = plan.layout(students, seed, count)
    stamps = _stamps(as_of)
    pupils = people.students(schools, cells, seed, rates)
    staff = people.staff(schools, seed, rates)
    guardians = people.guardians(pupils, seed, rates)
    users = pl.concat(
        [people.to_users(_stamped(rows, stamps)) for rows in (pupils, staff, guardians)]
    )
    lessons = _stamped(teaching.classes(schools, cells, seed, rates), stamps)
    enrolled = teaching.enrollments(
        teaching.of_students(pupils, schools, seed, rates),
        teaching.of_staff(lessons, schools, seed, rates),
        lessons, stamps, as_of, seed, rates,
    )  # fmt: skip
    classes = teaching.to_classes(lessons)
    places_deleted = rates["deleted_places"] > 0
    made = {
        "orgs": places.orgs(
            schools, census=rates["census_school"] > 0, closed=places_deleted, stamp=stamps[0]
        ),
        "academicSessions": places.sessions(as_of, deleted=places_deleted, stamp=stamps[0]),
        "courses": places.courses(schools, deleted=places_deleted, stamp=stamps[0]),
        "classes": classes,
        "users": users,
        "enrollments": _follow(enrolled, users, classes, seed, rates),
        "demographics": _demographics(users, as_of),
    }
    return {name: made[name] for name in roster.TABLES}


def _follow(
    rows: pl.DataFrame,
    users: pl.DataFrame,
    classes: pl.DataFrame,
    seed: int,
    rates: Mapping[str, float],
) -> pl.DataFrame:
    """What refers to a deleted person or class is deleted too, but for a few that were forgotten."""
    people_gone = users.filter(pl.col("status") == "tobedeleted")["sourcedId"]
    classes_gone = classes.filter(pl.col("status") == "tobedeleted")["sourcedId"]
    orphan = rows["userSourcedId"].is_in(people_gone.implode()) | rows["classSourcedId"].is_in(
        classes_gone.implode()
    )
    stale = few(rows.height, rates["stale_enrollments"], salt(seed, "stale"))
    return rows.with_columns(
        status=pl.when(orphan & ~stale).then(pl.lit("tobedeleted")).otherwise("status")
    )


def _demographics(users: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """A birthday for every pupil; Apple wants none of it, so a pull that reads this reads too much."""
    days = pl.lit(pl.Series([str(as_of - timedelta(days=4_000 + day)) for day in range(365)]))
    at = pl.int_range(pl.len())
    return users.filter(pl.col("role") == "student").select(
        "sourcedId",
        "status",
        "dateLastModified",
        birthDate=days.gather(at % 365),
        sex=pl.lit(pl.Series(["female", "male"])).gather(at % 2),
    )


def _users_in_1_2(users: pl.DataFrame) -> pl.DataFrame:
    first = pl.col("orgSourcedIds").list.first()
    office = pl.when(first == places.DISTRICT).then(pl.lit("districtAdministrator"))
    role = (
        pl.when(pl.col("role") == "administrator")
        .then(office.otherwise(pl.lit("siteAdministrator")))
        .otherwise("role")
    )
    return users.with_columns(role=role, primaryOrgSourcedId=first).with_columns(
        roles=pl.concat_list("role")
    )


def _stamps(as_of: date) -> pl.Series:
    """Times of the last change within half a year before `as_of`."""
    return pl.Series(
        [f"{as_of - timedelta(days=day)}T{day % 24:02}:15:00.000Z" for day in range(1, 181)]
    )


def _stamped(rows: pl.DataFrame, stamps: pl.Series) -> pl.DataFrame:
    return rows.with_columns(
        dateLastModified=pl.lit(stamps).gather(pl.col("index") * 7 % len(stamps))
    )
