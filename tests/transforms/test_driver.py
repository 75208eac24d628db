"""The driver fails transforms that are wrong on purpose: one that has never failed proves nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jsonschema
import polars as pl
import pytest

from etlrunner.table import ROW, ColumnTable
from tests.support.transform_driver import run_transform

ROWS = [("id", "school"), ("1", "North"), ("2", "South")]
ANYTHING = {"type": "object"}


def component(apply: Any, columns: Any = None, schema: Any = None) -> Any:
    """A transform made of two functions."""
    return SimpleNamespace(
        __name__="wrong",
        apply=apply,
        columns=columns or (lambda before, options, tables: before),
        SCHEMA=schema or ANYTHING,
    )


def test_a_right_transform_passes():
    same = component(lambda table, options, tables: table)
    assert run_transform(same, ROWS) == ROWS


def test_one_that_remembers_across_passes_fails():
    seen: list[int] = []

    def forgetful(frame: pl.DataFrame) -> pl.DataFrame:
        seen.append(1)
        return frame.head(0) if len(seen) > 1 else frame

    wrong = component(lambda t, o, ts: ColumnTable(t.frame.map_batches(forgetful)))
    with pytest.raises(AssertionError, match="same rows on every pass"):
        run_transform(wrong, ROWS)


def test_one_that_differs_when_applied_again_fails():
    heads = iter([2, 1])
    wrong = component(lambda t, o, ts: ColumnTable(t.frame.head(next(heads))))
    with pytest.raises(AssertionError, match="applied again"):
        run_transform(wrong, ROWS)


def test_one_that_changes_its_input_fails():
    def meddling(table: ColumnTable, options: Any, tables: Any) -> ColumnTable:
        table.frame = table.frame.with_columns(pl.lit("changed").alias("school"))
        return table

    with pytest.raises(AssertionError, match="must not change"):
        run_transform(component(meddling), ROWS)


def test_one_that_changes_its_options_fails():
    def meddling(table: ColumnTable, options: Any, tables: Any) -> ColumnTable:
        options["keys"].pop()
        return table

    with pytest.raises(AssertionError, match="must not change"):
        run_transform(component(meddling), ROWS, keys=["id"])


def test_one_that_changes_the_other_tables_fails():
    def meddling(table: ColumnTable, options: Any, tables: Any) -> ColumnTable:
        tables["orgs"].frame = tables["orgs"].frame.head(0)
        return table

    with pytest.raises(AssertionError, match="must not change"):
        run_transform(component(meddling), ROWS, {"orgs": [("id",), ("s1",)]})


def test_one_that_says_other_columns_than_it_makes_fails():
    wrong = component(
        lambda t, o, ts: ColumnTable(t.frame.with_columns(pl.lit("x").alias("more"))),
    )
    with pytest.raises(AssertionError, match="must say what comes out"):
        run_transform(wrong, ROWS)


def test_one_that_says_the_wrong_kind_fails():
    wrong = component(lambda t, o, ts: t, lambda before, o, ts: {**before, "school": "list"})
    with pytest.raises(AssertionError, match="must say what comes out"):
        run_transform(wrong, ROWS)


def test_one_that_leaves_a_null_fails():
    wrong = component(
        lambda t, o, ts: ColumnTable(t.frame.with_columns(school=pl.lit(None, pl.String)))
    )
    with pytest.raises(AssertionError, match=r"never null: \['school'\]"):
        run_transform(wrong, ROWS)


def test_one_that_loses_the_row_numbers_fails():
    wrong = component(lambda t, o, ts: ColumnTable(t.frame.drop(ROW)))
    with pytest.raises(AssertionError, match="keep their number"):
        run_transform(wrong, ROWS)


def test_one_whose_result_has_no_columns_fails():
    wrong = component(lambda t, o, ts: [("id", "school")])
    with pytest.raises(AssertionError, match="wants columns"):
        run_transform(wrong, ROWS)


def test_an_option_that_the_schema_does_not_have_fails():
    closed = component(lambda t, o, ts: t, schema={"type": "object", "additionalProperties": False})
    with pytest.raises(jsonschema.ValidationError):
        run_transform(closed, ROWS, by=["id"])
