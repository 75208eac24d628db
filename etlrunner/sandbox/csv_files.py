"""Write a roster as OneRoster CSV, 1.1 or 1.2: a folder of files or a zip, with its manifest.

Headers are those of the CSV binding's tables, in their order. Rows go out in slices, so a million
pupils need no second copy in memory.
"""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import polars as pl

from etlrunner import table
from etlrunner.lib import files
from etlrunner.sandbox import places

_START = ("sourcedId", "status", "dateLastModified")
_FLAGS = (
    "americanIndianOrAlaskaNative", "asian", "blackOrAfricanAmerican",
    "nativeHawaiianOrOtherPacificIslander", "white", "demographicRaceTwoOrMoreRaces",
    "hispanicOrLatinoEthnicity", "countryOfBirthCode", "stateOfBirthAbbreviation", "cityOfBirth",
    "publicSchoolResidenceStatus",
)  # fmt: skip
_PERSON = ("username", "userIds", "givenName", "familyName", "middleName", "identifier", "email",
           "sms", "phone", "agentSourcedIds", "grades", "password")  # fmt: skip

HEADERS: Mapping[str, tuple[str, ...]] = {
    "academicSessions": (
        *_START, "title", "type", "startDate", "endDate", "parentSourcedId", "schoolYear",
    ),
    "orgs": (*_START, "name", "type", "identifier", "parentSourcedId"),
    "courses": (
        *_START, "schoolYearSourcedId", "title", "courseCode", "grades", "orgSourcedId",
        "subjects", "subjectCodes",
    ),
    "classes": (
        *_START, "title", "grades", "courseSourcedId", "classCode", "classType", "location",
        "schoolSourcedId", "termSourcedIds", "subjects", "subjectCodes", "periods",
    ),
    "users": (*_START, "enabledUser", "orgSourcedIds", "role", *_PERSON),
    "enrollments": (
        *_START, "classSourcedId", "schoolSourcedId", "userSourcedId", "role", "primary",
        "beginDate", "endDate",
    ),
    "demographics": (*_START, "birthDate", "sex", *_FLAGS),
}  # fmt: skip
"""OneRoster 1.1, file by file."""

HEADERS_1_2: Mapping[str, tuple[str, ...]] = {
    **HEADERS,
    "users": (
        *_START, "enabledUser", *_PERSON, "userMasterIdentifier", "preferredGivenName",
        "preferredMiddleName", "preferredFamilyName", "primaryOrgSourcedId", "pronouns",
    ),
    "roles": (
        *_START, "userSourcedId", "roleType", "role", "beginDate", "endDate", "orgSourcedId",
        "userProfileSourcedId",
    ),
}  # fmt: skip

_KNOWN = (
    "academicSessions", "categories", "classes", "classResources", "courses", "courseResources",
    "demographics", "enrollments", "lineItems", "orgs", "resources", "results", "users",
)  # fmt: skip
_KNOWN_1_2 = (
    "academicSessions", "categories", "classes", "classResources", "courses", "courseResources",
    "demographics", "enrollments", "lineItemLearningObjectiveIds", "lineItems",
    "lineItemScoreScales", "orgs", "resources", "resultLearningObjectiveIds", "results",
    "resultScoreScales", "roles", "scoreScales", "userProfiles", "userResources", "users",
)  # fmt: skip

_SLICE = 200_000
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""Every entry of a zip is of the same time: the same roster gives the same bytes."""


def write_csv(
    tables: Mapping[str, pl.DataFrame],
    target: Path,
    version: str = "1.1",
    *,
    bare: bool = False,
) -> Path:
    """Write the tables into a folder, or a zip if the name ends in `.zip`; return `target`.

    `bare` writes a bulk file by the letter: `status` and `dateLastModified` empty, which leaves
    deleted rows out because nothing else could say that they are.
    """
    if version not in ("1.1", "1.2"):
        raise ValueError(f"no such OneRoster version: {version}")
    headers = HEADERS if version == "1.1" else HEADERS_1_2
    frames = dict(tables)
    if bare:
        frames = {name: _bare(frame) for name, frame in frames.items()}
    if version == "1.2":
        frames["roles"] = roles(frames["users"])
        frames["users"] = frames["users"].with_columns(
            primaryOrgSourcedId=pl.col("orgSourcedIds").list.first().fill_null("")
        )
    with _opened(target) as place:
        for name in headers:
            with place(f"{name}.csv") as handle:
                _write(frames[name], headers[name], handle)
        with place("manifest.csv") as handle:
            handle.write(_manifest(version, headers))
    return target


def roles(users: pl.DataFrame) -> pl.DataFrame:
    """1.2's `roles.csv`: one row per user and organisation, the first one primary."""
    wanted = users.select(
        "sourcedId", "status", "dateLastModified", "role", orgSourcedId="orgSourcedIds"
    ).with_columns(at=pl.int_ranges(pl.col("orgSourcedId").list.len()))
    first = pl.col("orgSourcedId") == places.DISTRICT
    office = pl.when(first).then(pl.lit("districtAdministrator"))
    return wanted.explode("orgSourcedId", "at", empty_as_null=False).select(
        pl.concat_str("sourcedId", pl.lit("-r"), pl.col("at") + 1).alias("sourcedId"),
        "status",
        "dateLastModified",
        "orgSourcedId",
        userSourcedId="sourcedId",
        roleType=pl.when(pl.col("at") == 0).then(pl.lit("primary")).otherwise(pl.lit("secondary")),
        role=pl.when(pl.col("role") == "administrator")
        .then(office.otherwise(pl.lit("siteAdministrator")))
        .otherwise("role"),
    )


def _bare(frame: pl.DataFrame) -> pl.DataFrame:
    kept = frame.filter(pl.col("status") != "tobedeleted")
    return kept.with_columns(status=pl.lit(""), dateLastModified=pl.lit(""))


def _write(frame: pl.DataFrame, header: tuple[str, ...], handle: IO[bytes]) -> None:
    """Slice by slice, quoted where needed; empty text becomes null, which is written as nothing."""
    cells = [
        (_cell(frame, name) if name in frame.columns else pl.lit(None, dtype=pl.String)).alias(name)
        for name in header
    ]
    if frame.is_empty():
        handle.write((",".join(header) + "\r\n").encode())
    for at, part in enumerate(frame.iter_slices(_SLICE)):
        text = io.BytesIO()
        part.select(cells).write_csv(text, include_header=at == 0, line_terminator="\r\n")
        handle.write(text.getbuffer())


def _cell(frame: pl.DataFrame, name: str) -> pl.Expr:
    column = pl.col(name)
    text = column.list.join(",") if frame.schema[name] == table.LIST else column
    return text.replace("", None)


def _manifest(version: str, headers: Mapping[str, object]) -> bytes:
    known = _KNOWN if version == "1.1" else _KNOWN_1_2
    lines = [
        "propertyName,value",
        "manifest.version,1.0",
        f"oneroster.version,{version}",
        *(f"file.{name},{'bulk' if name in headers else 'absent'}" for name in known),
        "source.systemName,etlrunner sandbox",
        "source.systemCode,invented",
    ]
    return ("\r\n".join(lines) + "\r\n").encode()


class _Folder:
    def __init__(self, folder: Path) -> None:
        self.folder = files.private_folder(folder)

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[IO[bytes]]:
        with files.placing(self.folder / name) as beside, open(beside, "wb") as handle:
            yield handle


class _Zip:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[IO[bytes]]:
        entry = zipfile.ZipInfo(name, _LONG_AGO)
        entry.compress_type = zipfile.ZIP_DEFLATED
        with self.archive.open(entry, "w", force_zip64=True) as handle:
            yield handle


@contextlib.contextmanager
def _opened(target: Path) -> Iterator[_Folder | _Zip]:
    """What takes the files by name: a folder, or an archive that appears when it is whole."""
    if target.suffix.lower() != ".zip":
        yield _Folder(target)
        return
    files.private_folder(target.parent)
    with files.placing(target) as beside, zipfile.ZipFile(beside, "w", compresslevel=1) as archive:
        yield _Zip(archive)
