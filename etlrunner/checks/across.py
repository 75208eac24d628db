"""Rules that look at two tables at once: unused rows, classes against courses, people in both files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from etlrunner import table
from etlrunner.checks import values
from etlrunner.checks.listing import Items, RowRule, TableRules, Tables, always, shown
from etlrunner.target import Target, TargetTable

PEOPLE = ("students", "staff")


def rules(spec: TargetTable, names: Sequence[str], tables: Tables) -> Iterator[RowRule]:
    """What one table says that does not go with another, or with its own other rows."""
    if spec.name == "classes" and "class_id" in names and "rosters" in tables:
        yield _unused("asm-class-no-students", "class_id", tables["rosters"], "has no students")
    if spec.name == "courses" and "course_id" in names and "classes" in tables:
        yield _unused("asm-course-no-classes", "course_id", tables["classes"], "has no classes")
    if spec.name == "classes" and "courses" in tables:
        yield from _against_course(tables["courses"], names)
    if spec.name == "rosters" and {"class_id", "student_id"} <= set(names):
        yield _twice_in_class()
    if spec.name == "staff" and "person_id" in names and "students" in tables:
        yield from _dual_roles(tables["students"])


def _unused(rule: str, key: str, users: pl.LazyFrame, what: str) -> RowRule:
    def message(cells: Mapping[str, str]) -> str:
        return f"{key} = '{shown(cells[key])}' {what}"

    used = _column(users, key)
    return RowRule(rule, ~pl.col(key).is_in(used.implode()), message)


def _of_course(courses: pl.LazyFrame, column: str) -> pl.Expr | None:
    """What a class's course has in `column`; None when that file has no such column."""
    if not {"course_id", column} <= set(courses.collect_schema().names()):
        return None
    known = table.collect(courses.select("course_id", column)).unique("course_id", keep="first")
    return pl.col("course_id").replace_strict(known["course_id"], known[column], default="")


def _against_course(courses: pl.LazyFrame, names: Sequence[str]) -> Iterator[RowRule]:
    """What a class and its course say together."""
    if "course_id" not in names:
        return
    name = _of_course(courses, "course_name")
    if name is not None and "class_number" in names:
        same = (pl.col("class_number") == name) & (name != "")
        message = "class_number and the course's course_name are the same"
        yield RowRule("asm-class-name-twice", same, always(message), "class_number")
    place = _of_course(courses, "location_id")
    if place is not None and "location_id" in names:
        elsewhere = (place != "") & (pl.col("location_id") != "") & (place != pl.col("location_id"))
        message = "the class is in another location than its course"
        yield RowRule("asm-course-elsewhere", elsewhere, always(message), "location_id")


def _twice_in_class() -> RowRule:
    """The same pupil in the same class again; rows are counted by a hash before they are looked at."""
    pair = pl.col("class_id").hash(1) ^ pl.col("student_id").hash(2)
    # our own files are in order of classes, and within them of students: then nobody is there twice
    begins, student = table.begins_run("class_id"), pl.col("student_id")
    in_order = (begins | (student > student.shift(1))).all()
    once = pl.col("class_id").filter(begins).is_unique().all()
    again = ~pl.struct("class_id", "student_id").is_first_distinct()
    message = always("the student is in this class already")
    return RowRule(
        "asm-roster-twice",
        again,
        message,
        "student_id",
        hint=~(in_order & once),
        gate=pair.n_unique() < pl.len(),
    )


def _dual_roles(students: pl.LazyFrame) -> Iterator[RowRule]:
    def message(cells: Mapping[str, str]) -> str:
        return f"person_id = '{shown(cells['person_id'])}' is also in students.csv"

    pupils = _column(students, "person_id")
    both = pl.col("person_id").is_in(pupils.implode()) & (pl.col("person_id") != "")
    yield RowRule("asm-dual-role", both, message, "person_id")


def _column(frame: pl.LazyFrame, name: str) -> pl.Series:
    """The distinct values of a column, none when there is no such column."""
    if name not in frame.collect_schema().names():
        return pl.Series(name, [], dtype=pl.String)
    values = frame.select(name).filter(table.begins_run(name))
    return table.collect(values.unique()).to_series()


def shared_addresses(target: Target, tables: Tables, domains: tuple[str, ...]) -> Items:
    """An address in a federated domain belongs to one person, students and staff together."""
    people = {
        name: tables[name]
        for name in PEOPLE
        if name in tables
        and {"person_id", "email_address"} <= set(tables[name].collect_schema().names())
    }
    if not domains or not people:
        return
    address = pl.col("email_address").str.to_lowercase()
    everybody = pl.concat([frame.select("person_id", address) for frame in people.values()])
    federated = everybody.filter(values.in_domains("email_address", domains))
    taken = table.collect(federated.filter(pl.col("email_address").is_duplicated()))
    if taken.height:
        owners = taken.unique("email_address", keep="first", maintain_order=True)
        for name, frame in people.items():
            yield TableRules(target.tables[name], frame, [_shared_address(address, owners)])


def _shared_address(address: pl.Expr, owners: pl.DataFrame) -> RowRule:
    """Each of the people but the first is a finding that names the first."""
    owner = dict(owners.select("email_address", "person_id").iter_rows())

    def message(cells: Mapping[str, str]) -> str:
        cell = pl.Series([cells["email_address"]])
        first = shown(
            owner[cell.str.to_lowercase()[0]]
        )  # folded by Polars: Python knows fewer letters
        return f"email_address is also that of person_id = '{first}'"

    first = address.replace_strict(owners["email_address"], owners["person_id"], default=None)
    return RowRule(
        "asm-unique-email",
        first.is_not_null() & (first != pl.col("person_id")),
        message,
        "email_address",
        shows=("email_address",),
    )
