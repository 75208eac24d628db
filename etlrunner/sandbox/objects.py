"""A roster as the JSON objects of OneRoster 1.1 and 1.2, page by page, made by columns.

A page costs what its rows cost, wherever it lies: nothing is looked through for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import polars as pl

from etlrunner.sandbox.district import District

Absent = Literal["absent", "null", "empty", "mixed"]
"""What stands for a missing value: no key, null, "" and [], or each of these in turn."""
Booleans = Literal["text", "json"]

_SESSION = pl.col("type")
_ROLE = pl.col("role")
COLLECTIONS: Mapping[str, tuple[str, pl.Expr | None]] = {
    "orgs": ("orgs", None),
    "schools": ("orgs", pl.col("type") == "school"),
    "academicSessions": ("academicSessions", None),
    "terms": ("academicSessions", _SESSION.is_in(["term", "semester"])),
    "gradingPeriods": ("academicSessions", _SESSION == "gradingPeriod"),
    "courses": ("courses", None),
    "classes": ("classes", None),
    "users": ("users", None),
    "students": ("users", _ROLE == "student"),
    "teachers": ("users", _ROLE == "teacher"),
    "enrollments": ("enrollments", None),
    "demographics": ("demographics", None),
}
"""Path -> table and which of its rows; the wrapper is named after the table, as the standard says."""

_ONE = {"classes": "class", "courses": "course", "demographics": "demographics"}
_NULLS = r',"[A-Za-z]+":null'


class Objects:
    """The roster of a district in one OneRoster version, under one address."""

    def __init__(
        self, district: District, version: str, address: str, absent: Absent, booleans: Booleans
    ) -> None:
        self._version = version
        self._address = address
        self._absent = absent
        self._booleans = booleans
        self._tables = district.roster(version)
        self._frames: dict[tuple[str, str], pl.DataFrame] = {}

    def total(self, collection: str, status: str = "") -> int:
        """How many records there are, of one status if one is named."""
        return self._frame(collection, status).height

    def page(self, collection: str, offset: int, limit: int, status: str = "") -> bytes:
        """A page of a collection, as the body of a reply."""
        rows = self._frame(collection, status).slice(offset, limit)
        wrapper, _ = COLLECTIONS[collection]
        return f'{{"{wrapper}":[{",".join(self._texts(wrapper, rows))}]}}'.encode()

    def one(self, collection: str, id: str) -> bytes | None:
        """One record, or None."""
        rows = self._frame(collection, "").filter(pl.col("sourcedId") == id)
        if rows.is_empty():
            return None
        table, _ = COLLECTIONS[collection]
        return f'{{"{_ONE.get(table, table[:-1])}":{self._texts(table, rows)[0]}}}'.encode()

    def _frame(self, collection: str, status: str) -> pl.DataFrame:
        """The rows of a collection; chosen once, then kept."""
        if (collection, status) not in self._frames:
            table, chosen = COLLECTIONS[collection]
            rows = self._tables[table]
            if chosen is not None:
                rows = rows.filter(chosen)
            if status:
                rows = rows.filter(pl.col("status") == status)
            if table in ("orgs", "academicSessions"):
                rows = _with_children(rows, self._tables[table])
            self._frames[collection, status] = rows
        return self._frames[collection, status]

    def _texts(self, table: str, rows: pl.DataFrame) -> list[str]:
        if rows.is_empty():
            return []
        if table == "users" and self._version != "1.1":
            rows = rows.with_columns(self._roles(rows))
        empty = pl.struct(self._fields(table, keep_empty=True)).struct.json_encode()
        null = pl.struct(self._fields(table, keep_empty=False)).struct.json_encode()
        ways = {"empty": empty, "null": null, "absent": null.str.replace_all(_NULLS, "")}
        if self._absent != "mixed":
            return rows.select(ways[self._absent].alias("json")).to_series().to_list()
        turn = pl.int_range(pl.len()) % 3
        mixed = pl.when(turn == 0).then(empty).when(turn == 1).then(null).otherwise(ways["absent"])
        return rows.select(mixed.alias("json")).to_series().to_list()

    def _fields(self, table: str, *, keep_empty: bool) -> list[pl.Expr]:
        """The object's fields in the order of the standard."""
        text, texts = (_text, _texts) if keep_empty else (_text_or_null, _texts_or_null)
        ref, refs, flag = self._ref, self._refs, self._flag
        head = [text("sourcedId"), text("status"), text("dateLastModified")]
        if table == "users":
            return [*head, *self._user(text, texts)]
        fields = {
            "orgs": lambda: [
                *map(text, ("name", "type", "identifier")),
                ref("parentSourcedId", "parent", "orgs", "org"),
                refs("children", "children", "orgs", "org"),
            ],
            "academicSessions": lambda: [
                *map(text, ("title", "type", "startDate", "endDate", "schoolYear")),
                ref("parentSourcedId", "parent", "academicSessions", "academicSession"),
                refs("children", "children", "academicSessions", "academicSession"),
            ],
            "courses": lambda: [
                *map(text, ("title", "courseCode")),
                *map(texts, ("grades", "subjects", "subjectCodes")),
                ref("schoolYearSourcedId", "schoolYear", "academicSessions", "academicSession"),
                ref("orgSourcedId", "org", "orgs", "org"),
            ],
            "classes": lambda: [
                *map(text, ("title", "classCode", "classType", "location")),
                *map(texts, ("grades", "subjects", "subjectCodes", "periods")),
                ref("courseSourcedId", "course", "courses", "course"),
                ref("schoolSourcedId", "school", "orgs", "org"),
                refs("termSourcedIds", "terms", "academicSessions", "academicSession"),
            ],
            "enrollments": lambda: [
                ref("userSourcedId", "user", "users", "user"),
                ref("classSourcedId", "class", "classes", "class"),
                ref("schoolSourcedId", "school", "orgs", "org"),
                text("role"), flag("primary", keep_empty), text("beginDate"), text("endDate"),
            ],
            "demographics": lambda: [text("birthDate"), text("sex")],
        }  # fmt: skip
        return [*head, *fields[table]()]

    def _user(
        self, text: Callable[[str], pl.Expr], texts: Callable[[str], pl.Expr]
    ) -> list[pl.Expr]:
        person = (
            "username",
            "givenName",
            "familyName",
            "middleName",
            "identifier",
            "email",
            "sms",
            "phone",
        )
        shared = [
            self._flag("enabledUser", keep_empty=False),
            *map(text, person),
            _user_ids(),
            self._refs("agentSourcedIds", "agents", "users", "user"),
            texts("grades"),
        ]
        if self._version == "1.1":
            return [*shared, text("role"), self._refs("orgSourcedIds", "orgs", "orgs", "org")]
        return [
            *shared,
            pl.col("_roles").alias("roles"),
            self._ref("primaryOrgSourcedId", "primaryOrg", "orgs", "org"),
            text("userMasterIdentifier"),
            text("preferredGivenName").alias("preferredFirstName"),
            text("preferredMiddleName"),
            text("preferredFamilyName").alias("preferredLastName"),
            text("pronouns"),
        ]

    def _roles(self, rows: pl.DataFrame) -> pl.Series:
        """1.2: the role once per organisation, the first one primary."""
        places = pl.col("orgSourcedIds")
        flat = rows.select(
            "role", places, at=pl.int_range(pl.len()), nth=pl.int_ranges(places.list.len())
        )
        flat = flat.explode("orgSourcedIds", "nth", empty_as_null=True)
        order = pl.when(pl.col("nth").fill_null(0) == 0).then(pl.lit("primary"))
        role = pl.struct(
            order.otherwise(pl.lit("secondary")).alias("roleType"),
            "role",
            self._ref("orgSourcedIds", "org", "orgs", "org"),
        )
        return flat.group_by("at", maintain_order=True).agg(role.alias("_roles"))["_roles"]

    def _flag(self, column: str, keep_empty: bool) -> pl.Expr:
        if self._booleans == "text":
            return _text(column) if keep_empty else _text_or_null(column)
        return pl.when(pl.col(column) != "").then(pl.col(column) == "true").alias(column)

    def _ref(self, column: str, name: str, path: str, kind: str) -> pl.Expr:
        there = pl.col(column).is_not_null() & (pl.col(column) != "")
        return pl.when(there).then(self._target(pl.col(column), path, kind)).alias(name)

    def _refs(self, column: str, name: str, path: str, kind: str) -> pl.Expr:
        each = self._target(pl.element(), path, kind)
        some = pl.col(column).list.len() > 0
        return pl.when(some).then(pl.col(column).list.eval(each)).alias(name)

    def _target(self, id: pl.Expr, path: str, kind: str) -> pl.Expr:
        return pl.struct(
            (pl.lit(f"{self._address}/{path}/") + id).alias("href"),
            id.alias("sourcedId"),
            pl.lit(kind).alias("type"),
        )


def _with_children(rows: pl.DataFrame, all_rows: pl.DataFrame) -> pl.DataFrame:
    children = all_rows.group_by("parentSourcedId", maintain_order=True).agg(children="sourcedId")
    return rows.join(
        children, left_on="sourcedId", right_on="parentSourcedId", how="left", maintain_order="left"
    )


def _user_ids() -> pl.Expr:
    """`{type:identifier}` in a cell, two fields in JSON."""
    inner = pl.element().str.strip_chars("{}").str.splitn(":", 2)
    pair = pl.struct(
        inner.struct.field("field_0").alias("type"),
        inner.struct.field("field_1").alias("identifier"),
    )
    return (
        pl.when(pl.col("userIds").list.len() > 0)
        .then(pl.col("userIds").list.eval(pair))
        .alias("userIds")
    )


def _text(column: str) -> pl.Expr:
    return pl.col(column)


def _text_or_null(column: str) -> pl.Expr:
    return pl.when(pl.col(column) != "").then(column).alias(column)


def _texts(column: str) -> pl.Expr:
    return pl.col(column)


def _texts_or_null(column: str) -> pl.Expr:
    return pl.when(pl.col(column).list.len() > 0).then(column).alias(column)
