"""Runs of small districts whose records say in their names where they belong, and the lists made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

from etlrunner import evidence, roster, table
from etlrunner.config import validate
from etlrunner.fixlists import make
from etlrunner.fixlists.make import Made
from etlrunner.fixlists.words import HEADER, Told
from etlrunner.sandbox import csv_files
from tests.support.project import DAY, TestProject

Tables = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class Books:
    """The lists as somebody opens them."""

    made: Made
    run: Path
    """The folder of the run."""
    opened: dict[str, Any] = field(default_factory=dict)

    def book(self, file: str) -> Any:
        if file not in self.opened:
            self.opened[file] = openpyxl.load_workbook(self.made.folder / file)
        return self.opened[file]

    def sheet(self, file: str, sheet: str) -> list[dict[str, str]]:
        """The rows of a list by their header."""
        book = self.book(file)
        if sheet not in book.sheetnames:
            return []
        header, *rows = book[sheet].iter_rows(values_only=True)
        assert header == HEADER
        return [dict(zip(header, (one or "" for one in row), strict=True)) for row in rows]

    def rows(self, school: str) -> list[dict[str, str]]:
        """All of one school's rows (of the district's for the empty text), those that follow too."""
        file = next((one.file for one in self.made.lists if one.school == school), "")
        if not file:
            return []
        return [*self.sheet(file, "To mend"), *self.sheet(file, "Follows by itself")]

    def texts(self, file: str) -> str:
        """Everything that a file says."""
        cells = (c for s in self.book(file) for row in s.iter_rows(values_only=True) for c in row)
        return "\n".join(str(one) for one in cells if one is not None)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[TestProject]:
    made = TestProject(tmp_path / "project")
    yield made
    made.close()


@pytest.fixture
def lists(project: TestProject) -> Callable[..., Books]:
    """Run a flow over the given tables and write the lists of what came of it."""

    def run(tables: Tables, extra: str = "", name: str = "hill") -> Books:
        path = project.root / f"{name}.zip"
        path.unlink(missing_ok=True)
        csv_files.write_csv(frames(tables), path)
        project.csv(name, path, extra)
        result = project.run(name, as_of=DAY)
        kept = evidence.find(project.project, project.history, name, result.record.id)
        told = Told.by(validate.read_flow(project.project, name))
        return Books(make.of_run(kept, told, project.root / "lists"), kept.folder)

    return run


def frames(tables: Tables) -> dict[str, pl.DataFrame]:
    """Every table of the roster; cells that are not named are empty."""
    made = {}
    for name in roster.TABLES:
        schema = table.schema_of(roster.TABLES[name], roster.LISTS.get(name, ()))
        empty = {one: [] if kind == table.LIST else "" for one, kind in schema.items()}
        rows = [{**empty, **row} for row in tables.get(name, ())]
        made[name] = pl.DataFrame(rows, schema=schema, orient="row")
    return made
