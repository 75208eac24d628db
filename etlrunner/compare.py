"""Finished tables against what was last delivered: what the delivery would change, in counts.

Rows are matched by key, whatever their order. A row belongs to the school in its `location_id` (a
person's first one), a roster row to the school of its class; what is gone counts where it was, what is
new or changed where it is now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from etlrunner import identity, table, unlike
from etlrunner.identity import BEFORE as _BEFORE
from etlrunner.identity import HERE as _HERE
from etlrunner.identity import SCHOOL
from etlrunner.identity import THERE as _THERE
from etlrunner.loaded import Loaded
from etlrunner.model.changes import Changes, TableChanges
from etlrunner.target import Target, TargetTable

NO_SCHOOL = ""
"""Where rows are counted whose school is not known."""
PEOPLE = ("students", "staff")
KNOWN_AGAIN = ("locations", *PEOPLE, "courses", "classes")
"""Tables whose rows may come back under another id, in the order of their references."""

MOST_TOLD = 100
"""Ids per table and kind: with more it is the district's affair, not a clerk's."""

Tables = Mapping[str, Path]
Frames = Mapping[str, pl.LazyFrame]
HeldOver = Mapping[str, Sequence[str]]
"""Table -> keys that are sent as last known, and that the source does not have."""
PerSchool = Mapping[str, Mapping[str, int]]
"""Table -> location_id -> rows."""


class Comparison:
    """Finished tables beside those of the last delivery, looked at once; without those all is added.

    Who is known again under another id is looked for among those, too, who are gone from the source and
    only held over. `counted` are the baseline's rows as they were counted when it was delivered.
    """

    def __init__(
        self,
        target: Target,
        finished: Tables,
        baseline: Tables | None,
        held_over: HeldOver | None = None,
        counted: PerSchool | None = None,
        loaded: Loaded | None = None,
    ) -> None:
        self._target = target
        now = (loaded or Loaded()).frames(finished)
        then = {name: pl.scan_parquet(path) for name, path in (baseline or {}).items()}
        self._differing: dict[str, pl.DataFrame] = {}
        """Table -> the rows that are not the same on both sides."""
        self._tables = {
            name: _table(
                target.tables[name], now, then, self._differing, held_over or {}, counted or {}
            )
            for name in target.tables
            if name in now
        }  # fmt: skip
        self._ids = {
            name: identity.Ids(target.tables[name], self._differing[name])
            for name in KNOWN_AGAIN
            if name in self._differing
        }
        self._known_again = _rekeyed(target, self._differing)
        self._emptied = _abandoned(now, then, self._differing.get("rosters"))

    def changes(self, run: str | None) -> Changes:
        """What is added, removed and changed, per table, column and school; `run` made the baseline."""
        tables = dict(self._tables)
        for name, kinds in self._kinds().items():
            tables[name] = replace(tables[name], kinds=kinds)
        return Changes(baseline=run, tables=tables)

    def crosswalks(self) -> dict[str, pl.DataFrame]:
        """Per table, the ids that look like others of the last delivery: `old`, `new`, `matched_by`."""
        return {name: pairs for name, pairs in self._known_again.items() if len(pairs)}

    def whose(self) -> Iterator[tuple[str, str, pl.DataFrame]]:
        """Table, kind and ids (`id`, `was`) of what is said each time (`guard.NOTICED`), as today has them.

        `was` is the id of the last delivery, where that is another one. Kinds with more than `MOST_TOLD`
        are left out: nobody goes through them one by one.
        """
        for name, pairs in self._known_again.items():
            yield from _few(name, "rekeyed", pairs["new"], pairs["old"])
            yield from _few(name, "swapped", self._ids[name].swapped)
            yield from _few(name, "replaced", self._ids[name].replaced)
        for name, other in (PEOPLE, PEOPLE[::-1]):
            yield from _few(other, "role_changed", self._changed_role(name, other))
        yield from _few("classes", "replaced", self._emptied)

    def _kinds(self) -> dict[str, dict[str, int]]:
        """What the changes mean, beyond added, removed and changed."""
        found: dict[str, dict[str, int]] = {}
        for name, pairs in self._known_again.items():
            found[name] = self._ids[name].kinds()
            found[name]["rekeyed"] = len(pairs)
        for name, other in (PEOPLE, PEOPLE[::-1]):
            if name in found:
                found[name]["role_changed"] = len(self._changed_role(name, other))
        if len(self._emptied):
            found.setdefault("classes", {})["replaced"] = len(self._emptied)
        some = {name: {kind: n for kind, n in kinds.items() if n} for name, kinds in found.items()}
        return {name: kinds for name, kinds in some.items() if kinds}

    def _changed_role(self, name: str, other: str) -> pl.Series:
        """Ids that left one of the people's tables and came to the other."""
        if not {name, other} <= self._differing.keys():
            return pl.Series([], dtype=pl.String)
        left = self._differing[name].filter(pl.col(_HERE).is_null())[_key(self._target, name)]
        came = self._differing[other].filter(pl.col(_THERE).is_null())[_key(self._target, other)]
        return left.filter(left.is_in(came.implode()))


def compare(
    target: Target,
    finished: Tables,
    baseline: Tables | None,
    run: str | None,
    held_over: HeldOver | None = None,
    counted: PerSchool | None = None,
) -> Changes:
    """The counts of a comparison (`Comparison`), for who wants nothing else of it."""
    before = baseline if run is not None else None
    comparison = Comparison(target, finished, before, held_over, counted)
    return comparison.changes(run if baseline is not None else None)


def _key(target: Target, name: str) -> str:
    return target.tables[name].key


def _few(
    name: str, kind: str, ids: pl.Series, was: pl.Series | None = None
) -> Iterator[tuple[str, str, pl.DataFrame]]:
    if 0 < len(ids) <= MOST_TOLD:
        before = [""] * len(ids) if was is None else was
        yield name, kind, pl.DataFrame({"id": ids, "was": before})


def _table(
    spec: TargetTable,
    finished: Frames,
    baseline: Frames,
    differing: dict[str, pl.DataFrame],
    held_over: HeldOver,
    counted: PerSchool,
) -> TableChanges:
    """The counts of one table; its differing rows are put into `differing` if they may be known again."""
    now = finished[spec.name]
    if spec.name not in baseline:
        after = _per_school(spec, now, _school_of_class(finished))
        schools = {school: (0, count, 0, 0) for school, count in sorted(after.items())}
        total = sum(after.values())
        return TableChanges(spec.name, 0, total, total, 0, 0, {}, schools)
    then = baseline[spec.name]
    classes_then = _school_of_class(baseline)
    rows, columns = unlike.rows(spec.key, now, then)
    if spec.name == "rosters":
        differing[spec.name] = rows
    if spec.name in KNOWN_AGAIN:
        kept = held_over.get(spec.name, ())
        differing[spec.name] = (
            unlike.rows_but_for(spec.key, kept, rows, now, then) if kept else rows
        )
    before, after = (table.collect(one.select(pl.len())).item() for one in (then, now))
    was = {school: count for school, count in counted.get(spec.name, {}).items() if count}
    if sum(was.values()) != before:
        was = _per_school(spec, then, classes_then)
    placed = _with_school(spec, rows, _school_of_class(finished), classes_then)
    kinds = Counter(placed["kind"].to_list())
    return TableChanges(
        table=spec.name,
        before=before,
        after=after,
        added=kinds["added"],
        removed=kinds["removed"],
        changed=kinds["changed"],
        columns=columns,
        schools=_schools(placed, was),
        moved_from=identity.moved_from(spec, rows),
    )


def _abandoned(finished: Frames, baseline: Frames, rosters: pl.DataFrame | None) -> pl.Series:
    """Classes that are there still, and have none of the students they had."""
    if rosters is None or not len(rosters) or "classes" not in finished:
        return pl.Series("class_id", [], pl.String)
    had = rosters["class_id" + _BEFORE].drop_nulls().unique()  # only those can have lost anybody
    of_those = baseline["rosters"].filter(pl.col("class_id").is_in(had.implode()))
    then = of_those.group_by("class_id").agg(rows=pl.len())
    classes = finished["classes"].select("class_id")
    if "students" in finished:
        people = finished["students"].select("person_id")
        students = table.collect(people)["person_id"]
    else:  # compared without them, nobody is known to have left
        students = rosters["student_id" + _BEFORE].drop_nulls()
    return identity.abandoned(
        rosters, table.collect(then), table.collect(classes)["class_id"], students
    )


def _rekeyed(target: Target, differing: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    known: dict[str, dict[str, str]] = {}
    pairs: dict[str, pl.DataFrame] = {}
    for name in KNOWN_AGAIN:
        if name in differing:
            pairs[name] = identity.rekeyed(target.tables[name], differing[name], known)
            known[name] = _new_to_old(pairs[name])
    return pairs


def _new_to_old(pairs: pl.DataFrame) -> dict[str, str]:
    return dict(pairs.select("new", "old").iter_rows())


def _school_of_class(tables: Frames) -> pl.LazyFrame | None:
    if "classes" not in tables:
        return None
    classes = tables["classes"].select("class_id", SCHOOL)
    return classes.unique("class_id")


def _with_school(
    spec: TargetTable,
    rows: pl.DataFrame,
    classes_now: pl.LazyFrame | None,
    classes_then: pl.LazyFrame | None,
) -> pl.DataFrame:
    """Each differing row's kind and school."""
    is_new, is_gone = pl.col(_THERE).is_null(), pl.col(_HERE).is_null()
    kind = pl.when(is_new).then(pl.lit("added")).when(is_gone).then(pl.lit("removed"))
    if spec.key == SCHOOL:
        school = pl.col(SCHOOL)
    elif SCHOOL in rows.columns:
        school = pl.when(is_gone).then(SCHOOL + _BEFORE).otherwise(SCHOOL)
    else:
        rows = _schools_by_class(rows, classes_now, classes_then)
        school = pl.when(is_gone).then("_school_then").otherwise("_school_now")
    return rows.select(
        kind.otherwise(pl.lit("changed")).alias("kind"),
        school.fill_null(NO_SCHOOL).alias("school"),
    )


def _schools_by_class(
    rows: pl.DataFrame, now: pl.LazyFrame | None, then: pl.LazyFrame | None
) -> pl.DataFrame:
    for classes, column, name in (
        (now, "class_id", "_school_now"),
        (then, "class_id" + _BEFORE, "_school_then"),
    ):
        if classes is None or column not in rows.columns:
            rows = rows.with_columns(pl.lit(NO_SCHOOL).alias(name))
        else:
            schools = table.collect(classes.rename({"class_id": column, SCHOOL: name}))
            rows = rows.join(schools, on=column, how="left")
    return rows


def _per_school(
    spec: TargetTable, rows: pl.LazyFrame, classes: pl.LazyFrame | None
) -> dict[str, int]:
    """How many rows each school has."""
    names = rows.collect_schema().names()
    if SCHOOL in names:
        counted = rows.group_by(SCHOOL).agg(pl.len().alias("rows"))
    elif "class_id" in names and classes is not None:
        by_class = rows.group_by("class_id").agg(pl.len().alias("rows"))
        joined = by_class.join(classes, on="class_id", how="left")
        counted = joined.group_by(pl.col(SCHOOL).fill_null(NO_SCHOOL)).agg(pl.col("rows").sum())
    else:
        counted = rows.select(pl.lit(NO_SCHOOL).alias(SCHOOL), pl.len().alias("rows"))
    found = table.collect(counted.select(SCHOOL, "rows"))
    return {school: int(count) for school, count in found.iter_rows() if count}


def _schools(
    differing: pl.DataFrame, before: Mapping[str, int]
) -> dict[str, tuple[int, int, int, int]]:
    counts = Counter(differing.select("school", "kind").iter_rows())
    names = sorted({*before, *(school for school, _ in counts)})
    return {
        name: (
            before.get(name, 0),
            counts[name, "added"],
            counts[name, "removed"],
            counts[name, "changed"],
        )
        for name in names
    }
