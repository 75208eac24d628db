"""The one door to jsonschema: plain text becomes numbers and booleans where a schema asks, then is checked.

Schemas carry marks of our own: `secret` (a reference belongs here), `duration` (text like 2h), `path`
(a file of the project), `expression` (its place is kept, for messages inside it), `later` (keys that a
later version will know), `only_for` (values of another key that an option goes with); `hint` says what a
value should look like, and `absent` what holds where an option without a default is not there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import urljoin

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from etlrunner.lib import shipped
from etlrunner.lib.document import Document, Key, Places, Scalar
from etlrunner.lib.schema_problems import Complaint, as_problems, only_for
from etlrunner.model.problems import Problem

Schema = Mapping[str, Any]
WHOLE = re.compile(r"[-+]?[0-9]{1,15}")
DECIMAL = re.compile(r"[-+]?[0-9]{1,15}(\.[0-9]{1,15})?")
TRUTHS = {"true": True, "True": True, "false": False, "False": False}
BASE = "file:///schemas/"  # a name only: nothing is ever fetched


@cache
def load(name: str) -> Schema:
    """A shipped declaration by its name: `flow` (a whole file), `sources/skyward` (a part)."""
    found: Schema = json.loads(shipped.read("schemas", *f"{_path(name)}.json".split("/")))
    return found


def address(name: str) -> str:
    """What references call the declaration `name`."""
    return f"{BASE}{_path(name)}.json"


def check(document: Document, name: str) -> tuple[Any, list[Problem]]:
    """The data with numbers and booleans where the schema `name` asks for them, and every problem."""
    top = parts_of(name, document.data)
    data = coerced(document.data, top)
    validator = Draft202012Validator({"$ref": address(name)}, registry=_registry())
    complaints = []
    for error in validator.iter_errors(data):
        way: Key = tuple(
            step if isinstance(step, int) else str(step) for step in error.absolute_path
        )
        secret = _is_secret(top, data, way)
        schema: Any = error.schema
        complaints.append(
            Complaint(
                str(error.validator),
                error.validator_value,
                schema,
                error.instance,
                way,
                secret,
                _kind(data, way),
            )
        )
    problems = as_problems(complaints, document.places, homes(name))
    return data, [*problems, *_out_of_company(data, top, (), document.places)]


def defaulted(data: Any, parts: list[Schema]) -> Any:
    """The data with every default of the schemas filled in, also below maps that are not there."""
    if isinstance(data, list):
        return [defaulted(item, below(parts, None, item)) for item in data]
    if not isinstance(data, Mapping):
        return data
    filled = {key: defaulted(value, below(parts, str(key), value)) for key, value in data.items()}
    for part in parts:
        for key, inner in part.get("properties", {}).items():
            if key in filled:
                continue
            value = _default(inner, below(parts, key, {}))
            if value is not None:
                filled[key] = value
    return filled


@cache
def homes(name: str) -> Mapping[str, tuple[str, ...]]:
    """Key -> the keys of a document's top under which it is known, to tell who misplaced one."""
    found: dict[str, list[str]] = {}
    for top, inner in load(name).get("properties", {}).items():
        types = inner.get("properties", {}).get("type", {}).get("enum", [""])
        for kind in types:
            for part in _parts(inner, {"type": kind}, address(name)):
                for key in part.get("properties", {}):
                    if top not in found.setdefault(key, []):
                        found[key].append(top)
    return {key: tuple(tops) for key, tops in found.items()}


def coerced(data: Any, parts: list[Schema]) -> Any:
    """Plain scalars as what the schema asks for; text stays text wherever text is allowed."""
    if isinstance(data, Scalar):
        return _scalar(data, {kind for part in parts for kind in _kinds(part)})
    if isinstance(data, Mapping):
        return {key: coerced(value, below(parts, str(key), value)) for key, value in data.items()}
    if isinstance(data, list):
        return [coerced(item, below(parts, None, item)) for item in data]
    return data


def parts_of(name: str, data: Any) -> list[Schema]:
    """The schemas that apply to a document of the kind `name` as a whole."""
    return _parts({"$ref": address(name)}, data, BASE)


def below(parts: list[Schema], key: str | None, value: Any) -> list[Schema]:
    """The schemas that apply to one member (`key`), or to each item (None)."""
    found: list[Schema] = []
    for part in parts:
        if key is None:
            inner = part.get("items")
        else:
            properties = part.get("properties", {})
            inner = properties[key] if key in properties else part.get("additionalProperties")
        if isinstance(inner, Mapping):
            found += _parts(inner, value, part.get("_base", BASE))
    return found


def _out_of_company(data: Any, parts: list[Schema], way: Key, places: Places) -> Iterator[Problem]:
    """Options that go with some values of another option, and stand beside a different one."""
    if not isinstance(data, Mapping):
        return
    for part in parts:
        for key, inner in part.get("properties", {}).items():
            for other, allowed in inner.get("only_for", {}).items() if key in data else ():
                if other in data and data[other] not in allowed:
                    yield only_for(key, other, allowed, (*way, key), places)
    for key, value in data.items():
        inner_parts = below(parts, str(key), value)
        yield from _out_of_company(value, inner_parts, (*way, str(key)), places)


def _kind(data: Any, way: Key) -> str:
    """The `type` of the part of a document that a place lies in; empty where it has none."""
    part = data.get(way[0]) if way and isinstance(data, Mapping) else None
    return str(part.get("type", "")) if isinstance(part, Mapping) else ""


def _is_secret(top: list[Schema], data: Any, way: Key) -> bool:
    """Whether the value lies at or below a place where a secret belongs."""
    parts, value = top, data
    for step in way:
        value = value[step]
        parts = below(parts, None if isinstance(step, int) else step, value)
        if any(part.get("secret") for part in parts):
            return True
    return False


def _default(inner: Any, parts: list[Schema]) -> Any:
    """A key's default; for a map without one, the map of its keys' defaults, if it has any."""
    if "default" in inner:
        return inner["default"]
    if any(part.get("required") or part.get("secret") for part in parts):
        return None
    return defaulted({}, parts) or None


# ---------------------------------------------------------------- which schemas apply


def _path(name: str) -> str:
    """Whole files are declared on a shelf of their own; beside it lies what editors read."""
    return name if "/" in name else f"documents/{name}"


def _parts(schema: Schema, data: Any, base: str) -> list[Schema]:
    """The schema itself and what it refers to; of branches only the one that `type` chooses."""
    found: list[Schema] = [{**schema, "_base": base}]
    reference = schema.get("$ref")
    if reference:
        found += _parts(*_referred(reference, base, data))
    for branch in schema.get("allOf", ()):
        if "if" not in branch:
            found += _parts(branch, data, base)
        elif _chosen(branch["if"], data):
            found += _parts(branch["then"], data, base)
    return found


def _referred(reference: str, base: str, data: Any) -> tuple[Schema, Any, str]:
    """What a reference means: a file beside this one, or a part of this one."""
    file, _, fragment = reference.partition("#")
    where = base if not file else file if file.startswith(BASE) else urljoin(base, file)
    found: Any = load(where.removeprefix(BASE).removesuffix(".json"))
    for step in fragment.strip("/").split("/") if fragment else ():
        found = found[step]
    return found, data, where


def _chosen(condition: Schema, data: Any) -> bool:
    properties = condition.get("properties", {})
    return isinstance(data, Mapping) and all(
        data.get(key) == part["const"] for key, part in properties.items()
    )


def _kinds(part: Schema) -> list[str]:
    kinds = part.get("type", [])
    if not kinds and isinstance(part.get("const"), int):
        return ["integer"]
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _scalar(text: Scalar, kinds: set[str]) -> Any:
    if not text.plain:
        return text
    if "boolean" in kinds and text in TRUTHS:
        return TRUTHS[text]
    if "integer" in kinds and WHOLE.fullmatch(text):
        return int(text)
    if "number" in kinds and DECIMAL.fullmatch(text):
        return float(text)
    return text


@cache
def _registry() -> Registry[Any]:
    """The shipped schemas and nothing else: no reference ever leaves this machine."""
    top = shipped.folder("schemas")
    names = [path.relative_to(top).as_posix() for path in top.glob("*/*.json")]
    return Registry().with_resources(
        (BASE + name, Resource.from_contents(load(name.removesuffix(".json")))) for name in names
    )
