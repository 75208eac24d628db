"""Accounts add up to source minus output: for every record of a dirty district, in every table."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from etlrunner.lib import plain
from etlrunner.target import APPLE_SCHOOL_MANAGER, FILE_ORDER
from etlrunner.why.account import WRITTEN, Account, Accounts
from tests.why.conftest import Ran


def accounts(dirty: Ran, name: str, *, show: bool = True) -> list[Account]:
    """Of every source record of a target table."""
    made = Accounts(dirty.kept, name, Path("nowhere"), show=show)
    rows = pl.read_parquet(dirty.kept.raw[made.mapping.source])["_row"].to_list()
    return made.of(rows)


@pytest.mark.parametrize("name", FILE_ORDER)
def test_reasons_add_up_to_source_minus_output(dirty: Ran, name: str):
    told = accounts(dirty, name)
    assert all(one.agrees for one in told)
    counts = dirty.result.finished[name].counts
    fates = sum((Counter(one.fates) for one in told), Counter())
    rows = Counter(row.fate for one in told for row in one.rows)
    assert rows[WRITTEN] == counts.written
    for rule, count in {**counts.filtered, **counts.rejected}.items():
        assert fates[rule] == count, rule
    assert len(told) + counts.added == sum(fates.values())


@pytest.mark.parametrize("name", FILE_ORDER)
def test_the_row_that_is_told_is_the_row_in_the_file(dirty: Ran, name: str):
    key = APPLE_SCHOOL_MANAGER.tables[name].key
    finished = {row[key]: row for row in pl.read_parquet(dirty.kept.finished(name)).to_dicts()}
    repaired = {repair.key for repair in dirty.result.repairs if repair.table == name}
    told = [row for one in accounts(dirty, name) for row in one.rows if row.fate == WRITTEN]
    assert sorted(row.key for row in told) == sorted(finished)
    for row in told:
        for column in row.columns:
            held = [finished[row.key][one] for one in _numbered(column.name, finished[row.key])]
            if row.key not in repaired:
                assert column.value == ", ".join(one for one in held if one)


def _numbered(name: str, row: dict[str, str]) -> list[str]:
    return [one for one in row if one == name or one.removeprefix(f"{name}_").isdigit()]


def test_no_name_and_no_address_is_in_an_account(dirty: Ran):
    users = pl.read_parquet(dirty.kept.raw["users"])
    hidden = {
        value
        for column in ("givenName", "familyName", "email", "username", "identifier")
        for value in users[column]
        if len(value) > 3
    }
    for name in ("students", "staff", "classes", "rosters"):
        text = str(plain.of(accounts(dirty, name, show=False)))
        assert [value for value in hidden if f"'{value}'" in text] == []


def test_an_account_says_where_each_rule_and_column_stands(dirty: Ran):
    told = accounts(dirty, "students")
    out = next(one for one in told if "leave_out" in one.fates)
    assert out.left_out["owner"] == "registrar"
    [rule] = [one for one in out.rules if one.out]
    lines = (dirty.project.root / "flows" / "dirty.yaml").read_text().splitlines()
    file, _, line = rule.place.rpartition(":")
    assert file == "flows/dirty.yaml"
    assert str(out.record["sourcedId"]) in lines[int(line) - 1]
    column = next(row for one in told for row in one.rows).columns[0]
    assert column.place.startswith("etlrunner/mappings/apple-school-manager/students.yaml:")
    follows = next(
        rule
        for one in accounts(dirty, "rosters")
        for rule in one.rules
        if rule.name == "select.class" and rule.out
    )
    assert follows.because.startswith("class ")
