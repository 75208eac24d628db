"""The schemas are the one declaration of every option: closed, described, and complete by themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from etlrunner import registry
from etlrunner.lib import schema, shipped
from etlrunner.lib.document import Document, Places

TOP = shipped.folder("schemas")
OURS = ["flow", "mapping", "etlrunner"] + [
    f"{shelf}/{name}"
    for shelf, names in (("sources", registry.SOURCES), ("sinks", registry.SINKS))
    for name in names
]
SECRETS = {
    ("mapping", "tables.*.database.url"),
    ("mapping", "lookups.*.database.url"),
    ("sources/skyward", "key"), ("sources/skyward", "secret"), ("sources/skyward", "integration_token"),
    ("sources/oneroster", "key"), ("sources/oneroster", "secret"), ("sources/rest", "key"), ("sources/rest", "secret"),
    ("sources/database", "url"),
    ("sinks/apple-school-manager", "username"), ("sinks/apple-school-manager", "password"),
    ("sinks/sftp", "username"), ("sinks/sftp", "password"),
    ("flow", "notify.*.url"), ("etlrunner", "notify.*.url"), ("etlrunner", "history.url"),
}  # fmt: skip


def options(node: Any, way: tuple[str, ...] = ()) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Every option below a schema: its path, its schema, whether it is required."""
    for key, inner in node.get("properties", {}).items():
        yield ".".join((*way, key)), inner, key in node.get("required", ())
        if not inner.get("secret"):
            yield from options(inner, (*way, key))
    for key in ("additionalProperties", "items"):
        if isinstance(node.get(key), dict):
            yield from options(node[key], (*way, "*"))


def objects(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        kinds = node.get("type", ())
        if "object" in ([kinds] if isinstance(kinds, str) else kinds):
            yield node
        for inner in node.values():
            yield from objects(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from objects(inner)


@pytest.mark.parametrize("name", OURS)
def test_every_option_is_described_and_says_what_holds_without_it(name: str) -> None:
    for path, inner, required in options(schema.load(name)):
        if "$ref" in inner:
            continue
        assert inner.get("description"), path
        whole = inner.get("type") == "object" and (
            "properties" in inner or "additionalProperties" in inner
        )
        says = required or whole or any(key in inner for key in ("default", "absent", "const"))
        assert says, (
            f"{path} has no default, is not required, and does not say what holds without it"
        )


@pytest.mark.parametrize("name", OURS)
def test_every_default_and_example_fits_its_own_schema(name: str) -> None:
    for path, inner, _ in options(schema.load(name)):
        if "$ref" in json.dumps(inner):
            continue
        for value in [
            *inner.get("examples", ()),
            *([inner["default"]] if "default" in inner else ()),
        ]:
            assert Draft202012Validator(inner).is_valid(value), (path, value)


def test_every_secret_is_marked_and_nothing_else_is() -> None:
    marked = {
        (name, path)
        for name in OURS
        for path, inner, _ in options(schema.load(name))
        if inner.get("secret")
    }
    assert marked == SECRETS


@pytest.mark.parametrize("name", OURS)
def test_every_map_is_closed_or_says_what_its_members_are(name: str) -> None:
    for node in objects(schema.load(name)):
        by_type = "allOf" in node and node.get("required") == ["type"]
        merged_later = node.get("description", "").startswith("Merged into the mapping of")
        assert "additionalProperties" in node or by_type or merged_later, node.get("description")


@pytest.mark.parametrize("path", sorted(TOP.rglob("*.json")), ids=lambda path: path.stem)
def test_every_schema_is_a_schema_whose_references_stay_beside_it(path: Path) -> None:
    found = json.loads(path.read_text())
    Draft202012Validator.check_schema(found)
    assert "oneOf" not in json.dumps(found)
    assert "$id" not in found
    for reference in _references(found):
        file = reference.partition("#")[0]
        target = (path.parent / file).resolve() if file else path
        assert "://" not in reference
        assert target.is_file()
        assert target.is_relative_to(TOP.resolve())


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from ([node["$ref"]] if isinstance(node.get("$ref"), str) else [])
        node = list(node.values())
    for inner in node if isinstance(node, list) else ():
        yield from _references(inner)


@pytest.mark.parametrize("shelf", ["source", "sink"])
def test_the_schema_knows_every_component_of_the_registry(shelf: str) -> None:
    part = schema.load("flow")["properties"][shelf]
    names = list(registry.SHELVES[f"{shelf}s"])
    assert part["properties"]["type"]["enum"] == names
    branches = {
        one["if"]["properties"]["type"]["const"]: one["then"]["$ref"] for one in part["allOf"]
    }
    assert branches == {name: f"../{shelf}s/{name}.json" for name in names}


def test_one_wrong_type_is_one_problem() -> None:
    source = {"type": "skywrd", "variant": "x", "anything": {"goes": "1"}}
    document = Document({"version": "1", "source": source}, Places({}, {}))
    wrong = [one for one in schema.check(document, "flow")[1] if one.path.startswith("source")]
    assert [(one.code, one.path) for one in wrong] == [("E204", "source.type")]


def test_planned_keys_are_no_options_yet() -> None:
    flow = schema.load("flow")
    assert not set(flow["later"]) & set(flow["properties"])


def test_defaults_of_the_safeguards_are_those_of_the_design() -> None:
    tables = {
        table: {
            key: one["default"]
            for key, one in part["properties"].items()
            if one["default"] != "none"
        }
        for table, part in schema.load("flow")["properties"]["safeguards"]["properties"].items()
        if part.get("properties", {}).get("max_removed")
    }
    people = {
        "max_removed": "5%", "max_removed_per_school": "15%", "max_shrunk": "10%",
        "max_added": "25%", "max_added_per_school": "50%", "max_changed": "50%",
        "max_moved_per_school": "15%", "max_emptied": "5%", "max_renamed": "1%", "max_rejected": "0.5%",
        "max_repaired": "1%", "max_rekeyed": 0, "max_swapped": 0, "max_replaced": 3, "max_role_changed": 5,
        "max_shrunk_in_a_year": "15%", "max_shrunk_in_a_year_per_school": "30%",
    }  # fmt: skip
    assert tables["students"] == people | {
        "max_replaced": 0, "max_shrunk_in_a_year": "12%", "max_shrunk_in_a_year_per_school": "25%",
    }  # fmt: skip
    assert tables["staff"] == people
    assert [tables[name]["max_removed"] for name in ("classes", "courses", "rosters", "locations")] == [
        "10%", "10%", "20%", 0,
    ]  # fmt: skip


def test_nothing_is_fetched_for_an_unknown_reference() -> None:
    from referencing.exceptions import Unresolvable

    resolver = schema._registry().resolver()
    for address in (
        "https://example.org/x.json",
        "file:///etc/passwd",
        "http://127.0.0.1:1/x.json",
    ):
        with pytest.raises(Unresolvable):
            resolver.lookup(address)
