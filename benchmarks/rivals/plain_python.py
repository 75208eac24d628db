"""The job with Python's own csv and zipfile: no reasons, no checks, no options."""

from __future__ import annotations

import csv
import io
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

Row = dict[str, str]
NO_EMAIL = {"null", "none", "n/a"}
CARE = set(' ,;"')
PERSON = ("person_id", "person_number", "first_name", "middle_name", "last_name")


def main(folder: Path, grades: Path, target: Path, as_of: date) -> None:
    made = Job(folder, grades, as_of).tables()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in ("students", "staff", "courses", "classes", "rosters", "locations"):
            archive.writestr(f"{name}.csv", to_csv(*made[name]))


def to_csv(header: Iterable[str], rows: list[tuple[str, ...]]) -> str:
    lines = io.StringIO()
    lines.write(",".join(header) + "\n")
    for row in sorted(rows):
        lines.write(",".join(map(quoted, row)) + "\n")
    return lines.getvalue()


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '\\"') + '"' if not CARE.isdisjoint(cell) else cell


class Job:
    """One pass over each file, in the order of what they refer to."""

    def __init__(self, folder: Path, grades: Path, as_of: date) -> None:
        self.folder = folder
        self.today = as_of.isoformat()
        self.ahead = (as_of + timedelta(14)).isoformat()
        self.back = (as_of - timedelta(14)).isoformat()
        with grades.open(encoding="utf-8", newline="") as handle:
            self.grades = {row["code"]: row["asm"] for row in csv.DictReader(handle)}

    def read(self, name: str) -> Iterator[Row]:
        with (self.folder / f"{name}.csv").open(encoding="utf-8", newline="") as handle:
            for row in csv.DictReader(handle):
                if row["status"] in ("", "active"):
                    yield row

    def tables(self) -> dict[str, tuple[tuple[str, ...], list[tuple[str, ...]]]]:
        self.schools = {
            r["sourcedId"]: r["name"] for r in self.read("orgs") if r["type"] == "school"
        }
        self.classes = self.read_classes()
        self.users = {
            row["sourcedId"]: row
            for row in self.read("users")
            if row["role"] in ("student", "teacher", "aide", "administrator")
        }
        self.teachers: dict[str, list[tuple[int, str]]] = defaultdict(list)
        self.taught_at: dict[str, set[str]] = defaultdict(set)
        rosters = self.read_enrollments()
        return {
            "students": self.students(),
            "staff": self.staff(),
            **self.courses(),
            "rosters": (("roster_id", "class_id", "student_id"), rosters),
            "locations": (("location_id", "location_name"), list(self.schools.items())),
        }

    def read_classes(self) -> dict[str, Row]:
        active = {
            row["sourcedId"]
            for row in self.read("academicSessions")
            if row["startDate"] <= self.ahead and (not row["endDate"] or row["endDate"] > self.back)
        }
        return {
            row["sourcedId"]: row
            for row in self.read("classes")
            if row["schoolSourcedId"] in self.schools
            and not active.isdisjoint(row["termSourcedIds"].split(","))
        }

    def read_enrollments(self) -> list[tuple[str, ...]]:
        rosters = set()
        for row in self.read("enrollments"):
            end, section, user = row["endDate"], row["classSourcedId"], row["userSourcedId"]
            if row["beginDate"] > self.today or (end and end <= self.today):
                continue
            if section not in self.classes or user not in self.users:
                continue
            if row["role"] == "student":
                rosters.add((f"{section}--{user}", section, user))
            elif row["role"] == "teacher":
                self.teachers[section].append((row["primary"] != "true", user))
                self.taught_at[user].add(row["schoolSourcedId"])
        return list(rosters)

    def person(self, row: Row) -> list[str]:
        return [
            row[name]
            for name in ("sourcedId", "identifier", "givenName", "middleName", "familyName")
        ]

    def email(self, row: Row) -> str:
        address = row["email"].lower()
        return "" if address in NO_EMAIL else address

    def schools_of(self, row: Row) -> list[str]:
        return [org for org in row["orgSourcedIds"].split(",") if org in self.schools]

    def students(self) -> Any:
        rows = []
        for row in self.users.values():
            if row["role"] == "student" and (schools := self.schools_of(row)):
                grade = row["grades"].partition(",")[0]
                more = [self.grades.get(grade, grade), self.email(row), row["username"], ""]
                rows.append((*self.person(row), *more, schools))
        names = (*PERSON, "grade_level", "email_address", "sis_username", "password_policy")
        return wide(names, rows, "location_id")

    def staff(self) -> Any:
        rows = []
        for key, row in self.users.items():
            if row["role"] == "teacher" or key in self.taught_at:
                schools = self.schools_of(row) or sorted(self.taught_at.get(key, ()))
                if schools:
                    rows.append((*self.person(row), self.email(row), row["username"], schools))
        return wide((*PERSON, "email_address", "sis_username"), rows, "location_id")

    def courses(self) -> dict[str, Any]:
        courses = {row["sourcedId"]: row for row in self.read("courses")}
        made, sections = set(), []
        for key, row in courses.items():
            if row["orgSourcedId"] in self.schools:
                made.add((key, row["courseCode"], row["title"], row["orgSourcedId"]))
        for key, row in self.classes.items():
            course = courses.get(row["courseSourcedId"])
            if course is None:
                continue
            course_id, school = course["sourcedId"], row["schoolSourcedId"]
            if course["orgSourcedId"] not in self.schools:
                course_id = f"{course_id}-{school}"
                made.add((course_id, course["courseCode"], course["title"], school))
            number = "" if row["classCode"] == course["title"] else row["classCode"]
            users = list(dict.fromkeys(user for _, user in sorted(self.teachers.get(key, ()))))[:15]
            sections.append((key, number, course_id, school, users))
        header, rows = wide(
            ("class_id", "class_number", "course_id", "location_id"), sections, "instructor_id", 3
        )
        return {
            "courses": (("course_id", "course_number", "course_name", "location_id"), list(made)),
            "classes": (
                (*header[:3], *header[4:], header[3]),
                [(*row[:3], *row[4:], row[3]) for row in rows],
            ),
        }


def wide(names: tuple[str, ...], rows: list[Any], name: str, least: int = 1) -> Any:
    """The list at each row's end as numbered columns."""
    width = max(least, max((len(row[-1]) for row in rows), default=1))
    numbered = [name, *(f"{name}_{number}" for number in range(2, width + 1))]
    filled = [(*row[:-1], *row[-1], *[""] * (width - len(row[-1]))) for row in rows]
    return (*names, *numbered), filled
