"""What happens to a roster between two runs: ordinary turnover, a lost school, corrected values."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from etlrunner.sandbox.draws import few, numbered, salt

Tables = dict[str, pl.DataFrame]
JOIN, LEAVE, MOVE = 0.0005, 0.0004, 0.0008
"""Shares of the pupils, each school day."""


def grown(tables: Tables, days: int, seed: int) -> tuple[Tables, dict[str, int]]:
    """The roster `days` school days later, and how many pupils joined, left and moved."""
    after, left = _leave(tables, days, seed)
    after, joined = _join(after, days, seed)
    after, moved = _move(after, days, seed)
    return after, {"joined": joined, "left": left, "moved": moved}


def without_school(tables: Tables, school: str) -> Tables:
    """The roster without a school, its classes and enrollments, and whoever belongs to it alone."""
    users = tables["users"].with_columns(
        orgSourcedIds=pl.col("orgSourcedIds").list.filter(pl.element() != school)
    )
    users = users.filter(pl.col("orgSourcedIds").list.len() > 0)
    return {
        **tables,
        "orgs": tables["orgs"].filter(pl.col("sourcedId") != school),
        "courses": tables["courses"].filter(pl.col("orgSourcedId") != school),
        "classes": tables["classes"].filter(pl.col("schoolSourcedId") != school),
        "users": users,
        "enrollments": tables["enrollments"].filter(pl.col("schoolSourcedId") != school),
        "demographics": _among(tables["demographics"], "sourcedId", users),
    }


def rekeyed(tables: Tables, prefix: str) -> Tables:
    """The roster from another SIS: the same people, classes, courses and schools under other ids."""
    after = {}
    for name, frame in tables.items():
        columns = [
            column
            for column in frame.columns
            if column.endswith("ourcedId") and column not in OTHER_IDS
        ]
        lists = [
            column for column in ("orgSourcedIds", "agentSourcedIds") if column in frame.columns
        ]
        if name == "academicSessions":
            columns = []
        after[name] = frame.with_columns(
            *(_prefixed(pl.col(column), prefix).alias(column) for column in columns),
            *(pl.col(column).list.eval(_prefixed(pl.element(), prefix)) for column in lists),
        )
    return after


OTHER_IDS = ("schoolYearSourcedId",)


def _prefixed(id: pl.Expr, prefix: str) -> pl.Expr:
    return pl.when(id == "").then(id).otherwise(pl.lit(prefix) + id)


def changed(frame: pl.DataFrame, rows: Mapping[str, Mapping[str, object]]) -> pl.DataFrame:
    """Put other values into some cells; an unknown id or column is an error."""
    places = {id: at for at, id in enumerate(frame["sourcedId"])} if rows else {}
    for column in sorted({column for values in rows.values() for column in values}):
        cells = frame[column].to_list()
        for id, values in rows.items():
            cells[places[id]] = values.get(column, cells[places[id]])
        frame = frame.with_columns(pl.Series(column, cells, dtype=frame.schema[column]))
    return frame


def _leave(tables: Tables, days: int, seed: int) -> tuple[Tables, int]:
    """Every second leaver is marked, the other is simply no longer sent."""
    users, enrollments = tables["users"], tables["enrollments"]
    pupils = _pupils(users)
    leavers = pupils.filter(_some(pupils, LEAVE, days, salt(seed, "leave", days)))["sourcedId"]
    marked, vanished = leavers.gather_every(2).to_list(), leavers.gather_every(2, 1).to_list()
    after = {**tables}
    for name, column in (("users", "sourcedId"), ("enrollments", "userSourcedId")):
        rows = {"users": users, "enrollments": enrollments}[name]
        after[name] = rows.filter(~pl.col(column).is_in(vanished)).with_columns(
            status=pl.when(pl.col(column).is_in(marked))
            .then(pl.lit("tobedeleted"))
            .otherwise("status")
        )
    after["demographics"] = _among(tables["demographics"], "sourcedId", after["users"])
    return after, len(leavers)


def _join(tables: Tables, days: int, seed: int) -> tuple[Tables, int]:
    """New pupils take the courses of some that are there already."""
    users, enrollments = tables["users"], tables["enrollments"]
    pupils = _pupils(users)
    models = pupils.filter(_some(pupils, JOIN, days, salt(seed, "join", days)))
    offset = _next(users, "stu-")
    number = pl.int_range(pl.len()) + offset
    new = models.with_columns(
        sourcedId=numbered("stu-", number),
        username=numbered("s", number + 100_000),
        identifier=numbered("", number + 100_000),
        email=numbered("s", number + 100_000, "@students.lakeside.example.org"),
        userIds=pl.lit([], dtype=pl.List(pl.String)),
        agentSourcedIds=pl.lit([], dtype=pl.List(pl.String)),
        givenName=pl.col("givenName").reverse(),
        orgSourcedIds=pl.col("orgSourcedIds"),
    )
    twins = pl.DataFrame({"userSourcedId": models["sourcedId"], "new": new["sourcedId"]})
    copies = enrollments.filter(pl.col("status") == "active", pl.col("endDate") == "").join(
        twins, on="userSourcedId", how="inner", maintain_order="left"
    )
    copies = copies.with_columns(
        sourcedId=numbered("enr-", pl.int_range(pl.len()) + _next(enrollments, "enr-")),
        userSourcedId="new",
        beginDate=pl.lit(""),
    )
    born = tables["demographics"].head(len(new)).with_columns(new["sourcedId"])
    after = {
        **tables,
        "users": pl.concat([users, new]),
        "enrollments": pl.concat([enrollments, copies.drop("new")]),
        "demographics": pl.concat([tables["demographics"], born]),
    }
    return after, len(new)


def _move(tables: Tables, days: int, seed: int) -> tuple[Tables, int]:
    """A pupil leaves a class for the next one in the school's list: another record takes its place."""
    rows, classes = tables["enrollments"], tables["classes"]
    open_ = rows.with_row_index("at").filter(
        pl.col("status") == "active", pl.col("role") == "student", pl.col("endDate") == ""
    )
    movers = open_.filter(_some(open_, MOVE, days, salt(seed, "move", days), per_row=7))
    school = pl.col("schoolSourcedId")
    following = classes.filter(pl.col("status") == "active").select(
        classSourcedId="sourcedId",
        to=pl.col("sourcedId")
        .shift(-1)
        .over(school)
        .fill_null(pl.col("sourcedId").first().over(school)),
    )
    moved = movers.join(following, on="classSourcedId", how="inner", maintain_order="left")
    moved = moved.join(
        rows,
        left_on=["userSourcedId", "to"],
        right_on=["userSourcedId", "classSourcedId"],
        how="anti",
        maintain_order="left",
    ).unique("userSourcedId", keep="first", maintain_order=True)
    new = moved.with_columns(
        sourcedId=numbered("enr-", pl.int_range(pl.len()) + _next(rows, "enr-")),
        classSourcedId="to",
        beginDate=pl.lit(""),
    )
    kept = rows.with_row_index("at").join(moved, on="at", how="anti", maintain_order="left")
    after = pl.concat([kept.drop("at"), new.select(rows.columns)])
    return {**tables, "enrollments": after}, len(moved)


def _pupils(users: pl.DataFrame) -> pl.DataFrame:
    return users.filter(pl.col("role") == "student", pl.col("status") == "active")


def _some(
    rows: pl.DataFrame, rate: float, days: int, salted: int, *, per_row: int = 1
) -> pl.Series:
    return few(rows.height, min(0.5, rate * days / per_row), salted, one_from=1 if days else 10**9)


def _next(rows: pl.DataFrame, prefix: str) -> int:
    """The first number that no identifier with that prefix has."""
    numbers = rows["sourcedId"].str.extract(f"^{prefix}([0-9]+)$").cast(pl.Int64)
    return int(numbers.max() or 0) + 1  # type: ignore[arg-type]


def _among(rows: pl.DataFrame, column: str, users: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(pl.col(column).is_in(users["sourcedId"].implode()))
