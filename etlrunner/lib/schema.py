"""The one door to jsonschema: plain text becomes numbers and booleans where a schema asks, then is checked.

Schemas carry three marks of our own: `secret` (a reference belongs here), `duration` (text like 2h) and
`path` (a file of the project); `hint` says in words what a `pattern` wants.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import urljoin

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry, Resource

from etlrunner.lib import shipped
from etlrunner.lib.document import Document, Key, Places, Scalar
from etlrunner.lib.suggest import close_to
from etlrunner.model import Problem

Schema = Mapping[str, Any]
WHOLE = re.compile(r"[-+]?[0-9]{1,15}")
DECIMAL = re.compile(r"[-+]?[0-9]{1,15}(\.[0-9]{1,15})?")
TRUTHS = {"true": True, "True": True, "false": False, "False": False}
BASE = "file:///schemas/"  # a name only: nothing is ever fetched
SHOWN = 12
"""So many allowed values are listed in a message."""


@cache
def load(name: str) -> Schema:
    """A shipped schema by its name: `flow`, `sources/skyward`."""
    found: Schema = json.loads(shipped.read("schemas", *f"{name}.json".split("/")))
    return found


def check(document: Document, name: str) -> tuple[Any, list[Problem]]:
    """The data with numbers and booleans where the schema `name` asks for them, and every problem."""
    data = coerced(document.data, parts_of(BASE + f"{name}.json", document.data))
    validator = Draft202012Validator({"$ref": BASE + f"{name}.json"}, registry=_registry())
    problems: list[Problem] = []
    for error in validator.iter_errors(data):
        problems += _problems(error, document.places)
    return data, sorted(dict.fromkeys(problems), key=_order)


def coerced(data: Any, parts: list[Schema]) -> Any:
    """Plain scalars as what the schema asks for; text stays text wherever text is allowed."""
    if isinstance(data, Scalar):
        return _scalar(data, {kind for part in parts for kind in _kinds(part)})
    if isinstance(data, Mapping):
        return {key: coerced(value, below(parts, str(key), value)) for key, value in data.items()}
    if isinstance(data, list):
        return [coerced(item, below(parts, None, item)) for item in data]
    return data


def parts_of(reference: str, data: Any) -> list[Schema]:
    """The schemas that apply to a document as a whole."""
    return _parts({"$ref": reference}, data, BASE)


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


# ---------------------------------------------------------------- which schemas apply


def _parts(schema: Schema, data: Any, base: str) -> list[Schema]:
    """The schema itself and what it refers to; of branches only the one that `type` chooses."""
    found = [{**schema, "_base": base}]
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
    names = [path.relative_to(top).as_posix() for path in top.rglob("*.json")]
    return Registry().with_resources(
        (BASE + name, Resource.from_contents(load(name.removesuffix(".json")))) for name in names
    )


# ---------------------------------------------------------------- errors in words


def _problems(error: ValidationError, places: Places) -> Iterator[Problem]:
    """One jsonschema error as problems, each with its place."""
    way: Key = tuple(str(step) if isinstance(step, str) else step for step in error.absolute_path)
    secret = _secret_above(error)
    if secret and error.validator in ("type", "minProperties", "maxProperties"):
        yield _literal_secret(way, places)
    elif error.validator == "additionalProperties":
        yield from _unknown_keys(error, way, places)
    elif error.validator == "required":
        yield from _missing_keys(error, way, places)
    else:
        yield _wrong_value(error, way, places)


def _secret_above(error: ValidationError) -> bool:
    return isinstance(error.schema, Mapping) and bool(error.schema.get("secret"))


def _literal_secret(way: Key, places: Places) -> Problem:
    name = str(way[-1])
    return Problem(
        "E210",
        f"'{name}' is a secret, and a secret is never written into a file that git keeps",
        places.at(way),
        _dotted(way),
        f"put a reference here, such as {name}: {{env: {_variable(way)}}}, "
        "and set it with: etlrunner secrets set",
    )


def _variable(way: Key) -> str:
    return "LAKESIDE_" + "_".join(str(step).upper() for step in way if isinstance(step, str))


def _unknown_keys(error: ValidationError, way: Key, places: Places) -> Iterator[Problem]:
    known = list(error.schema.get("properties", {}))
    for key in error.instance:
        if key in known:
            continue
        place = places.key((*way, str(key)))
        hint = close_to(key, known) or "known: " + ", ".join(sorted(known))
        where = f" in '{way[-1]}'" if way and isinstance(way[-1], str) else ""
        yield Problem(
            "E201",
            f"there is no key '{key}'{where}",
            place,
            _dotted((*way, str(key))),
            hint,
            also=places.also((*way, str(key))),
            excerpt=places.excerpt(place, len(key), key_only=True),
        )


def _missing_keys(error: ValidationError, way: Key, places: Places) -> Iterator[Problem]:
    for key in error.validator_value:
        if key not in error.instance:
            text = error.schema.get("properties", {}).get(key, {}).get("description", "")
            where = f" in '{way[-1]}'" if way else ""
            found = Problem(
                "E202", f"'{key}' is missing{where}", places.at(way), _dotted((*way, key)), text
            )
            if f"'{key}' is a required property" == error.message:
                yield found


def _wrong_value(error: ValidationError, way: Key, places: Places) -> Problem:
    place = places.at(way)
    value = error.instance
    code, message, hint = _said(error, value)
    width = len(str(value)) if isinstance(value, str | int | float) else 1
    return Problem(
        code,
        message,
        place,
        _dotted(way),
        hint,
        also=places.also(way),
        excerpt=places.excerpt(place, width),
    )


def _said(error: ValidationError, value: Any) -> tuple[str, str, str]:
    """Code, sentence and hint for a value that does not fit."""
    schema, wanted = error.schema, error.validator_value
    shown = _shown(value)
    hint = str(schema.get("hint", ""))
    if error.validator == "type":
        return "E203", f"{shown} is not {_kind_in_words(wanted)}", hint or _type_hint(value, wanted)
    if error.validator in ("enum", "const"):
        allowed = [str(one) for one in (wanted if error.validator == "enum" else [wanted])]
        listed = ", ".join(allowed[:SHOWN])
        return "E204", f"{shown} is not one of: {listed}", close_to(str(value), allowed)
    if error.validator in ("minimum", "maximum", "exclusiveMinimum"):
        return "E205", f"{shown} is out of range: {_range(schema)}", hint
    if error.validator in ("minLength", "minItems", "minProperties"):
        return "E205", "this is empty", hint or str(schema.get("description", ""))
    if error.validator == "maxProperties":
        return "E205", f"only {wanted} key is allowed here", str(schema.get("description", ""))
    if error.validator == "pattern":
        return "E205", f"{shown} does not have the right form", hint
    return "E205", f"{shown} is not allowed here", hint


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a map"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return f"'{text[:60]}…'" if len(text) > 60 else f"'{text}'"


def _kind_in_words(wanted: Any) -> str:
    words = {
        "string": "a text",
        "integer": "a whole number",
        "number": "a number",
        "boolean": "true or false",
        "object": "a map (key: value)",
        "array": "a list",
        "null": "nothing",
    }
    kinds = [wanted] if isinstance(wanted, str) else wanted
    return " or ".join(words[kind] for kind in kinds if kind != "null")


def _type_hint(value: Any, wanted: Any) -> str:
    if wanted == "boolean":
        return "write true or false, without quotes"
    if wanted == "integer" and isinstance(value, Scalar) and not value.plain:
        return "write the number without quotes"
    if wanted == "array":
        return "write it as a list: [one, two]"
    return ""


def _range(schema: Schema) -> str:
    low, high = schema.get("minimum", schema.get("exclusiveMinimum")), schema.get("maximum")
    if high is None:
        return f"{low} or more"
    return f"{low} to {high}"


def _dotted(way: Key) -> str:
    text = ""
    for step in way:
        text += f"[{step}]" if isinstance(step, int) else (f".{step}" if text else str(step))
    return text


def _order(problem: Problem) -> tuple[str, int, int, str]:
    place = problem.place
    return (place.file, place.line, place.column, problem.code) if place else ("", 0, 0, "")
