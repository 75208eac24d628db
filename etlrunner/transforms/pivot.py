"""Make columns of rows: the rows of one key become one, with a column for each name."""

from __future__ import annotations

from collections.abc import Mapping

import petl
import polars as pl

from etlrunner.errors import ChecksFailed
from etlrunner.mapping import conditions
from etlrunner.mapping.conditions import Columns
from etlrunner.model.components import Options
from etlrunner.model.problems import Finding
from etlrunner.table import ROW, NumberedTable, collect, frame_of


def apply(table: petl.Table, options: Options, tables: Mapping[str, petl.Table]) -> petl.Table:
    """petl's recast, in the order in which the keys come first.

    Raises ChecksFailed where a key has two values under one name.
    """
    key, name, value = list(options["key"]), options["name"], options["value"]
    wanted = options["columns"]
    frame = frame_of(table).with_columns(pl.col(ROW).first().over(key))
    _forbid_two(frame, options)
    rows = petl.recast(
        NumberedTable(frame.select(ROW, *key, name, value)),
        key=[ROW, *key],
        variablefield={name: list(wanted.values())},
        valuefield=value,
        reducers=dict.fromkeys(wanted.values(), lambda values: next(filter(None, values), "")),
        missing="",
    )
    return petl.setheader(rows, [ROW, *key, *wanted])


def columns(before: Columns, options: Options, tables: Mapping[str, Columns]) -> Columns:
    """The key, then the new ones. Raises ConfigurationError for names that do not fit."""
    key = options["key"]
    names = [*key, options["name"], options["value"]]
    conditions.require([(name, before) for name in names])
    conditions.require_text(names, before)
    kept = dict.fromkeys(key, "text")
    conditions.require_new(list(options["columns"]), kept)
    return {**kept, **dict.fromkeys(options["columns"], "text")}


def _forbid_two(frame: pl.LazyFrame, options: Options) -> None:
    """One value under each name: which of two is meant, nobody here can know."""
    name, value = options["name"], options["value"]
    some = frame.filter(
        (pl.col(value) != "") & pl.col(name).is_in(list(options["columns"].values()))
    )
    different = some.select(*options["key"], name, value).unique()
    twice = different.group_by(*options["key"], name).len().filter(pl.col("len") > 1)
    count = collect(twice.select(pl.len())).item()
    if count:
        message = f"{count:,} keys have two different values under one name"
        raise ChecksFailed(
            [Finding(f"pivot.{name}", "error", message, "", column=str(value), count=count)],
            f"pivot of {name}: {message}",
            hint="filter or dedupe the rows first, or take more columns into the key",
        )
