"""select and leave_out: who is left out, for which reason, and what goes with it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from etlrunner.errors import ChecksFailed, ConfigurationError
from etlrunner.model.flow import SchoolSelection, Select
from etlrunner.model.problems import Located, Place
from tests.support.mapped import (
    SCHOOL,
    enrollment,
    map_rows,
    section,
    student,
    teacher,
)

DISTRICT = {"sourcedId": "d", "type": "district", "name": "District", "identifier": "9"}
ELM = {**SCHOOL, "identifier": "100"}
OAK = {"sourcedId": "s2", "type": "school", "name": "Oak", "identifier": "200"}
ART = {"sourcedId": "c1", "title": "Art", "orgSourcedId": "s1"}
LATIN = {"sourcedId": "c2", "title": "Latin", "orgSourcedId": "s2"}
MUSIC = {"sourcedId": "c3", "title": "Music", "orgSourcedId": "d"}

TWO_SCHOOLS: Mapping[str, Any] = {
    "orgs": [DISTRICT, ELM, OAK],
    "courses": [ART, LATIN, MUSIC],
    "classes": [
        section("k1", "c1", "s1"),
        section("k2", "c2", "s2"),
        section("k3", "c3", "s1"),
        section("k4", "c3", "s2"),
    ],
    "users": [
        student("p1", "s1"),
        student("p2", "s2"),
        student("p3", "s1", "s2"),
        teacher("t1", "s1"),
        teacher("t2", "s2"),
        teacher("t3", "d"),
    ],
    "enrollments": [
        enrollment("e1", "k1", "p1"),
        enrollment("e2", "k2", "p2", schoolSourcedId="s2"),
        enrollment("e3", "k1", "p3"),
        enrollment("e4", "k2", "p3", schoolSourcedId="s2"),
        enrollment("e5", "k1", "t1", "teacher"),
        enrollment("e6", "k2", "t2", "teacher", schoolSourcedId="s2"),
        enrollment("e7", "k3", "t3", "teacher"),
        enrollment("e8", "k4", "t3", "teacher", schoolSourcedId="s2"),
    ],
}


def schools(include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> Select:
    place = Place("flows/lakeside.yaml", 9, 24)
    located = [tuple(Located(one, place) for one in many) for many in (include, exclude)]
    return Select(schools=SchoolSelection(*located))


def cells(mapped: Any) -> set[str]:
    return {
        cell
        for name in mapped.tables
        for row in mapped.rows(name)
        for column, cell in row.items()
        if column.startswith("location_id") and cell
    }


# ---------------------------------------------------------------- schools


@pytest.mark.parametrize("choice", [schools(include=("100",)), schools(exclude=("s2",))])
def test_no_row_refers_to_a_school_that_is_filtered_out(choice: Select, tmp_path: Path):
    mapped = map_rows(tmp_path, TWO_SCHOOLS, select=choice)
    assert cells(mapped) == {"s1"}
    assert mapped.keys("students") == ["p1", "p3"]
    assert mapped.keys("staff") == ["t1", "t3"]
    assert mapped.keys("classes") == ["k1", "k3"]
    assert mapped.keys("courses") == ["c1", "c3-s1"]
    assert mapped.keys("rosters") == ["k1--p1", "k1--p3"]


def test_each_dropped_key_has_one_reason(tmp_path: Path):
    mapped = map_rows(tmp_path, TWO_SCHOOLS, select=schools(exclude=("200",)))
    assert mapped.fates("students")["p2"] == "select.schools"
    assert mapped.fates("classes")["k2"] == "select.schools"
    assert mapped.fates("courses")["c2"] == "select.schools"
    assert mapped.fates("locations")["s2"] == "select.schools"
    assert mapped.fates("rosters")["e2"] == "select.class"
    assert mapped.fates("rosters")["e4"] == "select.class"


def test_the_district_is_no_location(tmp_path: Path):
    mapped = map_rows(tmp_path, TWO_SCHOOLS)
    assert cells(mapped) == {"s1", "s2"}
    assert mapped.rows("staff")[2] == {
        **mapped.rows("staff")[2],
        "location_id": "s1",
        "location_id_2": "s2",
    }


def test_a_deleted_school_counts_as_one_that_is_not_chosen(tmp_path: Path):
    orgs = [DISTRICT, ELM, {**OAK, "status": "tobedeleted"}]
    mapped = map_rows(tmp_path, {**TWO_SCHOOLS, "orgs": orgs})
    assert cells(mapped) == {"s1"}
    assert mapped.fates("locations")["s2"] == "select.status"
    assert mapped.fates("students")["p2"] == "select.schools"


def test_an_unknown_school_is_an_error_at_its_place(tmp_path: Path):
    with pytest.raises(ConfigurationError) as raised:
        map_rows(tmp_path, TWO_SCHOOLS, select=schools(include=("100", "300"), exclude=("s9",)))
    assert raised.value.exit_code == 2
    assert [str(problem.place) for problem in raised.value.problems] == [
        "flows/lakeside.yaml:9:24"
    ] * 2
    assert "300" in raised.value.problems[0].message
    assert "s9" in raised.value.problems[1].message


def test_a_number_of_two_schools_is_an_error(tmp_path: Path):
    orgs = [ELM, {**OAK, "identifier": "100"}]
    with pytest.raises(ConfigurationError) as raised:
        map_rows(tmp_path, {**TWO_SCHOOLS, "orgs": orgs}, select=schools(exclude=("100",)))
    assert "2 schools" in raised.value.problems[0].message


def test_a_number_that_is_another_schools_id_is_an_error(tmp_path: Path):
    orgs = [ELM, {**OAK, "identifier": "s1"}]
    with pytest.raises(ConfigurationError):
        map_rows(tmp_path, {**TWO_SCHOOLS, "orgs": orgs}, select=schools(exclude=("s1",)))


def test_a_district_is_no_school_to_include(tmp_path: Path):
    with pytest.raises(ConfigurationError):
        map_rows(tmp_path, TWO_SCHOOLS, select=schools(include=("d",)))


def test_an_enrollment_that_names_another_school_leads_nobody_there(tmp_path: Path):
    odd = enrollment("e9", "k3", "t3", "teacher", schoolSourcedId="s2")
    given = {**TWO_SCHOOLS, "enrollments": [odd]}
    assert cells(map_rows(tmp_path, given, select=schools(exclude=("s2",)))) == {"s1"}


def test_a_reference_to_what_was_never_sent_is_left_to_the_checks(tmp_path: Path):
    given = {
        **TWO_SCHOOLS,
        "enrollments": [enrollment("e1", "k9", "p1"), enrollment("e2", "k1", "p9")],
    }
    assert map_rows(tmp_path, given).keys("rosters") == ["k1--p9", "k9--p1"]


def test_an_org_that_was_never_sent_stays_in_the_list(tmp_path: Path):
    given = {**TWO_SCHOOLS, "users": [student("p1", "s7", "d", "s1")]}
    (row,) = map_rows(tmp_path, given).rows("students")
    assert [row["location_id"], row["location_id_2"]] == ["s7", "s1"]


# ---------------------------------------------------------------- status, grades, leave_out


@pytest.mark.parametrize(
    ("status", "fate"),
    [("", "written"), ("active", "written"), ("tobedeleted", "select.status"),
     ("inactive", "select.status"), ("withdrawn", "select.status")],
)  # fmt: skip
def test_status(status: str, fate: str, tmp_path: Path):
    given = {"orgs": [ELM], "users": [student("p1", status=status)]}
    assert map_rows(tmp_path, given).fates("students") == {"p1": fate}


def test_inactive_can_be_asked_for_as_tobedeleted(tmp_path: Path):
    given = {"orgs": [ELM], "users": [student("p1", status="inactive")]}
    choice = Select(statuses=("active", "tobedeleted"))
    assert map_rows(tmp_path, given, select=choice).keys("students") == ["p1"]


def test_who_is_switched_off_locally_stays(tmp_path: Path):
    given = {"orgs": [ELM], "users": [student("p1", enabledUser="false")]}
    assert map_rows(tmp_path, given).keys("students") == ["p1"]


def test_a_deleted_user_takes_the_enrollments_along(tmp_path: Path):
    users = [student("p1", status="tobedeleted"), student("p3")]
    mapped = map_rows(tmp_path, {**TWO_SCHOOLS, "users": users})
    assert mapped.fates("rosters")["e1"] == "select.user"
    assert mapped.fates("rosters")["k1--p3"] == "written"


def test_an_id_that_comes_twice_is_not_gone_when_one_of_them_stays(tmp_path: Path):
    users = [student("p1", status="tobedeleted"), student("p1")]
    mapped = map_rows(tmp_path, {**TWO_SCHOOLS, "users": users})
    assert mapped.keys("students") == ["p1"]
    assert "k1--p1" in mapped.keys("rosters")


def test_grades_choose_among_students_only(tmp_path: Path):
    users = [
        student("p1", grades=["09"]),
        student("p2", grades=["10", "11"]),
        student("p3"),
        teacher("t1"),
    ]
    mapped = map_rows(tmp_path, {"orgs": [ELM], "users": users}, select=Select(grades=("09", "11")))
    assert mapped.keys("students") == ["p1", "p2"]
    assert mapped.fates("students")["p3"] == "select.grades"
    assert mapped.keys("staff") == ["t1"]


def test_who_is_left_out_by_id_leaves_with_the_enrollments(tmp_path: Path):
    mapped = map_rows(tmp_path, TWO_SCHOOLS, leave_out={"students": ["p1"], "classes": ["k2"]})
    assert mapped.fates("students")["p1"] == "leave_out"
    assert mapped.fates("classes")["k2"] == "leave_out"
    assert mapped.fates("rosters")["e1"] == "select.user"
    assert mapped.fates("rosters")["e2"] == "select.class"


# ---------------------------------------------------------------- terms and dates


def term(sourced_id: str, start: str, end: str, **more: str) -> Mapping[str, str]:
    return {"sourcedId": sourced_id, "type": "term", "startDate": start, "endDate": end, **more}


def one_class(
    *terms: Mapping[str, str], enrollments: Any = (), named: Any = None
) -> Mapping[str, Any]:
    names = [one["sourcedId"] for one in terms] if named is None else named
    return {
        "orgs": [ELM],
        "academicSessions": terms,
        "courses": [ART],
        "classes": [section("k1", "c1", "s1", *names)],
        "users": [student("p1"), teacher("t1")],
        "enrollments": enrollments or [enrollment("e1", "k1", "p1")],
    }


ALWAYS = term("always", "", "")
MARCH = date(2027, 3, 1)


@pytest.mark.parametrize(
    ("start", "end", "stays"),
    [
        ("2027-01-05", "2027-06-10", True),
        ("2027-03-15", "2027-06-10", True),  # begins on the last day of the lead
        ("2027-03-16", "2027-06-10", False),
        ("2026-08-15", "2027-02-16", True),  # its last day was 13 days ago, its end is excluded
        ("2026-08-15", "2027-02-15", False),
        ("", "", True),
        ("", "2027-02-01", False),
        ("2027-03-01T00:00:00.000Z", "2027-06-10T00:00:00.000Z", True),
    ],
)  # fmt: skip
def test_a_term_is_on_from_lead_before_it_to_lag_after_it(
    start: str, end: str, stays: bool, tmp_path: Path
):
    given = one_class(term("t", start, end), ALWAYS, named=["t"])
    mapped = map_rows(tmp_path, given, as_of=MARCH)
    assert mapped.fates("classes") == {"k1": "written" if stays else "select.terms"}


@pytest.mark.parametrize("named", [[], ["never sent"], ["old", "always"]])
def test_a_class_stays_without_terms_with_unknown_ones_or_with_one_that_is_on(
    named: list[str], tmp_path: Path
):
    given = one_class(term("old", "2025-08-15", "2026-01-01"), ALWAYS, named=named)
    assert map_rows(tmp_path, given).keys("classes") == ["k1"]


def test_no_term_at_all_that_is_on_ends_the_run(tmp_path: Path):
    given = one_class(term("old", "2025-08-15", "2026-01-01"))
    with pytest.raises(ChecksFailed) as raised:
        map_rows(tmp_path, given)
    assert raised.value.exit_code == 5
    assert raised.value.findings[0].rule == "select.terms"


def test_a_deleted_term_is_not_on(tmp_path: Path):
    given = one_class(term("t", "", "", status="tobedeleted"), ALWAYS, named=["t"])
    assert map_rows(tmp_path, given).fates("classes") == {"k1": "select.terms"}


@pytest.mark.parametrize("day", range(10))
def test_in_nine_days_between_two_terms_classes_and_pupils_never_leave(day: int, tmp_path: Path):
    fall, spring = term("f", "2026-08-15", "2026-12-20"), term("s", "2026-12-29", "2027-06-01")
    given = {
        **one_class(fall, spring),
        "classes": [section("k1", "c1", "s1", "f"), section("k2", "c1", "s1", "s")],
        "enrollments": [
            enrollment("e1", "k1", "p1", beginDate="2026-08-15", endDate="2026-12-20"),
            enrollment("e2", "k2", "p1", beginDate="2026-12-29", endDate="2027-06-01"),
        ],
    }
    mapped = map_rows(tmp_path, given, as_of=date(2026, 12, 20) + timedelta(days=day))
    assert mapped.keys("classes") == ["k1", "k2"]
    assert mapped.keys("rosters") == ["k1--p1", "k2--p1"]


@pytest.mark.parametrize(
    ("begin", "end", "stays"),
    [
        ("", "", True),
        ("2027-03-01", "", True),
        ("", "2027-03-01", False),  # the end is excluded
        ("", "2027-03-02", True),
    ],
)
def test_enrollments_hold_as_of_the_day(begin: str, end: str, stays: bool, tmp_path: Path):
    one = enrollment("e1", "k1", "p1", beginDate=begin, endDate=end)
    mapped = map_rows(tmp_path, one_class(ALWAYS, enrollments=[one]), as_of=MARCH)
    assert bool(mapped.keys("rosters")) is stays


def test_who_joins_a_running_class_next_week_is_not_in_it_today(tmp_path: Path):
    one = enrollment("e1", "k1", "p1", beginDate="2027-03-08")
    running = one_class(term("t", "2027-01-05", "2027-06-10"), enrollments=[one])
    assert map_rows(tmp_path, running, as_of=MARCH).keys("rosters") == []


def test_who_begins_with_a_coming_class_is_in_it_as_soon_as_the_class_is(tmp_path: Path):
    one = enrollment("e1", "k1", "p1", beginDate="2027-03-10")
    coming = one_class(
        term("t", "2027-03-08", "2027-06-10"), ALWAYS, named=["t"], enrollments=[one]
    )
    assert map_rows(tmp_path, coming, as_of=MARCH).keys("rosters") == ["k1--p1"]


def test_who_had_left_a_class_does_not_come_back_when_its_term_ends(tmp_path: Path):
    left = enrollment("e1", "k1", "p1", endDate="2027-02-20")
    over = one_class(term("t", "2027-01-05", "2027-02-25"), ALWAYS, named=["t"], enrollments=[left])
    assert map_rows(tmp_path, over, as_of=date(2027, 2, 24)).keys("rosters") == []
    assert map_rows(tmp_path / "after", over, as_of=MARCH).keys("rosters") == []


def test_a_date_that_cannot_be_read_ends_nothing(tmp_path: Path):
    one = enrollment("e1", "k1", "p1", endDate="03/15/2027")
    assert map_rows(tmp_path, one_class(ALWAYS, enrollments=[one])).keys("rosters") == ["k1--p1"]
