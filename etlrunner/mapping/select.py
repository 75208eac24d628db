"""Which part of the roster takes part: a flow's `select` and `leave_out`, as of the run's local date.

Every row of every raw table gets a verdict, 0 or one named reason. What depends on a row that is left
out is left out too; what refers to a row that was never there is not judged here: the checks find it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from etlrunner import table as tables
from etlrunner.errors import ChecksFailed, ConfigurationError
from etlrunner.mapping import crosswalk
from etlrunner.mapping.watch import NOBODY, Watch
from etlrunner.model.flow import Flow, Select
from etlrunner.model.problems import Finding, Located, Problem

REASONS = (
    "select.status",
    "select.schools",
    "select.terms",
    "select.dates",
    "select.grades",
    "select.class",
    "select.user",
    "leave_out",
)
"""A verdict is 0, or 1 + the place of its reason in here."""

VERDICT = "_verdict"
LEFT_OUT = {"students": "users", "staff": "users", "classes": "classes", "courses": "courses"}
"""The raw table that a target table's `leave_out` names ids of."""
ISO_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
WITH_THE_TERM = timedelta(days=3)
"""An enrollment ends with its term also when it names the last school day, before a weekend perhaps."""


@dataclass
class Roster:
    """The raw tables with their verdicts; `kept` has the rows that take part."""

    frames: dict[str, pl.LazyFrame] = field(default_factory=dict)

    def kept(self, name: str) -> pl.LazyFrame:
        return self.frames[name].filter(pl.col(VERDICT) == 0).drop(VERDICT)


def select(
    flow: Flow, raw: Mapping[str, Path], as_of: date, scratch: Path, watch: Watch = NOBODY
) -> Roster:
    """Judge every row of the raw tables, once: they are frozen again below `scratch`, with verdicts.

    Raises ConfigurationError for a school that is unknown or ambiguous, ChecksFailed when terms were
    sent but none of them is active.
    """
    judge = _Judge(flow, raw, as_of, scratch, watch)
    for name in ("orgs", "academicSessions", "courses", "classes", "users", "enrollments"):
        if name in raw:
            getattr(judge, f"judge_{name}")()
    for name in raw.keys() - judge.roster.frames.keys():
        judge.settle(name, [("select.status", judge.is_inactive())])
    watch.selected(judge.roster.frames)
    return judge.roster


def left_out(flow: Flow, name: str) -> frozenset[str]:
    """The ids of a raw table that the flow leaves out."""
    return frozenset(
        one
        for target, many in flow.leave_out.items()
        if LEFT_OUT.get(target) == name
        for one in many
    )


class _Judge:
    """One pass over the tables, in the order in which they depend on each other."""

    def __init__(
        self, flow: Flow, raw: Mapping[str, Path], as_of: date, scratch: Path, watch: Watch
    ) -> None:
        self.flow = flow
        self.watch = watch
        self.scratch = scratch
        self.choice: Select = flow.select
        self.as_of = as_of
        frames = {name: tables.scan(path).frame for name, path in raw.items()}
        self.raw = crosswalk.applied(frames, flow.crosswalks)
        self.roster = Roster()
        self.ids: dict[str, tuple[pl.Series, pl.Series]] = {}
        """Table -> (ids that are there, ids that take part)."""
        self.schools: tuple[pl.Series, pl.Series] = (_none(), _none())
        """(orgs that are there, schools that take part)."""
        self.all_schools: pl.Series = _none()
        self.ending = pl.DataFrame(schema={"sourcedId": pl.String, "_class_end": pl.String})
        """Classes whose terms have all ended, and since when an enrollment's end is theirs."""
        self.coming: pl.Series = _none()
        """Classes whose terms have all yet to begin."""

    def judge_orgs(self) -> None:
        orgs = tables.collect(self.raw["orgs"])
        taken = self._schools_taken(orgs)
        is_school = pl.col("type") == "school"
        self.settle(
            "orgs",
            [
                ("select.status", self.is_inactive()),
                ("select.schools", is_school & ~pl.col("sourcedId").is_in(taken.implode())),
            ],
        )
        kept = tables.collect(self.roster.kept("orgs").filter(is_school).select("sourcedId"))
        self.schools = (orgs["sourcedId"], kept["sourcedId"])
        self.all_schools = orgs.filter(is_school)["sourcedId"]

    def judge_academicSessions(self) -> None:
        today, lead, lag = self.as_of, self.choice.term_lead, self.choice.term_lag
        started = _day("startDate") <= (today + lead).isoformat()
        ended = (_day("endDate") != "") & (_day("endDate") <= (today - lag).isoformat())
        self.settle(
            "academicSessions",
            [("select.status", self.is_inactive()), ("select.terms", ~started | ended)],
        )
        known, active = self.ids["academicSessions"]
        if len(known) and not len(active):
            raise ChecksFailed(
                [
                    Finding(
                        "select.terms",
                        "error",
                        f"none of the {len(known)} academic sessions is active on {today} "
                        f"({lead.days} days before, {lag.days} days after)",
                        "academicSessions",
                    )
                ],
                hint="is it summer? widen select.terms, or wait for the new year in the SIS",
            )

    def judge_courses(self) -> None:
        self.settle(
            "courses",
            [
                ("select.status", self.is_inactive()),
                ("select.schools", self._elsewhere("orgSourcedId")),
                ("leave_out", self._left_out("courses")),
            ],
        )

    def judge_classes(self) -> None:
        self.settle(
            "classes",
            [
                ("select.status", self.is_inactive()),
                ("select.schools", self._elsewhere("schoolSourcedId")),
                ("select.terms", self._out_of_term()),
                ("leave_out", self._left_out("classes")),
            ],
        )

    def judge_users(self) -> None:
        trimmed = self._trimmed("users", "orgSourcedIds")
        frame = self.raw["users"].join(
            trimmed.lazy(), on=tables.ROW, how="left", maintain_order="left"
        )
        orgs = pl.coalesce("_trimmed", "orgSourcedIds")
        self.raw["users"] = frame.with_columns(orgs.alias("orgSourcedIds"))
        nowhere = pl.col("_had_school").fill_null(value=False)
        nowhere &= pl.col("orgSourcedIds").list.len() == 0
        rules = [("select.status", self.is_inactive()), ("select.schools", nowhere)]
        if self.choice.grades:
            wanted = pl.col("grades").list.eval(pl.element().is_in(self.choice.grades)).list.any()
            rules.append(("select.grades", (pl.col("role") == "student") & ~wanted))
        rules.append(("leave_out", self._left_out("users")))
        self.settle("users", rules, drop=["_trimmed", "_had_school"])

    def judge_enrollments(self) -> None:
        elsewhere = self._elsewhere("schoolSourcedId")
        school = pl.when(elsewhere).then(pl.lit("")).otherwise(pl.col("schoolSourcedId"))
        frame = self.raw["enrollments"].with_columns(school.alias("schoolSourcedId"))
        ends = self.ending.rename({"sourcedId": "classSourcedId"}).lazy()
        frame = frame.join(ends, on="classSourcedId", how="left", maintain_order="left")
        self.raw["enrollments"] = frame.with_columns(pl.col("_class_end").fill_null(""))
        self.settle(
            "enrollments",
            [
                ("select.status", self.is_inactive()),
                ("select.class", self._gone("classes", "classSourcedId")),
                ("select.user", self._gone("users", "userSourcedId")),
                ("select.dates", self._out_of_dates()),
            ],
            drop=["_class_end"],
        )

    # ------------------------------------------------------------ rules

    def is_inactive(self) -> pl.Expr:
        """Neither a wanted status nor an empty one; 1.0's `inactive` reads as `tobedeleted`."""
        status = pl.col("status").replace("inactive", "tobedeleted")
        wanted = ["", *("tobedeleted" if s == "inactive" else s for s in self.choice.statuses)]
        return ~status.is_in(wanted)

    def _elsewhere(self, column: str) -> pl.Expr:
        """In a school that is there but does not take part. Districts and departments are no schools."""
        _, taken = self.schools
        school = pl.col(column)
        return school.is_in(self.all_schools.implode()) & ~school.is_in(taken.implode())

    def _gone(self, name: str, column: str) -> pl.Expr:
        """Refers to a row that is there but takes no part, or to one that the flow leaves out by id."""
        known, kept = self.ids.get(name, (_none(), _none()))
        gone = known.filter(~known.is_in(kept.implode()))
        return pl.col(column).is_in(gone.implode()) | self._left_out(name, column)

    def _left_out(self, name: str, column: str = "sourcedId") -> pl.Expr:
        return pl.col(column).is_in(sorted(left_out(self.flow, name)))

    def _out_of_term(self) -> pl.Expr:
        """Has terms that are known, and none of them is active; notes the classes that are ending."""
        if "academicSessions" not in self.ids:
            return pl.lit(value=False)
        known, active = self.ids["academicSessions"]
        today = self.as_of.isoformat()
        sessions = self.raw["academicSessions"].select(
            pl.col("sourcedId").alias("termSourcedIds"),
            _day("startDate").alias("_start"),
            _day("endDate").alias("_end"),
        )
        terms = _exploded(self.raw["classes"], "termSourcedIds")
        terms = terms.join(sessions, on="termSourcedIds", how="left").with_columns(
            pl.col("_start", "_end").fill_null("")
        )
        term, start, end = pl.col("termSourcedIds"), pl.col("_start"), pl.col("_end")
        flags = terms.select(
            "sourcedId",
            end,
            term.is_in(known.implode()).alias("known"),
            term.is_in(active.implode()).alias("active"),
            ((end != "") & (end <= today)).alias("ended"),
            (start > today).alias("coming"),
        )
        truths = [pl.col("known", "active").any(), pl.col("ended", "coming").all(), end.max()]
        judged = tables.collect(flags.group_by("sourcedId").agg(truths))
        self.coming = judged.filter(pl.col("coming"))["sourcedId"]
        last = pl.col("_end").str.to_date("%Y-%m-%d", strict=False)
        since = (last - WITH_THE_TERM).dt.to_string("%Y-%m-%d").fill_null("9999-12-31")
        ending = judged.filter(pl.col("ended"))
        self.ending = ending.select("sourcedId", since.alias("_class_end"))
        out = judged.filter(pl.col("known") & ~pl.col("active"))["sourcedId"]
        return pl.col("sourcedId").is_in(out.implode())

    def _out_of_dates(self) -> pl.Expr:
        """Not begun, or ended (the end itself is excluded), as of the day.

        A class that is there before its first term, or still there after its last one, has those who
        begin or end with it: pupils must not lose a class in the gap between two terms.
        """
        today = pl.lit(self.as_of.isoformat())
        lead = pl.lit((self.as_of + self.choice.term_lead).isoformat())
        coming = pl.col("classSourcedId").is_in(self.coming.implode())
        begins = pl.when(coming).then(lead).otherwise(today)
        end = _day("endDate")
        with_the_class = (pl.col("_class_end") != "") & (end >= pl.col("_class_end"))
        return (_day("beginDate") > begins) | ((end != "") & (end <= today) & ~with_the_class)

    # ------------------------------------------------------------ mechanics

    def settle(
        self, name: str, rules: Iterable[tuple[str, pl.Expr]], drop: Iterable[str] = ()
    ) -> None:
        """Give each row of a table the first reason that applies; note which ids take part."""
        verdict: pl.Expr = pl.lit(0, dtype=pl.UInt8)
        listed = list(rules)
        self.watch.settled(name, self.raw[name], listed)
        for reason, applies in reversed(listed):
            code = pl.lit(REASONS.index(reason) + 1, dtype=pl.UInt8)
            verdict = pl.when(applies).then(code).otherwise(verdict)
        judged = self.raw[name].with_columns(verdict.alias(VERDICT)).drop(*drop)
        frozen = tables.sink(judged, self.scratch / f"{name}.parquet")
        frame = self.roster.frames[name] = tables.scan(frozen).frame
        if name != "enrollments":
            ids = tables.collect(frame.select("sourcedId", VERDICT))
            self.ids[name] = (ids["sourcedId"], ids.filter(pl.col(VERDICT) == 0)["sourcedId"])

    def _trimmed(self, name: str, column: str) -> pl.DataFrame:
        """For the rows whose list of orgs loses members: what stays, and whether a school was among it.

        Schools that take no part go, and so do orgs that are no schools; unknown ones stay, for the
        checks to find. Most rows lose nothing and are not in the result.
        """
        known, taken = self.schools
        member = pl.col(column)
        flags = self.raw[name].select(tables.ROW, column).explode(column, empty_as_null=False)
        flags = flags.with_columns(
            (member.is_in(taken.implode()) | ~member.is_in(known.implode())).alias("_stays"),
            member.is_in(self.all_schools.implode()).alias("_school"),
        )
        exploded = tables.collect(flags)
        losing = exploded.filter(~pl.col("_stays"))[tables.ROW].unique()
        few = exploded.filter(pl.col(tables.ROW).is_in(losing.implode()))
        lists = few.filter(pl.col("_stays")).group_by(tables.ROW, maintain_order=True).agg(member)
        had = few.group_by(tables.ROW, maintain_order=True).agg(pl.col("_school").any())
        empty = pl.lit([], dtype=tables.LIST)
        return had.join(lists, on=tables.ROW, how="left").select(
            tables.ROW,
            pl.col(column).fill_null(empty).alias("_trimmed"),
            pl.col("_school").alias("_had_school"),
        )

    def _schools_taken(self, orgs: pl.DataFrame) -> pl.Series:
        """The schools that `select.schools` names; all of them if it names none."""
        schools = orgs.filter(pl.col("type") == "school")
        problems: list[Problem] = []
        chosen = self.choice.schools
        include = [_find_school(orgs, one, problems) for one in chosen.include]
        exclude = [_find_school(orgs, one, problems) for one in chosen.exclude]
        if problems:
            raise ConfigurationError(problems)
        ids = schools["sourcedId"]
        taken = ids.filter(ids.is_in(include)) if include else ids
        return taken.filter(~taken.is_in(exclude))


def _find_school(orgs: pl.DataFrame, wanted: Located, problems: list[Problem]) -> str:
    """The sourcedId of the school that a person means by a sourcedId or by the SIS's own number."""
    schools = orgs.filter(pl.col("type") == "school")
    meant = (pl.col("sourcedId") == wanted.text) | (pl.col("identifier") == wanted.text)
    found = schools.filter(meant)
    if len(found) == 1:
        return str(found["sourcedId"][0])
    known = ", ".join(
        f"{row['identifier'] or row['sourcedId']}" for row in schools.head(12).iter_rows(named=True)
    )
    what = f"{len(found)} schools have" if len(found) else "no school has"
    if not len(found) and len(orgs.filter(meant)):
        what = "an organisation that is no school has"
    problems.append(
        Problem(
            "E230",
            f"{what} the id or number '{wanted.text}'",
            place=wanted.place,
            path="select.schools",
            hint=f"schools in this roster: {known}{', …' if len(schools) > 12 else ''}",
        )
    )
    return ""


def _exploded(frame: pl.LazyFrame, column: str) -> pl.LazyFrame:
    return frame.select("sourcedId", column).explode(column, empty_as_null=False)


def _day(column: str) -> pl.Expr:
    """The date part of an ISO date or date-time, as text, which sorts; anything else is no date."""
    day = pl.col(column).str.slice(0, 10)
    return pl.when(day.str.contains(ISO_DAY)).then(day).otherwise(pl.lit(""))


def _none() -> pl.Series:
    return pl.Series("sourcedId", [], dtype=pl.String)
