"""What is gone little by little: a table, or a school in it, that is well below what it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from etlrunner import figures, within
from etlrunner.model.changes import Figures, Hold
from etlrunner.model.safeguards import Limit, Safeguards, TableSafeguards

SUDDEN = ("max_moved_per_school", "max_removed", "max_removed_per_school", "max_shrunk")
"""Safeguards that say more exactly what a longer memory would say once more."""


def holds(
    safeguards: Safeguards,
    now: Figures,
    trail: Sequence[Figures],
    marks: Sequence[Figures],
    others: Sequence[Hold],
) -> tuple[Hold, ...]:
    """What is below its median of the last deliveries, or below the most of a year.

    What `others`, or the first of the two, say already is not said by a longer memory once more.
    """
    small = safeguards.small_change
    found: list[Hold] = []
    for name, limits in safeguards.tables.items():
        found += _shrunk(name, limits, now, trail, small)
    sudden = {place for hold in (*others, *found) for place in _places(hold)}
    for name, limits in safeguards.tables.items():
        slow = _shrunk_in_a_year(name, limits, now, marks, small)
        found += [hold for hold in slow if (name, hold.school) not in sudden]
    return tuple(found)


def _shrunk(
    name: str,
    limits: TableSafeguards,
    now: Figures,
    trail: Sequence[Figures],
    small_change: int,
) -> Iterator[Hold]:
    """A table, or a school in it, that is well below what was usual: a loss too slow for one day's limit."""
    limit = limits.max_shrunk
    if limit is None or name not in now.rows:
        return
    known = {school for one in trail for school in one.rows.get(name, {})}
    places: list[str | None] = [None, *sorted(known)]
    for school in places:
        usual = figures.usual(trail, name, school)
        here = now.total(name) if school is None else now.rows[name].get(school, 0)
        if usual and here < usual and within.is_over(usual - here, limit, usual, small_change):
            rest = (
                f"and {usual:,} are usual in the last {len(trail)} deliveries; "
                f"the limit is {limit} below that"
            )
            yield _smaller(name, "max_shrunk", limit, school, (usual, here), rest)


def _shrunk_in_a_year(
    name: str, limits: TableSafeguards, now: Figures, marks: Sequence[Figures], small_change: int
) -> Iterator[Hold]:
    """What is gone little by little: each day too few for a limit, and all of them together not."""
    if name not in now.rows:
        return
    known = {school for one in marks for school in one.rows.get(name, {})}
    for school in (None, *sorted(known)):
        is_whole = school is None
        key = "max_shrunk_in_a_year" if is_whole else "max_shrunk_in_a_year_per_school"
        limit: Limit | None = getattr(limits, key)
        then, day = figures.most(marks, name, school)
        here = now.total(name) if school is None else now.rows[name].get(school, 0)
        if (
            limit is None
            or here >= then
            or not within.is_over(then - here, limit, then, small_change)
        ):
            continue
        rest = (
            f"{round(100 * (then - here) / then, 1):g} % fewer than the {then:,} of {day}; "
            f"the limit is {limit} in a year"
        )
        yield _smaller(name, key, limit, school, (then, here), rest)


def _smaller(
    name: str, key: str, limit: Limit, school: str | None, sizes: tuple[int, int], rest: str
) -> Hold:
    """A table, or a school in it, that is smaller than it was: `sizes` are then and now."""
    then, here = sizes
    where, detail = ("", "") if school is None else within.where(school)
    return Hold(
        f"safeguards.{name}.{key}",
        f"{name}: {here:,} rows{where and ' ' + where}, {rest}",
        table=name,
        detail=detail,
        school=school,
        value=within.share(then - here, then, limit),
        limit=str(limit),
        sizes={name: () if school is None else (school,)},
    )


def _places(hold: Hold) -> Iterator[tuple[str, str | None]]:
    """The tables, and the schools in them, of which a hold says that they lose at once."""
    if hold.safeguard.rpartition(".")[2] in SUDDEN:
        for name, schools in hold.sizes.items():
            yield from ((name, school) for school in schools or (None,))
