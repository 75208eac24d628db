"""The one door to Excel: the cells of a sheet as text, by a rule, or a complaint that names the cell.

    empty            the empty text
    text             as it is, without white space around it
    a whole number   its digits (7 and 7.0 are `7`); where the cell's format is only zeros (`000`), as
                     many digits as Excel shows (`007`)
    another number   its shortest decimal form (`2.5`), never with an exponent
    a date           `2027-03-01`; with a time of day `2027-03-01 08:30:00`; a time alone `08:30:00`
    true, false      `true`, `false`

Refused are errors (`#REF!`), formulas that Excel has not calculated, merged cells, whole numbers of more
than 15 digits (Excel has lost the rest), durations, and characters that nobody can see.
"""

from __future__ import annotations

import re
import unicodedata
import zipfile
from collections.abc import Iterator
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
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
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


def _chosen(names: list[str], sheet: str) -> str:
    listed = ", ".join(f"'{name}'" for name in names)
    if sheet and sheet not in names:
        raise Unreadable(f"it has no sheet '{sheet}'", f"its sheets: {listed}")
    if not sheet and len(names) > 1:
        raise Unreadable(f"it has {len(names)} sheets", f"say which one with `sheet:`: {listed}")
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
