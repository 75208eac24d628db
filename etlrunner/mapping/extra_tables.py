"""Tables beside the roster, as text: a CSV file or a sheet of an Excel file, with the place of every cell.

Those of a database are read by mapping/from_database.py; here are only their columns.

The first row names the columns, each once. Cells have no white space around them; rows without any
value are passed over. What cannot be read exactly is a problem with its file, row, column and sheet.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

import petl
import polars as pl

from etlrunner import roster, table
from etlrunner.errors import ConfigurationError
from etlrunner.lib import excel
from etlrunner.lib.suggest import close_to
from etlrunner.mapping import conditions
from etlrunner.model.components import Resolve
from etlrunner.model.mapping import ExtraTable
from etlrunner.model.problems import Place, Problem
from etlrunner.table import ROW, ColumnTable, NumberedTable


@dataclass(frozen=True)
class Sheet:
    """The rows of a table, and where each one stands."""

    shown: str
    """The file's name in messages."""
    sheet: str
    """Empty for CSV."""
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...]
    """The row of the file that each one is, from 1."""

    def place(self, row: int, column: int) -> Place:
        """Of a cell; both count from 0, in `rows` and `header`."""
        return Place(self.shown, self.numbers[row], column + 1)

    def name(self, row: int, column: int) -> str:
        """The cell as people find it: `Aides!B7`, or `row 7`."""
        number = self.numbers[row]
        return f"{self.sheet}!{excel.cell_name(number, column + 1)}" if self.sheet else f"row {number}"  # fmt: skip


def read(one: ExtraTable) -> Sheet:
    """Every row. Raises ConfigurationError with all that is wrong with the file."""
    path = one.csv or one.excel
    assert path is not None
    try:
        facts = path.stat()
    except OSError:
        near = close_to(path.name, [other.name for other in path.parent.glob(f"*{path.suffix}")])
        hint = near or "paths count from the mapping's folder, such as ../crosswalks/grades.csv"
        message = f"there is no file {one.shown or path.name}"
        raise ConfigurationError([Problem("E320", message, one.place, hint=hint)]) from None
    return _read(one, facts.st_mtime_ns, facts.st_size)


def header(one: ExtraTable) -> dict[str, str]:
    """The columns of the file, or those declared of a database; all are text."""
    names = one.database.columns if one.database is not None else read(one).header
    return dict.fromkeys(names, "text")


def columns(
    one: ExtraTable, resolve: Resolve, others: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    """Its columns after its transforms, which may take from `others`, the tables of the roster.

    Raises ConfigurationError for steps that do not fit.
    """
    kinds = header(one)
    for number, step in enumerate(one.transforms):
        module = resolve(step.type)
        if hasattr(module, "assigned"):
            message = f"`{step.type}` is for the mapping's own rows"
            raise ConfigurationError([Problem("E319", message, step.place)])
        try:
            kinds = dict(module.columns(kinds, step.options, others))
        except ConfigurationError as error:
            path = f"tables.{one.name}.transforms[{number}].{step.type}"
            told = [conditions.placed(problem, step, path) for problem in error.problems]
            raise ConfigurationError(told) from None
    return kinds


def as_table(one: ExtraTable) -> ColumnTable:
    """The file's rows as they are."""
    sheet = read(one)
    frame = pl.DataFrame(list(sheet.rows), schema=table.schema_of(sheet.header), orient="row")
    return ColumnTable(frame.lazy())


def prepared(
    one: ExtraTable,
    resolve: Resolve,
    today: date,
    rows: Path | None,
    others: Mapping[str, petl.Table],
) -> ColumnTable:
    """Its rows, or those of `rows` in place of the file's, after its transforms.

    They may take from `others`, the tables of the roster. Rows of a database are always in `rows`:
    they were read with the roster.
    """
    assert rows is not None or one.database is None
    kinds = header(one)
    known = {name: roster.columns(name) for name in others}
    frame = as_table(one).frame if rows is None else pl.scan_parquet(rows).select(list(kinds))
    for step in one.transforms:
        module, options = resolve(step.type), conditions.dated(step.options, today)
        numbered = NumberedTable(table.collect(frame.with_row_index(ROW)).lazy())
        kinds = dict(module.columns(kinds, options, known))
        lists = [name for name, kind in kinds.items() if kind == "list"]
        frame = table.frame_of(module.apply(numbered, options, others), lists).select(list(kinds))
    return ColumnTable(table.collect(frame).lazy())


def place_of(sheet: Sheet, name: str, place: Place | None) -> int:
    """The position of a column. Raises ConfigurationError when there is none."""
    if name in sheet.header:
        return sheet.header.index(name)
    hint = close_to(name, sheet.header) or f"it has {', '.join(sheet.header)}"
    raise ConfigurationError(
        [Problem("E321", f"{sheet.shown} has no column '{name}'", place=place, hint=hint)]
    )


@lru_cache(maxsize=64)
def _read(one: ExtraTable, changed: int, size: int) -> Sheet:
    """Read again when the file is another one: `schedule serve` runs for months."""
    path = one.csv or one.excel
    assert path is not None
    shown = one.shown or path.name
    problems: list[Problem] = []
    if one.csv is not None:
        sheet, lines = "", _from_csv(path, shown, problems)
    else:
        sheet, lines = _from_excel(path, one.sheet, shown, problems)
    if problems:
        raise ConfigurationError(problems)
    header, *rows = lines or [[]]
    width = max((place for place, name in enumerate(header, 1) if name), default=0)
    problems += _header_problems(header[:width], shown, sheet)
    kept, numbers = [], []
    for number, row in enumerate(rows, start=2):
        if any(row[width:]):
            message = "there is a value to the right of the columns that the first row names"
            place = Place(shown, number, width + 1)
            problems.append(Problem("E325", message, place, hint="name the column, or clear it"))
        if any(row):
            kept.append(tuple((row + [""] * width)[:width]))
            numbers.append(number)
    if problems:
        raise ConfigurationError(problems)
    return Sheet(shown, sheet, tuple(header[:width]), tuple(kept), tuple(numbers))


def _from_csv(path: Path, shown: str, problems: list[Problem]) -> list[list[str]]:
    rows = []
    try:
        for number, row in enumerate(iter(petl.fromcsv(str(path), encoding="utf-8-sig")), start=1):
            cells = [str(cell).strip() for cell in row]
            rows.append(cells)
            for place, cell in enumerate(cells, start=1):
                if name := excel.hidden(cell):
                    message = f"there is a character that nobody can see ({name})"
                    spot = Place(shown, number, place)
                    problems.append(Problem("E324", message, spot, hint="type it anew"))
    except (UnicodeDecodeError, csv.Error):
        hint = 'save it as "CSV UTF-8"'
        problems.append(Problem("E326", f"{shown} is no CSV in UTF-8", Place(shown), hint=hint))
    return rows


def _from_excel(
    path: Path, wanted: str, shown: str, problems: list[Problem]
) -> tuple[str, list[list[str]]]:
    try:
        sheet, rows, complaints = excel.read(path, wanted)
    except excel.Unreadable as error:
        problems.append(Problem("E326", f"{shown}: {error}", Place(shown), hint=error.hint))
        return wanted, []
    for one in complaints:
        cell = f"{sheet}!{excel.cell_name(one.row, one.column)}"
        place = Place(shown, one.row, one.column)
        problems.append(Problem("E324", f"{cell}: {one.message}", place, hint=one.hint))
    return sheet, rows


def _header_problems(header: Sequence[str], shown: str, sheet: str) -> Iterator[Problem]:
    where = f" of sheet '{sheet}'" if sheet else ""
    if not header:
        message = f"the first row{where} names no column"
        yield Problem("E325", message, Place(shown, 1, 1), hint="write the columns' names there")
    for number, name in enumerate(header, start=1):
        place = Place(shown, 1, number)
        if not name:
            yield Problem("E325", f"a column{where} has no name", place, hint="give it one")
        elif name in header[: number - 1]:
            yield Problem(
                "E325", f"two columns{where} are called '{name}'", place, hint="rename one",
                also=Place(shown, 1, header.index(name) + 1),
            )  # fmt: skip
