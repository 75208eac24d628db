"""A zip for Apple School Manager, six CSV files, read back as a roster.

What Apple's files do not have is made up as little as possible: one academic session without dates, every
status `active`, every person enabled. Of the instructors of a class those before the first step back in the
order of their ids count as primary, which is how the shipped mapping orders them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from etlrunner import roster
from etlrunner.errors import ChecksFailed, UsageError
from etlrunner.lib import apple_lines, columns
from etlrunner.lib.suggest import close_to
from etlrunner.model.components import Options
from etlrunner.model.problems import Finding
from etlrunner.model.surroundings import Clock, Progress
from etlrunner.sources import csv_files, zip_files
from etlrunner.sources.csv_files import Trouble
from etlrunner.sources.report import PullReport
from etlrunner.sources.zip_files import Opened
from etlrunner.table import ColumnTable, collect
from etlrunner.target import APPLE_SCHOOL_MANAGER, FILE_ORDER, TargetTable

SESSION = "asm-zip"
"""The one academic session: it has no dates, so it is always the present one."""
STRANGERS = dict.fromkeys(
    ("manifest.csv", "users.csv", "orgs.csv", "enrollments.csv"),
    "these are OneRoster files; they are read by `type: oneroster-csv`",
)


@contextlib.contextmanager
def connect(options: Options, *, clock: Clock, progress: Progress) -> Iterator[AsmConnection]:
    """Open the zip or folder, examine all six files, and give the connection."""
    wanted = frozenset(f"{name}.csv" for name in FILE_ORDER)
    with zip_files.opened(
        options, wanted, rule="asm_zip.zip", strangers=STRANGERS, clock=clock
    ) as opened:
        yield AsmConnection(opened, progress)


class AsmConnection:
    """Six files that have been read."""

    def __init__(self, opened: Opened, progress: Progress) -> None:
        self.source_file = opened.source_file
        self._progress = progress
        self._files: dict[str, pl.DataFrame] = {}
        findings: list[Finding] = []
        for name in FILE_ORDER:
            findings += self._open(opened.folder / f"{name}.csv", APPLE_SCHOOL_MANAGER.tables[name])
        if not findings:
            unended = csv_files.unended(opened.folder / f"{name}.csv" for name in FILE_ORDER)
            findings += [_finding(path.stem, *csv_files.UNENDED) for path in unended]
            findings += self._same_person()
        if findings:
            said = "; ".join(f"{each.table}.csv: {each.message}" for each in findings[:5])
            raise ChecksFailed(findings, said)

    @property
    def shapes(self) -> Mapping[str, tuple[int, tuple[str, ...]]]:
        """Rows and columns of each file."""
        return {
            f"{name}.csv": (len(each), tuple(each.columns)) for name, each in self._files.items()
        }

    def read(self, table: str) -> ColumnTable:
        """One table of the roster."""
        make = {
            "orgs": self._orgs,
            "academicSessions": _sessions,
            "courses": self._courses,
            "classes": self._classes,
            "users": self._users,
            "enrollments": self._enrollments,
        }.get(table)
        if make is None:
            raise UsageError(f"a zip for Apple School Manager has no {table}")
        frame = make()
        self._progress.start(table, len(frame))
        result = ColumnTable(_filled(table, frame).lazy())
        result.report = PullReport(len(frame), pages=1)
        self._progress.advance(table, len(frame))
        self._progress.done(table)
        return result

    def probe(self) -> Mapping[str, int]:
        """Counts of schools and terms."""
        return {"schools": len(self._files["locations"]), "terms": 1}

    # ------------------------------------------------------------ the roster's tables

    def _orgs(self) -> pl.DataFrame:
        return self._files["locations"].select(
            sourcedId="location_id", name="location_name", type=pl.lit("school")
        )

    def _courses(self) -> pl.DataFrame:
        return self._files["courses"].select(
            sourcedId="course_id", courseCode="course_number", title="course_name",
            orgSourcedId="location_id",
        )  # fmt: skip

    def _classes(self) -> pl.DataFrame:
        return self._files["classes"].select(
            sourcedId="class_id", title="class_number", classCode="class_number",
            classType=pl.lit("scheduled"), courseSourcedId="course_id",
            schoolSourcedId="location_id", termSourcedIds=pl.concat_list(pl.lit(SESSION)),
        )  # fmt: skip

    def _users(self) -> pl.DataFrame:
        people = [self._people("students", "student"), self._people("staff", "teacher")]
        return pl.concat(people, how="diagonal")

    def _people(self, name: str, role: str) -> pl.DataFrame:
        frame = self._files[name]
        grade = pl.col("grade_level") if name == "students" else pl.lit("")
        return frame.select(
            sourcedId="person_id", enabledUser=pl.lit("true"), role=pl.lit(role),
            roles=pl.concat_list(pl.lit(role)), orgSourcedIds=_numbered(frame, "location_id"),
            username="sis_username", givenName="first_name", familyName="last_name",
            middleName="middle_name", identifier="person_number", email="email_address",
            grades=pl.when(grade == "").then(columns.NOTHING).otherwise(pl.concat_list(grade)),
        )  # fmt: skip

    def _enrollments(self) -> pl.DataFrame:
        places = self._files["classes"].select("class_id", schoolSourcedId="location_id")
        pupils = self._files["rosters"].select(
            "class_id", sourcedId="roster_id", userSourcedId="student_id", role=pl.lit("student"),
            primary=pl.lit(""),
        )  # fmt: skip
        both = pl.concat([pupils, self._teachers()], how="diagonal")
        joined = both.join(places, on="class_id", how="left", maintain_order="left")
        return joined.rename({"class_id": "classSourcedId"})

    def _teachers(self) -> pl.DataFrame:
        classes = self._files["classes"]
        rows = classes.select("class_id", who=_numbered(classes, "instructor_id"))
        made = [
            (key, f"{key}--teacher--{each}", each, "true" if place < first else "false")
            for key, many in rows.iter_rows()
            for first in (_primary(many),)
            for place, each in enumerate(many)
        ]
        schema = dict.fromkeys(("class_id", "sourcedId", "userSourcedId", "primary"), pl.String)
        found = pl.DataFrame(made, schema=schema, orient="row")
        return found.with_columns(role=pl.lit("teacher"))

    # ------------------------------------------------------------ the files

    def _open(self, path: Path, spec: TargetTable) -> list[Finding]:
        if not path.is_file():
            return [_finding(spec.name, "missing_file", "the file is missing")]
        frame, troubles = read_file(path, spec)
        if frame is not None:
            self._files[spec.name] = frame
        return [_finding(spec.name, rule, message, line) for rule, message, line in troubles]

    def _same_person(self) -> list[Finding]:
        """A roster has one record per person: nobody can be pupil and staff under the same id."""
        staff = self._files["staff"]["person_id"]
        both = self._files["students"].filter(pl.col("person_id").is_in(staff.implode()))
        if both.is_empty():
            return []
        message = f"{len(both)} person_id(s) are in students.csv and in staff.csv"
        return [_finding("staff", "person_twice", message)]


def read_file(path: Path, spec: TargetTable) -> tuple[pl.DataFrame | None, list[Trouble]]:
    """One file in Apple's dialect, or everything that keeps it from being read as meant."""
    troubles = csv_files.encoding(path)
    if troubles:
        return None, troubles
    header, troubles = csv_files.header_of(path)
    required = [each.name for each in spec.columns if each.required]
    troubles = troubles or csv_files.separator(header, required)
    troubles = troubles or csv_files.names(header, required) or _strangers(header, spec)
    if troubles:
        return None, troubles
    rows: list[list[str]] = []
    text = path.read_bytes().decode("utf-8")
    for number, line in enumerate(text.replace("\r\n", "\n").removesuffix("\n").split("\n"), 1):
        if number == 1 or not line:
            continue
        cells, broken = apple_lines.cells_of(line, ",")
        if "csv-quoting" in broken:
            message = "a quote is not closed, or text stands beside a quoted value"
            return None, [("quotes", message, number)]
        if len(cells) != len(header):
            message = f"the line has {len(cells)} cells and the header {len(header)}"
            return None, [("width", message, number)]
        rows.append(cells)
    if not rows:
        return None, [("header_only", "the file has a header and no rows", None)]
    schema = dict.fromkeys(header, pl.String)
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    missing = [each.name for each in spec.columns if each.name not in header]
    clean = frame.lazy().select(
        *(columns.trimmed(pl.col(name)) for name in header), *(pl.lit("").alias(n) for n in missing)
    )
    return _keyed(collect(clean), spec)


def _keyed(frame: pl.DataFrame, spec: TargetTable) -> tuple[pl.DataFrame | None, list[Trouble]]:
    """Each row has its id, and an id is one row's."""
    key = frame[spec.key]
    blank, repeated = int((key == "").sum()), len(key) - key.n_unique()
    if blank:
        return None, [("no_id", f"{blank} rows have no {spec.key}", None)]
    if repeated:
        return None, [
            ("id_twice", f"{repeated} rows have a {spec.key} that is there already", None)
        ]
    return frame, []


def _strangers(header: list[str], spec: TargetTable) -> list[Trouble]:
    """Columns that Apple's file does not have: one that is misspelt would be lost unseen."""
    return [
        ("header", f"column {name!r} is none of Apple's ({close_to(name, spec.header())})", 1)
        if close_to(name, spec.header())
        else ("header", f"column {name!r} is none of Apple's", 1)
        for name in header
        if spec.column(name) is None
    ]


def _numbered(frame: pl.DataFrame, stem: str) -> pl.Expr:
    """`stem`, `stem_2`, … as one list, without empty cells and repeats."""
    names = [name for name in frame.columns if name == stem or name.startswith(f"{stem}_")]
    names.sort(key=lambda name: int(name.removeprefix(stem).strip("_") or 1))
    items = pl.concat_list(names)
    return items.list.filter(pl.element() != "").list.unique(maintain_order=True)


def _primary(people: list[str]) -> int:
    """How many from the first count as primary: up to the first step back in the order, at least one."""
    for place in range(1, len(people)):
        if people[place] < people[place - 1]:
            return place
    return 1


def _sessions() -> pl.DataFrame:
    return pl.DataFrame({"sourcedId": [SESSION], "title": ["No term is known"], "type": ["term"]})


def _filled(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """All columns of the roster's table; those that Apple's files do not have are empty."""
    lists = roster.LISTS.get(table, frozenset())
    made = []
    for name in roster.TABLES[table]:
        if name in frame.columns:
            made.append(pl.col(name).fill_null("") if name not in lists else pl.col(name))
        elif name == "status":
            made.append(pl.lit("active").alias(name))
        else:
            made.append((columns.NOTHING if name in lists else pl.lit("")).alias(name))
    return frame.select(made)


def _finding(table: str, rule: str, message: str, line: int | None = None) -> Finding:
    return Finding(f"asm_zip.{rule}", "error", message, table, line=line)
