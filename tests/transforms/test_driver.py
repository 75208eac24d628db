"""The driver fails transforms that are wrong on purpose: one that has never failed proves nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jsonschema
import petl
import polars as pl
import pytest

from etlrunner.mapping import conditions
from etlrunner.table import ROW, ColumnTable, collect
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


def test_one_whose_petl_rows_lose_their_number_fails():
    wrong = component(lambda t, o, ts: petl.cutout(t, ROW))
    with pytest.raises(AssertionError, match="keep their number"):
        run_transform(wrong, ROWS)


def test_one_that_makes_up_row_numbers_fails():
    wrong = component(lambda t, o, ts: ColumnTable(t.frame.with_columns(pl.col(ROW) + 7)))
    with pytest.raises(AssertionError, match="make up row numbers"):
        run_transform(wrong, ROWS)


def test_one_whose_order_depends_on_the_pieces_of_a_frame_fails():
    def last_piece_first(table: ColumnTable, options: Any, tables: Any) -> ColumnTable:
        pieces = (
            collect(table.frame).iter_slices(1) if _pieces(table) > 1 else [collect(table.frame)]
        )
        return ColumnTable(pl.concat(list(pieces)[::-1]).lazy())

    with pytest.raises(AssertionError, match="how they lie in memory"):
        run_transform(component(last_piece_first), ROWS)


def _pieces(table: ColumnTable) -> int:
    return collect(table.frame).n_chunks()


def test_one_that_needs_a_row_fails():
    def first(table: ColumnTable, options: Any, tables: Any) -> ColumnTable:
        collect(table.frame).row(0)
        return table

    with pytest.raises(AssertionError, match="without rows is a table"):
        run_transform(component(first), ROWS)


def test_one_whose_columns_come_from_the_rows_fails():
    def named_by_cells(table: ColumnTable, options: Any, tables: Any) -> ColumnTable:
        more = {name: pl.lit("") for name in collect(table.frame)["school"]}
        return ColumnTable(table.frame.with_columns(**more))

    def columns(before: Any, options: Any, tables: Any) -> Any:
        return {**before, "North": "text", "South": "text"}

    with pytest.raises(AssertionError, match="without rows has its columns"):
        run_transform(component(named_by_cells, columns), ROWS)


def test_one_that_does_not_look_for_its_column_at_validate_fails():
    wrong = component(lambda t, o, ts: ColumnTable(t.frame.filter(pl.col("school") != "West")))
    with pytest.raises(AssertionError, match="without school it must be refused"):
        run_transform(wrong, ROWS)


def not_in_orgs(table: ColumnTable, options: Any, tables: Any) -> ColumnTable:
    theirs = tables["orgs"].frame.select("name")
    return ColumnTable(table.frame.join(theirs, left_on="id", right_on="name", how="anti"))


ORGS = {"orgs": [("name",), ("Elm",)]}


def test_one_that_does_not_look_for_a_column_of_theirs_fails():
    def columns(before: Any, options: Any, tables: Any) -> Any:
        conditions.theirs({"from": "orgs"}, tables)
        return _named(before, "id")

    with pytest.raises(AssertionError, match=r"without orgs\.name it must be refused"):
        run_transform(component(not_in_orgs, columns), ROWS, ORGS)


def test_one_that_does_not_look_for_the_other_table_fails():
    def columns(before: Any, options: Any, tables: Any) -> Any:
        return _named(before, "id")

    with pytest.raises(AssertionError, match="without orgs it must be refused"):
        run_transform(component(not_in_orgs, columns), ROWS, ORGS)


def _named(before: Any, name: str) -> Any:
    """The columns, if this one is there."""
    conditions.require([(name, before)])
    return before


def test_one_that_lets_a_blank_key_match_fails():
    def join(table: ColumnTable, options: Any, tables: Any) -> ColumnTable:
        theirs = tables["orgs"].frame.select(school="key", place="place")
        joined = table.frame.join(theirs, on="school", how="left", maintain_order="left")
        return ColumnTable(joined.with_columns(pl.col("place").fill_null("")))

    def columns(before: Any, options: Any, tables: Any) -> Any:
        conditions.require([("school", before)])
        theirs = conditions.theirs(options, tables)
        conditions.require([(name, theirs) for name in ("key", "place")])
        return {**before, "place": "text"}

    given = {"orgs": [("key", "place"), ("North", "up")]}
    options = {"from": "orgs", "match": {"key": "school"}}
    with pytest.raises(AssertionError, match="blank key must match nothing"):
        run_transform(component(join, columns), ROWS, given, **options)


def test_a_right_one_written_with_petl_passes():
    same = component(lambda t, o, ts: petl.select(t, lambda row: row["id"] != "1"), needs_id)
    assert run_transform(same, ROWS) == [("id", "school"), ("2", "South")]


def needs_id(before: Any, options: Any, tables: Any) -> Any:
    return _named(before, "id")


def test_an_option_that_the_schema_does_not_have_fails():
    closed = component(lambda t, o, ts: t, schema={"type": "object", "additionalProperties": False})
    with pytest.raises(jsonschema.ValidationError):
        run_transform(closed, ROWS, by=["id"])
