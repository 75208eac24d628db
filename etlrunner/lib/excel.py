"""The one door to Excel. Read: the cells of a sheet as text, by a rule, or a complaint that names the cell.

    empty            the empty text
    text             as it is, without white space around it
    a whole number   its digits (7 and 7.0 are `7`); where the cell's format is only zeros (`000`), as
                     many digits as Excel shows (`007`)
    another number   its shortest decimal form (`2.5`), never with an exponent
    a date           `2027-03-01`; with a time of day `2027-03-01 08:30:00`; a time alone `08:30:00`
    true, false      `true`, `false`

Refused are errors (`#REF!`), formulas that Excel has not calculated, merged cells, whole numbers of more
than 15 digits (Excel has lost the rest), durations, and characters that nobody can see.

Written is text, and text only: `007` stays what it is, `=1+1` is no formula, and what cannot be seen is shown
by its code.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import petl

ERRORS = frozenset(
    [
        "#REF!",
        "#N/A",
        "#NAME?",
        "#VALUE!",
        "#DIV/0!",
        "#NUM!",
        "#NULL!",
        "#SPILL!",
        "#CALC!",
        "#GETTING_DATA",
    ]
)
ZEROS = re.compile(r"0+")
MOST_EXACT = 10**15


class Unreadable(Exception):
    """The file, or its sheet, cannot be read; says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Complaint:
    """A cell that has no text; `row` and `column` count from 1."""

    row: int
    column: int
    message: str
    hint: str


@dataclass(frozen=True)
class Sheet:
    """A sheet to write. A list has a header that stays in sight and filters; a page is there to be read."""

    name: str
    rows: Iterable[Sequence[str | int]]
    widths: Sequence[int]
    """Of the columns, in characters."""
    header: Sequence[str] = ()
    """Of a list; a page has none."""
    bold: frozenset[int] = frozenset()
    """Rows of a page that stand out, from 0."""
    footer: str = ""
    """At the foot of each printed page."""


LETTER = 1
"""Excel's number of the paper."""
LINE = 15.0
"""Points of a line of text."""
LONGEST_CELL = 2_000
"""Characters; Excel's own limit is 32,767, and nobody reads that far."""


def write(path: Path, sheets: Sequence[Sheet]) -> None:
    """Write a workbook, row by row; every text is a text cell, whole numbers are numbers."""
    import openpyxl

    with _unpacked_in(path.parent):
        book = openpyxl.Workbook(write_only=True)
        book.properties.creator = "etlrunner"
        for sheet in sheets:
            _fill(book.create_sheet(sheet.name), sheet)
        book.save(path)


def cell_name(row: int, column: int) -> str:
    """(7, 2) -> B7, as Excel says it."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return f"{letters}{row}"


def read(path: Path, sheet: str) -> tuple[str, list[list[str]], list[Complaint]]:
    """The sheet's name, its rows as text from A1 on, and every cell that has none.

    Without a name, the file's only sheet. Raises Unreadable.
    """
    import openpyxl

    try:
        book = openpyxl.load_workbook(path)
    except MemoryError:
        raise
    except (
        Exception
    ) as error:  # a damaged file: zipfile, zlib, the XML parser and openpyxl each have their own
        raise Unreadable(
            "this is no Excel workbook that can be read",
            "save it in Excel as .xlsx, without a password",
        ) from error
    name = _chosen(book.sheetnames, sheet)
    shown = book[name]
    complaints = [
        Complaint(
            area.min_row, area.min_col, f"the cells {area} are merged", "unmerge them in Excel"
        )
        for area in shown.merged_cells.ranges
    ]
    values = petl.fromxlsx(str(path), sheet=name, data_only=True)
    rows: list[list[str]] = []
    for number, (cells, found) in enumerate(zip(shown.iter_rows(), iter(values), strict=True), 1):
        row = []
        for place, (cell, value) in enumerate(zip(cells, found, strict=True), 1):
            text, trouble = _text(cell, value)
            if trouble is not None:
                complaints.append(Complaint(number, place, *trouble))
            row.append(text)
        rows.append(row)
    return name, rows, complaints


def hidden(text: str) -> str:
    """The name of a character in it that nobody can see; empty when there is none."""
    if text.isascii() and text.isprintable():
        return ""
    odd = (
        one
        for one in text
        if unicodedata.category(one) in ("Cc", "Cf", "Zl", "Zp") or one in "\u00a0\u2007\u202f"
    )
    found = next(odd, "")
    return unicodedata.name(found, f"U+{ord(found):04X}") if found else ""


@contextlib.contextmanager
def _unpacked_in(folder: Path) -> Iterator[None]:
    """openpyxl keeps each sheet in a temporary file until all are packed: here, not where anybody looks."""
    usual = tempfile.tempdir
    tempfile.tempdir = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = usual


def _fill(shown: Any, sheet: Sheet) -> None:
    """Settings first: a sheet that is written row by row cannot go back to them."""
    from openpyxl.styles import Alignment, Font, PatternFill

    plain, bold = Font(), Font(bold=True)
    wrapped = Alignment(wrap_text=True, vertical="top")
    band = PatternFill("solid", start_color="FFD9E2F3")
    for place, width in enumerate(sheet.widths, 1):
        shown.column_dimensions[cell_name(1, place).rstrip("1")].width = width
    shown.page_setup.paperSize = LETTER
    shown.page_margins.left = shown.page_margins.right = 0.4
    shown.page_setup.orientation = "landscape" if sheet.header else "portrait"
    shown.page_setup.fitToWidth, shown.page_setup.fitToHeight = 1, 0
    shown.sheet_properties.pageSetUpPr.fitToPage = True
    shown.oddFooter.left.text = sheet.footer
    shown.oddFooter.right.text = "&P / &N"
    if sheet.header:
        shown.freeze_panes = "A2"
        shown.print_title_rows = "1:1"
        shown.row_dimensions[1].height = _height(sheet.header, sheet.widths)
        shown.append([_cell(shown, one, bold, wrapped, band) for one in sheet.header])
    last = 1 if sheet.header else 0
    for number, row in enumerate(sheet.rows):
        last += 1
        shown.row_dimensions[last].height = _height(row, sheet.widths)
        font = bold if number in sheet.bold else plain
        shown.append([_cell(shown, one, font, wrapped) for one in row])
    if sheet.header:
        shown.auto_filter.ref = f"A1:{cell_name(last, len(sheet.header))}"


def _height(row: Sequence[str | int], widths: Sequence[int]) -> float:
    """In points: not every program makes a row as high as its wrapped text."""
    lines = (-(-len(str(one)) // width) for one, width in zip(row, widths, strict=False))
    return LINE * max((1, *lines))


def _cell(shown: Any, value: str | int, font: Any, alignment: Any, fill: Any = None) -> Any:
    from openpyxl.cell import WriteOnlyCell

    is_text = isinstance(value, str)
    cell = WriteOnlyCell(shown, value=_printable(value) if isinstance(value, str) else value)
    if is_text:
        cell.data_type = "s"  # else `=…` were a formula, and `#N/A` an error
        cell.number_format = "@"  # and stays no formula when somebody edits the cell
    cell.font, cell.alignment = font, alignment
    if fill is not None:
        cell.fill = fill
    return cell


def _printable(text: str) -> str:
    """What Excel cannot hold, or nobody can see, as its code."""
    text = text if len(text) <= LONGEST_CELL else text[:LONGEST_CELL] + "…"
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)


def _chosen(names: list[str], sheet: str) -> str:
    listed = ", ".join(f"'{name}'" for name in names)
    if sheet and sheet not in names:
        raise Unreadable(f"it has no sheet '{sheet}'", f"its sheets: {listed}")
    if not sheet and len(names) > 1:
        raise Unreadable(f"it has {len(names)} sheets", f"say which one with `sheet:`: {listed}")
    if not names:
        raise Unreadable("it has no sheet at all", "save it in Excel as .xlsx again")
    return sheet or names[0]


def _text(cell: Any, value: Any) -> tuple[str, tuple[str, str] | None]:
    if cell.data_type == "f" and value is None:
        hint = "open the file in Excel, which calculates it, and save it"
        return "", ("the formula has not been calculated", hint)
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, bool):
        return str(value).lower(), None
    if isinstance(value, int | float):
        return _number(value, str(cell.number_format))
    if value is None:
        return "", None
    return next(_moment(value), ("", ("it is of a kind that has no text", "write it as text")))


def _clean(value: str) -> tuple[str, tuple[str, str] | None]:
    text = value.strip(" \t\r\n")
    if text in ERRORS:
        return "", (f"it is the error {text}", "mend the formula, or clear the cell")
    if name := hidden(text):
        return "", (f"it holds a character nobody can see ({name})", "type it anew")
    return text, None


def _number(value: float, form: str) -> tuple[str, tuple[str, str] | None]:
    if value != int(value):
        return format(Decimal(repr(value)).normalize(), "f"), None
    if abs(value) >= MOST_EXACT:
        hint = "format the column as text, and type the numbers anew"
        return "", ("Excel keeps only 15 digits of a number, so the rest is lost", hint)
    digits = str(abs(int(value))).zfill(len(form) if ZEROS.fullmatch(form) else 1)
    return ("-" if value < 0 else "") + digits, None


def _moment(value: Any) -> Iterator[tuple[str, None]]:
    if isinstance(value, datetime):
        day = value.time() == time(0) and value.tzinfo is None
        yield value.date().isoformat() if day else value.strftime("%Y-%m-%d %H:%M:%S"), None
    elif isinstance(value, date):
        yield value.isoformat(), None
    elif isinstance(value, time):
        yield value.strftime("%H:%M:%S"), None
