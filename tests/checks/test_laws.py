"""Whatever dangles and repeats: afterwards references resolve, nobody vanishes unlisted, and it is settled."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etlrunner import check
from etlrunner.checks import apple_school_manager, references
from etlrunner.model.flow import Flow, Merge, Ruling
from etlrunner.model.surroundings import SilentProgress
from etlrunner.target import APPLE_SCHOOL_MANAGER as TARGET
from tests.support import finished
from tests.support.finished import District

SCHOOLS = st.sampled_from(["101", "102", "9"])
NAMES = st.sampled_from(["Ada", "Bo", "ADA", "Zo\u200bé"])
ADDRESSES = st.sampled_from(["", "a@example.org", "b@example.org", "A@example.org", "NULL"])
PUPILS = st.sampled_from([f"S-{n}" for n in range(5)])
TEACHERS = st.sampled_from([f"T-{n}" for n in range(4)])
COURSES = st.sampled_from([f"C-{n}" for n in range(4)])
CLASSES = st.sampled_from([f"K-{n}" for n in range(4)])

REPAIRS: dict[str, list[str]] = {
    "person_location_missing": ["drop", "stub"],
    "course_location_missing": ["drop", "stub"],
    "class_location_missing": ["drop", "stub"],
    "class_course_missing": ["drop", "stub"],
    "class_instructor_missing": ["drop"],
    "roster_class_missing": ["drop"],
    "roster_student_missing": ["drop"],
}
VERDICTS: dict[str, Any] = {
    "asm-class-no-instructor": st.sampled_from(["warn", "reject"]),
    "asm-class-no-students": st.sampled_from(["warn", "reject"]),
    "asm-course-no-classes": st.sampled_from(["warn", "reject"]),
    "asm-email-malformed": st.sampled_from(["warn", "blank", "reject"]),
    "asm-zero-width": st.sampled_from(["warn", "cut"]),
}


@st.composite
def districts(draw: Any) -> District:
    def person(make: Any, number: int) -> dict[str, str]:
        cells = {"first_name": draw(NAMES), "email_address": draw(ADDRESSES)}
        second = draw(st.sampled_from(["", "102", "9"]))
        more = {"location_id_2": second} if second else {}
        return dict(make(number, draw(SCHOOLS), **cells, **more))

    pupils = [person(finished.student, n) for n in range(draw(st.integers(0, 4)))]
    teachers = [person(finished.teacher, n) for n in range(draw(st.integers(0, 3)))]
    courses = [finished.course(n, draw(SCHOOLS)) for n in range(draw(st.integers(0, 3)))]
    classes = [
        finished.school_class(
            n,
            draw(SCHOOLS),
            draw(st.lists(TEACHERS, max_size=4, unique=True)),
            course_id=draw(COURSES),
        )
        for n in range(draw(st.integers(0, 3)))
    ]
    pairs = draw(st.lists(st.tuples(CLASSES, PUPILS), max_size=6, unique=True))
    return {
        "locations": finished.district()["locations"],
        "students": pupils,
        "staff": teachers,
        "courses": courses,
        "classes": classes,
        "rosters": [finished.roster(class_id, pupil) for class_id, pupil in pairs],
    }


FLOWS = st.builds(
    lambda repair, rules, merged: replace(
        finished.flow(repair=repair),
        rules={rule: Ruling(verdict) for rule, verdict in rules.items() if verdict != "warn"},
        merge_duplicates={table: Merge(("email_address",)) for table in merged},
    ),
    st.fixed_dictionaries({name: st.sampled_from(many) for name, many in REPAIRS.items()}),
    st.fixed_dictionaries(VERDICTS),
    st.sampled_from([("students", "staff"), ()]),
)


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(districts(), FLOWS)
def test_references_resolve_nobody_vanishes_and_it_is_settled(tables: District, flow: Flow) -> None:
    _holds(tables, flow)


@pytest.mark.slow
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(districts(), FLOWS)
def test_it_is_so_for_many_districts(tables: District, flow: Flow) -> None:
    _holds(tables, flow)


def _holds(tables: District, flow: Flow) -> None:
    with tempfile.TemporaryDirectory() as folder:
        one, two = Path(folder) / "one", Path(folder) / "two"
        made = _checked(one, tables, flow)
        assert not [f for f in made.findings if f.rule.startswith("asm-ref-")]
        _nobody_vanished(one, tables, made)
        after = {name: pl.read_parquet(t.path).to_dicts() for name, t in made.finished.items()}
        again = _checked(two, after, flow)
        assert again.repairs == ()
        assert not [t for table in again.finished.values() for t in table.touched]
        for name in tables:
            assert pl.read_parquet(again.finished[name].path).to_dicts() == after[name]


def _checked(folder: Path, tables: District, flow: Flow) -> check.Checked:
    return check.check(
        flow,
        TARGET,
        finished.finished(folder, tables),
        folder,
        modules=(apple_school_manager, references),
        progress=SilentProgress(),
    )


def _nobody_vanished(folder: Path, tables: District, made: check.Checked) -> None:
    """By hand from the files: what came, less what is listed as rejected, and what is listed as made."""
    path = folder / "rejects.parquet"
    listed = pl.read_parquet(path).select("table", "key").rows() if path.exists() else []
    for name, rows in tables.items():
        key = TARGET.tables[name].key
        came = Counter(row[key] for row in rows)
        gone = Counter(one for table, one in listed if table == name)
        new = Counter(r.key for r in made.repairs if r.table == name and r.row_added)
        left = Counter(pl.read_parquet(made.finished[name].path)[key].to_list())
        assert left == came + new - gone
        assert not gone - (came + new)
