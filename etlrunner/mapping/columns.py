"""The columns of one target table: what each cell becomes, and what happens where a rule is broken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from etlrunner.errors import ConfigurationError
from etlrunner.expressions import Type, compile_value
from etlrunner.lib.suggest import close_to
from etlrunner.mapping import conditions, lookups
from etlrunner.mapping.conditions import Columns
from etlrunner.model.mapping import Column, LookupTable, TableMapping
from etlrunner.model.problems import Problem, Verdict
from etlrunner.table import LIST
from etlrunner.target import TargetTable


@dataclass(frozen=True)
class Touch:
    """A rule that leaves the row in: `instead` is what the cell becomes; None sends it as it is."""

    rule: str
    column: str
    verdict: Verdict
    applies: pl.Expr
    instead: pl.Expr | None


@dataclass
class Made:
    """Compiled columns: `cells` in order, `lists` (column -> most), and named rules by what they do."""

    cells: dict[str, pl.Expr] = field(default_factory=dict)
    lists: dict[str, int] = field(default_factory=dict)
    rejects: list[tuple[str, str, pl.Expr]] = field(default_factory=list)
    """(rule, column, truth over the made cells), the first that applies counts."""
    fails: list[tuple[str, str, pl.Expr]] = field(default_factory=list)
    """The same for `fail`: one such row ends the run."""
    ways: dict[str, list[tuple[str, pl.Expr]]] = field(default_factory=dict)
    """How each cell comes about: `made`, then `lookup` and `default` where it has them."""
    touches: list[Touch] = field(default_factory=list)
    codes: dict[str, tuple[LookupTable, pl.Expr]] = field(default_factory=dict)
    """Column -> its code table, and what goes into it."""

    def rule(
        self,
        rule: str,
        column: str,
        applies: pl.Expr,
        verdict: Verdict,
        cut: pl.Expr | None = None,
        blank: str = "",
    ) -> None:
        """What becomes of the rows for which `applies` is true; later rules see the cells changed."""
        if verdict == "reject":
            self.rejects.append((rule, column, applies))
        elif verdict == "fail":
            self.fails.append((rule, column, applies))
        else:
            instead = {"blank": pl.lit(blank), "cut": cut}.get(verdict)
            self.touches.append(Touch(rule, column, verdict, applies, instead))


def compile_columns(
    mapping: TableMapping,
    columns: Columns,
    target: TargetTable,
    *,
    today: date,
    verdicts: Mapping[str, Verdict] | None = None,
) -> Made:
    """Compile every column; `verdicts` are what the flow decides about rules.

    Raises ConfigurationError with the problems of all of them.
    """
    verdicts = verdicts or {}
    made, problems = Made(), list(_unknown_targets(mapping, target))
    for name, column in mapping.columns.items():
        try:
            _add(made, name, column, mapping, columns, today, verdicts)
        except ConfigurationError as error:
            problems += error.problems
    if problems:
        raise ConfigurationError(problems)
    for wanted in target.columns:
        if wanted.required or getattr(mapping.columns.get(wanted.name), "required", False):
            rule = f"required.{wanted.name}"
            empty = pl.col(wanted.name) == ""
            made.rule(rule, wanted.name, empty, verdicts.get(rule, "reject"))
    return made


def _add(
    made: Made,
    name: str,
    column: Column,
    mapping: TableMapping,
    columns: Columns,
    today: date,
    verdicts: Mapping[str, Verdict],
) -> None:
    if column.text is not None:
        made.cells[name] = pl.lit(column.text)
    elif column.each is not None:
        compiled = compile_value(
            column.each, conditions.types(columns), today=today, what=name, wanted=Type.LIST
        )
        made.cells[name] = _looked_up_items(made, column, mapping, compiled.expr, verdicts)
        made.lists[name] = column.max or 999
    else:
        assert column.expr is not None
        compiled = compile_value(
            column.expr, conditions.types(columns), today=today, what=name, wanted=Type.TEXT
        )
        made.cells[name] = _looked_up(made, name, column, mapping, compiled.expr, verdicts)
    if column.max_length is not None:
        rule = f"max_length.{name}"
        too_long = pl.col(name).str.len_chars() > column.max_length
        shorter = pl.col(name).str.slice(0, column.max_length).str.strip_chars()
        made.rule(rule, name, too_long, verdicts.get(rule, "reject"), shorter)


def _looked_up(
    made: Made,
    name: str,
    column: Column,
    mapping: TableMapping,
    cell: pl.Expr,
    verdicts: Mapping[str, Verdict],
) -> pl.Expr:
    """Through the code table, if there is one; then the default for what is empty."""
    way = made.ways.setdefault(name, [("made", cell)])
    if column.lookup is not None:
        lookup = _lookup_of(column, mapping)
        made.codes[name] = (lookup, cell)
        found, unknown = lookups.translated(cell, lookup)
        rule = f"lookup.{name}"
        missing = verdicts.get(rule, column.missing)
        if missing == "default":
            found = pl.when(unknown).then(pl.lit(column.default or "")).otherwise(found)
        elif missing != "keep":
            made.cells[f"_unknown_{name}"] = unknown
            unknown = pl.col(f"_unknown_{name}")
            made.rule(rule, name, unknown, missing, blank=column.default or "")
        cell = found
        way.append(("lookup", cell))
    if column.default is not None:
        cell = pl.when(cell == "").then(pl.lit(column.default)).otherwise(cell)
        way.append(("default", cell))
    return cell


def _looked_up_items(
    made: Made,
    column: Column,
    mapping: TableMapping,
    cell: pl.Expr,
    verdicts: Mapping[str, Verdict],
) -> pl.Expr:
    """Each item of a list through the code table; an item that becomes empty goes."""
    if column.lookup is not None:
        lookup = _lookup_of(column, mapping)
        made.codes[column.name] = (lookup, cell)
        found, unknown = lookups.translated(pl.element(), lookup)
        rule = f"lookup.{column.name}"
        missing = verdicts.get(rule, column.missing)
        if missing == "default" or missing == "blank":
            other = "" if missing == "blank" else column.default or ""
            found = pl.when(unknown).then(pl.lit(other)).otherwise(found)
        elif missing != "keep":
            flag = f"_unknown_{column.name}"
            made.cells[flag] = cell.list.eval(unknown).list.any()
            made.rule(rule, column.name, pl.col(flag), missing)
        cell = cell.list.eval(found)
    if column.default is not None:
        empty = cell.list.eval(pl.element() != "").list.any().not_()
        cell = pl.when(empty).then(pl.lit([column.default], LIST)).otherwise(cell)
    return cell


def _lookup_of(column: Column, mapping: TableMapping) -> LookupTable:
    """A column's code table. Raises ConfigurationError where the two do not fit."""
    assert column.lookup is not None
    lookup = mapping.lookups.get(column.lookup)
    if lookup is None:
        raise ConfigurationError([_no_lookup(column, mapping)])
    return lookup


def _unknown_targets(mapping: TableMapping, target: TargetTable) -> Iterable[Problem]:
    known = [column.name for column in target.columns]
    for name, column in mapping.columns.items():
        if name not in known:
            yield Problem(
                "E310",
                f"{target.name}.csv has no column '{name}'",
                place=column.named or column.place,
                path=f"columns.{name}",
                hint=_instead(name, target),
            )
    for wanted in target.columns:
        if wanted.required and wanted.name not in mapping.columns:
            yield Problem(
                "E311",
                f"{target.name}.csv needs a column '{wanted.name}', and the mapping makes none",
                place=mapping.spots.get(wanted.name, mapping.spots.get("columns", mapping.place)),
                path=f"columns.{wanted.name}",
                hint="null removes it here"
                if wanted.name in mapping.spots
                else f"add it below `columns:`, such as  {wanted.name}: …",
            )
    if mapping.key != target.key:
        yield Problem(
            "E316",
            f"the key of {target.name}.csv is '{target.key}', not '{mapping.key}'",
            place=mapping.spots.get("key", mapping.place),
            path="key",
            hint=f"write key: {target.key}",
        )


def _instead(name: str, target: TargetTable) -> str:
    """The nearest column; of `location_id_2`, how it is made."""
    known = [column.name for column in target.columns]
    column = target.column(name)
    if column is not None:
        return f"`{column.name}: {{each: …}}` makes {name} by itself"
    return close_to(name, known) or "it has " + ", ".join(known)


def _no_lookup(column: Column, mapping: TableMapping) -> Problem:
    assert column.lookup is not None
    known = ", ".join(mapping.lookups) or "none is declared under lookups:"
    return Problem(
        "E312",
        f"there is no lookup '{column.lookup}'",
        place=column.looked_up or column.place,
        path=f"columns.{column.name}.lookup",
        hint=close_to(column.lookup, mapping.lookups) or f"known: {known}",
    )


def first_rule(rules: Iterable[tuple[str, pl.Expr]], reasons: list[str]) -> pl.Expr:
    """A column with 0, or 1 + the place in `reasons` of the first rule that applies; adds the reasons."""
    listed = list(rules)
    codes: Mapping[str, int] = {}
    for name, _ in listed:
        if name not in reasons:
            reasons.append(name)
    codes = {name: reasons.index(name) + 1 for name, _ in listed}
    fate: pl.Expr = pl.lit(0, dtype=pl.UInt8)
    for name, applies in reversed(listed):
        fate = pl.when(applies).then(pl.lit(codes[name], dtype=pl.UInt8)).otherwise(fate)
    return fate
