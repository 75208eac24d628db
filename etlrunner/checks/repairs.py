"""Repairs: what the flow lets the program leave out, or stand in for, so that the rest can be delivered.

In the order references need (locations, students, staff, courses, classes, rosters), so that a row that
one repair drops is missing for the next. Only references are ever repaired. A stub is honest where the
missing row is no more than a name for others: a location, a course. It is made of its id alone, and a
person, a class or an enrollment is never made: that would be somebody who is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from etlrunner import table
from etlrunner.checks.books import NUMBER, Books
from etlrunner.model.tables import Repair
from etlrunner.target import TargetColumn, TargetTable


@dataclass(frozen=True, slots=True)
class Reference:
    """A repair that a flow may ask for: `drop` what refers to nothing, or `stub` what is missing."""

    rule: str
    table: str
    column: str


REFERENCES = (
    Reference("person_location_missing", "students", "location_id"),
    Reference("person_location_missing", "staff", "location_id"),
    Reference("course_location_missing", "courses", "location_id"),
    Reference("class_location_missing", "classes", "location_id"),
    Reference("class_course_missing", "classes", "course_id"),
    Reference("class_instructor_missing", "classes", "instructor_id"),
    Reference("roster_class_missing", "rosters", "class_id"),
    Reference("roster_student_missing", "rosters", "student_id"),
)
"""In the order they are applied. A row that two of them would drop counts for the first."""


def repair(books: Books, choices: Mapping[str, str]) -> bool:
    """Apply the repairs that the flow chose; False when there was nothing to do.

    Only a table that changes is written again.
    """
    before = len(books.repairs)
    for reference in REFERENCES:
        choice = choices.get(reference.rule, "fail")
        if choice != "fail" and reference.table in books.tables:
            _apply(reference, books, is_stub=choice == "stub")
    return len(books.repairs) > before


def _apply(reference: Reference, books: Books, *, is_stub: bool) -> None:
    spec, before = books.target.tables[reference.table], books.tables[reference.table]
    column = spec.column(reference.column)
    if column is None or column.references is None or column.references[0] not in books.tables:
        return
    known = _known(books.frame(column.references[0]), column.references[1])
    names = [name for name in before.columns if spec.column(name) is column]
    bad = pl.any_horizontal(_dangling(name, known) for name in names)
    if not books.has(spec.name, bad):
        return
    place = ["location_id"] if "location_id" in before.columns else []
    hurt = books.rows(spec.name, bad, *dict.fromkeys([*names, *place]))
    rule = f"repair.{reference.rule}"
    if is_stub:
        _stub(rule, books, column.references, names, hurt, set(known))
        return
    repairs = list(_repairs(rule, spec, column, names, hurt, set(known)))
    dropped = hurt.filter(pl.Series([one.row_dropped for one in repairs]))
    frame = books.frame(spec.name)
    if dropped.height:  # by place, not by key: keys may be there twice
        frame = frame.with_row_index(NUMBER).filter(
            ~pl.col(NUMBER).is_in(dropped[NUMBER].implode())
        )
        frame = frame.drop(NUMBER)
    if column.numbered:
        frame = _closed_up(frame, names, known)
    books.write(spec.name, frame)
    books.dropped(spec.name, rule, column.name, dropped)
    books.repairs += repairs


def _stub(
    rule: str,
    books: Books,
    reference: tuple[str, str],
    names: Sequence[str],
    hurt: pl.DataFrame,
    known: set[str],
) -> None:
    """Make the rows that are missing: a location is called by its id, a course stands where its class is."""
    name, key = reference
    header = books.tables[name].columns
    made: dict[str, dict[str, str]] = {}
    for row in hurt.iter_rows(named=True):
        for missing in (row[one] for one in names if row[one] and row[one] not in known):
            cells = {"location_id": row["location_id"], "location_name": missing, key: missing}
            made.setdefault(missing, {column: cells.get(column, "") for column in header})
    schema = dict.fromkeys(header, pl.String)
    books.add(name, pl.DataFrame(list(made.values()), schema=schema, orient="row"))
    books.repairs += [
        Repair(rule, name, missing, None, "", missing, row_added=True) for missing in made
    ]


def _known(frame: pl.LazyFrame, key: str) -> pl.Series:
    return table.collect(frame.select(key).filter(pl.col(key) != "")).to_series()


def _dangling(name: str, known: pl.Series) -> pl.Expr:
    """An empty cell refers to nothing and is no fault; a required one is found by its own rule."""
    cell = pl.col(name)
    return (cell != "") & ~cell.is_in(known.implode())


def _repairs(
    rule: str,
    spec: TargetTable,
    column: TargetColumn,
    names: Sequence[str],
    hurt: pl.DataFrame,
    known: set[str],
) -> Iterator[Repair]:
    """A row loses its dangling values; it is dropped when the column is required and nothing is left."""
    for row in hurt.iter_rows(named=True):
        held = [row[name] for name in names if row[name]]
        kept = [value for value in held if value in known]
        yield Repair(
            rule=rule,
            table=spec.name,
            key=row[spec.key],
            column=column.name,
            before=", ".join(held),
            after=", ".join(kept),
            row_dropped=column.required and not kept,
        )


def _closed_up(frame: pl.LazyFrame, names: Sequence[str], known: pl.Series) -> pl.LazyFrame:
    """The numbered columns without their dangling values, the following ones moved up.

    A row without dangling values keeps its cells as they are, gaps included: those are findings.
    """
    bad = pl.any_horizontal(_dangling(name, known) for name in names)
    kept = pl.concat_list(
        pl.when(pl.col(name).is_in(known.implode())).then(pl.col(name)) for name in names
    ).list.drop_nulls()
    # in two steps: asked anew for each of fifteen columns, `is_in` would be most of the run
    judged = frame.with_columns(bad.alias("_bad"), kept.alias("_kept"))
    moved = [
        pl.when("_bad")
        .then(pl.col("_kept").list.get(place, null_on_oob=True).fill_null(""))
        .otherwise(pl.col(name))
        .alias(name)
        for place, name in enumerate(names)
    ]
    return judged.with_columns(moved).drop("_bad", "_kept")
