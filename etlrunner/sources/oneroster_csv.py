"""OneRoster CSV files, 1.1 or 1.2, in a folder or a zip: every file checked before any is read."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from etlrunner import roster
from etlrunner.errors import ChecksFailed, UsageError
from etlrunner.lib import columns
from etlrunner.model.components import Options
from etlrunner.model.problems import Finding
from etlrunner.model.surroundings import Clock, Progress
from etlrunner.sources import csv_files, zip_files
from etlrunner.sources.csv_files import Sheet
from etlrunner.sources.report import PullReport
from etlrunner.sources.zip_files import Opened
from etlrunner.table import ColumnTable, collect, stream

ROSTER = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments")
"""The files that make a whole roster; the others may be absent."""
_COMMON = ("sourcedId", "status", "dateLastModified")
_ONLY_12 = frozenset(
    {"userMasterIdentifier", "preferredGivenName", "preferredMiddleName", "preferredFamilyName",
     "primaryOrgSourcedId", "pronouns"}
)  # fmt: skip
"""1.2 appended these to users.csv; nothing depends on them, so a file without them is read."""
OPTIONAL = ("demographics",)
MODES = ("absent", "bulk", "delta")
DELTA = (
    "it is a delta, which has only what changed: whoever is not in it would look as if they had left; "
    "have the SIS export everything (bulk)"
)
ROLES = (*_COMMON, "userSourcedId", "roleType", "role", "orgSourcedId")
ALIVE = ["", "active"]
"""In a bulk file the status is left empty, which means active."""
STRANGERS = dict.fromkeys(
    ("students.csv", "staff.csv", "rosters.csv", "locations.csv"),
    "this is a zip for Apple School Manager; it is read by `type: asm-zip`",
)


@contextlib.contextmanager
def connect(options: Options, *, clock: Clock, progress: Progress) -> Iterator[CsvConnection]:
    """Open the folder or zip, check every file, and give the connection."""
    with zip_files.opened(
        options, _known_names(), rule="oneroster_csv.zip", strangers=STRANGERS, clock=clock
    ) as it:
        yield CsvConnection(it, progress)


class CsvConnection:
    """An open set of files."""

    def __init__(self, opened: Opened, progress: Progress) -> None:
        self.source_file = opened.source_file
        self._folder = opened.folder
        self._progress = progress
        self.version, self._modes, problems = _manifest(opened.folder)
        self._sheets: dict[str, Sheet] = {}
        for name in (*ROSTER, *(("roles",) if self.version == "1.2" else ()), "demographics"):
            problems += self._open(name)
        if not problems:
            unended = csv_files.unended(each.path for each in self._sheets.values() if each.rows)
            problems += [_finding(path.stem, *csv_files.UNENDED) for path in unended]
        if problems:
            raise ChecksFailed(
                problems, "; ".join(f"{each.table}.csv: {each.message}" for each in problems[:5])
            )

    @property
    def shapes(self) -> Mapping[str, tuple[int, tuple[str, ...]]]:
        """Rows and columns of each file."""
        return {f"{name}.csv": (each.rows, each.header) for name, each in self._sheets.items()}

    def read(self, table: str) -> ColumnTable:
        """One table of the roster, over the columns of its file."""
        if table not in self._sheets:
            raise UsageError(f"the OneRoster files have no {table}.csv")
        sheet = self._sheets[table]
        self._progress.start(table, sheet.rows)
        frame = (
            self._users() if table == "users" and self.version == "1.2" else _plain(table, sheet)
        )
        result = ColumnTable(frame)
        result.report = PullReport(sheet.rows, pages=1)
        self._progress.advance(table, sheet.rows)
        self._progress.done(table)
        return result

    def probe(self) -> Mapping[str, int]:
        """Counts of schools and terms; reads no person."""
        orgs, sessions = (self.read(name).frame for name in ("orgs", "academicSessions"))
        schools = collect(orgs.filter(pl.col("type") == "school").select(pl.len())).item()
        terms = collect(
            sessions.filter(pl.col("type").is_in(["term", "semester"])).select(pl.len())
        ).item()
        return {"schools": int(schools), "terms": int(terms)}

    def _open(self, name: str) -> list[Finding]:
        path = self._folder / f"{name}.csv"
        mode = self._modes.get(name, "")
        if mode == "absent" and name in OPTIONAL:
            return []
        if not path.is_file():
            return [] if name in OPTIONAL and not mode else [self._missing(name, mode)]
        if mode == "absent":
            message = "the manifest says that it is absent, and it is there: which is right?"
            return [_finding(name, "absent", message)]
        if mode == "delta":
            return [_finding(name, "delta", DELTA)]
        wanted = ROLES if name == "roles" else _header(name, self.version)
        sheet, problems = csv_files.examine(path, wanted)
        if sheet is not None:
            self._sheets[name] = sheet
            problems = _rows_of(name, sheet)
        return [_finding(name, rule, message, line) for rule, message, line in problems]

    def _missing(self, name: str, mode: str) -> Finding:
        """Why a file that a roster needs is not there, as far as it can be told."""
        if mode == "absent":
            message = "the manifest says that it is absent; a roster needs it"
            return _finding(name, "absent", message)
        alike = [each.name for each in self._folder.iterdir() if each.stem.lower() == name.lower()]
        if alike:
            message = f"the file is called {alike[0]}; upper and lower case matter"
            return _finding(name, "file_name", message)
        says = f", though the manifest says that it is {mode}" if mode else ""
        return _finding(name, "missing_file", f"the file is missing{says}")

    def _users(self) -> pl.LazyFrame:
        """1.2 keeps roles and orgs in roles.csv: joined to the same cells as 1.1 has."""
        users = _plain("users", self._sheets["users"]).drop("role", "roles", "orgSourcedIds")
        gone = users.filter(~pl.col("status").is_in(ALIVE)).select("sourcedId")
        roles = _roles(self._sheets["roles"], gone)
        joined = users.join(roles, on="sourcedId", how="left", maintain_order="left")
        none = pl.lit([], dtype=columns.LIST)
        first = pl.col("primaryOrgSourcedId")
        first_org = pl.when(first == "").then(none).otherwise(pl.concat_list(first))
        lists = joined.with_columns(
            roles=pl.col("roles").fill_null(none),
            orgSourcedIds=_unique(pl.concat_list(first_org, pl.col("orgs").fill_null(none))),
        )
        return lists.with_columns(role=pl.col("roles").list.first().fill_null("")).select(
            roster.TABLES["users"]
        )


def _roles(sheet: Sheet, gone: pl.LazyFrame) -> pl.LazyFrame:
    """Roles and orgs per user. A role that is to be deleted counts only for a user who is so too."""
    role, org = pl.col("role"), pl.col("orgSourcedId")
    primary = pl.col("roleType") == "primary"
    roles = _trimmed(sheet, ROLES).with_row_index()
    ended = roles.filter(~pl.col("status").is_in(ALIVE)).join(
        gone, left_on="userSourcedId", right_on="sourcedId", how="semi"
    )
    grouped = (
        pl.concat([roles.filter(pl.col("status").is_in(ALIVE)), ended])
        .sort("index")
        .group_by("userSourcedId", maintain_order=True)
        .agg(
            first=role.filter(primary & (role != "")),
            every=role.filter(role != ""),
            orgs=org.filter(org != ""),
        )
    )
    return grouped.select(
        pl.col("userSourcedId").alias("sourcedId"),
        _unique(pl.concat_list("first", "every")).alias("roles"),
        "orgs",
    )


def _plain(table: str, sheet: Sheet) -> pl.LazyFrame:
    lists = roster.LISTS.get(table, frozenset())
    frame = _trimmed(sheet, roster.TABLES[table])
    cells = [_cell(name, name in lists) for name in roster.TABLES[table]]
    frame = frame.select(cells)
    if table == "users" and "role" in sheet.header:
        none = pl.lit([], dtype=columns.LIST)
        role = pl.col("role")
        frame = frame.with_columns(
            roles=pl.when(role == "").then(none).otherwise(pl.concat_list(role)),
            orgSourcedIds=_unique(pl.col("orgSourcedIds")),
        )
    return frame


def _cell(name: str, is_list: bool) -> pl.Expr:
    cell = pl.col(name)
    if is_list:
        cell = columns.split(cell)
    elif name in ("enabledUser", "primary"):
        cell = columns.truth(cell)
    elif name == "status":
        cell = pl.when(cell == "").then(pl.lit("active")).otherwise(cell)
    return cell.alias(name)


def _trimmed(sheet: Sheet, wanted: tuple[str, ...]) -> pl.LazyFrame:
    return sheet.scan().select(
        columns.trimmed(pl.col(name)) if name in sheet.header else pl.lit("").alias(name)
        for name in wanted
    )


def _unique(items: pl.Expr) -> pl.Expr:
    return items.list.unique(maintain_order=True)


def _header(table: str, version: str) -> tuple[str, ...]:
    """The columns that a file of this version must have."""
    if table == "demographics":
        return _COMMON
    gone = {"roles"} | _ONLY_12
    if version == "1.2":
        gone |= {"role", "orgSourcedIds"} if table == "users" else set()
    return tuple(name for name in roster.TABLES[table] if name not in gone)


def _known_names() -> frozenset[str]:
    return frozenset(f"{name}.csv" for name in (*ROSTER, "demographics", "roles", "manifest"))


def _rows_of(name: str, sheet: Sheet) -> list[csv_files.Trouble]:
    """A roster's file has rows, and each row says whose it is."""
    if not sheet.rows:
        return (
            [] if name in OPTIONAL else [("header_only", "the file has a header and no rows", None)]
        )
    blank = columns.trimmed(pl.col("sourcedId")) == ""
    count = int(stream(sheet.scan().select(blank.sum())).item())
    return [("no_id", f"{count} rows have no sourcedId", None)] if count else []


def _manifest(folder: Path) -> tuple[str, Mapping[str, str], list[Finding]]:
    """The version that manifest.csv states, each file's mode, and what it says that cannot be used."""
    path = folder / "manifest.csv"
    if not path.is_file():
        message = "the file is missing: it says which version this is"
        if any(each.suffix.lower() == ".zip" for each in folder.iterdir()):
            message += " (the folder holds a zip: name it in `path`, or set `watch: true`)"
        return "1.1", {}, [_finding("manifest", "missing_file", message)]
    sheet, problems = csv_files.examine(path, ("propertyName", "value"))
    findings = [_finding("manifest", rule, message, line) for rule, message, line in problems]
    if sheet is None:
        return "1.1", {}, findings
    cells = (columns.trimmed(pl.col(name)) for name in ("propertyName", "value"))
    rows = collect(sheet.scan().select(cells)).rows()
    stated = dict(rows)
    for name, count in Counter(name for name, _ in dict.fromkeys(rows)).items():
        if count > 1:
            findings.append(
                _finding("manifest", "property", f"{name} is there twice, with two values")
            )
    version = stated.get("oneroster.version", "")
    if not re.fullmatch(r"1\.[12](\.[0-9]+)?", version):
        findings.append(_finding("manifest", "version", "oneroster.version is neither 1.1 nor 1.2"))
    if not re.fullmatch(r"1\.[0-9]|", stated.get("manifest.version", "")):
        findings.append(_finding("manifest", "version", "manifest.version is not 1.0"))
    modes = {
        name.removeprefix("file."): mode.lower()
        for name, mode in stated.items()
        if name.startswith("file.")
    }
    strange = sorted(name for name, mode in modes.items() if mode not in MODES)
    findings += [
        _finding("manifest", "mode", f"file.{name} is none of {', '.join(MODES)}")
        for name in strange
        if name in (*ROSTER, "roles")
    ]
    return version[:3] or "1.1", modes, findings


def _finding(table: str, rule: str, message: str, line: int | None = None) -> Finding:
    return Finding(f"oneroster_csv.{rule}", "error", message, table, line=line)
