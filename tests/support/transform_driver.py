"""What every transform must be true to; the tests of one transform are then a few lines."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl

from etlrunner import roster, table
from etlrunner.config import options as fill
from etlrunner.errors import ConfigurationError
from etlrunner.lib.document import Places
from etlrunner.mapping.assigned import ASSIGNED
from etlrunner.table import ROW, ColumnTable, NumberedTable

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas" / "transforms"

LISTS = frozenset().union(*roster.LISTS.values())

Rows = Sequence[Sequence[Any]]
"""A header, then rows of texts and lists of texts."""


def run_transform(
    module: Any, rows: Rows, tables: Mapping[str, Rows] | None = None, **options: Any
) -> list[tuple[Any, ...]]:
    """Apply a transform to literal rows; header and rows come out.

    Fails unless the transform keeps every law of this page (each `_check_…`, and those in `_checked`).
    """
    return [row[:-1] for row in run_with_numbers(module, rows, tables, **options)]


def run_with_numbers(
    module: Any, rows: Rows, tables: Mapping[str, Rows] | None = None, **options: Any
) -> list[tuple[Any, ...]]:
    """The same, each row followed by the number of the source row it comes from."""
    check_options(module, options)
    filled = filled_options(module, options)
    given, others = table_of(rows), {name: table_of(t) for name, t in (tables or {}).items()}
    first = _checked(module, given, others, filled)
    _check_in_pieces(module, given, others, filled, first)
    _check_without_rows(module, given, others, filled)
    _check_names(module, given, others, filled)
    _check_blank_keys(module, given, others, filled)
    return first


def columns_of(
    module: Any,
    columns: Mapping[str, str],
    tables: Mapping[str, Mapping[str, str]],
    /,
    **options: Any,
) -> dict[str, str]:
    """What a transform says about its columns without any data."""
    check_options(module, options)
    return dict(module.columns(columns, filled_options(module, options), tables))


def check_options(module: Any, options: Mapping[str, Any]) -> None:
    """Against the schema of the module's name, which is the only declaration of options."""
    schema = getattr(module, "SCHEMA", None) or schema_of(module.__name__.rpartition(".")[2])
    jsonschema.validate(dict(options), schema)


def filled_options(module: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """As a mapping file's reader fills them: defaults, durations."""
    if hasattr(module, "SCHEMA"):
        return dict(options)
    name = f"transforms/{module.__name__.rpartition('.')[2]}"
    return fill.filled(dict(options), name, Places({}, {}), SCHEMAS)


def schema_of(name: str) -> Any:
    return json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))


def table_of(rows: Rows) -> ColumnTable:
    """Literal rows as a table over columns, with row numbers, as the engine hands it over.

    Without any row, the columns that are lists in the roster model are lists.
    """
    header, *body = rows
    schema = {
        name: table.LIST if _is_list([row[place] for row in body], name) else pl.String()
        for place, name in enumerate(header)
    }
    frame = pl.DataFrame([list(row) for row in body], schema=schema, orient="row")
    return NumberedTable(frame.with_row_index(ROW).lazy())


def _is_list(cells: list[Any], name: str) -> bool:
    return any(isinstance(cell, list) for cell in cells) if cells else name in LISTS


# ---------------------------------------------------------------- the laws


def _checked(
    module: Any, given: ColumnTable, others: Mapping[str, ColumnTable], options: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """Apply it, as the engine does: what comes out is what was said, twice, and nothing is touched."""
    before = copy.deepcopy((options, sorted(others), _rows(given), _all(others)))
    said = _said(module, given, others, options)
    result = module.apply(given, options, others)
    first, second = _rows(result, said), _rows(result, said)

    assert first == second, "a transform must give the same rows on every pass"
    after = (options, sorted(others), _rows(given), _all(others))
    assert after == before, "a transform must not change what it is given"
    frame = _frame(result, said)
    assert list(said.items()) == list(_kinds(frame).items()), "columns() must say what comes out"
    _check_cells(frame)
    _check_numbers(given, frame)
    again = _rows(module.apply(given, options, others), said)
    assert again == first, "applied again, it must agree"
    return first


def _check_cells(frame: pl.LazyFrame) -> None:
    counted = table.collect(frame).null_count().row(0, named=True)
    nulls = {name: count for name, count in counted.items() if count}
    nulls.pop(ROW, None)  # a row that was added has no source row
    assert not nulls, f"a missing cell is the empty text, never null: {sorted(nulls)}"


def _check_numbers(given: ColumnTable, frame: pl.LazyFrame) -> None:
    """A row has the number of the row it comes from; one that comes from none has none."""
    known = set(table.collect(given.frame)[ROW])
    numbers = set(table.collect(frame.select(ROW))[ROW].drop_nulls())
    assert numbers <= known, "a transform must not make up row numbers"


def _check_in_pieces(
    module: Any,
    given: ColumnTable,
    others: Mapping[str, ColumnTable],
    options: Mapping[str, Any],
    whole: list[tuple[Any, ...]],
) -> None:
    """A frame that lies in several pieces is the same table."""
    frame = table.collect(given.frame)
    pieces = pl.concat([frame.head(1), frame.slice(1)], rechunk=False)
    said = _said(module, given, others, options)
    made = _rows(module.apply(NumberedTable(pieces.lazy()), options, others), said)
    assert made == whole, "the order of rows must not depend on how they lie in memory"


def _check_without_rows(
    module: Any, given: ColumnTable, others: Mapping[str, ColumnTable], options: Mapping[str, Any]
) -> None:
    """No rows on our side, none on theirs, none at all: the columns are there all the same."""
    nobody = {name: NumberedTable(one.frame.head(0)) for name, one in others.items()}
    for ours, theirs in ((0, others), (None, nobody), (0, nobody)):
        some = given if ours is None else NumberedTable(given.frame.head(ours))
        said = _said(module, some, theirs, options)
        try:
            kinds = _kinds(_frame(module.apply(some, options, theirs), said))
        except (ArithmeticError, LookupError, ValueError, pl.exceptions.PolarsError) as error:
            raise AssertionError(f"a table without rows is a table: {error!r}") from error
        assert kinds == said, "a table without rows has its columns"


def _check_names(
    module: Any, given: ColumnTable, others: Mapping[str, ColumnTable], options: Mapping[str, Any]
) -> None:
    """Whatever column or table is taken away: `columns` refuses, or the transform does not need it."""
    for name in _kinds(given.frame):
        less = NumberedTable(given.frame.drop(name))
        _check_refused(module, less, others, options, name)
    for other, one in others.items():
        if other == ASSIGNED:  # the engine's own, whose columns are always the same
            continue
        rest = {name: one for name, one in others.items() if name != other}
        _check_refused(module, given, rest, options, other)
        for name in _kinds(one.frame):
            fewer = {**others, other: NumberedTable(one.frame.drop(name))}
            _check_refused(module, given, fewer, options, f"{other}.{name}")


def _check_refused(
    module: Any,
    given: ColumnTable,
    others: Mapping[str, ColumnTable],
    options: Mapping[str, Any],
    name: str,
) -> None:
    try:
        said = _said(module, given, others, options)
        kinds = _kinds(_frame(module.apply(given, options, others), said))
    except ConfigurationError:
        return
    except (LookupError, pl.exceptions.PolarsError) as error:
        raise AssertionError(f"without {name} it must be refused at validate") from error
    assert kinds == said, f"without {name} it must be refused at validate"


def _check_blank_keys(
    module: Any, given: ColumnTable, others: Mapping[str, ColumnTable], options: Mapping[str, Any]
) -> None:
    """Two rows that name nobody have nothing in common."""
    if "match" not in options or options["from"] not in others:
        return
    ours = table.collect(given.frame)
    number = len(ours)
    blank = _row(ours, {ROW: number})
    theirs = table.collect(others[options["from"]].frame)
    cells = {name: MARK for name in theirs.columns if name not in options["match"]}
    nobody = _row(theirs, {**cells, ROW: len(theirs)})
    both = {**others, options["from"]: NumberedTable(pl.concat([theirs, nobody]).lazy())}
    some = NumberedTable(pl.concat([ours, blank]).lazy())
    rows = _rows(module.apply(some, options, both), _said(module, some, both, options))
    mine = [row for row in rows if row[-1] == number]
    found = [cell for row in mine for cell in row if cell == MARK or cell == [MARK]]
    assert not found, "a blank key must match nothing"


MARK = "nobody's"


def _row(like: pl.DataFrame, cells: Mapping[str, Any]) -> pl.DataFrame:
    """One row of a frame's kind, empty but for these cells."""
    values = {
        name: cells.get(name, "") if kind != table.LIST else [cells[name]] if name in cells else []
        for name, kind in like.schema.items()
    }
    return pl.DataFrame([values], schema=like.schema, orient="row")


# ---------------------------------------------------------------- rows and kinds


def _frame(result: Any, said: Mapping[str, str]) -> pl.LazyFrame:
    """What the engine makes of a result: rows of petl become columns."""
    frame = table.frame_of(result, [name for name, kind in said.items() if kind == "list"])
    assert ROW in frame.collect_schema(), "rows must keep their number"
    return frame


def _rows(result: Any, said: Mapping[str, str] | None = None) -> list[tuple[Any, ...]]:
    """Header and rows, the row number last."""
    frame = table.collect(_frame(result, said or {}))
    names = [name for name in frame.columns if name != ROW]
    return [(*names, ROW), *frame.select(*names, ROW).iter_rows()]


def _all(others: Mapping[str, ColumnTable]) -> dict[str, list[tuple[Any, ...]]]:
    return {name: _rows(one) for name, one in others.items()}


def _said(
    module: Any, given: ColumnTable, others: Mapping[str, ColumnTable], options: Mapping[str, Any]
) -> dict[str, str]:
    kinds = {name: _kinds(one.frame) for name, one in others.items()}
    return dict(module.columns(_kinds(given.frame), options, kinds))


def _kinds(frame: pl.LazyFrame) -> dict[str, str]:
    names = {pl.String(): "text", table.LIST: "list"}
    schema = frame.collect_schema()
    return {name: names.get(kind, str(kind)) for name, kind in schema.items() if name != ROW}
