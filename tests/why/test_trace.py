"""The trace of a row is what the run did with it: for every row of a dirty district, and one at a time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from etlrunner import plan as plans
from etlrunner.mapping import apply, trace
from etlrunner.mapping.trace import Trace
from etlrunner.model.flow import Flow
from etlrunner.model.surroundings import SilentProgress
from etlrunner.model.tables import FinishedTable
from etlrunner.target import APPLE_SCHOOL_MANAGER, FILE_ORDER
from tests.support.project import DAY
from tests.why.conftest import Ran


@dataclass
class Mapped:
    flow: Flow
    raw: Mapping[str, Path]
    tables: Mapping[str, FinishedTable]

    def fates(self, name: str) -> dict[int, Counter[str]]:
        """Source row -> what the run made of it."""
        one = self.tables[name]
        assert one.fate_path is not None
        found: dict[int, Counter[str]] = defaultdict(Counter)
        for row, fate in pl.read_parquet(one.fate_path).select("_row", "fate").iter_rows():
            found[row][one.reasons[fate - 1] if fate else trace.WRITTEN] += 1
        return dict(found)

    def same_key(self, name: str, rows: set[int]) -> set[int]:
        one = self.tables[name]
        fates = pl.read_parquet(one.fate_path)
        keys = fates.filter(pl.col("_row").is_in(rows))["key"]
        return set(fates.filter(pl.col("key").is_in(keys.implode()))["_row"])

    def trace(self, name: str, rows: set[int], folder: Path) -> Mapping[int, Trace]:
        return trace.trace(
            self.flow, name, self.raw, rows, folder, as_of=DAY, resolve=plans.transform,
            beside=self.same_key(name, rows),
        ).traces  # fmt: skip


@pytest.fixture(scope="module")
def mapped(dirty: Ran, tmp_path_factory: pytest.TempPathFactory) -> Mapped:
    """The run's roster, mapped without the repairs that a run goes on to make."""
    flow, raw = dirty.kept.flow(), dirty.kept.raw
    folder = tmp_path_factory.mktemp("mapped")
    done = apply.map_tables(
        flow, raw, folder, as_of=DAY, resolve=plans.transform, progress=SilentProgress()
    )
    return Mapped(flow, raw, done)


@pytest.mark.parametrize("name", FILE_ORDER)
def test_every_row_has_the_fate_that_the_run_gave_it(mapped: Mapped, name: str, tmp_path: Path):
    fates = mapped.fates(name)
    traces = mapped.trace(name, set(fates), tmp_path)
    assert {row: one.fates for row, one in traces.items()} == fates
    reasons = Counter(reason for many in fates.values() for reason in many)
    assert len(reasons) > (1 if name in ("locations", "courses") else 2), reasons


@pytest.mark.parametrize("name", FILE_ORDER)
def test_every_row_that_is_traced_as_written_is_written_so(
    mapped: Mapped, name: str, tmp_path: Path
):
    traces = mapped.trace(name, set(mapped.fates(name)), tmp_path)
    header = mapped.tables[name].columns
    key = APPLE_SCHOOL_MANAGER.tables[name].key
    told = [
        {column: made.cells.get(column, "") for column in header}
        for one in traces.values()
        for made in one.made
        if made.fate == trace.WRITTEN
    ]
    written = pl.read_parquet(mapped.tables[name].path).to_dicts()
    assert sorted(told, key=lambda row: row[key]) == written


@pytest.mark.parametrize("name", FILE_ORDER)
def test_a_row_alone_is_traced_as_among_all(mapped: Mapped, name: str, tmp_path: Path):
    """One row for each reason, and one that is written; every row in the slow test."""
    fates = mapped.fates(name)
    chosen = {reason: row for row, many in sorted(fates.items()) for reason in many}
    for number, row in enumerate(sorted(set(chosen.values()))):
        alone = mapped.trace(name, {row}, tmp_path / str(number))
        assert alone[row].fates == fates[row]
        assert len(alone[row].wheres) == (mapped.flow.mapping.tables[name].where is not None)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILE_ORDER)
def test_every_row_alone_is_traced_as_among_all(mapped: Mapped, name: str, tmp_path: Path):
    fates = mapped.fates(name)
    everyone = mapped.trace(name, set(fates), tmp_path / "all")
    for row in fates:
        alone = mapped.trace(name, {row}, tmp_path / str(row))
        assert alone[row].fates == fates[row]
        assert _filled(alone[row]) == _filled(everyone[row])


def _filled(one: Trace) -> list[dict[str, str]]:
    """The cells that hold something: a wide row among all makes columns that a narrow one alone has not."""
    return [{name: cell for name, cell in made.cells.items() if cell} for made in one.made]
