"""Mistakes planted into a small valid project, one at a time, and what is said about each.

`python -m tests.mistakes.planted` writes what is said now into `told/`; read the difference before you commit it.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from etlrunner.cli import validate
from etlrunner.config.project import Project
from etlrunner.lib import render
from etlrunner.model.problems import Problem

HERE = Path(__file__).parent
TOLD = HERE / "told"
MAPPINGS = "mappings/apple-school-manager"
FLOW, BASE = "flows/north.yaml", "flows/base/texas.yaml"
STUDENTS, STAFF, COURSES, CLASSES, ROSTERS, LOCATIONS = (
    f"{MAPPINGS}/{table}.yaml"
    for table in ("students", "staff", "courses", "classes", "rosters", "locations")
)
GRADES, TESTS = "mappings/crosswalks/grades.csv", "tests/people.yaml"


@dataclass(frozen=True)
class Mistake:
    """In `file` the one text `old` becomes `new`; or `sets` are given on the command line."""

    file: str
    old: str = ""
    new: str = ""
    sets: tuple[tuple[str, str], ...] = ()

    def plant(self, root: Path) -> None:
        """Make the mistake in the project at `root`."""
        if self.sets:
            return
        path = root / self.file
        text = path.read_text(encoding="utf-8")
        assert text.count(self.old) == 1, (self.file, self.old, text.count(self.old))
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")


def column(old: str, new: str, file: str = STUDENTS) -> Mistake:
    """Another expression for one column."""
    return Mistake(file, old, new)


GIVEN = "first_name: givenName | trim"
JOIN = "      take: {courseTitle: title}\n"
COLLECT = "      take: classSourcedId\n"
EXPECT = "        - {person_id: p1, first_name: Ada}"
OVERRIDE = "      sis_username:\n        expr: username | lower\n"

MISTAKES: dict[str, Mistake] = {
    # ------------------------------------------------------------ YAML of a mapping
    "yaml-braces-without-quotes": column(
        'email_address: "{{ username | lower }}@example.org"',
        "email_address: {{ username | lower }}@example.org",
    ),
    "yaml-text-in-quotes-goes-on": column("last_name: familyName", 'last_name: "Dr. " ~ familyName'),
    "yaml-colon-in-a-value": column(
        "last_name: familyName", 'last_name: familyName if familyName != "a: b" else ""'
    ),
    "yaml-hash-in-a-value": column("last_name: familyName", 'last_name: familyName ~ " #1"'),
    "yaml-column-twice": column(f"  {GIVEN}\n", f"  {GIVEN}\n  first_name: preferredGivenName\n"),
    "yaml-indentation": column("  last_name: familyName", "   last_name: familyName"),
    "yaml-no-space-after-colon": column("last_name: familyName", "last_name:familyName"),
    "yaml-column-without-value": column("last_name: familyName", "last_name:"),
    "yaml-tab": column("    missing: keep", "\tmissing: keep"),
    # ------------------------------------------------------------ keys and values of a mapping
    "mapping-unknown-key": column('where: role == "student"', 'filter: role == "student"'),
    "mapping-unknown-table": column("table: students", "table: student"),
    "mapping-unknown-source-table": column("from: users", "from: user"),
    "mapping-no-key": column("key: person_id\n", ""),
    "mapping-no-version": column("version: 1\n", ""),
    "mapping-key-is-no-column": column("key: person_id", "key: person"),
    "mapping-table-as-list": column("table: students", "table: [students]"),
    "mapping-of-another-table": column("table: students", "table: staff"),
    "mapping-columns-as-list": column("  location_id: {each: orgSourcedIds, max: 999}", "  location_id: [orgSourcedIds]"),
    # ------------------------------------------------------------ columns
    "column-unknown": column("sis_username:", "sis_user_name:"),
    "column-required-is-missing": column("  last_name: familyName\n", ""),
    "column-expr-and-text": column("    expr: grades | first\n", '    expr: grades | first\n    text: "1"\n'),
    "column-none-of-three": column("    expr: grades | first\n", ""),
    "column-part-misspelt": column("    missing: keep", "    mising: keep"),
    "column-numbered": column("  last_name: familyName\n", "  last_name: familyName\n  location_id_2: primaryOrgSourcedId\n"),
    "column-max-is-no-number": column("max: 999", "max: many"),
    "column-list-without-each": column("{each: orgSourcedIds, max: 999}", "orgSourcedIds"),
    "column-each-of-a-text": column("{each: orgSourcedIds, max: 999}", "{each: primaryOrgSourcedId}"),
    "column-required-as-text": column("    missing: keep", '    required: "yes"'),
    # ------------------------------------------------------------ expressions
    "expression-unknown-column": column("person_id: sourcedId", "person_id: sourcedID"),
    "expression-text-without-quotes": column('where: role == "student"', "where: role == student"),
    "expression-unknown-filter": column(GIVEN, "first_name: givenName | trimm"),
    "expression-unknown-test": column("is not empty", "is not blank", COURSES),
    "expression-single-equals": column('where: role == "student"', 'where: role = "student"'),
    "expression-bare-column-as-condition": column("title if title is not empty", "title if title", COURSES),
    "expression-list-as-text": column(GIVEN, 'first_name: givenName ~ " " ~ grades'),
    "expression-text-filter-on-a-list": column("expr: grades | first", "expr: grades | upper"),
    "expression-number-with-text": column('where: role == "student"', "where: sourcedId > 5"),
    "expression-truth-as-a-cell": column(GIVEN, 'first_name: role == "student"'),
    "expression-open-bracket": column(GIVEN, "first_name: (givenName | trim"),
    "expression-open-braces": column("{{ username | lower }}@", "{{ username | lower @"),
    "expression-statement": column("{{ username | lower }}@example.org", "{% if username %}x{% endif %}"),
    "expression-method": column(GIVEN, "first_name: givenName.strip()"),
    "expression-filter-without-argument": column(GIVEN, "first_name: givenName | replace('a')"),
    "expression-excel": column(GIVEN, "first_name: CONCATENATE(givenName, familyName)"),
    "expression-plus-for-text": column(GIVEN, "first_name: givenName + familyName"),
    "expression-ampersand": column("sis_username: username", "sis_username: username & email"),
    "expression-date-format": column(GIVEN, "first_name: dateLastModified | date('MM/DD/YYYY')"),
    "expression-braces-in-a-condition": column('where: type == "school"', "where: '{{ type }} == \"school\"'", LOCATIONS),
    "expression-of-the-target": column("sis_username: username", "sis_username: first_name"),
    # ------------------------------------------------------------ transforms
    "transform-unknown-verb": column("  - join:", "  - jion:", CLASSES),
    "transform-two-verbs": column("  - sort:\n", "    sort:\n", CLASSES),
    "transform-option-missing": column(JOIN, "", CLASSES),
    "transform-unknown-option": column(JOIN, JOIN + "      how: left\n", CLASSES),
    "transform-unknown-table": column("      from: courses", "      from: course", CLASSES),
    "transform-unknown-column-of-theirs": column("{sourcedId: courseSourcedId}", "{sourceId: courseSourcedId}", CLASSES),
    "transform-unknown-column-of-ours": column("{sourcedId: courseSourcedId}", "{sourcedId: courseId}", CLASSES),
    "transform-match-the-wrong-way-round": column("{userSourcedId: sourcedId}", "{sourcedId: userSourcedId}", STAFF),
    "transform-unknown-column-to-take": column(JOIN, "      take: {courseTitle: titel}\n", CLASSES),
    "transform-unknown-column-in-order": column("[schoolSourcedId]", "[school desc]", STAFF),
    "transform-column-there-already": Mistake(
        CLASSES, JOIN + "  - sort:\n      by: [sourcedId]\ncolumns:\n  class_id: sourcedId\n  class_number: courseTitle",
        "      take: {title: title}\n  - sort:\n      by: [sourcedId]\ncolumns:\n  class_id: sourcedId\n  class_number: title",
    ),
    "transform-where": column('      where: role == "teacher"\n      order', '      where: rol == "teacher"\n      order', STAFF),
    "transform-list-as-text": column("      by: [sourcedId]", "      by: sourcedId", CLASSES),
    "transform-sort-descending": column("      by: [sourcedId]", "      by: [sourcedId descending]", CLASSES),
    # ------------------------------------------------------------ lookups
    "lookup-file-not-there": column("../crosswalks/grades.csv", "../crosswalks/grade.csv"),
    "lookup-column-not-there": column("take: asm", "take: value"),
    "lookup-code-twice": Mistake(GRADES, "02,2\n", "02,2\n01,9\n"),
    "lookup-unknown": column("    lookup: grades", "    lookup: grade"),
    "lookup-default-without-default": column("    missing: keep", "    missing: default"),
    "lookup-missing-unknown": column("    missing: keep", "    missing: ignore"),
    "lookup-database-without-columns": column(
        "  grades: {csv: ../crosswalks/grades.csv,",
        "  grades: {database: {url: {env: SIS_DB}}, table: grades,",
    ),
    "lookup-database-with-its-address": column(
        "  grades: {csv: ../crosswalks/grades.csv,",
        "  grades: {database: {url: 'sqlite:///codes.db'}, table: grades, columns: [code, asm],",
    ),
    "lookup-rows-and-csv": column("  grades: {csv:", '  grades: {rows: {"01": "1"}, csv:'),
    # ------------------------------------------------------------ layers
    "layers-circle": Mistake(BASE, "mapping: apple-school-manager\n", "mapping: apple-school-manager\nextends: base/texas.yaml\n"),
    "layers-base-not-there": Mistake(FLOW, "base/texas.yaml", "base/texs.yaml"),
    "layers-null-on-what-is-required": Mistake(FLOW, "  key: {env: NORTH_KEY}", "  key: null"),
    "layers-mistake-in-the-base": Mistake(BASE, "hour: 3", "hour: 33"),
    "layers-base-replaced-by-a-mistake": Mistake(FLOW, "sink:\n", "schedule: {hour: 24}\nsink:\n"),
    "layers-override-of-no-table": Mistake(FLOW, "overrides:\n  students:", "overrides:\n  pupils:"),
    "layers-override-of-no-column": Mistake(FLOW, OVERRIDE, OVERRIDE.replace("sis_username", "sis_user")),
    "layers-override-with-a-misspelt-part": Mistake(FLOW, "        expr: username", "        exp: username"),
    "layers-override-of-an-expression": Mistake(FLOW, "username | lower", "usrname | lower"),
    "layers-override-removes-what-is-required": Mistake(FLOW, OVERRIDE, "      last_name: null\n" + OVERRIDE),
    "layers-override-expired": Mistake(FLOW, "        owner: registrar", "        owner: registrar\n        expires: 2020-06-30"),
    "layers-expiry-is-no-day": Mistake(FLOW, "        owner: registrar", "        owner: registrar\n        expires: 2027-02-30"),
    "layers-set-of-no-key": Mistake("--set", sets=(("schedule.houre", "4"),)),
    "layers-set-of-a-wrong-value": Mistake("--set", sets=(("schedule.hour", "4am"),)),
    # ------------------------------------------------------------ mapping tests
    "test-unknown-key": Mistake(TESTS, "    expect:\n", "    expects:\n"),
    "test-expects-nothing": Mistake(TESTS, f"    expect:\n      students:\n{EXPECT}\n", ""),
    "test-given-table-unknown": Mistake(TESTS, "      orgs:", "      schools:"),
    "test-given-column-misspelt": Mistake(TESTS, "givenName: Ada", "giveName: Ada"),
    "test-expected-column-misspelt": Mistake(TESTS, "first_name: Ada", "firstname: Ada"),
    "test-expected-table-unknown": Mistake(TESTS, "      students:\n        -", "      pupils:\n        -"),
    "test-date-is-no-day": Mistake(TESTS, '"2027-03-01"', '"2027-02-30"'),
    "test-date-of-another-form": Mistake(TESTS, '"2027-03-01"', '"3/1/2027"'),
    "test-of-no-mapping": Mistake(TESTS, "mapping: apple-school-manager", "mapping: apple-school"),
    "test-name-twice": Mistake(TESTS, "without a name there is no account", "a pupil becomes a row"),
    "test-without-a-name": Mistake(TESTS, "  - name: without a name there is no account\n    given:", "  - given:"),
}  # fmt: skip


def project(root: Path) -> Path:
    """A copy of the valid project."""
    shutil.copytree(HERE / "project", root)
    return root


def problems_of(root: Path, mistakes: Iterable[Mistake] = ()) -> list[Problem]:
    """Everything that `validate` says to the project, in the order of files and lines."""
    sets = {key: value for one in mistakes for key, value in one.sets}
    _, found = validate.everything(Project(root), (), sets)
    return list(dict.fromkeys(problem for many in found.values() for problem in many))


def told(found: Iterable[Problem]) -> str:
    """As a person reads it."""
    return "".join(f"{render.problem(one)}\n" for one in found)


def write() -> None:
    """What is said now becomes what must be said."""
    wanted = sys.argv[1:] or list(MISTAKES)
    TOLD.mkdir(exist_ok=True)
    for name in wanted:
        with tempfile.TemporaryDirectory() as scratch:
            root = project(Path(scratch).resolve() / "project")
            MISTAKES[name].plant(root)
            (TOLD / f"{name}.txt").write_text(told(problems_of(root, [MISTAKES[name]])), "utf-8")


if __name__ == "__main__":
    write()
