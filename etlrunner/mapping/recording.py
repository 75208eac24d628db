"""A mapping test made from a kept run: some rows with all they depend on, and nobody's name in it.

The values are masked before the mapping sees them; what is expected is what the mapping makes of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from etlrunner import roster
from etlrunner import table as tables
from etlrunner.config.cases import AS_OF
from etlrunner.mapping.apply import tables_needed
from etlrunner.mapping.masking import Ids, Masks, moved
from etlrunner.mapping.select import LEFT_OUT
from etlrunner.model.flow import Flow
from etlrunner.model.mapping import MappingSet
from etlrunner.table import ROW

KINDS = {
    "orgs": "org", "academicSessions": "term", "courses": "course", "classes": "class",
    "users": "person", "enrollments": "enrollment", "demographics": "person",
}  # fmt: skip
REFERENCES = {
    "classSourcedId": "classes", "courseSourcedId": "courses", "schoolSourcedId": "orgs",
    "orgSourcedId": "orgs", "orgSourcedIds": "orgs", "primaryOrgSourcedId": "orgs",
    "userSourcedId": "users", "agentSourcedIds": "users", "termSourcedIds": "academicSessions",
    "schoolYearSourcedId": "academicSessions",
}  # fmt: skip
CODES = frozenset({"status", "type", "role", "roles", "primary", "enabledUser", "grades"})
DAYS = frozenset({"startDate", "endDate", "beginDate"})
DROPPED = frozenset({"dateLastModified", "birthDate", "sex", "pronouns", "sms", "phone", "userIds"})
ALWAYS = frozenset({
    "sourcedId", "status", "type", "role", "startDate", "endDate", "beginDate", *REFERENCES,
}) - {"agentSourcedIds", "schoolYearSourcedId", "primaryOrgSourcedId"}  # fmt: skip
"""What references and `select` need, whatever the mapping reads."""
KNOWN = frozenset({
    "active", "tobedeleted", "inactive", "school", "district", "department", "local", "state",
    "national", "term", "semester", "gradingPeriod", "schoolYear", "student", "teacher", "aide",
    "administrator", "guardian", "parent", "proctor", "relative", "true", "false", "homeroom",
    "scheduled",
})  # fmt: skip
MOST_TERMS = 60


@dataclass(frozen=True)
class Recording:
    """Masked rows per table, the day to see them as of, and what a test lays over the flow."""

    given: Mapping[str, list[dict[str, Any]]]
    as_of: date
    layer: Mapping[str, Any] = field(default_factory=dict)


def record(
    flow: Flow, raw: Mapping[str, Path], table: str, rows: Sequence[int], as_of: date
) -> Recording:
    """The raw rows numbered `rows` that `table` is made from, all they depend on, masked."""
    needed = [name for name in tables_needed(flow.mapping) if name in raw]
    frames = {name: tables.scan(raw[name]).frame for name in needed}
    found = _closure(flow, frames, flow.mapping.tables[table].source, rows)
    kept = {name: frames[name].collect_schema().names() for name in found}
    columns = {name: [one for one in _columns(name, flow) if one in kept[name]] for name in found}
    day = AS_OF if abs(AS_OF - as_of) > timedelta(days=30) else date(AS_OF.year + 1, 3, 1)
    masker = _Masker(found, columns, day - as_of, flow.mapping)
    given = {name: [masker.row(name, row) for row in many] for name, many in found.items() if many}
    return Recording(given, day, masker.layer(flow))


# ---------------------------------------------------------------- which rows


def _closure(
    flow: Flow, frames: Mapping[str, pl.LazyFrame], source: str, rows: Sequence[int]
) -> dict[str, list[dict[str, Any]]]:
    """The chosen rows; for people their enrollments, for classes their teachers; and what those refer to."""
    frames = {name: _but_left_out(flow, name, frame) for name, frame in frames.items()}
    ids: dict[str, set[str]] = {name: set() for name in frames}
    chosen = tables.collect(frames[source].filter(pl.col(ROW).is_in(list(rows))))
    ids[source] |= set(chosen["sourcedId"])
    if source == "courses":
        ids["classes"] |= _ids(frames["classes"], "courseSourcedId", ids["courses"])
    if "enrollments" in frames:
        everybody = frames["enrollments"]
        if source == "users":
            ids["enrollments"] |= _ids(everybody, "userSourcedId", ids["users"])
        ids["classes"] |= _referred(everybody, ids["enrollments"], "classSourcedId")
        teaching = everybody.filter(pl.col("role") != "student")
        ids["enrollments"] |= _ids(teaching, "classSourcedId", ids["classes"])
    for name in ("enrollments", "users", "classes", "courses"):
        for column, other in REFERENCES.items():
            if name in frames and other in frames and column in frames[name].collect_schema():
                ids[other] |= _referred(frames[name], ids[name], column)
    ids["orgs"] |= {one["sourcedId"] for one in _schools_named(flow, frames["orgs"])}
    sessions = tables.collect(frames["academicSessions"].select("sourcedId"))["sourcedId"]
    if len(sessions) <= MOST_TERMS:
        ids["academicSessions"] |= set(sessions)
    if "demographics" in frames:
        ids["demographics"] = ids["users"]
    return {
        name: tables.collect(frame.filter(pl.col("sourcedId").is_in(sorted(ids[name])))).to_dicts()
        for name, frame in frames.items()
    }


def _but_left_out(flow: Flow, name: str, frame: pl.LazyFrame) -> pl.LazyFrame:
    """Whoever asked to be left out is in no test either."""
    left = [
        one for table, many in flow.leave_out.items() if LEFT_OUT.get(table) == name for one in many
    ]
    return frame.filter(~pl.col("sourcedId").is_in(left)) if left else frame


def _ids(frame: pl.LazyFrame, column: str, among: Iterable[str]) -> set[str]:
    found = frame.filter(pl.col(column).is_in(sorted(among))).select("sourcedId")
    return set(tables.collect(found)["sourcedId"])


def _referred(frame: pl.LazyFrame, ids: Iterable[str], column: str) -> set[str]:
    found = frame.filter(pl.col("sourcedId").is_in(sorted(ids))).select(column)
    if roster.kind("users", column) == "list" or column.endswith("Ids"):
        found = found.explode(column, empty_as_null=False)
    return {one for one in tables.collect(found)[column] if one}


def _schools_named(flow: Flow, orgs: pl.LazyFrame) -> list[dict[str, Any]]:
    """Those that `select.schools` names: without them it could not be read."""
    named = [one.text for one in (*flow.select.schools.include, *flow.select.schools.exclude)]
    meant = pl.col("sourcedId").is_in(named) | pl.col("identifier").is_in(named)
    return tables.collect(orgs.filter(meant)).to_dicts() if named else []


def _columns(name: str, flow: Flow) -> list[str]:
    """Those that the mapping may read: their names stand somewhere in it."""
    words = set(re.findall(r"\w+", " ".join(_texts(flow.mapping))))
    wanted = (words | ALWAYS | ({"grades"} if flow.select.grades else set())) - DROPPED
    return [column for column in roster.TABLES[name] if column in wanted]


def _texts(mapping: MappingSet) -> Iterator[str]:
    for one in mapping.tables.values():
        yield str(one.where or "")
        for column in one.columns.values():
            yield f"{column.expr or ''} {column.each or ''}"
        for step in one.transforms:
            yield " ".join(f"{key} {value}" for key, value in step.options.items())


# ---------------------------------------------------------------- masked


class _Masker:
    """One recording's masks over rows of the roster."""

    def __init__(
        self,
        found: Mapping[str, list[dict[str, Any]]],
        columns: Mapping[str, list[str]],
        by: timedelta,
        mapping: MappingSet,
    ) -> None:
        self.found, self.columns, self.by = found, columns, by
        self.ids = Ids()
        for name, rows in found.items():
            if name != "demographics":
                self.ids.number(KINDS[name], (row["sourcedId"] for row in rows))
        originals = [
            text
            for name, rows in found.items()
            for row in rows
            for column in columns[name]
            if self._is_personal(column)
            for text in _listed(row[column])
        ]
        words = set(re.findall(r"\w+", " ".join(_texts(mapping))))
        self.masks = Masks(originals, KNOWN | words)

    def row(self, name: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """One row with the columns that are read; blank ones are left blank."""
        return {column: self._cell(name, column, row[column]) for column in self.columns[name]}

    def layer(self, flow: Flow) -> dict[str, Any]:
        """The flow's choice of schools in the new ids; nobody is left out by an old id."""
        layer: dict[str, Any] = {}
        schools = flow.select.schools
        if schools.include or schools.exclude:
            layer["select"] = {
                "schools": {
                    "include": [self._school(one.text) for one in schools.include],
                    "exclude": [self._school(one.text) for one in schools.exclude],
                }
            }
        if any(flow.leave_out.values()):
            layer["leave_out"] = None
        return layer

    def _school(self, text: str) -> str:
        orgs = self.found["orgs"]
        meant = [row["sourcedId"] for row in orgs if text in (row["sourcedId"], row["identifier"])]
        return self.ids.new("org", meant[0] if meant else text)

    def _cell(self, name: str, column: str, value: Any) -> Any:
        if isinstance(value, list):
            return [self._one(name, column, item) for item in value]
        return self._one(name, column, value)

    def _one(self, name: str, column: str, value: str) -> str:
        if column == "sourcedId":
            return self.ids.new(KINDS[name], value)
        if column == "parentSourcedId":
            return self.ids.new(KINDS[name], value)
        if column in REFERENCES:
            return self.ids.new(KINDS[REFERENCES[column]], value)
        if column in CODES:
            return self.masks.code(value)
        return moved(value, self.by) if column in DAYS else self.masks.text(value)

    @staticmethod
    def _is_personal(column: str) -> bool:
        ids = {"sourcedId", "parentSourcedId", *REFERENCES}
        return column not in CODES | DAYS | ids


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]
