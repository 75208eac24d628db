"""What a line is about, as a clerk knows it: a name and the number that the SIS shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from etlrunner import table
from etlrunner.fixlists.lines import Line, Rows
from etlrunner.fixlists.schools import Schools

Row = Mapping[str, Any]
NOBODY, UNKNOWN = "(no name)", "(not known)"


class Names:
    """Looks up, once for all lines, the people, classes and courses that they name."""

    def __init__(self, rows: Rows, lines: Iterable[Line], schools: Schools) -> None:
        self.schools = schools
        lines = list(lines)
        named = [line for line in lines if line.table == "rosters"]
        people = {_id(line, "userSourcedId", "student_id") for line in named}
        people |= {one for line in lines for one in (*line.dangling, line.after)}
        classes = {_id(line, "classSourcedId", "class_id") for line in named}
        self.people = _by_id(rows.raw.get("users"), "sourcedId", people)
        sent_people = [
            _by_id(rows.finished.get(name), "person_id", people) for name in ("students", "staff")
        ]
        self.sent_people = {**sent_people[1], **sent_people[0]}
        self.classes = _by_id(rows.raw.get("classes"), "sourcedId", classes)
        self.sent_classes = _by_id(rows.finished.get("classes"), "class_id", classes)
        lessons = [line.record for line in lines if line.table == "classes"]
        lessons += [line.cells for line in lines if line.table == "classes"]
        lessons += [*self.classes.values(), *self.sent_classes.values()]
        raw_ids = {str(one.get("courseSourcedId", "")) for one in lessons}
        ids = {str(one.get("course_id", "")) for one in lessons}
        self.courses = _by_id(rows.raw.get("courses"), "sourcedId", raw_ids)
        self.sent_courses = _by_id(rows.finished.get("courses"), "course_id", ids)

    def of(self, line: Line) -> tuple[str, str]:
        """The name and the number of what a line is about."""
        if line.table in ("students", "staff"):
            return self._person(line.cells, line.record, line.key)
        if line.table == "courses":
            name = _first(line.cells, line.record, "course_name", "title")
            return name or NOBODY, _first(line.cells, line.record, "course_number", "courseCode")
        if line.table == "classes":
            return self._class(line.cells, line.record)
        if line.table == "rosters":
            return self._enrollment(line)
        name = _first(line.cells, line.record, "location_name", "name")
        return name or NOBODY, _first({}, line.record, "", "identifier") or line.key

    def person(self, key: str) -> str:
        """`Person, Ann (4711)`, or the id of somebody who is not there."""
        if key not in self.people and key not in self.sent_people:
            return key
        sent, record = self.sent_people.get(key, {}), self.people.get(key, {})
        name, number = self._person(sent, record, key)
        return f"{name} ({number})"

    def number(self, key: str) -> str:
        """The number of a person: the name may be no business of who reads it."""
        return self._person(self.sent_people.get(key, {}), self.people.get(key, {}), key)[1]

    def school(self, key: str) -> str:
        """A school or another organisation by its name, where it has one."""
        return self.schools.names.get(key) or self.schools.org_names.get(key) or key

    def _enrollment(self, line: Line) -> tuple[str, str]:
        who = _id(line, "userSourcedId", "student_id")
        sent, known = self.sent_people.get(who, {}), self.people.get(who, {})
        name, number = self._person(sent, known, who) if sent or known else (UNKNOWN, who)
        where = _id(line, "classSourcedId", "class_id")
        record, cells = self.classes.get(where, {}), self.sent_classes.get(where, {})
        course, code = self._class(cells, record) if record or cells else (f"class {where}", "")
        return f"{name} in {course}" + (f" ({code})" if code else ""), number

    def _person(self, cells: Row, record: Row, key: str) -> tuple[str, str]:
        last = _first(cells, record, "last_name", "familyName")
        first = _first(cells, record, "first_name", "givenName")
        number = _first(cells, record, "person_number", "identifier")
        name = ", ".join(part for part in (last, first) if part)
        return name or NOBODY, number or str(record.get("sourcedId") or key)

    def _class(self, cells: Row, record: Row) -> tuple[str, str]:
        course = self.courses.get(str(record.get("courseSourcedId", "")), {})
        sent = self.sent_courses.get(str(cells.get("course_id", "")), {})
        name = _first(sent, course, "course_name", "title") or str(record.get("title") or "")
        code = _first(cells, record, "class_number", "classCode")
        return name or NOBODY, code or str(record.get("sourcedId") or cells.get("class_id", ""))


def _id(line: Line, raw: str, sent: str) -> str:
    return str(line.record.get(raw) or line.cells.get(sent, ""))


def _first(cells: Row, record: Row, sent: str, raw: str) -> str:
    """As the source has it, which is what the clerk sees; else as it is sent."""
    return str(record.get(raw) or cells.get(sent) or "")


def _by_id(path: Path | None, key: str, wanted: Iterable[str]) -> dict[str, Row]:
    ids = sorted(one for one in wanted if one)
    if path is None or not ids:
        return {}
    found = table.collect(pl.scan_parquet(path).filter(pl.col(key).is_in(ids)))
    return {row[key]: row for row in found.iter_rows(named=True)}
