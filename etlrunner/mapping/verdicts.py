"""What a flow may decide about the rules of its mapping, and what holds where it decides nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from etlrunner.model.flow import Flow
from etlrunner.model.mapping import Column, MappingSet
from etlrunner.model.problems import Verdict
from etlrunner.target import TargetTable

OF_MAPPING = ("required", "max_length", "lookup")
"""What the names of the mapping's rules begin with: `required.first_name`."""


def chosen(flow: Flow) -> dict[str, Verdict]:
    """Rule -> verdict, of the rules that the flow decides."""
    return {rule: ruling.verdict for rule, ruling in flow.rules.items()}


def possible(
    mapping: MappingSet, targets: Mapping[str, TargetTable], needed: Sequence[str]
) -> dict[str, tuple[Verdict, ...]]:
    """Every rule of the mapping, with the verdicts that make sense for it in every table that has it.

    `needed` are columns that the accounts are made from: they are never emptied.
    """
    found: dict[str, tuple[Verdict, ...]] = {}
    for name, one in mapping.tables.items():
        for rule, verdicts in _of_table(one.columns, targets[name], needed):
            before = found.get(rule, verdicts)
            found[rule] = tuple(verdict for verdict in before if verdict in verdicts)
    return found


def _of_table(
    columns: Mapping[str, Column], target: TargetTable, needed: Sequence[str]
) -> Iterator[tuple[str, tuple[Verdict, ...]]]:
    for spec in target.columns:
        column = columns.get(spec.name)
        if column is None:
            continue
        is_required = spec.required or column.required or spec.name in needed
        blank: tuple[Verdict, ...] = () if is_required else ("blank",)
        if spec.required:
            yield f"required.{spec.name}", ("reject", "fail")
        elif column.required:
            yield f"required.{spec.name}", ("reject", "fail", "warn")
        if column.max_length is not None and column.each is None:
            cut: tuple[Verdict, ...] = () if spec.identifier else ("cut",)
            yield f"max_length.{spec.name}", ("reject", "fail", *cut, *blank, "warn")
        if column.lookup is not None:
            emptied = blank if column.each is None else ()
            yield f"lookup.{spec.name}", ("reject", "fail", *emptied, "warn")
