"""Values that can be recognised wherever they come out: a roster full of them, and a look for them.

Every kind of value has a mark of its own, in letters that no word of ours has, so that a text can be asked
which kinds of values are in it, whatever was done to their capitals.
"""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import polars as pl

from etlrunner.sandbox.district import District

MARKS = {
    "name": r"zqname",
    "e-mail": r"zqmail",
    "number": r"zqnum",
    "title": r"zqtitle",
    "person": r"zqid(?:stu|stf|grd)",
    "class": r"zqid(?:cls|crs|enr)",
    "school": r"zqid(?:sch|dst|dep)|zqsis",
    "school's name": r"zqplace",
    "secret": r"zqsecret",
    "token": r"zqtoken",
    "body": r"zqbody",
}
"""Kind of value -> how it is recognised."""

IDS = frozenset({"person", "class", "school"})
VALUES = frozenset({"name", "e-mail", "number", "title", "school's name"}) | IDS
NEVER = frozenset({"secret", "token", "body"})

_KINDS = {kind: re.compile(mark, re.IGNORECASE) for kind, mark in MARKS.items()}


def seen(text: str) -> frozenset[str]:
    """The kinds of values that a text has."""
    return frozenset(kind for kind, mark in _KINDS.items() if mark.search(text))


def planted(district: District) -> District:
    """The district with a mark on every value of a person, a class or a school."""
    made = district.rekeyed("zqid")
    users = made.tables["users"].with_columns(
        *(
            _marked(name, "zqname")
            for name in ("username", "givenName", "familyName", "middleName")
        ),
        *(_marked(name, "zqnum") for name in ("identifier", "phone", "sms")),
        _marked("email", "zqmail"),
    )
    classes = made.tables["classes"].with_columns(_marked("title", "zqtitle"))
    courses = made.tables["courses"].with_columns(_marked("title", "zqtitle"))
    orgs = made.tables["orgs"].with_columns(
        _marked("name", "zqplace"), _marked("identifier", "zqsis")
    )
    tables = {"users": users, "classes": classes, "courses": courses, "orgs": orgs}
    return made._with({**made.tables, **tables})


def _marked(column: str, mark: str) -> pl.Expr:
    cell = pl.col(column)
    return pl.when(cell == "").then(cell).otherwise(pl.lit(mark) + cell).alias(column)


def contents(path: Path) -> str:
    """A file's text, whatever its format: what somebody who looks into it can read."""
    if path.suffix == ".parquet":
        rows = pl.read_parquet(path)
        return json.dumps([rows.columns, *map(list, rows.rows())], default=str)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return "\n".join(archive.read(name).decode("utf-8") for name in archive.namelist())
    return path.read_bytes().decode("utf-8", "replace")
