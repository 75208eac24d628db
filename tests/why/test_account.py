"""Accounts add up to source minus output: for every record of a dirty district, in every table."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from etlrunner.lib import plain
from etlrunner.target import APPLE_SCHOOL_MANAGER, FILE_ORDER
from etlrunner.why.account import Account
from etlrunner.why.accounts import WRITTEN, Accounts
from tests.why.conftest import Ran


@cache
def accounts(dirty: Ran, name: str, *, show: bool = True) -> list[Account]:
    """Of every source record of a target table."""
    made = Accounts(dirty.kept, name, Path("nowhere"), show=show)
    rows = pl.read_parquet(dirty.kept.fate(name))["_row"].unique(maintain_order=True)
    return made.of(rows.to_list())


@pytest.fixture(params=["dirty", "odd"])
def ran(request: pytest.FixtureRequest) -> Ran:
    """The shipped mapping, and one that looks at many rows at once, with merges, stubs and verdicts."""
    found: Ran = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("name", FILE_ORDER)
def test_reasons_add_up_to_source_minus_output(ran: Ran, name: str):
    told = accounts(ran, name)
    assert all(one.agrees for one in told)
    counts = ran.result.finished[name].counts
    fates = sum((Counter(one.fates) for one in told), Counter())
    rows = Counter(row.fate for one in told for row in one.rows)
    assert rows[WRITTEN] == counts.written
    for rule, count in {**counts.filtered, **counts.rejected}.items():
        assert fates[rule] == count, rule
    assert counts.read + counts.added == sum(fates.values())


@pytest.mark.parametrize("name", FILE_ORDER)
def test_the_row_that_is_told_is_the_row_in_the_file(ran: Ran, name: str):
    key = APPLE_SCHOOL_MANAGER.tables[name].key
    finished = {row[key]: row for row in pl.read_parquet(ran.kept.finished(name)).to_dicts()}
    touched = {repair.key for repair in ran.result.repairs if repair.table == name}
    told = [row for one in accounts(ran, name) for row in one.rows if row.fate == WRITTEN]
    assert sorted(row.key for row in told) == sorted(finished)
    for row in told:
        for column in row.columns:
            sent = ", ".join(filter(None, _numbered(column.name, finished[row.key])))
            mended = f"sent as {sent}" in column.notes or not sent
            assert column.value == sent or (row.key in touched and mended)


def _numbered(name: str, row: dict[str, str]) -> list[str]:
    return [row[one] for one in row if one == name or one.removeprefix(f"{name}_").isdigit()]


def test_what_the_checks_did_is_told_as_the_row_s_fate(odd: Ran):
    """A merge, a stub and a verdict of the flow: none of them is the mapping's."""
    merged = [one for one in accounts(odd, "students") if one.rows and "merge" in str(one.fates)]
    assert [one.record["sourcedId"] for one in merged] == ["stu-9"]
    [stub] = [one for one in accounts(odd, "locations") if not one.record]
    assert [(row.key, row.fate) for row in stub.rows] == [("sch-lost", WRITTEN)]
    assert stub.rows[0].noted[0]["verdict"] == "stub"
    rejected = [one for one in accounts(odd, "classes") if "asm-class-no-instructor" in one.fates]
    assert rejected
    twice = [one for one in accounts(odd, "students") if "dedupe" in one.fates]
    assert twice
    assert {step.what for one in twice for step in one.steps} == {"took it out"}


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
        assert hidden & set(text.split("'")) == set()


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
