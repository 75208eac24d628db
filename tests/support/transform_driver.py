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
from etlrunner.table import ROW, ColumnTable

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas" / "transforms"

LISTS = frozenset().union(*roster.LISTS.values())

Rows = Sequence[Sequence[Any]]
"""A header, then rows of texts and lists of texts."""


def run_transform(
    module: Any, rows: Rows, tables: Mapping[str, Rows] | None = None, **options: Any
) -> list[tuple[Any, ...]]:
    """Apply a transform to literal rows; header and rows come out.

    Fails if the options do not fit the schema, a second pass differs, the input was touched, `columns`
    does not say what comes out, a cell is null, or rows lose their number.
    """
    return [row[:-1] for row in run_with_numbers(module, rows, tables, **options)]


def run_with_numbers(
    module: Any, rows: Rows, tables: Mapping[str, Rows] | None = None, **options: Any
) -> list[tuple[Any, ...]]:
    """The same, each row followed by the number of the source row it comes from."""
    check_options(module, options)
    given, others = table_of(rows), {name: table_of(t) for name, t in (tables or {}).items()}
    before = copy.deepcopy((options, sorted(others), _rows(given), _all(others)))

    result = module.apply(given, options, others)
    first, second = _rows(result), _rows(result)

    assert first == second, "a transform must give the same rows on every pass"
    after = (options, sorted(others), _rows(given), _all(others))
    assert after == before, "a transform must not change what it is given"
    _check_columns(module, given, others, options, result)
    _check_cells(result)
    assert _rows(module.apply(given, options, others)) == first, "applied again, it must agree"
    return first


def columns_of(
    module: Any, columns: Mapping[str, str], tables: Mapping[str, Mapping[str, str]], **options: Any
) -> dict[str, str]:
    """What a transform says about its columns without any data."""
    check_options(module, options)
    return dict(module.columns(columns, options, tables))


def check_options(module: Any, options: Mapping[str, Any]) -> None:
    """Against the schema of the module's name, which is the only declaration of options."""
    schema = getattr(module, "SCHEMA", None) or schema_of(module.__name__.rpartition(".")[2])
    jsonschema.validate(dict(options), schema)


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
    return ColumnTable(frame.with_row_index(ROW).lazy())


def _is_list(cells: list[Any], name: str) -> bool:
    return any(isinstance(cell, list) for cell in cells) if cells else name in LISTS


def _rows(result: Any) -> list[tuple[Any, ...]]:
    """Header and rows, the row number last."""
    assert isinstance(result, ColumnTable), "the next step wants columns"
    frame = table.collect(result.frame)
    assert ROW in frame.columns, "rows must keep their number"
    names = [name for name in frame.columns if name != ROW]
    return [(*names, ROW), *frame.select(*names, ROW).iter_rows()]


def _all(others: Mapping[str, ColumnTable]) -> dict[str, list[tuple[Any, ...]]]:
    return {name: _rows(one) for name, one in others.items()}


def _kinds(one: ColumnTable) -> dict[str, str]:
    schema = one.frame.collect_schema()
    names = {pl.String(): "text", table.LIST: "list"}
    return {name: names.get(kind, str(kind)) for name, kind in schema.items() if name != ROW}


def _check_columns(
    module: Any,
    given: ColumnTable,
    others: Mapping[str, ColumnTable],
    options: Mapping[str, Any],
    result: ColumnTable,
) -> None:
    kinds = {name: _kinds(one) for name, one in others.items()}
    said = dict(module.columns(_kinds(given), options, kinds))
    assert list(said.items()) == list(_kinds(result).items()), "columns() must say what comes out"


def _check_cells(result: ColumnTable) -> None:
    frame = table.collect(result.frame)
    nulls = {name: count for name, count in frame.null_count().row(0, named=True).items() if count}
    nulls.pop(ROW, None)  # a row that was added has no source row
    assert not nulls, f"a missing cell is the empty text, never null: {sorted(nulls)}"
