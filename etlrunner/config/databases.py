"""Code tables and tables beside the roster that a mapping takes from a database: what it says of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from etlrunner.lib import one_select
from etlrunner.lib.document import Key, Places, dotted
from etlrunner.lib.suggest import close_to
from etlrunner.model.mapping import DatabaseTable
from etlrunner.model.problems import Place, Problem
from etlrunner.model.secrets import SecretRef

ONLY_THEIRS = ("table", "sql", "columns", "may_be_empty")
"""Keys that mean something beside `database` only."""
_NAME = re.compile(r"[A-Za-z0-9_-]+")


def problems(data: Any, places: Places) -> Iterator[Problem]:
    """Keys that go together, or do not; which the schema cannot say in words that help."""
    for group in ("lookups", "tables"):
        members = data.get(group) if isinstance(data, Mapping) else None
        for name, value in members.items() if isinstance(members, Mapping) else ():
            if isinstance(value, Mapping):
                yield from _of_one((group, str(name)), value, places)


def _of_one(way: Key, value: Mapping[str, Any], places: Places) -> Iterator[Problem]:
    name = way[-1]
    if "database" not in value:
        for key in ONLY_THEIRS:
            if key in value:
                message = f"`{key}` is for a table from a database, and '{name}' is none"
                yield _problem(message, (*way, key), places, "write database: {url: {env: NAME}}")
        return
    if not _NAME.fullmatch(str(name)):
        message = f"'{name}': a table from a database is named with letters, digits, _ and -"
        yield _problem(message, way, places, "rename it")
    if "sheet" in value:
        message = f"`sheet` is for an Excel file, and '{name}' comes from a database"
        yield _problem(message, (*way, "sheet"), places, "remove it")
    chosen = [key for key in ("table", "sql") if key in value]
    if len(chosen) != 1:
        message = f"'{name}' needs exactly one of table, sql beside `database`"
        hint = "keep one of table and sql" if chosen else "write table: NAME, or sql: sql/FILE.sql"
        yield _problem(message, (*way, *(chosen[-1:] or ["database"])), places, hint)
    if "columns" not in value:
        message = f"'{name}' does not say which columns it takes from the database"
        hint = "write columns: [code, value]; they are checked without the database, and no others are read"
        yield _problem(message, (*way, "database"), places, hint)
    elif isinstance(value["columns"], list):
        yield from _missing_columns(way, value, places)


def _missing_columns(way: Key, value: Mapping[str, Any], places: Places) -> Iterator[Problem]:
    """The two columns of a code table are among those that are read."""
    known = [str(one) for one in value["columns"]]
    for key, usual in (("on", "code"), ("take", "value")) if way[0] == "lookups" else ():
        name = str(value.get(key, usual))
        if name not in known:
            spot = (*way, key) if key in value else (*way, "columns")
            hint = close_to(name, known) or f"it has {', '.join(known)}; `{key}` says which"
            message = f"'{way[-1]}' has no column '{name}' among its columns"
            yield _problem(message, spot, places, hint, "E321")


def read(
    way: Key, value: Mapping[str, Any], places: Places, file: Path | None, shown: str
) -> tuple[DatabaseTable, list[Problem]]:
    """The table as a value of the model, and what is wrong with its query."""
    [(kind, target)] = value["database"]["url"].items()
    url = SecretRef(kind, str(target), places.at((*way, "database", "url")))
    place = places.at((*way, "sql" if file else "table"))
    sql, found = _query(file, shown, place) if file else ("", [])
    table = DatabaseTable(
        url=url,
        columns=tuple(str(one) for one in value["columns"]),
        table=str(value.get("table", "")),
        sql=sql,
        file=file,
        shown=shown or f"table {value.get('table', '')}",
        may_be_empty=bool(value.get("may_be_empty", False)),
        place=place,
    )
    return table, found


def _query(file: Path, shown: str, place: Place | None) -> tuple[str, list[Problem]]:
    if not file.is_file():
        near = close_to(file.name, [one.name for one in file.parent.glob("*.sql")])
        hint = near or "paths count from the mapping's folder, such as sql/aides.sql"
        return "", [Problem("E320", f"there is no file {shown}", place, hint=hint)]
    try:
        sql = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        return "", [Problem("E328", f"{shown} is no text in UTF-8", Place(shown))]
    if trouble := one_select.trouble(sql):
        what, line = trouble
        hint = "write one SELECT, which only reads; a name like that goes into double quotes"
        return sql, [Problem("E328", f"{shown}: {what}", Place(shown, line, 1), hint=hint)]
    return sql.strip().rstrip(";"), []


def _problem(message: str, way: Key, places: Places, hint: str, code: str = "E206") -> Problem:
    place = places.key(way)
    return Problem(
        code, message, place, dotted(way), hint,
        excerpt=places.excerpt(place, len(str(way[-1])), key_only=True),
    )  # fmt: skip
