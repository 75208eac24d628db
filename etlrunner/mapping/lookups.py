"""Code tables: small, each code once, from the mapping or from a file beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping

import polars as pl

from etlrunner.errors import ConfigurationError
from etlrunner.mapping import extra_tables
from etlrunner.model.mapping import ExtraTable, LookupTable
from etlrunner.model.problems import Problem
from etlrunner.model.tables import CodeUse

CASE, SPACES = "case", "spaces"


def read(lookup: LookupTable) -> Mapping[str, str]:
    """Code -> value, as text. Raises ConfigurationError with every problem of the table.

    Of one from a database nothing is known before a run has read it (mapping/from_database.py).
    """
    if lookup.csv is None and lookup.excel is None:
        return _from_rows(lookup)
    sheet = extra_tables.read(source(lookup))
    on, take = (
        extra_tables.place_of(sheet, name, lookup.place) for name in (lookup.on, lookup.take)
    )
    found: dict[str, str] = {}
    first: dict[str, int] = {}
    problems = []
    for number, row in enumerate(sheet.rows):
        code = key(row[on], lookup)
        if code in first:
            message = (
                f"a code is there twice: {sheet.name(first[code], on)} and {sheet.name(number, on)}"
            )
            problems.append(
                Problem(
                    "E322", message, sheet.place(number, on), hint="keep one of the two",
                    also=sheet.place(first[code], on),
                )
            )  # fmt: skip
        first.setdefault(code, number)
        found[row[on]] = row[take]
    if problems:
        raise ConfigurationError(problems)
    return found


def source(lookup: LookupTable) -> ExtraTable:
    """The file that a code table comes from."""
    return ExtraTable(
        lookup.name, csv=lookup.csv, excel=lookup.excel, sheet=lookup.sheet,
        shown=lookup.shown, place=lookup.place,
    )  # fmt: skip


def has(lookup: LookupTable, code: str) -> bool:
    """Whether the table knows a code."""
    return key(code, lookup) in {key(one, lookup) for one in read(lookup)}


def key(code: str, lookup: LookupTable) -> str:
    """A code as it is compared: what the table ignores is gone."""
    if SPACES in lookup.ignore:
        code = re.sub(r"\s+", "", code)
    return code.lower() if CASE in lookup.ignore else code


def translated(cell: pl.Expr, lookup: LookupTable) -> tuple[pl.Expr, pl.Expr]:
    """A column through the table, where a code that is not in it stays; and the truth that it is not."""
    codes = read(lookup)
    old, new = [key(code, lookup) for code in codes], list(codes.values())
    compared = _keyed(cell, lookup)
    unknown = ~compared.is_in(old) & (cell != "")
    found = compared.replace(old, new) if codes else cell
    if lookup.ignore:
        found = pl.when(compared.is_in(old)).then(found).otherwise(cell)
    return found, unknown


def knows(lookup: LookupTable, codes: pl.Series) -> pl.Series:
    """Whether each code of a column is in the table."""
    keyed = codes.to_frame("code").select(_keyed(pl.col("code"), lookup)).to_series()
    return keyed.is_in([key(code, lookup) for code in read(lookup)])


def _keyed(cell: pl.Expr, lookup: LookupTable) -> pl.Expr:
    """`key` for a column."""
    if SPACES in lookup.ignore:
        cell = cell.str.replace_all(r"\s+", "")
    return cell.str.to_lowercase() if CASE in lookup.ignore else cell


def use(lookup: LookupTable, column: str, came: Mapping[str, int]) -> CodeUse:
    """Which of the table's codes no row had, and which the rows had that are not in it."""
    codes = {key(code, lookup): code for code in read(lookup)}
    seen = {key(code, lookup) for code in came}
    return CodeUse(
        column,
        lookup.name,
        len(codes),
        unused=tuple(code for one, code in codes.items() if one and one not in seen),
        unknown={
            code: count
            for code, count in sorted(came.items(), key=lambda pair: (-pair[1], pair[0]))
            if code and key(code, lookup) not in codes
        },
    )


def _from_rows(lookup: LookupTable) -> Mapping[str, str]:
    first: dict[str, str] = {}
    problems = []
    for code in lookup.rows or {}:
        other = first.setdefault(key(code, lookup), code)
        if other != code:
            message = f"the codes '{other}' and '{code}' of '{lookup.name}' are the same here"
            problems.append(Problem("E322", message, lookup.place, hint="keep one of the two"))
    if problems:
        raise ConfigurationError(problems)
    return dict(lookup.rows or {})
