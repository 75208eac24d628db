"""The schemas as editors want them: one per kind of YAML file, complete in itself, with names to complete.

What is declared in `schemas/` says what the engine accepts of a merged file, with every plain scalar as
text. An editor sees one file, through a YAML library that guesses types. So here numbers pass where text
belongs, a part of a flow may lack what the rest of it says, and null passes where it removes something;
defaults go into the description, and columns are listed by name. Draft 07, the one that all editors know.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache

from etlrunner import roster
from etlrunner.config.editor_shapes import Node, bundled, chosen_by, kinds_of, shaped, without
from etlrunner.target import APPLE_SCHOOL_MANAGER, TargetColumn, TargetTable

DRAFT = "http://json-schema.org/draft-07/schema#"
PART = "flow-part"
_COLUMN = "#/$defs/column"
_OVERRIDE = "#/$defs/override"


@cache
def made() -> Mapping[str, str]:
    """File name -> text, for everything that lies in a project's schemas/ folder."""
    return {f"{name}.json": _text(name, make()) for name, make in _FILES.items()}


def _text(name: str, node: Node) -> str:
    source = "flow" if name == PART else name
    note = f"Made by `etlrunner docs` from schemas/documents/{source}.json: change that one."
    return (
        json.dumps({"$schema": DRAFT, "$comment": note, **node}, indent=1, ensure_ascii=False)
        + "\n"
    )


# ---------------------------------------------------------------- one file each


def _flow() -> Node:
    """Whole, unless it extends something: then any part of it may stand in the base."""
    whole = _with_overrides(shaped(bundled("flow"), part=False))
    return {
        "title": whole.pop("title"),
        "description": whole["description"],
        "type": "object",
        "if": {"required": ["extends"]},
        "then": {"$ref": f"{PART}.json"},
        "$defs": whole.pop("$defs"),
        "else": whole,
    }


def _flow_part() -> Node:
    """What flows extend, and flows that extend something: the same keys, none of them required."""
    part = _with_overrides(shaped(bundled("flow"), part=True))
    part["description"] = "A part of a flow. " + part["description"]
    return part


def _mapping() -> Node:
    found = shaped(bundled("mapping"), part=False)
    found["properties"]["columns"] = without(found["properties"]["columns"], "additionalProperties")
    found["allOf"] = [
        chosen_by("table", name, {"properties": _properties_of(table)})
        for name, table in APPLE_SCHOOL_MANAGER.tables.items()
    ]
    return {**found, "$defs": {"column": _column(part=False)}}


def _mapping_test() -> Node:
    found: Node = shaped(bundled("mapping-test"), part=False)
    test = found["properties"]["tests"]["items"]["properties"]
    source = {name: dict.fromkeys(columns, "") for name, columns in roster.TABLES.items()}
    test["given"] = _named(test["given"], source, numbered=())
    for key in ("expect", "rejected", "filtered"):
        if key in test:
            target = {
                name: {one.name: _says(name, one) for one in table.columns}
                for name, table in APPLE_SCHOOL_MANAGER.tables.items()
            }
            test[key] = _named(test[key], target, numbered=("instructor_id", "location_id"))
    return found


_FILES: dict[str, Callable[[], Node]] = {
    "flow": _flow,
    PART: _flow_part,
    "mapping": _mapping,
    "mapping-test": _mapping_test,
    "etlrunner": lambda: shaped(bundled("etlrunner"), part=False),
    "source-definition": lambda: shaped(bundled("source-definition"), part=True),
}
"""A definition may extend another, so it is a part as well."""


# ---------------------------------------------------------------- names to complete


def _column(*, part: bool) -> Node:
    """What stands behind a column's name; its description is the column's own."""
    declared = bundled("mapping")["properties"]["columns"]["additionalProperties"]
    return without(shaped(declared, part=part), "description", "markdownDescription")


def _properties_of(table: TargetTable) -> Node:
    """What a mapping says by its table: which columns there are, and which is the key."""
    return {
        "key": {"examples": [table.key]},
        "columns": {
            "properties": {one.name: _of_target(table.name, one) for one in table.columns},
            "additionalProperties": False,
        },
    }


def _of_target(table: str, column: TargetColumn) -> Node:
    text = f"{_says(table, column)} An expression, or a map with one of expr, text, each."
    return {"description": text, "markdownDescription": text, "allOf": [{"$ref": _COLUMN}]}


def _says(table: str, column: TargetColumn) -> str:
    words = [f"A column of {table}.csv{', required' if column.required else ''}."]
    if column.references:
        words.append("It refers to {}.csv, {}.".format(*column.references))
    if column.numbered:
        words.append(f"It may repeat: {column.name}_2, … up to {column.numbered}.")
    if column.values:
        words.append("One of: " + ", ".join(value or "nothing" for value in column.values) + ".")
    return " ".join(words)


def _with_overrides(flow: Node) -> Node:
    """Below `overrides` stand the keys of a mapping, each of which null removes."""
    tables = flow["properties"]["overrides"]["properties"]
    for name, table in APPLE_SCHOOL_MANAGER.tables.items():
        tables[name] |= {"properties": _properties_of(table), "allOf": [{"$ref": _OVERRIDE}]}
    return {**flow, "$defs": {"column": _column(part=True), "override": _override()}}


def _override() -> Node:
    """A mapping of which any part may stand here; the columns are those of its table."""
    merged = shaped(bundled("mapping"), part=True)
    columns = without(merged["properties"]["columns"], "additionalProperties")
    properties = {**merged["properties"], "columns": columns}
    return {"type": ["object", "null"], "properties": properties, "additionalProperties": False}


def _named(node: Node, tables: Mapping[str, Mapping[str, str]], numbered: tuple[str, ...]) -> Node:
    """Rows by table: the tables and, wherever rows are listed, their columns by name."""
    generic = node.get("additionalProperties")
    if not isinstance(generic, dict):
        return node
    known = {name: _rows(generic, columns, numbered) for name, columns in tables.items()}
    return {
        **node,
        "properties": {**node.get("properties", {}), **known},
        "additionalProperties": False,
    }


def _rows(node: Node, columns: Mapping[str, str], numbered: tuple[str, ...]) -> Node:
    """The same with the columns of each row in a list of rows."""
    found = dict(node)
    items = found.get("items")
    if isinstance(items, dict) and "object" in kinds_of(items):
        row = {
            **items,
            "properties": {name: {"description": text or name} for name, text in columns.items()},
            "additionalProperties": False,
        }
        if numbered:
            row["patternProperties"] = {f"^({'|'.join(numbered)})_[0-9]+$": {}}
        found["items"] = row
    return found
