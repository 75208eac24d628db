"""What a delivery would change equals what can be counted by hand."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etlrunner import figures, unlike
from etlrunner.compare import compare
from etlrunner.model.changes import Changes
from etlrunner.target import APPLE_SCHOOL_MANAGER as TARGET
from tests.support import finished
from tests.support.finished import District


def changes(folder: Path, before: District, after: District) -> Changes:
    return compare(
        TARGET,
        finished.write(folder / "after", after),
        finished.write(folder / "before", before),
        "invented-2027-03-01-1",
    )


def test_the_same_tables_change_nothing(tmp_path: Path) -> None:
    found = changes(tmp_path, finished.district(), finished.district())
    assert found.baseline == "invented-2027-03-01-1"
    for change in found.tables.values():
        assert (change.added, change.removed, change.changed) == (0, 0, 0)
        assert change.columns == {}
    students = found.tables["students"]
    assert (students.before, students.after) == (3, 3)
    assert students.schools == {"101": (2, 0, 0, 0), "102": (1, 0, 0, 0)}


def test_a_first_delivery_adds_everything(tmp_path: Path) -> None:
    found = compare(TARGET, finished.write(tmp_path, finished.district()), None, None)
    assert found.baseline is None
    rosters = found.tables["rosters"]
    assert (rosters.before, rosters.after, rosters.added, rosters.removed) == (0, 3, 3, 0)
    assert rosters.schools == {"101": (0, 2, 0, 0), "102": (0, 1, 0, 0)}
    assert found.tables["locations"].schools == {"101": (0, 1, 0, 0), "102": (0, 1, 0, 0)}


def test_added_removed_and_changed_are_counted_per_school_and_column(tmp_path: Path) -> None:
    after = finished.district()
    del after["students"][0]
    after["students"] += [finished.student(7), finished.student(8, "102")]
    after["students"][1] |= {"last_name": "Other", "grade_level": "10"}
    after["students"][0] |= {"last_name": "Married"}
    students = changes(tmp_path, finished.district(), after).tables["students"]
    assert (students.before, students.after) == (3, 4)
    assert (students.added, students.removed, students.changed) == (2, 1, 2)
    assert students.columns == {"last_name": 2, "grade_level": 1}
    assert students.schools == {"101": (2, 1, 1, 1), "102": (1, 1, 0, 1)}


def test_a_pupil_who_moves_is_changed_at_the_new_school(tmp_path: Path) -> None:
    after = finished.district()
    after["students"][0]["location_id"] = "102"
    students = changes(tmp_path, finished.district(), after).tables["students"]
    assert students.schools == {"101": (2, 0, 0, 0), "102": (1, 0, 0, 1)}


def test_a_roster_row_belongs_to_the_school_its_class_had_or_has(tmp_path: Path) -> None:
    after = finished.district()
    after["classes"] = [finished.school_class(1), finished.school_class(3, "103")]
    after["rosters"] = [
        finished.roster("K-1", "S-1"),
        finished.roster("K-3", "S-2"),
        finished.roster("K-3", "S-3"),
    ]
    rosters = changes(tmp_path, finished.district(), after).tables["rosters"]
    assert (rosters.added, rosters.removed, rosters.changed) == (2, 2, 0)
    assert rosters.schools == {"101": (2, 0, 1, 0), "102": (1, 0, 1, 0), "103": (0, 2, 0, 0)}


def test_rows_of_no_known_school_are_counted_too(tmp_path: Path) -> None:
    after = finished.district()
    after["rosters"].append(finished.roster("K-9", "S-1"))
    rosters = changes(tmp_path, finished.district(), after).tables["rosters"]
    assert rosters.schools[""] == (0, 1, 0, 0)


def test_one_more_column_is_no_change_for_those_who_do_not_fill_it(tmp_path: Path) -> None:
    after = finished.district()
    after["students"][0]["location_id_2"] = "102"
    students = changes(tmp_path, finished.district(), after).tables["students"]
    assert (students.changed, students.columns) == (1, {"location_id_2": 1})
    back = changes(tmp_path, after, finished.district()).tables["students"]
    assert (back.changed, back.columns) == (1, {"location_id_2": 1})


def test_a_location_that_is_gone_is_named(tmp_path: Path) -> None:
    after = finished.district()
    del after["locations"][1]
    locations = changes(tmp_path, finished.district(), after).tables["locations"]
    assert locations.schools == {"101": (1, 0, 0, 0), "102": (1, 0, 1, 0)}


@pytest.mark.parametrize("empty", ["before", "after"])
def test_an_empty_table_is_compared_like_any_other(tmp_path: Path, empty: str) -> None:
    full, none = finished.district(), finished.district()
    none["students"] = []
    pair = (none, full) if empty == "before" else (full, none)
    students = changes(tmp_path, *pair).tables["students"]
    assert (students.added, students.removed) == ((3, 0) if empty == "before" else (0, 3))


def test_a_table_that_was_not_delivered_before_is_all_new(tmp_path: Path) -> None:
    before = finished.district()
    del before["rosters"]
    found = changes(tmp_path, before, finished.district())
    assert found.tables["rosters"].added == 3
    assert found.tables["students"].added == 0


ROSTERS = st.dictionaries(
    st.integers(0, 12), st.tuples(st.integers(1, 3), st.integers(1, 4)), max_size=10
)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ROSTERS, ROSTERS)
def test_any_two_sets_of_rows_are_counted_as_dicts_would(
    tmp_path: Path,
    before: dict[int, tuple[int, int]],
    after: dict[int, tuple[int, int]],
) -> None:
    """Whatever order the rows are in."""

    def tables(rows: dict[int, tuple[int, int]], folder: Path) -> dict[str, Path]:
        made = finished.district()
        made["rosters"] = [
            finished.roster(f"K-{k}", f"S-{s}", roster_id=f"R{n}") for n, (k, s) in rows.items()
        ]
        paths = finished.write(folder, made)
        frame = pl.read_parquet(paths["rosters"])
        frame.sample(fraction=1, shuffle=True, seed=1).write_parquet(paths["rosters"])
        return paths

    now, then = tables(after, tmp_path / "a"), tables(before, tmp_path / "b")
    found = compare(TARGET, now, then, "r")
    rosters = found.tables["rosters"]
    both = before.keys() & after.keys()
    assert rosters.added == len(after.keys() - before.keys())
    assert rosters.removed == len(before.keys() - after.keys())
    assert rosters.changed == sum(before[n] != after[n] for n in both)
    assert sum(counts[0] for counts in rosters.schools.values()) == len(before)
    assert sum(counts[1] for counts in rosters.schools.values()) == rosters.added
    assert sum(counts[2] for counts in rosters.schools.values()) == rosters.removed
    assert sum(counts[3] for counts in rosters.schools.values()) == rosters.changed
    assert rosters.columns.get("student_id", 0) == sum(before[n][1] != after[n][1] for n in both)
    figured = figures.of(then, "r", date(2027, 3, 1)).rows
    assert compare(TARGET, now, then, "r", None, figured) == found


COLUMNS = ("first_name", "middle_name", "last_name", "location_id_2")
SIDES = st.tuples(
    st.lists(st.sampled_from(COLUMNS), min_size=1, unique=True),
    st.dictionaries(
        st.sampled_from("abcde"), st.tuples(*[st.sampled_from(["", "x", "y", "\0", "x\x1fy"])] * 4)
    ),
)


@settings(max_examples=80, deadline=None)
@given(SIDES, SIDES, st.booleans(), st.sampled_from([1, 2, 32]))
def test_rows_differ_exactly_where_a_cell_does(
    here: tuple[list[str], dict[str, tuple[str, ...]]],
    there: tuple[list[str], dict[str, tuple[str, ...]]],
    is_twice: bool,
    stretch: int,
) -> None:
    """Two columns that exchange their values differ, too; a column of one side is empty on the other.

    However many rows are looked at together.
    """

    def cells(side: tuple[list[str], dict[str, tuple[str, ...]]]) -> dict[str, dict[str, str]]:
        header, rows = side
        return {key: dict(zip(header, row, strict=False)) for key, row in rows.items()}

    def frame(side: tuple[list[str], dict[str, tuple[str, ...]]], twice: bool) -> pl.LazyFrame:
        rows = [{"person_id": key, **row} for key, row in cells(side).items()]
        rows += rows[:1] if twice else []
        return pl.DataFrame(rows, schema=dict.fromkeys(["person_id", *side[0]], pl.String)).lazy()

    now, then = cells(here), cells(there)
    columns = sorted({*here[0], *there[0]})

    def differ(key: str, column: str) -> bool:
        return now[key].get(column, "") != then[key].get(column, "")

    both = now.keys() & then.keys()
    wanted = {key for key in both if any(differ(key, one) for one in columns)}
    wanted |= now.keys() ^ then.keys()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unlike, "_STRETCH", stretch)
        rows, counts = unlike.rows("person_id", frame(here, is_twice), frame(there, False))
    if is_twice:  # keys that are there twice are refused before anybody compares: at most named
        assert wanted <= set(rows["person_id"]) <= wanted | set(list(now)[:1])
    else:
        assert set(rows["person_id"]) == wanted
        found = {one: sum(differ(key, one) for key in both) for one in columns}
        assert counts == {one: count for one, count in found.items() if count}


def test_sums_of_rows_that_exchange_a_value_have_no_more_in_common_than_others() -> None:
    numbers = pl.DataFrame({"n": range(2**16)})
    ids = [("stu-" + (pl.col("n") + start).cast(pl.String)) for start in (0, 10**5)]
    schools = [("sch-" + (pl.col("n") * step).cast(pl.String)) for step in (7, 11)]

    def sums(first: pl.Expr, second: pl.Expr) -> pl.Series:
        pairs = [(ids[0], first), (ids[1], second)]
        made = [numbers.select(one.alias("id"), other.alias("school")) for one, other in pairs]
        hashes = [one.select(unlike.hashed(["id", "school"])).to_series() for one in made]
        return (hashes[0] + hashes[1]) % 2**16

    alike = (sums(*schools) == sums(*schools[::-1])).sum()
    assert (
        alike < 20
    )  # one is to be expected of sixteen bits; without the last hash it is some hundreds


def test_sizes_that_cannot_be_those_of_the_last_delivery_are_counted_anew(tmp_path: Path) -> None:
    now = finished.write(tmp_path / "a", finished.district())
    then = finished.write(tmp_path / "b", finished.district())
    counted = {"students": {"101": 10**6}, "classes": {}}
    found = compare(TARGET, now, then, "r", None, counted)
    assert found.tables["students"].schools == {"101": (2, 0, 0, 0), "102": (1, 0, 0, 0)}
    assert found.tables["classes"].schools == {"101": (1, 0, 0, 0), "102": (1, 0, 0, 0)}


def test_who_is_held_over_counts_among_those_who_may_be_known_again(tmp_path: Path) -> None:
    """Pupil 1 is gone and sent once more; pupil 9 has her number and names: one person, two ids."""
    before, after = finished.district(), finished.district()
    after["students"] = [
        *after["students"],
        finished.student(9, person_number="1", first_name="Invented1", email_address=""),
    ]
    now, then = finished.write(tmp_path / "a", after), finished.write(tmp_path / "b", before)
    alone = compare(TARGET, now, then, "r").tables["students"]
    held = compare(TARGET, now, then, "r", {"students": ["S-1"]}).tables["students"]
    assert (alone.added, alone.kinds) == (1, {})
    assert (held.added, held.removed, held.kinds) == (1, 0, {"rekeyed": 1})
