"""Counts of what is odd in a roster, by kind: what a test compares a run's figures with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import polars as pl

_GONE = pl.col("status") == "tobedeleted"


def count(tables: Mapping[str, pl.DataFrame], as_of: date) -> dict[str, int]:
    """How many rows are odd, by kind; counted in the tables, not remembered from making them."""
    users, enrollments, classes = tables["users"], tables["enrollments"], tables["classes"]
    deleted = {f"deleted.{name}": _rows(frame, _GONE) for name, frame in tables.items()}
    return {
        **deleted,
        **_in_users(users),
        **_in_classes(classes, tables["academicSessions"], as_of),
        **_in_enrollments(enrollments, users, classes, as_of),
        **_of_teaching(enrollments, users),
    }


def _in_users(users: pl.DataFrame) -> dict[str, int]:
    pupil = pl.col("role") == "student"
    kin = pl.col("role").is_in(["guardian", "parent", "relative"])  # they have no number anyway
    orgs = pl.col("orgSourcedIds")
    names = pl.concat_str("givenName", "middleName", "familyName")
    places = orgs.list.filter(pl.element() != "sch-800").list.len()
    return {
        "students": _rows(users, pupil),
        "teachers": _rows(users, pl.col("role") == "teacher"),
        "aides": _rows(users, pl.col("role") == "aide"),
        "administrators": _rows(users, pl.col("role") == "administrator"),
        "guardians": _rows(users, kin),
        "disabled_users": _rows(users, pl.col("enabledUser") == "false"),
        "emails_missing": _rows(users, pl.col("email") == ""),
        "emails_null": _rows(users, pl.col("email") == "NULL"),
        "identifiers_missing": _rows(users, ~kin & (pl.col("identifier") == "")),
        "names_missing": _rows(users, (pl.col("givenName") == "") & (pl.col("familyName") == "")),
        "names_not_ascii": _rows(users, names.str.len_bytes() != names.str.len_chars()),
        "dual_enrolled": _rows(users, pupil & (places > 1)),
        "shared_staff": _rows(users, ~pupil & (places > 1)),
        "census_students": _rows(users, pupil & orgs.list.contains("sch-800")),
    }


def _in_classes(classes: pl.DataFrame, sessions: pl.DataFrame, as_of: date) -> dict[str, int]:
    today = as_of.isoformat()
    past = sessions.filter(pl.col("endDate") <= today)["sourcedId"].to_list()
    coming = sessions.filter(pl.col("startDate") > today)["sourcedId"].to_list()
    terms = pl.col("termSourcedIds")
    return {
        "past_classes": _rows(classes, terms.list.eval(pl.element().is_in(past)).list.all()),
        "coming_classes": _rows(classes, terms.list.eval(pl.element().is_in(coming)).list.all()),
    }


def _in_enrollments(
    rows: pl.DataFrame, users: pl.DataFrame, classes: pl.DataFrame, as_of: date
) -> dict[str, int]:
    """`missing_…` counts what names nobody or nowhere, `stale_…` active rows of what is deleted."""
    today = as_of.isoformat()
    person, lesson = pl.col("userSourcedId"), pl.col("classSourcedId")
    people_gone, lessons_gone = _ids(users.filter(_GONE)), _ids(classes.filter(_GONE))
    dated = (pl.col("beginDate") != "") | (pl.col("endDate") != "")
    pairs = rows.filter(pl.col("role") == "student").select("userSourcedId", "classSourcedId")
    return {
        "missing_people": _rows(rows, ~person.is_in(_ids(users))),
        "missing_classes": _rows(rows, ~lesson.is_in(_ids(classes))),
        "stale_enrollments": _rows(
            rows, ~_GONE & (person.is_in(people_gone) | lesson.is_in(lessons_gone))
        ),
        "dated_enrollments": _rows(rows, dated),
        "ended_enrollments": _rows(rows, (pl.col("endDate") != "") & (pl.col("endDate") <= today)),
        "coming_enrollments": _rows(rows, pl.col("beginDate") > today),
        "returned_enrollments": pairs.height - pairs.n_unique(),
    }


def _of_teaching(rows: pl.DataFrame, users: pl.DataFrame) -> dict[str, int]:
    """`teaching_aides` are people who are teachers by their enrollments alone."""
    teaching = rows.filter(pl.col("role") == "teacher")
    per_class = teaching.group_by("classSourcedId").len()["len"]
    others = users.filter(pl.col("role").is_in(["aide", "administrator"]))
    return {
        "co_taught_classes": int((per_class > 1).sum()),
        "crowded_classes": int((per_class > 2).sum()),
        "overcrowded_classes": int((per_class > 15).sum()),
        "teaching_aides": _rows(others, pl.col("sourcedId").is_in(_of(teaching))),
    }


def _rows(frame: pl.DataFrame, odd: pl.Expr) -> int:
    return int(frame.select(odd.sum()).item())


def _ids(frame: pl.DataFrame) -> pl.Series:
    return frame["sourcedId"].implode()


def _of(enrollments: pl.DataFrame) -> pl.Series:
    return enrollments["userSourcedId"].unique().implode()
