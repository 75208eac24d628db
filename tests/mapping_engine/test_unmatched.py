"""A code table, a join or a collecting that fits nothing is said, with how many of how many; else nothing is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from etlrunner.mapping import unmatched
from etlrunner.model.mapping import Column, LookupTable, Step
from etlrunner.model.problems import Located
from tests.support.mapped import Row, map_rows, mapping, only, section

LOCATIONS: Mapping[str, str | Column] = {"location_id": "sourcedId", "location_name": "name"}


def schools(count: int = 12, start: str = "s") -> list[Row]:
    return [
        {"sourcedId": f"{start}{n}", "type": "school", "name": "Elm", "identifier": f"code {n}"}
        for n in range(count)
    ]


def noticed(
    folder: Path, given: Mapping[str, Sequence[Row]], *steps: Step, **columns: Any
) -> list[tuple[str, str, int, str]]:
    lookups = {one.name: one for one in columns.pop("lookups", ())}
    table = mapping("locations", "orgs", {**LOCATIONS, **columns}, steps=steps, lookups=lookups)
    made = map_rows(folder, {"orgs": schools(), **given}, only(table))
    notes = made.tables["locations"].notes
    return [(one.rule, one.column or "", one.count, one.message) for one in notes]


JOIN = Step("join", {"from": "classes", "match": {"schoolSourcedId": "sourcedId"},
                     "take": {"taught": "title"}, "many": "allowed"})  # fmt: skip
INNER = Step("join", {**JOIN.options, "kind": "inner"})
COLLECT = Step("collect", {"from": "classes", "match": {"schoolSourcedId": "sourcedId"},
                           "take": "title", "as": "taught"})  # fmt: skip


@pytest.mark.parametrize("step", [JOIN, INNER, COLLECT], ids=["join", "inner join", "collect"])
def test_a_join_that_no_row_meets_is_said_with_both_sides(tmp_path: Path, step: Step) -> None:
    elsewhere = [section(f"k{n}", school=f"0s{n}", title="Art") for n in range(3)]
    assert noticed(tmp_path / "none", {"classes": elsewhere}, step) == [
        ("unmatched-join", "", 12,
         f"{step.type}: classes: 0 of the 12 keys of locations are among the 3 of classes"),
    ]  # fmt: skip
    one = [*elsewhere, section("k9", school="s3", title="Art")]
    assert noticed(tmp_path / "one", {"classes": one}, step) == []


def test_what_is_met_and_has_nothing_to_give_is_met(tmp_path: Path) -> None:
    blank = [section("k1", school="s1", title="")]
    assert noticed(tmp_path, {"classes": blank}, JOIN) == []


def test_of_a_handful_of_rows_nothing_is_said(tmp_path: Path) -> None:
    few = {"orgs": schools(unmatched.FEWEST - 1), "classes": [section("k1", title="Art")]}
    assert noticed(tmp_path, few, JOIN) == []


def from_file(folder: Path, *codes: str) -> LookupTable:
    path = folder / "names.csv"
    path.write_text("code,value\n" + "".join(f"{one},Name\n" for one in codes))
    return LookupTable("names", csv=path)


def named(missing: str = "keep") -> Column:
    return Column("location_name", expr=Located("identifier"), lookup="names", missing=missing)  # type: ignore[arg-type]


@pytest.mark.parametrize("missing", ["keep", "blank"])
def test_a_code_table_that_has_none_of_the_codes_is_said(tmp_path: Path, missing: str) -> None:
    table = from_file(tmp_path, "Code 1", "Code 2")
    (found, *_) = noticed(tmp_path / "run", {}, location_name=named(missing), lookups=[table])
    assert found == (
        "unmatched-lookup", "location_name", 12,
        "code table 'names': 0 of its 2 codes came, and 12 cells have one",
    )  # fmt: skip


def test_one_code_that_comes_is_enough_and_so_are_exceptions_in_the_mapping(
    tmp_path: Path,
) -> None:
    def said(table: LookupTable, where: str) -> list[Any]:
        return noticed(tmp_path / where, {}, location_name=named(), lookups=[table])

    assert said(from_file(tmp_path, "code 1", "other"), "one") == []
    exceptions = LookupTable("names", rows={"null": "", "none": ""})
    assert said(exceptions, "exceptions") == []
    whole = LookupTable("names", rows={f"{n}": "x" for n in range(unmatched.FEWEST)})
    assert [one[0] for one in said(whole, "inline")] == ["unmatched-lookup"]
    table = from_file(tmp_path, "CODE 1")
    ignoring = LookupTable("names", csv=table.csv, ignore=("case",))
    assert said(ignoring, "capitals") == []
