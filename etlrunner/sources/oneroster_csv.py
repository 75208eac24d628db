"""OneRoster CSV files, 1.1 or 1.2, in a folder or a zip: every file checked before any is read."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from etlrunner import roster
from etlrunner.errors import ChecksFailed, Unreachable, UsageError
from etlrunner.lib import columns
from etlrunner.model import Clock, Finding, Options, Progress
from etlrunner.sources import csv_files
from etlrunner.sources.csv_files import Sheet
from etlrunner.sources.report import PullReport
from etlrunner.table import ColumnTable, collect

ROSTER = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments")
"""The files that make a whole roster; the others may be absent."""
_COMMON = ("sourcedId", "status", "dateLastModified")
_ONLY_12 = frozenset(
    {"userMasterIdentifier", "preferredGivenName", "preferredMiddleName", "preferredFamilyName",
     "primaryOrgSourcedId", "pronouns"}
)  # fmt: skip
"""1.2 appended these to users.csv; nothing depends on them, so a file without them is read."""
ROLES = (*_COMMON, "userSourcedId", "roleType", "role", "orgSourcedId")
ALIVE = ["", "active"]
"""In a bulk file the status is left empty, which means active."""


@contextlib.contextmanager
def connect(options: Options, *, clock: Clock, progress: Progress) -> Iterator[CsvConnection]:
    """Open the folder or zip, check every file, and give the connection."""
    path = Path(options["path"])
    with contextlib.ExitStack() as stack:
        if path.is_dir():
            folder = path
        elif path.is_file():
            # private (0700), and gone with the block
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="etlrunner-")))
            csv_files.unpack(path, folder, _known_names())
        else:
            raise Unreachable(f"{path} is not there: neither a folder nor a zip file")
        yield CsvConnection(folder, progress)


class CsvConnection:
    """An open set of files."""

    def __init__(self, folder: Path, progress: Progress) -> None:
        self._folder = folder
        self._progress = progress
        self.version, problems = _version(folder)
        self._sheets: dict[str, Sheet] = {}
        for name in (*ROSTER, *(("roles",) if self.version == "1.2" else ()), "demographics"):
            problems += self._open(name)
        if problems:
            raise ChecksFailed(
                problems, "; ".join(f"{each.table}.csv: {each.message}" for each in problems[:5])
            )

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
        if not path.is_file():
            if name == "demographics":
                return []
            return [_finding(name, "missing_file", "the file is missing")]
        wanted = ROLES if name == "roles" else _header(name, self.version)
        sheet, problems = csv_files.examine(path, wanted)
        if sheet is not None and not sheet.rows and name != "demographics":
            problems = [("header_only", "the file has a header and no rows", None)]
        if sheet is not None:
            self._sheets[name] = sheet
        return [_finding(name, rule, message, line) for rule, message, line in problems]

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


def _version(folder: Path) -> tuple[str, list[Finding]]:
    """The version that manifest.csv states, and what it says that cannot be used."""
    path = folder / "manifest.csv"
    if not path.is_file():
        return "1.1", [
            _finding(
                "manifest", "missing_file", "the file is missing: it says which version this is"
            )
        ]
    sheet, problems = csv_files.examine(path, ("propertyName", "value"))
    findings = [_finding("manifest", rule, message, line) for rule, message, line in problems]
    if sheet is None:
        return "1.1", findings
    stated = dict(collect(sheet.scan().select("propertyName", "value")).iter_rows())
    version = str(stated.get("oneroster.version", "")).strip()
    if not version.startswith(("1.1", "1.2")):
        findings.append(_finding("manifest", "version", "oneroster.version is neither 1.1 nor 1.2"))
    return version[:3] or "1.1", [*findings, *_modes(stated)]


def _modes(stated: Mapping[str, str]) -> list[Finding]:
    """A roster is a whole: a file with only the changes would look like a mass departure."""
    findings = []
    for name in (*ROSTER, "roles"):
        mode = str(stated.get(f"file.{name}", "bulk")).strip().lower()
        if mode == "delta":
            findings.append(
                _finding(
                    name, "delta", "it is a delta (changes only); a whole (bulk) export is needed"
                )
            )
        elif mode == "absent" and name != "roles":
            findings.append(_finding(name, "absent", "the manifest says that it is absent"))
    return findings


def _finding(table: str, rule: str, message: str, line: int | None = None) -> Finding:
    return Finding(f"oneroster_csv.{rule}", "error", message, table, line=line)
