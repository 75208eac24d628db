"""Add columns from another table, matched by one or more columns."""

from __future__ import annotations

from collections.abc import Mapping

import petl
import polars as pl

from etlrunner.errors import ChecksFailed
from etlrunner.mapping import conditions
from etlrunner.mapping.conditions import Columns
from etlrunner.model.components import Options
from etlrunner.model.problems import Finding
from etlrunner.table import LIST, ROW, TEXT, ColumnTable, collect, frame_of

THEIRS = "_theirs_"

LOCAL = True
"""A row's fate hangs on itself and what it matches, and on no other row of its table."""


def apply(table: petl.Table, options: Options, tables: Mapping[str, petl.Table]) -> petl.Table:
    """Keeps the order of the rows; without a match the cells are empty, or the row goes (`inner`)."""
    many = options.get("many") == "allowed"
    theirs = _theirs(frame_of(tables[options["from"]]), options, distinct=many)
    if not many:
        _forbid_many(theirs, options)
    joined = frame_of(table).join(
        theirs,
        left_on=list(options["match"].values()),
        right_on=[THEIRS + name for name in options["match"]],
        how="inner" if options.get("kind") == "inner" else "left",
        validate="m:m" if many else "m:1",
        maintain_order="left_right" if many else "left",
    )
    kinds = theirs.collect_schema()
    return ColumnTable(joined.with_columns(_filled(name, kinds[name]) for name in options["take"]))


def columns(before: Columns, options: Options, tables: Mapping[str, Columns]) -> Columns:
    """Ours, then those taken. Raises ConfigurationError for a name that is missing, or there twice."""
    theirs, match, take = conditions.theirs(options, tables), options["match"], options["take"]
    conditions.require(
        [(name, before) for name in match.values()]
        + [(name, theirs) for name in (*match, *take.values())]
    )
    conditions.require_new(list(take), before)
    conditions.rules(options, theirs)
    return {**before, **{name: theirs[source] for name, source in take.items()}}


def _theirs(frame: pl.LazyFrame, options: Options, *, distinct: bool) -> pl.LazyFrame:
    chosen = conditions.kept(frame.drop(ROW, strict=False), options).select(
        *(pl.col(name).alias(THEIRS + name) for name in options["match"]),
        *(pl.col(source).alias(name) for name, source in options["take"].items()),
    )
    # a blank is no key: two rows that name nobody have nothing in common
    chosen = chosen.filter(
        pl.all_horizontal(pl.col(THEIRS + name) != "" for name in options["match"])
    )
    return chosen.unique(maintain_order=True) if distinct else chosen


def _forbid_many(theirs: pl.LazyFrame, options: Options) -> None:
    """Raise ChecksFailed where a row of ours would be multiplied though `many` forbids it."""
    keys = [THEIRS + name for name in options["match"]]
    count = collect(theirs.group_by(keys).len().filter(pl.col("len") > 1).select(pl.len())).item()
    if count:
        source = options["from"]
        message = f"{count:,} keys stand in several rows of {source}, and this join takes one"
        rule = f"join.{source}"
        raise ChecksFailed(
            [Finding(rule, "error", message, str(source), count=count)],
            f"joining {source}: {message}",
            hint="add a `where`, match more columns, or say `many: allowed`",
        )


def _filled(name: str, kind: pl.DataType) -> pl.Expr:
    """No match is the empty text, or the empty list."""
    return pl.col(name).fill_null(pl.lit([], dtype=LIST) if kind == LIST else pl.lit("", TEXT))
