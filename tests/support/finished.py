"""A small invented district as finished tables: every reference resolves and nothing is to be found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import polars as pl

from etlrunner.model.components import Component
from etlrunner.model.flow import Flow, Ruling
from etlrunner.model.mapping import MappingSet
from etlrunner.model.problems import Verdict
from etlrunner.model.tables import Counts, FinishedTable
from etlrunner.target import APPLE_SCHOOL_MANAGER as TARGET

Rows = list[dict[str, str]]
District = dict[str, Rows]


def student(number: int, school: str = "101", **cells: str) -> dict[str, str]:
    return {
        "person_id": f"S-{number}",
        "person_number": f"{number}",
        "first_name": f"Invented{number}",
        "middle_name": "",
        "last_name": "Person",
        "grade_level": "9",
        "email_address": f"s{number}@example.org",
        "sis_username": f"s{number}",
        "password_policy": "",
        "location_id": school,
        **cells,
    }


def teacher(number: int, school: str = "101", **cells: str) -> dict[str, str]:
    row = student(number, school, person_id=f"T-{number}", email_address=f"t{number}@example.org")
    del row["grade_level"], row["password_policy"]
    return {**row, **cells}


def course(number: int, school: str = "101", **cells: str) -> dict[str, str]:
    return {
        "course_id": f"C-{number}",
        "course_number": f"N{number}",
        "course_name": f"Subject {number}",
        "location_id": school,
        **cells,
    }


def school_class(
    number: int, school: str = "101", instructors: Sequence[str] = ("T-1",), **cells: str
) -> dict[str, str]:
    numbered = {
        "instructor_id" + (f"_{place}" if place > 1 else ""): ""
        for place in range(1, max(3, len(instructors)) + 1)
    }
    numbered |= dict(zip(numbered, instructors, strict=False))
    row = {"class_id": f"K-{number}", "class_number": f"{number}", "course_id": "C-1"}
    return {**row, **numbered, "location_id": school, **cells}


def roster(class_id: str, student_id: str, **cells: str) -> dict[str, str]:
    row = {"roster_id": f"{class_id}-{student_id}", "class_id": class_id, "student_id": student_id}
    return {**row, **cells}


def district() -> District:
    """Two schools, three pupils, two teachers, two courses, two classes, three roster rows."""
    return {
        "locations": [
            {"location_id": "101", "location_name": "North Invented High"},
            {"location_id": "102", "location_name": "South"},
        ],
        "students": [student(1), student(2), student(3, "102")],
        "staff": [teacher(1), teacher(2, "102")],
        "courses": [course(1), course(2, "102")],
        "classes": [
            school_class(1),
            school_class(2, "102", ("T-2", "T-1"), course_id="C-2"),
        ],
        "rosters": [roster("K-1", "S-1"), roster("K-1", "S-2"), roster("K-2", "S-3")],
    }


def frame(name: str, rows: Rows) -> pl.DataFrame:
    """The rows as a finished table has them: the header as wide as needed, sorted by key."""
    header = list(TARGET.tables[name].header())
    for row in rows:
        header += [column for column in row if column not in header]
    numbered = [c for c in header if c.startswith("instructor_id")]
    if name == "classes":
        header = ["class_id", "class_number", "course_id", *numbered, "location_id"]
    schema = dict.fromkeys(header, pl.String)
    cells = [[row.get(column, "") for column in header] for row in rows]
    return pl.DataFrame(cells, schema=schema, orient="row").sort(TARGET.tables[name].key)


def frames(tables: District) -> dict[str, pl.LazyFrame]:
    return {name: frame(name, rows).lazy() for name, rows in tables.items()}


def write(folder: Path, tables: Mapping[str, Rows]) -> dict[str, Path]:
    """The tables as Parquet files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, rows in tables.items():
        paths[name] = folder / f"{name}.parquet"
        frame(name, rows).write_parquet(paths[name])
    return paths


def finished(folder: Path, tables: Mapping[str, Rows]) -> dict[str, FinishedTable]:
    """The tables as the mapping hands them over, each with fates that name every row."""
    made = {}
    (folder / "fate").mkdir(parents=True, exist_ok=True)
    for name, path in write(folder / "finished", tables).items():
        keys = pl.read_parquet(path)[TARGET.tables[name].key]
        fate = folder / "fate" / f"{name}.parquet"
        pl.DataFrame(
            {"_row": range(len(keys)), "key": keys, "fate": [0] * len(keys)},
            schema={"_row": pl.UInt32, "key": pl.String, "fate": pl.UInt8},
        ).write_parquet(fate)
        counts = Counts(read=len(keys), written=len(keys))
        columns = tuple(pl.read_parquet_schema(path))
        made[name] = FinishedTable(name, path, columns, counts, fate, ("where",))
    return made


def flow(
    sink: Mapping[str, object] | None = None,
    repair: Iterable[str] | Mapping[str, str] = (),
    rules: Mapping[str, Verdict] | None = None,
    **fields: object,
) -> Flow:
    """A flow that names what these stages look at; `repair` are the repairs to set to drop."""
    return Flow(
        name="invented",
        path=Path("flows/invented.yaml"),
        source=Component("skyward", {}),
        sink=Component("apple-school-manager", dict(sink or {})),
        mapping=MappingSet("apple-school-manager", {}),
        repair=dict(repair) if isinstance(repair, Mapping) else dict.fromkeys(repair, "drop"),
        rules={rule: Ruling(verdict) for rule, verdict in (rules or {}).items()},
        **fields,  # type: ignore[arg-type]
    )
