"""The district's own rules: named assertions over the finished tables, in the expressions of the mapping.

Besides the columns of a file, an assertion may name what hangs together with it: `location_ids` and
`instructor_ids` are the numbered columns as a list, and `number_of_rosters` and the like are how many rows of
another file refer to the row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

import polars as pl

from etlrunner import table
from etlrunner.checks.listing import Items, Message, RowRule, TableRules, Tables, shown
from etlrunner.errors import ConfigurationError
from etlrunner.expressions import Type, compile_where
from etlrunner.model.components import Options
from etlrunner.model.flow import Assertion, Ruling
from etlrunner.model.problems import Problem
from etlrunner.target import APPLE_SCHOOL_MANAGER, Target, TargetTable

PREFIX = "policy."


def check(tables: Tables, options: Options) -> Items:
    """Yield a rule for each assertion; options: target, policy, as_of."""
    target: Target = options["target"]
    today = options.get("as_of") or date(2000, 1, 1)
    for name, one in (options.get("policy") or {}).items():
        if one.table in tables:
            spec = target.tables[one.table]
            frame = tables[one.table]
            parts = compile_where(one.holds, types(spec), today=today)
            holds = pl.all_horizontal(part.expr for part in parts)
            frame = _with_what_is_named(frame, spec, target, tables, set(holds.meta.root_names()))
            says = _says(spec.key, one.message)
            yield TableRules(spec, frame, [RowRule(PREFIX + name, ~holds, says)])


def types(spec: TargetTable) -> dict[str, Type]:
    """What an assertion about a table may name."""
    found = {column.name: Type.TEXT for column in spec.columns}
    found |= {f"{column.name}s": Type.LIST for column in spec.columns if column.numbered}
    found |= {f"number_of_{name}": Type.TEXT for name, _ in _referring(spec, APPLE_SCHOOL_MANAGER)}
    return found


def problems(policy: Mapping[str, Assertion]) -> list[Problem]:
    """Assertions that cannot be compiled, each with its place."""
    found: list[Problem] = []
    for name, one in policy.items():
        try:
            spec = APPLE_SCHOOL_MANAGER.tables[one.table]
            compile_where(
                one.holds, types(spec), today=date(2000, 1, 1), what=f"policy.{name}.holds"
            )
        except ConfigurationError as error:
            found += error.problems
    return found


def rulings(policy: Mapping[str, Assertion]) -> dict[str, Ruling]:
    """What the flow decides about each of its assertions."""
    return {
        PREFIX + name: Ruling(one.verdict, place=one.holds.place) for name, one in policy.items()
    }


def _says(key: str, message: str) -> Message:
    def says(cells: Mapping[str, str]) -> str:
        return f"{key} = '{shown(cells[key])}': {message}"

    return says


# ---------------------------------------------------------------- what is named besides columns


def _referring(spec: TargetTable, target: Target) -> Iterator[tuple[str, str]]:
    """The tables, and their columns, that refer to this one."""
    for other in target.tables.values():
        for column in other.columns:
            if column.references == (spec.name, spec.key):
                yield other.name, column.name


def _with_what_is_named(
    frame: pl.LazyFrame, spec: TargetTable, target: Target, tables: Tables, named: set[str]
) -> pl.LazyFrame:
    """The table with the lists and counts that the assertion names; rows keep their order."""
    header = frame.collect_schema().names()
    for column in spec.columns:
        if column.numbered and f"{column.name}s" in named:
            held = [name for name in header if spec.column(name) is column]
            items = pl.concat_list(held).list.eval(pl.element().filter(pl.element() != ""))
            frame = frame.with_columns(items.alias(f"{column.name}s"))
    for name, column_name in _referring(spec, target):
        count = f"number_of_{name}"
        if count in named:
            counts = _counted(tables.get(name), target.tables[name], column_name)
            many = pl.col(spec.key).replace_strict(
                counts["id"], counts["rows"], default="0", return_dtype=pl.String
            )
            frame = frame.with_columns(many.alias(count))
    return frame


def _counted(frame: pl.LazyFrame | None, spec: TargetTable, column: str) -> pl.DataFrame:
    """How many rows of a table refer to each id, in any of the numbered columns."""
    nothing = pl.DataFrame(schema={"id": pl.String, "rows": pl.String})
    if frame is None:
        return nothing
    wanted = spec.column(column)
    held = [name for name in frame.collect_schema().names() if spec.column(name) is wanted]
    ids = pl.concat([frame.select(pl.col(name).alias("id")) for name in held])
    counted = (
        ids.filter(pl.col("id") != "").group_by("id").agg(pl.len().cast(pl.String).alias("rows"))
    )
    return table.collect(counted)
