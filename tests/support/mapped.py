"""Maps literal roster rows by the engine, with mappings made by hand or the shipped ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import Any

import polars as pl

from etlrunner import registry, roster, table
from etlrunner.config.project import Project
from etlrunner.mapping import apply
from etlrunner.model.components import Component
from etlrunner.model.flow import Flow, LeftOut, Ruling, Select
from etlrunner.model.mapping import Column, MappingSet, Step, TableMapping
from etlrunner.model.problems import Located, Verdict
from etlrunner.model.surroundings import SilentProgress
from etlrunner.model.tables import FinishedTable
from etlrunner.target import APPLE_SCHOOL_MANAGER

TODAY = date(2027, 3, 1)
Row = Mapping[str, Any]
resolve = partial(registry.component, "transforms")


@dataclass(frozen=True)
class Mapped:
    """What came out, as plain values."""

    tables: Mapping[str, FinishedTable]
    folder: Path

    def rows(self, name: str) -> list[dict[str, str]]:
        return pl.read_parquet(self.tables[name].path).to_dicts()

    def keys(self, name: str) -> list[str]:
        key = APPLE_SCHOOL_MANAGER.tables[name].key
        return [row[key] for row in self.rows(name)]

    def fates(self, name: str) -> dict[str, str]:
        """Key -> `written` or the reason; a key that has several is shown with all of them."""
        finished = self.tables[name]
        assert finished.fate_path is not None
        found: dict[str, str] = {}
        for key, fate in pl.read_parquet(finished.fate_path).select("key", "fate").iter_rows():
            reason = finished.reasons[fate - 1] if fate else "written"
            found[key] = f"{found[key]}, {reason}" if key in found else reason
        return found

    def findings(self) -> list[tuple[str, ...]]:
        """Table, key, rule, column and verdict of every row or cell that a rule touched."""
        rows = pl.read_parquet(self.folder / "findings.parquet")
        return sorted(rows.drop("before", "after").rows())

    def rejects(self) -> list[tuple[str, ...]]:
        return sorted(pl.read_parquet(self.folder / "rejects.parquet").rows())


def map_rows(
    folder: Path,
    given: Mapping[str, Sequence[Row]],
    mapping: MappingSet | None = None,
    *,
    select: Select | None = None,
    leave_out: Mapping[str, Sequence[str]] | None = None,
    as_of: date = TODAY,
    row_group: int | None = None,
    rules: Mapping[str, Verdict] | None = None,
) -> Mapped:
    """Freeze the rows as an extraction would and map them; the shipped mapping unless given."""
    raw = frozen(folder / "raw", given, row_group)
    flow = flow_of(mapping or shipped(), select, leave_out, rules)
    tables = apply.map_tables(
        flow, raw, folder, as_of=as_of, resolve=resolve, progress=SilentProgress()
    )
    return Mapped(tables, folder)


def frozen(
    folder: Path, given: Mapping[str, Sequence[Row]], row_group: int | None = None
) -> dict[str, Path]:
    """Every roster table as Parquet; cells that are not named are empty."""
    folder.mkdir(parents=True, exist_ok=True)
    unknown = given.keys() - roster.TABLES.keys()
    assert not unknown, unknown
    return {
        name: _freeze(folder / f"{name}.parquet", name, given.get(name, ()), row_group)
        for name in roster.TABLES
    }


def _freeze(path: Path, name: str, rows: Sequence[Row], row_group: int | None) -> Path:
    lists = roster.LISTS.get(name, frozenset())
    schema = table.schema_of(roster.TABLES[name], lists)
    misspelt = {column for row in rows for column in row} - schema.keys()
    assert not misspelt, misspelt
    full = [
        {column: row.get(column, [] if column in lists else "") for column in schema}
        for row in rows
    ]
    frame = pl.DataFrame(full, schema=schema, orient="row").with_row_index(table.ROW)
    frame.write_parquet(path, row_group_size=row_group)
    return path


def flow_of(
    mapping: MappingSet,
    select: Select | None = None,
    leave_out: Mapping[str, Sequence[str]] | None = None,
    rules: Mapping[str, Verdict] | None = None,
) -> Flow:
    nothing = Component("none", {})
    return Flow(
        name="lakeside",
        path=Path("flows/lakeside.yaml"),
        source=nothing,
        sink=nothing,
        mapping=mapping,
        select=select or Select(),
        rules={rule: Ruling(verdict) for rule, verdict in (rules or {}).items()},
        leave_out={
            name: {one: LeftOut("asked for") for one in ids}
            for name, ids in (leave_out or {}).items()
        },
    )


@cache
def shipped() -> MappingSet:
    """The mapping that comes with the program."""
    from etlrunner.config import validate

    root = Path(__file__).resolve().parents[2]
    return validate.read_mapping_set(Project(root), "apple-school-manager")


def mapping(
    table: str,
    source: str,
    columns: Mapping[str, str | Column],
    *,
    where: str | None = None,
    steps: Sequence[Step] = (),
    **more: Any,
) -> TableMapping:
    """One table's mapping; a text is an expression."""
    made = {
        name: column if isinstance(column, Column) else Column(name, expr=Located(column))
        for name, column in columns.items()
    }
    return TableMapping(
        table=table,
        source=source,
        key=APPLE_SCHOOL_MANAGER.tables[table].key,
        columns=made,
        where=Located(where) if where else None,
        transforms=tuple(steps),
        **more,
    )


def only(*tables: TableMapping) -> MappingSet:
    """A mapping set of these tables and no others."""
    return MappingSet("apple-school-manager", {one.table: one for one in tables})


SCHOOL = {"sourcedId": "s1", "type": "school", "name": "Elm"}


def student(sourced_id: str, *schools: str, **more: Any) -> Row:
    return person(sourced_id, "student", *schools, **more)


def teacher(sourced_id: str, *schools: str, **more: Any) -> Row:
    return person(sourced_id, "teacher", *schools, **more)


def person(sourced_id: str, role: str, *schools: str, **more: Any) -> Row:
    names = {"givenName": "Invented", "familyName": f"Person{sourced_id}"}
    orgs = list(schools or ("s1",))
    return {"sourcedId": sourced_id, "role": role, "orgSourcedIds": orgs, **names, **more}


def enrollment(
    sourced_id: str, class_id: str, user_id: str, role: str = "student", **more: Any
) -> Row:
    return {
        "sourcedId": sourced_id,
        "classSourcedId": class_id,
        "userSourcedId": user_id,
        "role": role,
        "schoolSourcedId": "s1",
        **more,
    }


def section(
    sourced_id: str, course: str = "c1", school: str = "s1", *terms: str, **more: Any
) -> Row:
    return {
        "sourcedId": sourced_id,
        "courseSourcedId": course,
        "schoolSourcedId": school,
        "termSourcedIds": list(terms),
        **more,
    }
