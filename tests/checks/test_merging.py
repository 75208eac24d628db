"""One person whom the SIS holds twice becomes one row; references move; what is in doubt is left alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

import polars as pl
import pytest

from etlrunner import check
from etlrunner.checks import apple_school_manager, merging, references
from etlrunner.guard import guard
from etlrunner.model.changes import Changes
from etlrunner.model.flow import Flow, Merge
from etlrunner.model.safeguards import Limit, Safeguards, TableSafeguards
from etlrunner.model.surroundings import SilentProgress
from etlrunner.target import APPLE_SCHOOL_MANAGER as TARGET
from tests.support import finished, mapped
from tests.support.finished import District

BY_ADDRESS = Merge(("email_address",))


def checked(
    folder: Path,
    tables: District,
    chosen: Mapping[str, Merge] | None = None,
    *,
    flow: Flow | None = None,
    delivered: Mapping[str, Path] | None = None,
    raw: Mapping[str, Path] | None = None,
) -> check.Checked:
    merged = {} if chosen is None else {"merge_duplicates": dict(chosen)}
    flow = replace(flow or finished.flow(), mapping=mapped.shipped(), **merged)
    return check.check(
        flow,
        TARGET,
        finished.finished(folder, tables),
        folder,
        modules=(apple_school_manager, references),
        progress=SilentProgress(),
        delivered=delivered,
        raw=raw,
    )


def rows(made: check.Checked, name: str) -> dict[str, dict[str, str]]:
    key = TARGET.tables[name].key
    return {row[key]: row for row in pl.read_parquet(made.finished[name].path).to_dicts()}


def twice() -> District:
    """Pupil 1 is there twice: as S-1 in school 101, and as S-9 in 102; both are in class K-1."""
    tables = finished.district()
    again = finished.student(9, "102", first_name="INVENTED-1", email_address="S1@example.org")
    tables["students"].append(again)
    tables["rosters"] += [finished.roster("K-2", "S-9"), finished.roster("K-1", "S-9")]
    return tables


def test_two_records_become_one_with_the_schools_of_both(tmp_path: Path) -> None:
    made = checked(tmp_path, twice(), {"students": BY_ADDRESS})
    pupils = rows(made, "students")
    assert set(pupils) == {"S-1", "S-2", "S-3"}
    assert (pupils["S-1"]["location_id"], pupils["S-1"]["location_id_2"]) == ("101", "102")
    assert pupils["S-1"]["first_name"] == "Invented1"
    assert pupils["S-2"]["location_id_2"] == ""
    assert made.findings == ()


def test_who_made_a_merge_doubtful_and_is_left_out_does_not_hinder_it(tmp_path: Path) -> None:
    tables = twice()
    tables["students"].append(finished.student(8, "999", email_address="s1@example.org"))
    flow = replace(
        finished.flow(repair={"person_location_missing": "drop"}),
        merge_duplicates={"students": BY_ADDRESS},
    )
    made = checked(tmp_path, tables, flow=flow)
    assert set(rows(made, "students")) == {"S-1", "S-2", "S-3"}
    assert made.findings == ()


def test_enrollments_move_and_a_pupil_is_once_in_a_class(tmp_path: Path) -> None:
    made = checked(tmp_path, twice(), {"students": BY_ADDRESS})
    pairs = [(row["class_id"], row["student_id"]) for row in rows(made, "rosters").values()]
    assert sorted(pairs) == [("K-1", "S-1"), ("K-1", "S-2"), ("K-2", "S-1"), ("K-2", "S-3")]
    assert "K-1-S-1" in rows(made, "rosters")
    assert made.finished["rosters"].counts.rejected == {"merge.students": 1}


def test_every_change_is_listed_with_before_and_after(tmp_path: Path) -> None:
    made = checked(tmp_path, twice(), {"students": BY_ADDRESS})
    assert [(r.table, r.key, r.before, r.after, r.row_dropped) for r in made.repairs] == [
        ("students", "S-9", "S-9", "S-1", True),
        ("rosters", "K-1-S-9", "S-9", "S-1", True),
        ("rosters", "K-2-S-9", "S-9", "S-1", False),
    ]
    lines = pl.read_parquet(tmp_path / "findings.parquet").filter(verdict="merge")
    assert lines.select("table", "key", "before", "after").rows() == [
        ("students", "S-9", "S-9", "S-1"),
        ("rosters", "K-1-S-9", "S-9", "S-1"),
        ("rosters", "K-2-S-9", "S-9", "S-1"),
    ]
    assert made.finished["students"].counts.rejected == {"merge.students": 1}
    assert made.finished["students"].counts.holds()


def test_a_teacher_who_is_there_twice_teaches_once(tmp_path: Path) -> None:
    tables = finished.district()
    tables["staff"].append(
        finished.teacher(9, "102", email_address="t1@example.org", first_name="Invented1")
    )
    tables["classes"][0] = finished.school_class(1, instructors=("T-9", "T-1", "T-2"))
    made = checked(tmp_path, tables, {"staff": BY_ADDRESS})
    kept = rows(made, "classes")["K-1"]
    assert [kept[c] for c in kept if c.startswith("instructor")] == ["T-1", "T-2", ""]
    assert [(r.before, r.after) for r in made.repairs] == [
        ("T-9", "T-1"),
        ("T-9, T-1, T-2", "T-1, T-2"),
    ]
    assert made.findings == ()


def test_a_familys_address_merges_nobody(tmp_path: Path) -> None:
    tables = finished.district()
    for row in tables["students"]:
        row["email_address"] = "family@example.org"
    made = checked(tmp_path, tables, {"students": BY_ADDRESS})
    assert made.repairs == ()
    assert [str(f) for f in made.findings] == [
        "students.csv - person_id = 'S-1', 'S-2', 'S-3' match and are not merged: their names differ "
        "[merge-ambiguous]"
    ]
    assert made.findings[0].count == 3


def test_an_empty_cell_matches_nothing(tmp_path: Path) -> None:
    tables = finished.district()
    for row in tables["students"]:
        row |= {"email_address": "", "first_name": "Same", "last_name": "Name"}
    assert checked(tmp_path, tables, {"students": BY_ADDRESS}).repairs == ()


def test_all_of_the_columns_have_to_match(tmp_path: Path) -> None:
    by_both = Merge(("email_address", "person_number"))
    assert checked(tmp_path, twice(), {"students": by_both}).repairs == ()


def test_the_one_that_was_delivered_keeps_its_account(tmp_path: Path) -> None:
    before = finished.write(tmp_path / "before", {"students": [finished.student(9)]})
    made = checked(tmp_path / "now", twice(), {"students": BY_ADDRESS}, delivered=before)
    assert set(rows(made, "students")) == {"S-2", "S-3", "S-9"}
    assert rows(made, "students")["S-9"]["location_id"] == "102"


def test_two_that_were_delivered_are_for_a_person_to_decide(tmp_path: Path) -> None:
    before = finished.write(
        tmp_path / "before", {"students": [finished.student(1), finished.student(9)]}
    )
    made = checked(tmp_path / "now", twice(), {"students": BY_ADDRESS}, delivered=before)
    assert made.repairs == ()
    assert "more than one of them has been delivered before" in made.findings[0].message
    first = Merge(("email_address",), keep="first")
    made = checked(tmp_path / "first", twice(), {"students": first}, delivered=before)
    assert set(rows(made, "students")) == {"S-1", "S-2", "S-3"}


@pytest.mark.parametrize(
    ("dates", "kept"),
    [
        (("2027-01-01", "2027-02-01T00:00:00Z"), "S-9"),
        (("2027-03-01T00:00:00+02:00", "2027-02-01"), "S-1"),
        (("2027-03-01", "2027-03-01T00:00:00.000Z"), None),
        (("2027-03-01", ""), None),
    ],
)
def test_the_newest_record_is_known_by_its_date(
    tmp_path: Path, dates: tuple[str, str], kept: str | None
) -> None:
    tables = twice()
    order = sorted(row["person_id"] for row in tables["students"])
    changed = {"S-1": dates[0], "S-9": dates[1]}
    users = [{"sourcedId": one, "dateLastModified": changed.get(one, "")} for one in order]
    raw = mapped.frozen(tmp_path / "raw", {"users": users})
    newest = Merge(("email_address",), keep="newest")
    made = checked(tmp_path, tables, {"students": newest}, raw=raw)
    left = set(rows(made, "students")) & {"S-1", "S-9"}
    assert left == ({kept} if kept else {"S-1", "S-9"})
    assert bool(made.findings) == (kept is None)


@pytest.mark.parametrize("keep", ["delivered", "newest", "first"])
def test_an_id_that_is_there_twice_is_an_error_of_its_own(
    tmp_path: Path, keep: Literal["delivered", "newest", "first"]
) -> None:
    tables = finished.district()
    tables["students"].append(finished.student(1, "102"))
    made = checked(tmp_path, tables, {"students": Merge(("email_address",), keep)})
    assert {f.rule for f in made.findings} == {"asm-unique-key", "merge-ambiguous"}


def test_names_alone_do_not_say_who_is_who() -> None:
    flow = replace(
        finished.flow(), merge_duplicates={"students": Merge(("first_name", "last_name"))}
    )
    [problem] = merging.problems(flow)
    assert (problem.code, problem.path) == ("E243", "merge_duplicates.students.match")
    assert merging.problems(replace(flow, merge_duplicates={"students": BY_ADDRESS})) == []


def test_more_than_the_limit_is_held(tmp_path: Path) -> None:
    made = checked(tmp_path, twice(), {"students": BY_ADDRESS})
    for limit, is_held in ((1, False), (0, True)):
        tables = {"students": TableSafeguards(max_repaired=Limit(count=limit))}
        flow = finished.flow(safeguards=Safeguards(tables, expect={"students": 0}))
        holds = guard(flow, Changes(None, {}), made.finished, delivered_scope=None)
        assert [hold.safeguard for hold in holds] == ["safeguards.students.max_repaired"] * is_held
