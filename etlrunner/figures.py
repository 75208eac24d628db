"""How large a delivery is and what is odd in it, per school, and what the last ones were like.

A limit against yesterday lets a loss of four in a hundred pass every day; the trail of the last
deliveries does not. A few in a thousand every day walk the trail down with them: the marks, one for each
month of the last year, do not walk. Where a person has approved a size, trail and marks read as if it had
always been that: of the tables and schools that the run was held for, and of no others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from statistics import median

import polars as pl

from etlrunner import table
from etlrunner.loaded import Loaded
from etlrunner.model.changes import NOTHING_CHANGES, Figures
from etlrunner.model.problems import Finding

SCHOOL = "location_id"
TRAIL = 30
"""So many deliveries are remembered."""
FEWEST = 5
"""Before so many nothing counts as usual."""
A_YEAR = timedelta(days=366)
"""A mark that is older counts no more."""
EVERYTHING = "*"
"""In place of a table: the whole trail begins anew."""
SHARE = 0.02
"""A counter may rise above its highest by so much of the rows it counts in, or by `small_change`."""


@dataclass(frozen=True, slots=True)
class Counter:
    """One sanity counter: its rows, and of which table they are."""

    title: str
    table: str


COUNTERS: Mapping[str, Counter] = {
    "students_without_class": Counter("students without a class", "students"),
    "classes_without_students": Counter("classes without a student", "classes"),
    "classes_without_instructor": Counter("classes without an instructor", "classes"),
    "staff_without_class": Counter("staff without a class", "staff"),
    "students_without_email": Counter("students without an e-mail address", "students"),
    "staff_without_email": Counter("staff without an e-mail address", "staff"),
}


def of(tables: Mapping[str, Path], run_id: str, day: date, loaded: Loaded | None = None) -> Figures:
    """Count the finished tables of a delivery."""
    frames = (loaded or Loaded()).frames(tables)
    filled = None
    if "rosters" in frames:  # the largest table by far: its classes are counted once, for both
        filled = table.collect(_per_class(frames["rosters"]))
    rows = {name: _per_school(name, frame, frames, filled) for name, frame in frames.items()}
    return Figures(run_id, day, rows, {name: _tally(odd) for name, odd in _odd(frames, filled)})


def extended(
    trail: Sequence[Figures], newest: Figures, approved: Mapping[str, Sequence[str]] | None = None
) -> tuple[Figures, ...]:
    """The trail with one more delivery.

    `approved` are the sizes that a person let go: table -> schools, none of them for the whole table.
    """
    if approved and EVERYTHING in approved:
        return (newest,)
    return (*(_as_if(one, newest, approved or {}) for one in trail), newest)[-TRAIL:]


def marked(
    marks: Sequence[Figures],
    trail: Sequence[Figures],
    approved: Mapping[str, Sequence[str]] | None = None,
    begin_anew: Collection[str] = (),
) -> tuple[Figures, ...]:
    """The marks of the last year after one more delivery, the last one in `trail`.

    The first delivery is one, and so is the first one in each month, with the sizes that are usual then:
    one odd day makes no mark. `approved` is as in `extended`; the tables in `begin_anew` have no marks
    before the next delivery.
    """
    newest, since = trail[-1], approved or {}
    kept = [] if EVERYTHING in since else [one for one in marks if newest.day - one.day < A_YEAR]
    anew = [
        _as_if(one, newest, {name: since[name] for name in since.keys() & one.rows.keys()})
        for one in kept
    ]
    old = without(anew, begin_anew)
    known = {name for one in old for name in one.rows}
    is_new_month = not old or (old[-1].day.year, old[-1].day.month) != (
        newest.day.year,
        newest.day.month,
    )
    rows = {
        name: sizes if name not in known else _usual_sizes(trail, name)
        for name, sizes in newest.rows.items()
        if name not in begin_anew and (is_new_month or name not in known)
    }
    return (*old, Figures(newest.run_id, newest.day, rows)) if rows else old


def without(marks: Sequence[Figures], tables: Collection[str]) -> tuple[Figures, ...]:
    """The marks as if they had never had these tables."""
    left = (
        replace(one, rows={name: sizes for name, sizes in one.rows.items() if name not in tables})
        for one in marks
    )
    return tuple(one for one in left if one.rows)


def most(marks: Sequence[Figures], name: str, school: str | None = None) -> tuple[int, date]:
    """The most rows that a table, or one school in it, had at any mark, and at which one last."""
    sizes = [
        (one.total(name) if school is None else one.rows[name].get(school, 0), one.day)
        for one in marks
        if name in one.rows
    ]
    return max(sizes, default=(0, date.min))


def usual(trail: Sequence[Figures], name: str, school: str | None = None) -> int | None:
    """The median size of a table, or of one school in it; None while there are too few deliveries."""
    if len(trail) < FEWEST:
        return None
    sizes = [
        one.total(name) if school is None else one.rows.get(name, {}).get(school, 0)
        for one in trail
    ]
    return int(median(sizes))


def jumps(now: Figures, trail: Sequence[Figures], small_change: int) -> Iterator[Finding]:
    """Counters that are well above all their values of the last deliveries, as warnings per school."""
    if len(trail) < FEWEST:
        return
    for name, per_school in now.counters.items():
        counter = COUNTERS[name]
        for school, value in sorted(per_school.items()):
            highest = max(one.counters.get(name, {}).get(school, 0) for one in trail)
            whole = now.rows.get(counter.table, {}).get(school, 0)
            if value > highest + max(small_change, SHARE * whole):
                yield Finding(
                    f"figure-{name.replace('_', '-')}",
                    "warning",
                    f"{value:,} {counter.title} in {_where(school)}, and at most {highest:,} in the "
                    f"last {len(trail)} deliveries",
                    counter.table,
                    school=school,
                    count=value,
                )


def stale(trail: Sequence[Figures], day: date, after: int | None) -> Finding | None:
    """What to say of a delivery that would be the same as the last one, if that was long ago.

    In a school somebody joins, leaves or changes a class within days; a copy of the SIS that is not renewed
    any more looks well all the same. Weekdays count, holidays among them.
    """
    if after is None or not trail:
        return None
    since = trail[-1].day
    days = sum((since + timedelta(n)).weekday() < 5 for n in range(1, (day - since).days + 1))
    if days < after:
        return None
    message = f"nothing has changed on {days:,} weekdays, since {since.isoformat()}"
    return Finding(NOTHING_CHANGES, "warning", message, "")


def as_data(figures: Figures) -> dict[str, object]:
    """As JSON holds it."""
    return {
        "run_id": figures.run_id,
        "day": figures.day.isoformat(),
        "rows": figures.rows,
        "counters": figures.counters,
    }


def from_data(data: Mapping[str, object]) -> Figures:
    """From what `as_data` made. Raises KeyError, TypeError and ValueError for anything else."""
    rows, counters = data["rows"], data["counters"]
    if not isinstance(rows, Mapping) or not isinstance(counters, Mapping):
        raise TypeError("rows and counters are maps")
    return Figures(str(data["run_id"]), date.fromisoformat(str(data["day"])), rows, counters)


def _usual_sizes(trail: Sequence[Figures], name: str) -> dict[str, int]:
    """Each school's median of the last few deliveries."""
    last = trail[-FEWEST:]
    schools = {school for one in last for school in one.rows.get(name, {})}
    return {
        school: int(median(one.rows.get(name, {}).get(school, 0) for one in last))
        for school in sorted(schools)
    }


def _as_if(then: Figures, now: Figures, approved: Mapping[str, Sequence[str]]) -> Figures:
    rows = dict(then.rows)
    for name, schools in approved.items():
        sizes = now.rows.get(name, {})
        anew = {school: sizes.get(school, 0) for school in schools} or sizes
        rows[name] = {**(rows.get(name, {}) if schools else {}), **anew}
    return replace(then, rows=rows)


# ---------------------------------------------------------------- counting


def _per_class(rosters: pl.LazyFrame) -> pl.LazyFrame:
    """How many rows each class has. A class's rows mostly stand together: their runs are counted, not they."""
    place = pl.int_range(pl.len(), dtype=pl.Int64)
    runs = rosters.select("class_id", place.alias("start"), pl.len().cast(pl.Int64).alias("all"))
    runs = runs.filter(table.begins_run("class_id"))
    rows = pl.col("start").shift(-1).fill_null(pl.col("all")) - pl.col("start")
    return (
        runs.select("class_id", rows.alias("rows")).group_by("class_id").agg(pl.col("rows").sum())
    )


def _per_school(
    name: str,
    frame: pl.LazyFrame,
    frames: Mapping[str, pl.LazyFrame],
    filled: pl.DataFrame | None,
) -> dict[str, int]:
    """`filled` are the classes that have students, with how many."""
    if name == "rosters" and filled is not None:
        if "classes" not in frames:
            return {"": int(filled["rows"].sum())}
        classes = frames["classes"].select("class_id", SCHOOL).unique("class_id")
        placed = filled.lazy().join(classes, on="class_id", how="left")
        counted = placed.group_by(pl.col(SCHOOL).fill_null("")).agg(pl.col("rows").sum())
    else:
        counted = frame.group_by(SCHOOL).agg(pl.len().alias("rows"))
    return dict(table.collect(counted.select(SCHOOL, "rows").sort(SCHOOL)).iter_rows())


def _odd(
    frames: Mapping[str, pl.LazyFrame], filled: pl.DataFrame | None
) -> Iterator[tuple[str, pl.LazyFrame]]:
    """Each counter's rows."""
    if filled is not None and {"students", "classes", "staff"} <= frames.keys():
        students, classes, rosters, staff = (
            frames[name] for name in ("students", "classes", "rosters", "staff")
        )
        taught = rosters.select(pl.col("student_id").alias("person_id"))
        yield "students_without_class", students.join(taught, on="person_id", how="anti")
        yield "classes_without_students", classes.join(filled.lazy(), on="class_id", how="anti")
        numbered = [
            name
            for name in classes.collect_schema().names()
            if name == "instructor_id" or name.startswith("instructor_id_")
        ]
        blank = pl.all_horizontal(pl.col(name) == "" for name in numbered)
        yield "classes_without_instructor", classes.filter(blank)
        teaching = pl.concat(
            [classes.select(pl.col(name).alias("person_id")) for name in numbered]
        ).unique()
        yield "staff_without_class", staff.join(teaching, on="person_id", how="anti")
    for name in ("students", "staff"):
        if name in frames and "email_address" in frames[name].collect_schema().names():
            yield f"{name}_without_email", frames[name].filter(pl.col("email_address") == "")


def _tally(rows: pl.LazyFrame) -> dict[str, int]:
    counted = rows.group_by(SCHOOL).agg(pl.len().alias("rows")).sort(SCHOOL)
    return dict(table.stream(counted).iter_rows())


def _where(school: str) -> str:
    return f"school {school}" if school else "no known school"
