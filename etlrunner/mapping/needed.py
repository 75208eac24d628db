"""Which columns of the roster a run needs: nothing else about a child is fetched, and nothing else is kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from etlrunner import roster
from etlrunner.errors import UsageError
from etlrunner.model.mapping import MappingSet, TableMapping
from etlrunner.model.problems import Located

NOT_ALWAYS = frozenset(
    {
        "dateLastModified", "schoolYear", "schoolYearSourcedId", "subjects", "subjectCodes", "classType",
        "location", "periods", "userIds", "sms", "phone", "preferredGivenName", "preferredMiddleName",
        "preferredFamilyName", "pronouns", "birthDate", "sex",
    }
)  # fmt: skip
"""What the engine itself never looks at (`tests/mapping_engine/test_needed.py`): only a mapping may want it."""
_WORD = re.compile(r"\w+")


def columns_needed(mapping: MappingSet) -> dict[str, tuple[str, ...]]:
    """Per table of the roster model its columns that a run needs, in the model's order.

    A column is needed if its name stands anywhere in the mapping: in an expression, an option, a key. That
    may be one too many, and never one too few: the language has no other way to name a column.
    """
    words = {
        word
        for one in mapping.tables.values()
        for text in _texts(one)
        for word in _WORD.findall(text)
    }
    spare = NOT_ALWAYS - words
    return {
        table: tuple(column for column in columns if column not in spare)
        for table, columns in roster.TABLES.items()
    }


def require(mapping: MappingSet, raw: Mapping[str, Path]) -> None:
    """Raise UsageError where kept rows lack a column that this mapping uses: they were pulled for another."""
    for table, columns in columns_needed(mapping).items():
        if table in raw:
            missing = sorted(set(columns) - set(pl.read_parquet_schema(raw[table])))
            if missing:
                raise UsageError(
                    f"these rows of {table} have no {', '.join(missing)}, which the mapping uses: "
                    "they were pulled for another one",
                    hint="pull them anew: etlrunner plan FLOW",
                )


def _texts(one: TableMapping) -> Iterator[str]:
    """Every text of a mapping, keys included."""
    if one.where is not None:
        yield one.where.text
    for column in one.columns.values():
        yield from (each.text for each in (column.expr, column.each) if each is not None)
        yield column.text or ""
    for step in one.transforms:
        yield from _every(step.options)


def _every(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield str(key)
            yield from _every(below)
    elif isinstance(value, Located | str):
        yield str(value)
    elif isinstance(value, Iterable):
        for below in value:
            yield from _every(below)
