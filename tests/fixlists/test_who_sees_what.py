"""No row of one school in another's file, and every finding in exactly its own: over generated rosters."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from etlrunner.checks import rules
from etlrunner.fixlists.words import KINDS
from tests.fixlists.conftest import Books

SCHOOLS = ("sa", "sb", "sc")
GONE = "sx"
"""A school that the flow leaves out."""
DROP = """\
select: {schools: {exclude: [sx]}}
repair: {class_instructor_missing: drop, roster_student_missing: drop, roster_class_missing: drop,
  person_location_missing: drop, class_course_missing: drop}
rules: {asm-email-malformed: blank}
"""
FAIL = "select: {schools: {exclude: [sx]}}\n"
Roster = dict[str, list[dict[str, Any]]]


def generated(seed: int) -> Roster:
    """People and classes whose names end in the schools that they belong to."""
    draw = random.Random(seed)
    orgs = [{"sourcedId": "d", "type": "district", "name": "District"}]
    orgs += [{"sourcedId": s, "type": "school", "name": f"School {s}"} for s in (*SCHOOLS, GONE)]
    year = {
        "sourcedId": "y",
        "type": "schoolYear",
        "startDate": "2026-08-01",
        "endDate": "2027-06-30",
    }
    users = []
    for number in range(40):
        at = draw.sample((*SCHOOLS, GONE, "d"), draw.choice([0, 1, 1, 1, 2, 3]))
        users.append({
            "sourcedId": f"u{number}", "enabledUser": "true", "orgSourcedIds": at,
            "role": "teacher" if number < 12 else "student", "identifier": f"0{number}",
            "username": f"user{number}", "familyName": draw.choice(["", f"Fam{number}", f"=Fam{number}", f"FamÃ©{number}"]),
            "givenName": f"Giv{number}", "email": draw.choice(["x@", f"u{number}@example.org", "a b@c.org"]),
        })  # fmt: skip
    courses = [
        {"sourcedId": f"c{n}", "title": draw.choice(["", f"Course{n}"]),
         "orgSourcedId": draw.choice([*SCHOOLS, "d"])}
        for n in range(6)
    ]  # fmt: skip
    classes = [
        {"sourcedId": f"k{n}", "title": f"Class{n}", "classCode": f"Code{n}",
         "courseSourcedId": f"c{draw.randrange(7)}", "termSourcedIds": ["y"],
         "classType": "scheduled", "schoolSourcedId": draw.choice([*SCHOOLS, *SCHOOLS, GONE])}
        for n in range(12)
    ]  # fmt: skip
    enrollments = []
    for number in range(90):
        lesson = draw.choice(
            [*classes, {"sourcedId": "k99", "schoolSourcedId": draw.choice(SCHOOLS)}]
        )
        enrollments.append({
            "sourcedId": f"e{number}", "classSourcedId": lesson["sourcedId"],
            "schoolSourcedId": lesson["schoolSourcedId"], "userSourcedId": f"u{draw.randrange(42)}",
            "role": draw.choice(["student", "student", "teacher"]),
        })  # fmt: skip
    made = {"orgs": orgs, "academicSessions": [year], "courses": courses, "classes": classes,
            "users": users, "enrollments": enrollments, "demographics": []}  # fmt: skip
    for rows in made.values():
        for row in rows:
            row |= {"status": "active", "dateLastModified": "2026-08-01T12:00:00.000Z"}
    return made


class Oracle:
    """Where a record belongs, said from the roster alone."""

    def __init__(self, roster: Roster, books: Books) -> None:
        self.by_id = {name: {r["sourcedId"]: r for r in rows} for name, rows in roster.items()}
        self.roster = roster
        self.staff = pl.read_parquet(books.run / "finished" / "staff.parquet")
        self.courses = pl.read_parquet(books.run / "finished" / "courses.parquet")

    def schools(self, name: str, key: str) -> set[str]:
        if name in ("students", "staff"):
            at = set(self.by_id["users"][key]["orgSourcedIds"]) & set(SCHOOLS)
            if not at and name == "staff":
                mine = self.staff.filter(pl.col("person_id") == key)
                at = {c for n in mine.columns if n.startswith("location_id") for c in mine[n]}
            return at & set(SCHOOLS)
        if name == "classes":
            return {self.by_id["classes"][key]["schoolSourcedId"]} & set(SCHOOLS)
        if name == "courses":
            sent = self.courses.filter(pl.col("course_id") == key)["location_id"].to_list()
            raw = self.by_id["courses"].get(key, {}).get("orgSourcedId")
            return set(sent or [raw]) & set(SCHOOLS)
        lesson, _, who = key.partition("--")
        if lesson in self.by_id["classes"]:
            return self.schools("classes", lesson)
        return {
            row["schoolSourcedId"]
            for row in self.roster["enrollments"]
            if row["classSourcedId"] == lesson and row["userSourcedId"] == who
        } & set(SCHOOLS)

    def may_see(self, who: str) -> set[str]:
        """Schools that may read somebody's name: the own ones, and those whose classes name them."""
        person = self.by_id["users"][who]
        taught = {
            row["schoolSourcedId"]
            for row in self.roster["enrollments"]
            if row["userSourcedId"] == who
        }
        return set(person["orgSourcedIds"]) | taught


@pytest.mark.parametrize("seed", range(4))
def test_each_finding_is_in_the_files_of_its_schools_and_in_no_other(
    seed: int, lists: Callable[..., Books]
):
    roster = generated(seed)
    books = lists(roster, DROP if seed % 2 else FAIL)
    oracle = Oracle(roster, books)
    wanted: Counter[tuple[str, str, str]] = Counter()
    several = 0
    for name, key, rule in told(books):
        if rules.is_for_clerks(rule):
            at = oracle.schools(name, key) or {""}
            several += len(at) > 1
            wanted.update((school, KINDS[name], rule) for school in at)
    shown = Counter(
        (school, row["What"], row["Code"])
        for school in ("", *SCHOOLS)
        for row in books.rows(school)
    )
    assert shown == wanted
    assert several, "the roster has somebody of two schools"
    assert {school for school, _, _ in shown} == {"", *SCHOOLS}
    for school in SCHOOLS:
        _is_discreet(books, oracle, school)


def told(books: Books) -> set[tuple[str, str, str]] | list[tuple[str, str, str]]:
    """(table, key, rule) of all that was left out and of all that was found, each once."""
    rejects = pl.read_parquet(books.run / "rejects.parquet").select("table", "key", "rule").rows()
    found = pl.read_parquet(books.run / "findings.parquet").filter(pl.col("verdict") != "drop")
    more = found.unique(["table", "key", "rule", "column"]).select("table", "key", "rule").rows()
    return [*rejects, *more]


def _is_discreet(books: Books, oracle: Oracle, school: str) -> None:
    """Only people and classes who have to do with the school are named in its file."""
    file = next(one.file for one in books.made.lists if one.school == school)
    text = books.texts(file)
    for number in re.findall(r"Giv([0-9]+)", text):
        assert school in oracle.may_see(f"u{number}")
    for number in re.findall(r"Code([0-9]+)", text):
        assert oracle.by_id["classes"][f"k{number}"]["schoolSourcedId"] == school
    for row in books.rows(school):
        if row["What"] in ("Student", "Staff member"):
            [who] = [
                k
                for k, u in oracle.by_id["users"].items()
                if u["identifier"] == row["Number in the SIS"]
            ]
            assert school in oracle.schools("staff", who)
    assert "Giv" not in books.texts("summary.xlsx")
