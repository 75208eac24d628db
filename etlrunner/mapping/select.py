"""The flow's `select` and `leave_out`, applied to the roster as of the run's local date.

Who leaves takes along what refers to it, each with its own reason: a class without a kept school, an
enrollment without a kept class or user. A reference to a record that the source did not send at all is
left alone: the checks find it, and somebody should hear of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from etlrunner import table
from etlrunner.mapping import schools, terms
from etlrunner.mapping.scope import OUT, Rule, Scope, Selected, among, judged
from etlrunner.model import Flow
from etlrunner.table import ROW

ORGS, SESSIONS, COURSES = "orgs", "academicSessions", "courses"
CLASSES, USERS, ENROLLMENTS = "classes", "users", "enrollments"

NEEDS = {
    ORGS: (),
    SESSIONS: (),
    COURSES: (ORGS, CLASSES),
    CLASSES: (ORGS, SESSIONS, COURSES),
    USERS: (ORGS,),
    ENROLLMENTS: (ORGS, CLASSES, USERS),
}
"""The tables that decide about the rows of each table."""


def select(flow: Flow, raw: Mapping[str, Path], as_of: date) -> Scope:
    """Every raw table with a verdict on each row.

    Raises ConfigurationError for a school that is unknown or ambiguous, ChecksFailed when no term is
    active.
    """
    selection = _Selection(flow, raw, as_of)
    return {name: Selected(selection.frame(name)) for name in raw}


@dataclass(frozen=True)
class _Gone:
    """Ids of a table's records that are known and left out."""

    ids: pl.Series

    def referred_by(self, column: str) -> pl.Expr:
        return among(column, self.ids) if len(self.ids) else pl.lit(value=False)


class _Selection:
    """The verdicts, table by table, in the order in which they depend on each other."""

    def __init__(self, flow: Flow, raw: Mapping[str, Path], as_of: date) -> None:
        self.flow = flow
        self.raw = raw
        self.as_of = as_of
        self.frames: dict[str, pl.LazyFrame] = {}
        self.schools = schools.chosen(
            self._orgs(), flow.select.schools, flow.name, self._left_out(ORGS)
        )
        self.frames[ORGS] = self._judge(ORGS, [("select.schools", self.schools.unchosen)])
        self.frames[SESSIONS] = self._judge(SESSIONS, [])
        self._classes()
        self._courses()
        self._users()
        self._enrollments()

    def frame(self, name: str) -> pl.LazyFrame:
        """A table with its verdicts; a table that nothing here is about has status and leave_out."""
        return self.frames[name] if name in self.frames else self._judge(name, [])

    # ------------------------------------------------------------ tables

    def _orgs(self) -> pl.DataFrame:
        columns = ["sourcedId", "type", "identifier"]
        return table.collect(
            self._scan(ORGS).select(*columns, self._wrong_status().alias("wrong_status"))
        )

    def _classes(self) -> None:
        """By school, course and term; courses are asked for their status only."""
        courses = _gone(self._judge(COURSES, []))
        timed = terms.classes(
            self._scan(CLASSES), self.frames[SESSIONS], self.flow.select, self.as_of
        )
        self.spans = timed.spans
        frame = timed.frame
        rules = [
            ("select.schools", self._elsewhere("schoolSourcedId")),
            ("select.course", courses.referred_by("courseSourcedId")),
            ("select.terms", pl.col(terms.OVER)),
        ]
        self.frames[CLASSES] = self._judge(CLASSES, rules, frame).drop(terms.OVER)

    def _courses(self) -> None:
        """A course of a school that is not chosen stays where a kept class teaches it."""
        taught = _ids(Selected(self.frames[CLASSES]).kept, "courseSourcedId")
        elsewhere = among("orgSourcedId", self.schools.unchosen_ids)
        rules = [("select.schools", elsewhere & ~among("sourcedId", taught))]
        self.frames[COURSES] = self._judge(COURSES, rules)

    def _users(self) -> None:
        frame = schools.trimmed(self._scan(USERS), self.schools)
        rules = [("select.schools", pl.col(schools.NOWHERE))]
        if self.flow.select.grades:
            wanted = pl.Series(self.flow.select.grades, dtype=pl.String)
            other = ~pl.col("grades").list.eval(pl.element().is_in(wanted.implode())).list.any()
            rules.append(("select.grades", (pl.col("role") == "student") & other))
        self.frames[USERS] = self._judge(USERS, rules, frame).drop(schools.NOWHERE)

    def _enrollments(self) -> None:
        frame = terms.enrollments(self._scan(ENROLLMENTS), self.spans, self.as_of)
        rules = [
            ("select.schools", self._elsewhere("schoolSourcedId")),
            ("select.class", _gone(self.frames[CLASSES]).referred_by("classSourcedId")),
            ("select.dates", pl.col(terms.NOT_NOW)),
            ("select.user", _gone(self.frames[USERS]).referred_by("userSourcedId")),
        ]
        self.frames[ENROLLMENTS] = self._judge(ENROLLMENTS, rules, frame).drop(terms.NOT_NOW)

    # ------------------------------------------------------------ rules

    def _judge(
        self, name: str, rules: list[Rule], frame: pl.LazyFrame | None = None
    ) -> pl.LazyFrame:
        always: list[Rule] = [("select.status", self._wrong_status())]
        if ids := self._left_out(name):
            always.append(("leave_out", among("sourcedId", ids)))
        return judged(self._scan(name) if frame is None else frame, [*always, *rules])

    def _wrong_status(self) -> pl.Expr:
        """An empty status is active; 1.0's `inactive` is to be read as `tobedeleted` (OneRoster 1.2)."""
        status = pl.col("status").replace({"": "active", "inactive": "tobedeleted"})
        return ~status.is_in(pl.Series(self.flow.select.statuses, dtype=pl.String).implode())

    def _left_out(self, name: str) -> list[str]:
        """Ids that the flow leaves out, of the target tables that are made from this one."""
        tables = self.flow.mapping.tables
        return sorted(
            {
                sourced_id
                for target, ids in self.flow.leave_out.items()
                if target in tables and tables[target].source == name
                for sourced_id in ids
            }
        )

    def _elsewhere(self, column: str) -> pl.Expr:
        """Whether a row belongs to an org that is known and no chosen school."""
        return among(column, self.schools.no_locations)

    def _scan(self, name: str) -> pl.LazyFrame:
        if name in self.raw:
            return table.scan(self.raw[name]).frame
        return _nothing(name)


def _nothing(name: str) -> pl.LazyFrame:
    """A table that was not asked for: it has no say."""
    from etlrunner.roster import LISTS, TABLES

    schema = table.schema_of(TABLES[name], LISTS.get(name, ()))
    return pl.LazyFrame(schema={ROW: pl.get_index_type(), **schema})


def _ids(frame: pl.LazyFrame, column: str = "sourcedId") -> pl.Series:
    return table.collect(frame.select(pl.col(column).unique()))[column]


def _gone(frame: pl.LazyFrame) -> _Gone:
    """An id that comes twice, kept and not kept, is not gone."""
    verdicts = table.collect(frame.select("sourcedId", OUT))
    out = verdicts.filter(pl.col(OUT) != 0)["sourcedId"].unique()
    kept = verdicts.filter(pl.col(OUT) == 0)["sourcedId"]
    return _Gone(out.filter(~out.is_in(kept.implode())) if len(out) else out)
