"""The organisations, sessions and courses of an invented district: small tables, made in plain Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import polars as pl

from etlrunner import roster, table
from etlrunner.sandbox.plan import School

DISTRICT, DEPARTMENT, CENSUS, CLOSED = "dst-1", "dep-it", "sch-800", "sch-closed"
YEAR, SEMESTER, QUARTERS, SECOND_QUARTER = (
    ("ses-yr",),
    ("ses-s1",),
    ("ses-q1", "ses-q2"),
    ("ses-q2",),
)
"""Terms that today lies in."""
PAST, FUTURE = ("ses-q1", "ses-old"), ("ses-q3", "ses-new")
SUBJECTS = (
    ("Mathematics", "MAT"), ("English", "ENG"), ("Science", "SCI"), ("History", "HIS"),
    ("Art", "ART"), ("Physical Education", "PHE"), ("Robotics, \"hands-on\"", "ROB"),
)  # fmt: skip
"""One for each period; the last one is taught from a course of the school's own."""


def orgs(schools: Sequence[School], *, census: bool, closed: bool, stamp: str) -> pl.DataFrame:
    """The district, a department, the schools; a census school and a closed one where asked."""
    rows = [
        _org(DISTRICT, "Nowhere Unified School District (invented)", "district", "9999999", ""),
        _org(DEPARTMENT, "Department of Make-Believe", "department", "IT", DISTRICT),
        *(_org(s.id, s.name, "school", str(s.number), DISTRICT) for s in schools),
    ]
    if census:
        rows.append(_org(CENSUS, "Census Only", "school", "800", DISTRICT))
    if closed:
        gone = _org(CLOSED, "Closed School", "school", "899", DISTRICT)
        rows.append({**gone, "status": "tobedeleted"})
    return frame("orgs", rows, stamp)


def sessions(as_of: date, *, deleted: bool, stamp: str) -> pl.DataFrame:
    """Years, semesters, quarters; `as_of` lies at least four weeks inside the second quarter."""
    first = _months(as_of.replace(day=1), -4)
    last, new = _months(first, -12), _months(first, 12)
    rows = [
        _session("ses-year-last", "Last year", "schoolYear", last, first, first),
        _session("ses-year", "This year", "schoolYear", first, new, new),
        _session(
            "ses-year-next", "Next year", "schoolYear", new, _months(new, 12), _months(new, 12)
        ),
        _session("ses-yr", "YR", "term", first, new, new, "ses-year"),
        _session("ses-s1", "S1", "semester", first, _months(first, 6), new, "ses-year"),
        _session("ses-s2", "S2", "semester", _months(first, 6), new, new, "ses-year"),
        _session("ses-old", "Old Q4", "term", _months(first, -3), first, first, "ses-year-last"),
        _session(
            "ses-new", "New Q1", "term", new, _months(new, 3), _months(new, 12), "ses-year-next"
        ),
    ]
    for at in range(4):
        quarter, begin, end = f"ses-q{at + 1}", _months(first, 3 * at), _months(first, 3 * at + 3)
        rows.append(_session(quarter, f"Q{at + 1}", "term", begin, end, new, "ses-year"))
        rows.append(
            _session(f"ses-gp{at + 1}", f"GP{at + 1}", "gradingPeriod", begin, end, new, quarter)
        )
    if deleted:
        gone = _session("ses-gone", "Cancelled", "term", first, new, new, "ses-year")
        rows.append({**gone, "status": "tobedeleted"})
    return frame("academicSessions", rows, stamp)


def courses(schools: Sequence[School], *, deleted: bool, stamp: str) -> pl.DataFrame:
    """A course per grade and subject that the district owns, and one per grade that its school owns."""
    grades = sorted({grade for school in schools for grade in school.grades})
    rows = [
        _course(f"crs-{grade}-{code}", f"{title} {grade}", code, grade, DISTRICT, title)
        for grade in grades
        for title, code in SUBJECTS[:-1]
    ]
    title, code = SUBJECTS[-1]
    rows += [
        _course(f"crs-{s.number}-{grade}-{code}", f"{title} {grade}", code, grade, s.id, title)
        for s in schools
        for grade in s.grades
    ]
    if deleted:
        gone = _course("crs-gone", "No longer taught", "OLD", "12", DISTRICT, "History")
        rows.append({**gone, "status": "tobedeleted"})
    return frame("courses", rows, stamp)


def frame(name: str, rows: Sequence[Mapping[str, object]], stamp: str) -> pl.DataFrame:
    """A roster table from rows that leave out what is empty."""
    columns = roster.TABLES[name]
    lists = roster.LISTS.get(name, frozenset())
    given = {"status": "active", "dateLastModified": stamp}
    return pl.DataFrame(
        {
            column: [{**given, **row}.get(column, [] if column in lists else "") for row in rows]
            for column in columns
        },
        schema=table.schema_of(columns, lists),
    )


def _org(id: str, name: str, type: str, identifier: str, parent: str) -> dict[str, object]:
    return {
        "sourcedId": id, "name": name, "type": type, "identifier": identifier,
        "parentSourcedId": parent,
    }  # fmt: skip


def _session(
    id: str, title: str, type: str, begin: date, end: date, year_ends: date, parent: str = ""
) -> dict[str, object]:
    """Ends are exclusive, as OneRoster has them; `schoolYear` is the year the school year ends in."""
    return {
        "sourcedId": id, "title": title, "type": type, "startDate": begin.isoformat(),
        "endDate": end.isoformat(), "parentSourcedId": parent,
        "schoolYear": str((year_ends - timedelta(days=1)).year),
    }  # fmt: skip


def _course(
    id: str, title: str, code: str, grade: str, org: str, subject: str
) -> dict[str, object]:
    return {
        "sourcedId": id, "schoolYearSourcedId": "ses-year", "title": title,
        "courseCode": f"{code}{grade}", "grades": [grade], "orgSourcedId": org,
        "subjects": [subject.replace(",", "")], "subjectCodes": [code],
    }  # fmt: skip


def _months(day: date, count: int) -> date:
    """The first of the month that many months later."""
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    return date(year, month + 1, 1)
