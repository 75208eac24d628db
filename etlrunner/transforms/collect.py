"""Collect values of matching rows of another table into a list, in an order of your choice."""

from __future__ import annotations

from collections.abc import Mapping

import petl
import polars as pl

from etlrunner.mapping import conditions
from etlrunner.mapping.conditions import Columns
from etlrunner.model.components import Options
from etlrunner.table import LIST, ColumnTable, frame_of

THEIRS = "_theirs_"
TAKEN = "_taken"

LOCAL = True
"""A row's fate hangs on itself and what it matches, and on no other row of its table."""


def apply(table: petl.Table, options: Options, tables: Mapping[str, petl.Table]) -> petl.Table:
    """One list per row, without empty values and, unless `distinct` is false, without repetitions."""
    keys = [THEIRS + name for name in options["match"]]
    values = _in_order(conditions.kept(frame_of(tables[options["from"]]), options), options)
    if options.get("distinct", True):
        values = values.unique([*keys, TAKEN], keep="first", maintain_order=True)
    # sorted before it is grouped: sorting inside each list is many times slower
    lists = values.group_by(keys, maintain_order=True).agg(pl.col(TAKEN).alias(options["as"]))
    joined = frame_of(table).join(
        lists, left_on=list(options["match"].values()), right_on=keys, how="left",
        maintain_order="left",
    )  # fmt: skip
    return ColumnTable(joined.with_columns(pl.col(options["as"]).fill_null(pl.lit([], LIST))))


def columns(before: Columns, options: Options, tables: Mapping[str, Columns]) -> Columns:
    """Ours, and the list. Raises ConfigurationError for names that are not there."""
    theirs, match = conditions.theirs(options, tables), options["match"]
    conditions.require(
        [(name, before) for name in match.values()]
        + [(name, theirs) for name in (*match, options["take"])]
        + [(name, theirs) for name, _ in conditions.order(options)]
    )
    conditions.require_text([options["take"]], theirs)
    conditions.require_new([options["as"]], before)
    conditions.rules(options, theirs)
    return {**before, options["as"]: "list"}


def _in_order(frame: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    wanted = conditions.order(options)
    if wanted:
        frame = frame.sort(
            [name for name, _ in wanted],
            descending=[down for _, down in wanted],
            maintain_order=True,
        )
    keys = [pl.col(name).alias(THEIRS + name) for name in options["match"]]
    chosen = frame.select(*keys, pl.col(options["take"]).alias(TAKEN))
    return chosen.filter(pl.all_horizontal(pl.all() != ""))  # a blank is neither key nor value
