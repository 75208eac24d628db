"""Invented districts: always the same, of any size, odd in ways that can be counted."""

from __future__ import annotations

import hashlib
import io
import resource
import time
from collections import Counter
from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etlrunner import roster, table
from etlrunner.sandbox.district import RATES, District
from etlrunner.sandbox.draws import few

DAY = date(2027, 3, 1)


@pytest.fixture(scope="module")
def district() -> District:
    return District(2_000, seed=1, as_of=DAY)


def fingerprint(district: District) -> str:
    """A hash over all cells; lists are joined by a character that no cell holds."""
    whole = hashlib.sha256()
    for name, frame in district.tables.items():
        text = io.BytesIO()
        frame.with_columns(pl.col(table.LIST).list.join("\x1f")).write_csv(text)
        whole.update(name.encode() + text.getvalue())
    return whole.hexdigest()


def test_the_same_seed_and_day_give_the_same_district(district: District):
    assert fingerprint(District(2_000, seed=1, as_of=DAY)) == fingerprint(district)
    assert fingerprint(District(2_000, seed=2, as_of=DAY)) != fingerprint(district)


def test_the_same_district_is_made_on_every_machine():
    # Changes with the generator only: then look at the difference, and put the new value here.
    assert fingerprint(District(20, seed=1, as_of=DAY))[:16] == "d39514528d0645ef"
    made = District(2_000, seed=1, as_of=DAY)
    assert fingerprint(made)[:16] == "c62d8dbd4ca03a2a"
    assert fingerprint(made.grown(5))[:16] == "92576b2f7e0ab9cd"


@pytest.mark.parametrize("students", [1, 2, 3, 20, 137, 2_000])
def test_every_table_has_the_columns_of_the_roster_model(students: int):
    made = District(students, as_of=DAY)
    assert list(made.tables) == list(roster.TABLES)
    for version in ("1.1", "1.2"):
        for name, frame in made.roster(version).items():
            wanted = table.schema_of(roster.TABLES[name], roster.LISTS.get(name, ()))
            assert dict(frame.schema) == wanted, name
            assert frame.null_count().sum_horizontal().item() == 0, name
            assert frame["sourcedId"].is_unique().all(), name
    assert made.dirt["students"] == students


@pytest.mark.parametrize("students", [20, 2_000])
def test_a_clean_district_has_no_dirt_and_no_loose_end(students: int):
    made = District(students, as_of=DAY, clean=True)
    people = {"students", "teachers", "aides", "administrators"}
    odd = {kind: count for kind, count in made.dirt.items() if count and kind not in people}
    assert odd == {}
    tables = made.tables
    assert tables["enrollments"].filter(pl.col("role") == "student").height == 7 * students
    teachers = tables["enrollments"].filter(pl.col("role") == "teacher")
    assert teachers["classSourcedId"].is_unique().all()
    assert references_without_target(tables) == Counter()


def test_only_enrollments_lead_nowhere(district: District):
    dirt = district.dirt
    assert references_without_target(district.tables) == Counter(
        {
            "enrollments.userSourcedId": dirt["missing_people"],
            "enrollments.classSourcedId": dirt["missing_classes"],
        }
    )


def references_without_target(tables: dict[str, pl.DataFrame]) -> Counter[str]:
    """Counted row by row, with sets."""
    ids = {name: set(frame["sourcedId"]) for name, frame in tables.items()}
    targets = {
        "orgs": {"parentSourcedId": "orgs"},
        "academicSessions": {"parentSourcedId": "academicSessions"},
        "courses": {"orgSourcedId": "orgs", "schoolYearSourcedId": "academicSessions"},
        "classes": {
            "courseSourcedId": "courses", "schoolSourcedId": "orgs",
            "termSourcedIds": "academicSessions",
        },
        "users": {"orgSourcedIds": "orgs", "agentSourcedIds": "users"},
        "enrollments": {
            "classSourcedId": "classes", "userSourcedId": "users", "schoolSourcedId": "orgs",
        },
        "demographics": {"sourcedId": "users"},
    }  # fmt: skip
    lost: Counter[str] = Counter()
    for name, columns in targets.items():
        for row in tables[name].iter_rows(named=True):
            for column, target in columns.items():
                value = row[column]
                wanted = value if isinstance(value, list) else [value] if value else []
                lost[f"{name}.{column}"] += sum(one not in ids[target] for one in wanted)
    return +lost


def test_what_dirt_counts_is_what_the_rows_show(district: District):
    """The same figures by loops over rows."""
    users = district.tables["users"].to_dicts()
    classes = district.tables["classes"].to_dicts()
    enrollments = district.tables["enrollments"].to_dicts()
    role = {row["sourcedId"]: row["role"] for row in users}
    status = {row["sourcedId"]: row["status"] for row in [*users, *classes]}
    teachers = Counter(row["classSourcedId"] for row in enrollments if row["role"] == "teacher")
    active = [row for row in enrollments if row["status"] == "active"]
    pairs = Counter(
        (row["userSourcedId"], row["classSourcedId"])
        for row in enrollments
        if row["role"] == "student"
    )
    names = [row["givenName"] + row["middleName"] + row["familyName"] for row in users]
    by_hand = {
        **{
            f"deleted.{name}": sum(row["status"] == "tobedeleted" for row in frame.to_dicts())
            for name, frame in district.tables.items()
        },
        "students": sum(row["role"] == "student" for row in users),
        "emails_missing": sum(row["email"] == "" for row in users),
        "emails_null": sum(row["email"] == "NULL" for row in users),
        "names_not_ascii": sum(not name.isascii() for name in names),
        "names_missing": 0,
        "identifiers_missing": sum(
            row["identifier"] == "" and not row["sourcedId"].startswith("grd-") for row in users
        ),
        "disabled_users": sum(row["enabledUser"] == "false" for row in users),
        "dual_enrolled": sum(
            len(set(row["orgSourcedIds"]) - {"sch-800"}) == 2 and row["role"] == "student"
            for row in users
        ),
        "census_students": sum("sch-800" in row["orgSourcedIds"] for row in users),
        "guardians": sum(row["sourcedId"].startswith("grd-") for row in users),
        "missing_people": sum(row["userSourcedId"] not in role for row in enrollments),
        "missing_classes": sum(row["classSourcedId"] not in status for row in enrollments),
        "stale_enrollments": sum(
            "tobedeleted" in (status.get(row["userSourcedId"]), status.get(row["classSourcedId"]))
            for row in active
        ),
        "ended_enrollments": sum("" < row["endDate"] <= "2027-03-01" for row in enrollments),
        "coming_enrollments": sum(row["beginDate"] > "2027-03-01" for row in enrollments),
        "returned_enrollments": sum(count - 1 for count in pairs.values()),
        "co_taught_classes": sum(count > 1 for count in teachers.values()),
        "crowded_classes": sum(count > 2 for count in teachers.values()),
        "overcrowded_classes": sum(count > 15 for count in teachers.values()),
        "teaching_aides": len(
            {
                row["userSourcedId"]
                for row in enrollments
                if row["role"] == "teacher"
                and role.get(row["userSourcedId"]) in ("aide", "administrator")
            }
        ),
    }
    assert {kind: district.dirt[kind] for kind in by_hand} == by_hand


def test_every_kind_of_dirt_is_there_by_default(district: District):
    silent = {kind for kind, count in district.dirt.items() if count == 0}
    assert silent == {"names_missing"}


def test_default_dirt_trips_no_default_safeguard(district: District):
    dirt, rows = district.dirt, district.tables["enrollments"].height
    lost = dirt["missing_people"] + dirt["missing_classes"] + dirt["stale_enrollments"]
    assert dirt["missing_people"] < 0.003 * rows
    assert lost < 0.005 * rows


def test_a_class_has_one_primary_teacher_at_most_and_almost_always_one(district: District):
    rows = district.tables["enrollments"].filter(pl.col("primary") == "true")
    assert set(rows["role"]) == {"teacher"}
    there = rows.filter(~pl.col("classSourcedId").str.starts_with("cls-gone"))
    assert there["classSourcedId"].is_unique().all()
    assert there.height > 0.99 * district.tables["classes"].height


def test_pupils_have_seven_classes_in_classes_of_at_most_24():
    made = District(2_000, as_of=DAY, clean=True)
    rows = made.tables["enrollments"].filter(pl.col("role") == "student")
    assert set(rows.group_by("userSourcedId").len()["len"]) == {7}
    assert rows.group_by("classSourcedId").len()["len"].max() == 24
    assert rows.select("userSourcedId", "classSourcedId").is_unique().all()


def test_people_teach_and_learn_where_they_belong():
    made = District(2_000, as_of=DAY, clean=True)
    orgs = dict(made.tables["users"].select("sourcedId", "orgSourcedIds").iter_rows())
    for row in made.tables["enrollments"].iter_rows(named=True):
        assert row["schoolSourcedId"] in orgs[row["userSourcedId"]]


def test_courses_belong_to_the_district_or_to_a_school(district: District):
    owners = dict(district.tables["courses"].select("sourcedId", "orgSourcedId").iter_rows())
    schools: dict[str, set[str]] = {}
    for course, school in (
        district.tables["classes"].select("courseSourcedId", "schoolSourcedId").iter_rows()
    ):
        schools.setdefault(course, set()).add(school)
    assert any(len(schools[course]) > 1 for course in schools if owners[course] == "dst-1")
    owned = [course for course in schools if owners[course] != "dst-1"]
    assert owned
    assert all(schools[course] == {owners[course]} for course in owned)


@given(st.dates(date(2000, 1, 1), date(2090, 12, 31)))
@settings(max_examples=25, deadline=None)
def test_today_lies_in_a_term_and_far_from_its_ends(day: date):
    sessions = District(3, as_of=day, clean=True).tables["academicSessions"]
    terms = {row["sourcedId"]: row for row in sessions.iter_rows(named=True)}
    second = terms["ses-q2"]
    assert (day - date.fromisoformat(second["startDate"])).days >= 28
    assert (date.fromisoformat(second["endDate"]) - day).days >= 28
    for row in terms.values():
        parent = terms.get(row["parentSourcedId"])
        assert row["startDate"] < row["endDate"]
        if parent:
            assert parent["startDate"] <= row["startDate"]
            assert row["endDate"] <= parent["endDate"]
            assert parent["schoolYear"] == row["schoolYear"]


@given(st.integers(0, 5_000), st.floats(0, 1), st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_few_takes_exactly_the_share_it_is_told(rows: int, rate: float, salted: int):
    wanted = int(rows * rate)
    if rate > 0 and rows >= 100:
        wanted = max(1, wanted)
    taken = int(few(rows, rate, salted).sum() or 0)
    assert wanted <= taken <= wanted + 1  # two rows of 5,000 may draw the same of 2**32 numbers


def test_single_kinds_of_dirt_can_be_asked_for():
    made = District(2_000, as_of=DAY, clean=True, rates={"names_missing": 0.01, "emails_null": 0.5})
    staff = made.tables["users"].height - 2_000
    assert made.dirt["names_missing"] == 20 + max(1, staff // 100)
    assert made.dirt["emails_null"] == 1_000 + staff // 2
    assert made.dirt["emails_missing"] == 0


def test_an_unknown_rate_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"no such rates: emails; known: .*emails_null"):
        District(20, rates={"emails": 1})
    assert RATES["names_missing"] == 0


def test_a_grown_district_has_lost_and_won_exactly_the_counted_pupils(district: District):
    later = district.grown(days=30)
    before, after = district.tables["users"], later.tables["users"]
    gone = set(before["sourcedId"]) - set(after["sourcedId"])
    new = set(after["sourcedId"]) - set(before["sourcedId"])
    marked = later.dirt["deleted.users"] - district.dirt["deleted.users"]
    assert len(new) == later.turnover["joined"] > 10
    assert len(gone) + marked == later.turnover["left"] > 10
    assert later.turnover["moved"] > 10
    assert (
        references_without_target(later.tables).keys()
        == references_without_target(district.tables).keys()
    )
    assert fingerprint(district.grown(days=30)) == fingerprint(later)
    assert later.tables["enrollments"]["sourcedId"].is_unique().all()
    pairs = later.tables["enrollments"].filter(pl.col("role") == "student", pl.col("endDate") == "")
    assert pairs.select("userSourcedId", "classSourcedId").is_unique().all()


def test_no_day_changes_nothing(district: District):
    same = district.grown(days=0)
    assert set(same.turnover.values()) == {0}
    assert fingerprint(same) == fingerprint(district)


def test_two_days_in_turn_are_both_eventful(district: District):
    first = district.grown(1)
    second = first.grown(1)
    for later in (first, second):
        assert all(later.turnover.values())
    assert second.tables["users"]["sourcedId"].is_unique().all()
    assert fingerprint(second) != fingerprint(first)


def test_without_a_school_nothing_names_it_any_more(district: District):
    school = district.schools[0]
    rest = district.without_school(school)
    assert school not in set(rest.tables["orgs"]["sourcedId"])
    assert school not in set(rest.tables["users"]["orgSourcedIds"].explode(empty_as_null=False))
    assert school not in set(rest.tables["enrollments"]["schoolSourcedId"])
    assert 0 < rest.dirt["students"] < district.dirt["students"]
    assert set(rest.schools) == set(district.schools) - {school}


def test_single_cells_and_rows_can_be_changed(district: District):
    other = district.changed("users", {"stu-7": {"givenName": "Ada", "grades": ["12"]}})
    row = other.tables["users"].filter(pl.col("sourcedId") == "stu-7").to_dicts()[0]
    assert (row["givenName"], row["grades"]) == ("Ada", ["12"])
    assert (
        other.without("users", ["stu-7"]).tables["users"].height == other.tables["users"].height - 1
    )
    with pytest.raises(KeyError):
        district.changed("users", {"nobody": {"givenName": "Ada"}})


@pytest.mark.slow
@pytest.mark.parametrize("students", [200_000])
def test_a_large_district_is_made_quickly(students: int):
    begun = time.perf_counter()
    made = District(students, as_of=DAY)
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{students} students: {seconds:.1f} s, peak {peak:.0f} MB")
    tables = made.tables
    assert 55_000 < tables["classes"].height < 65_000
    assert 1_450_000 < tables["enrollments"].height < 1_500_000
    assert 14_000 < sum(made.dirt[who] for who in ("teachers", "aides", "administrators")) < 16_000
    assert 24 < len(made.schools) < 150
    assert made.dirt["missing_people"] < 0.003 * tables["enrollments"].height
