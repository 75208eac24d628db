"""read + added = written + filtered + rejected, and every row of the source has exactly one fate."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etlrunner.model.flow import Select
from tests.support.mapped import map_rows

IDS = st.sampled_from(["1", "2", "3", "4", ""])
SCHOOLS = st.sampled_from(["s1", "s2", "d", "s9", ""])
STATUS = st.sampled_from(["", "active", "tobedeleted", "inactive"])
DATES = st.sampled_from(["", "2026-08-15", "2027-02-20", "2027-03-01", "2027-03-10", "2027-06-01"])
ROLES = st.sampled_from(["student", "teacher", "aide"])
NAMES = st.sampled_from(["Ada", "", " ", "Zoë", "a\tb"])


def rows(**columns: Any) -> Any:
    return st.lists(st.fixed_dictionaries({"status": STATUS, **columns}), max_size=6)


ROSTERS = st.fixed_dictionaries(
    {
        "orgs": st.just(
            [
                {"sourcedId": "s1", "type": "school", "name": "Elm"},
                {"sourcedId": "s2", "type": "school", "name": "Oak", "status": "tobedeleted"},
                {"sourcedId": "d", "type": "district", "name": "District"},
            ]
        ),
        "academicSessions": st.just(
            [
                {"sourcedId": "now", "startDate": "2027-01-05", "endDate": "2027-06-01"},
                {"sourcedId": "old", "startDate": "2025-01-05", "endDate": "2025-06-01"},
            ]
        ),
        "courses": st.just(
            [
                {"sourcedId": "1", "title": "Art", "orgSourcedId": "s1"},
                {"sourcedId": "2", "title": "Latin", "orgSourcedId": "d"},
                {"sourcedId": "3", "title": "Music", "orgSourcedId": "s2"},
            ]
        ),
        "classes": rows(
            sourcedId=IDS,
            courseSourcedId=IDS,
            schoolSourcedId=SCHOOLS,
            termSourcedIds=st.lists(st.sampled_from(["now", "old", "unknown"]), max_size=2),
        ),
        "users": rows(
            sourcedId=IDS,
            role=ROLES,
            givenName=NAMES,
            familyName=NAMES,
            orgSourcedIds=st.lists(SCHOOLS, max_size=3),
            grades=st.lists(st.sampled_from(["09", "10"]), max_size=2),
        ),
        "enrollments": rows(
            sourcedId=IDS,
            classSourcedId=IDS,
            userSourcedId=IDS,
            role=ROLES,
            schoolSourcedId=SCHOOLS,
            beginDate=DATES,
            endDate=DATES,
        ),
    }
)


GRADES = st.sampled_from([(), ("09",)])


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ROSTERS, GRADES)
def test_the_law_holds_for_any_roster(roster: Any, grades: tuple[str, ...]):
    _holds_for(roster, grades)


@pytest.mark.slow
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ROSTERS, GRADES)
def test_the_law_holds_for_many_rosters(roster: Any, grades: tuple[str, ...]):
    _holds_for(roster, grades)


def _holds_for(roster: Any, grades: tuple[str, ...]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = map_rows(Path(folder), roster, select=Select(grades=grades))
        sources = {
            "locations": "orgs",
            "courses": "courses",
            "classes": "classes",
            "rosters": "enrollments",
        }
        for name, finished in made.tables.items():
            read = len(roster[sources.get(name, "users")])
            _holds(finished, read)


def _holds(finished: Any, read: int) -> None:
    """Counted again from the files, not from what the engine says about itself."""
    counts = finished.counts
    fates = pl.read_parquet(finished.fate_path)
    tally = Counter(
        finished.reasons[fate - 1] if fate else "written" for fate in fates["fate"].to_list()
    )
    written = pl.read_parquet(finished.path)
    assert counts.read == read
    assert counts.holds()
    assert fates.height == counts.read + counts.added
    assert tally.pop("written", 0) == counts.written == written.height
    assert dict(tally) == {**counts.filtered, **counts.rejected}
    assert set(fates["_row"].to_list()) == set(range(read)), "every source row has a fate"
