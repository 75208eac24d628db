"""Whether an id still means who or what it meant: re-keyed, swapped, replaced, moved, emptied.

A count of added and removed rows cannot tell a district that changed its numbers from one whose pupils
left, and an id that was given to another child would hand over the first one's account without a single
row being added or removed. Everything here looks only at rows that differ from the last delivery, and
says "the same" only where that is unique on both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, reduce

import polars as pl

from etlrunner.target import TargetTable

BEFORE = "_before"
HERE, THERE = "_here", "_there"
"""Columns of the differing rows: there now, there before."""

TOKENS = ("person_number", "email_address", "sis_username")
"""What names one person; strongest first."""
NAMES = ("first_name", "last_name")
SCHOOL = "location_id"
WORTH = (*TOKENS, "grade_level", "instructor_id")
"""What Apple's apps need of a row, and a broken pull leaves out: a cell that is empty now is looked at."""
FEWEST = 5
"""A class with fewer students says nothing when it has none of them any more."""
PAIRS = {"old": pl.String, "new": pl.String, "matched_by": pl.String}

THINGS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "locations": (("location_name",),),
    "courses": (("course_number", "course_name", SCHOOL),),
    "classes": (
        ("class_number", "course_id", SCHOOL),
        ("class_number", "course_id", SCHOOL, "instructor_id", "instructor_id_2"),
    ),
}
"""By which columns a thing is known again, the first that is unique on both sides."""

Known = Mapping[str, Mapping[str, str]]
"""Target table -> the ids of today -> those of the last delivery, for tables that are done."""

What = Callable[[str], pl.Expr]
"""What is looked at of a row: now (`""`), or before (`BEFORE`)."""

REFERENCES = {"course_id": "courses", SCHOOL: "locations", "instructor_id": "staff"}


class Ids:
    """The differing rows of one table, and whose the ids of the changed ones are now; each looked up once."""

    def __init__(self, spec: TargetTable, rows: pl.DataFrame) -> None:
        self._key = spec.key
        self._rows = rows
        self._columns = _columns(rows)
        self._of_people = set(NAMES) <= set(self._columns)

    def kinds(self) -> dict[str, int]:
        """How many of the changed rows moved, were swapped, or mean somebody else."""
        changed, columns = self._changed, self._columns
        if not len(changed):
            return {}
        counts: dict[str, int] = {"swapped": len(self.swapped), "replaced": len(self.replaced)}
        schools = [name for name in columns if name.startswith(SCHOOL)]
        asked: dict[str, pl.Expr] = {}
        if self._key != SCHOOL and schools:
            elsewhere = [pl.col(name) != pl.col(name + BEFORE) for name in schools]
            asked["moved"] = pl.any_horizontal(elsewhere)
        if worth := [name for name in WORTH if name in columns]:
            gone = [(pl.col(name) == "") & (pl.col(name + BEFORE) != "") for name in worth]
            asked["emptied"] = pl.any_horizontal(gone)
        if taught := [name for name in columns if name.startswith("instructor_id")]:
            now, then = (_filled([name + side for name in taught]) for side in ("", BEFORE))
            are_others = now.list.set_intersection(then).list.len() == 0
            asked["retaught"] = (now.list.len() > 0) & (then.list.len() > 0) & are_others
        if self._of_people:
            asked["renamed"] = (
                _has_other_names() & ~_is_somebody_else(columns) & ~self._has_anothers_name
            )
        sums = changed.select(one.sum().alias(kind) for kind, one in asked.items())
        counts |= sums.row(0, named=True) if asked else {}
        return {kind: count for kind, count in counts.items() if count}

    @cached_property
    def swapped(self) -> pl.Series:
        """Ids that have the name, number, address or user name that another one had."""
        if not len(self._changed) or not (self._key == SCHOOL or self._of_people):
            return self._rows[self._key].clear()
        if self._key == SCHOOL:
            return _swapped(self._key, self._rows, self._changed, _token("location_name"))
        given = [
            _swapped(self._key, self._changed, self._changed, _token(name))
            for name in TOKENS
            if name in self._columns
        ]
        return pl.concat([self._with_anothers_name, *given]).unique().sort()

    @cached_property
    def replaced(self) -> pl.Series:
        """Ids of people that mean somebody else, and whose name is not one that another id had."""
        if not len(self._changed) or not self._of_people:
            return self._rows[self._key].clear()
        others = _is_somebody_else(self._columns) & ~self._has_anothers_name
        return self._changed.filter(others)[self._key].sort()

    @cached_property
    def _changed(self) -> pl.DataFrame:
        return _changed(self._rows)

    @cached_property
    def _with_anothers_name(self) -> pl.Series:
        return _swapped(self._key, self._rows, self._changed, _name)

    @property
    def _has_anothers_name(self) -> pl.Expr:
        return pl.col(self._key).is_in(self._with_anothers_name.implode())


def moved_from(spec: TargetTable, rows: pl.DataFrame) -> dict[str, int]:
    """How many rows of each school are at others now, and not there any more."""
    schools = [name for name in _columns(rows) if name.startswith(SCHOOL)]
    if spec.key == SCHOOL or not schools:
        return {}
    before = pl.col(SCHOOL + BEFORE)
    still = pl.any_horizontal(pl.col(name) == before for name in schools)
    changed = _changed(rows)
    if not len(changed):
        return {}
    left = changed.filter(~still & (before != "")).group_by(before.alias(SCHOOL)).len()
    return dict(left.sort(SCHOOL).iter_rows())


def abandoned(
    rosters: pl.DataFrame, before: pl.DataFrame, classes: pl.Series, students: pl.Series
) -> pl.Series:
    """Those of `classes`, which are today's, that have none of the students they had.

    `rosters` are the differing rows, `before` says how many students each class had, `students` are those
    of today. A class whose students have all left, and nobody came, is no other class: such losses have
    limits of their own.
    """
    pair = ["class_id", "student_id"]
    then = rosters.filter(pl.col(THERE).is_not_null()).select(
        pl.col(name + BEFORE).alias(name) for name in pair
    )
    now = rosters.filter(pl.col(HERE).is_not_null()).select(pair)
    lost = then.unique().join(now, on=pair, how="anti")
    is_elsewhere = pl.col("student_id").is_in(students.implode())
    # before `agg`, which would build the lookup again for every class
    lost = lost.with_columns(is_elsewhere.alias("elsewhere"))
    counted = lost.group_by("class_id").agg(pl.len().alias("lost"), pl.col("elsewhere").any())
    all_lost = counted.join(before, on="class_id").filter(
        pl.col("lost") == pl.col("rows"), pl.col("rows") >= FEWEST
    )
    taken = pl.col("class_id").is_in(now["class_id"].unique().implode())
    is_there = pl.col("class_id").is_in(classes.implode())
    return all_lost.filter(is_there & (taken | pl.col("elsewhere")))["class_id"].sort()


def rekeyed(spec: TargetTable, rows: pl.DataFrame, known: Known) -> pl.DataFrame:
    """Removed and added rows that look like one and the same: `old`, `new`, `matched_by`.

    What fits several, or fits different ones by different columns, is left alone.
    """
    gone = rows.filter(pl.col(HERE).is_null())
    fresh = rows.filter(pl.col(THERE).is_null())
    if not len(gone) or not len(fresh):
        return pl.DataFrame(schema=PAIRS)
    columns = _columns(rows)
    gone = gone.select(pl.col(spec.key), *(pl.col(name + BEFORE).alias(name) for name in columns))
    fresh = _in_old_words(fresh.select(spec.key, *columns), known)
    if set(NAMES) <= set(columns):
        claims = pl.concat(_by_tokens(spec.key, gone, fresh))
        found = _unambiguous(claims)
        tries: Sequence[Sequence[str]] = ((*NAMES, "middle_name", SCHOOL),)
    else:
        claims = found = pl.DataFrame(schema=PAIRS)
        tries = THINGS.get(spec.name, ())
    for names in tries:
        judged = pl.concat([claims, found])  # what is claimed twice is not asked a third time
        left = gone.filter(~pl.col(spec.key).is_in(judged["old"].implode()))
        right = fresh.filter(~pl.col(spec.key).is_in(judged["new"].implode()))
        wanted = [name for name in names if name in columns]
        found = pl.concat([found, _pairs(spec.key, left, right, wanted)])
    return found.sort("old")


# ---------------------------------------------------------------- the same one under a new id


def _by_tokens(key: str, gone: pl.DataFrame, fresh: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """By number, e-mail or user name; one of the two names has to agree: addresses are given again.

    Brothers and sisters have their family's address and last name: with another first name and another
    number it is another child.
    """
    said = (*NAMES, TOKENS[0])
    for token in TOKENS:
        pairs = _pairs(key, gone, fresh, [token])
        then = gone.select(pl.col(key).alias("old"), *(_folded(n).alias(n) for n in said))
        now = fresh.select(pl.col(key).alias("new"), *(_folded(n).alias(n + "_now") for n in said))
        named = pairs.join(then, on="old").join(now, on="new")
        same = {name: pl.col(name) == pl.col(name + "_now") for name in said}
        both = (pl.col(TOKENS[0]) != "") & (pl.col(TOKENS[0] + "_now") != "")
        is_sibling = ~same["first_name"] & ~same[TOKENS[0]] & both
        agrees = pl.any_horizontal(same[name] for name in NAMES) & ~is_sibling
        yield named.filter(agrees).select(*PAIRS)


def _pairs(key: str, gone: pl.DataFrame, fresh: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Those that agree in all the columns, of which the first is not empty, uniquely on both sides."""
    whole = reduce(lambda a, b: a + "\x1f" + b, [_folded(name) for name in names])
    filled = _folded(names[0]) != ""
    left = gone.filter(filled).select(pl.col(key).alias("old"), whole.alias("_what"))
    right = fresh.filter(filled).select(pl.col(key).alias("new"), whole.alias("_what"))
    left, right = (side.filter(pl.col("_what").is_unique()) for side in (left, right))
    matched = pl.lit(" + ".join(names)).alias("matched_by")
    return left.join(right, on="_what").select("old", "new", matched)


def _unambiguous(pairs: pl.DataFrame) -> pl.DataFrame:
    """One line per pair, and none for an id that found two partners."""
    once = pairs.unique(["old", "new"], keep="first", maintain_order=True)
    return once.filter(pl.col("old").is_unique() & pl.col("new").is_unique())


def _in_old_words(fresh: pl.DataFrame, known: Known) -> pl.DataFrame:
    """References of today in the ids of the last delivery, where those are known."""
    for name in fresh.columns:
        table = REFERENCES.get(name) or REFERENCES.get(name.rpartition("_")[0], "")
        ids = known.get(table)
        if ids:
            fresh = fresh.with_columns(pl.col(name).replace(list(ids), list(ids.values())))
    return fresh


# ---------------------------------------------------------------- another one under the same id


def _changed(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(pl.col(HERE).is_not_null() & pl.col(THERE).is_not_null())


def _swapped(key: str, rows: pl.DataFrame, changed: pl.DataFrame, what: What) -> pl.Series:
    """Ids whose name, number or address is now the one that another of `rows` had before."""
    then = rows.filter(pl.col(THERE).is_not_null()).select(
        pl.col(key).alias("_other"), what(BEFORE).alias("_what")
    )
    now = changed.filter(what("") != what(BEFORE), ~what("").is_in(["", "\x1f"]))
    met = now.select(key, what("").alias("_what")).join(then, on="_what")
    return met.filter(pl.col(key) != pl.col("_other"))[key].unique().sort()


def _is_somebody_else(columns: Sequence[str]) -> pl.Expr:
    """Both names differ, and nothing else that names a person stayed."""
    stayed = [
        (_folded(token) != "") & (_folded(token) == _folded(token + BEFORE))
        for token in TOKENS
        if token in columns
    ]
    return _has_other_names() & ~pl.any_horizontal(*stayed, pl.lit(value=False))


def _has_other_names() -> pl.Expr:
    return pl.all_horizontal(_folded(name) != _folded(name + BEFORE) for name in NAMES)


def _token(name: str) -> What:
    return lambda side: _folded(name + side)


def _filled(names: Sequence[str]) -> pl.Expr:
    return pl.concat_list(
        pl.when(pl.col(name) != "").then(pl.col(name)) for name in names
    ).list.drop_nulls()


def _name(side: str = "") -> pl.Expr:
    first, last = (_folded(name + side) for name in NAMES)
    return first + "\x1f" + last


def _folded(name: str) -> pl.Expr:
    return pl.col(name).str.to_lowercase().str.strip_chars()


def _columns(rows: pl.DataFrame) -> list[str]:
    """The table's own columns, without its key."""
    return [name for name in rows.columns if name + BEFORE in rows.columns]
