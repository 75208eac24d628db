"""One declaration of `schemas/` as an editor wants it; `editors` puts files together of these."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from etlrunner import roster
from etlrunner.lib import schema

Node = dict[str, Any]

REFERENCE = (
    "A secret is never written into a file that git keeps. "
    "Write a reference: {env: NAME}, {file: path} or {keyring: service/name}."
)
_OURS = (
    "$schema", "secret", "expression", "duration", "path", "later", "absent", "hint", "default",
    "only_for", "about", "worked",
)  # fmt: skip
_ANY_SCALAR = ("text", "default")
"""Keys whose text may look like a boolean: `text: true` is the four letters."""
MOST_EXAMPLES = 2
"""So many are shown when the mouse rests on a key; further ones are offered for completion only."""
_NUMBER = re.compile(r"[0-9]+([.][0-9]+)?")


def bundled(name: str) -> Node:
    """A declaration with everything it refers to in its place."""
    whole = schema.load(name)
    found: Node = _inlined(whole, whole)
    return found


def _inlined(node: Any, whole: Any) -> Any:
    """References into a file, or into the declaration itself (`#/properties/…`), as what they mean."""
    if isinstance(node, list):
        return [_inlined(one, whole) for one in node]
    if not isinstance(node, Mapping):
        return node
    reference = node.get("$ref")
    if not isinstance(reference, str):
        return {key: _inlined(value, whole) for key, value in node.items()}
    more = _inlined({key: value for key, value in node.items() if key != "$ref"}, whole)
    if not reference.startswith("#/"):
        return {**bundled(reference.removeprefix("../").removesuffix(".json")), **more}
    found = whole
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return {**_inlined(found, whole), **more}


def shaped(node: Any, *, part: bool, item: bool = False) -> Any:
    """One declaration for editors. `part`: nothing is required, and null removes; but not in a list."""
    if not isinstance(node, Mapping):
        return node
    found = {key: value for key, value in node.items() if key not in _OURS}
    loose = part and not item
    if loose:
        for key in ("required", "minProperties", "maxProperties"):
            found.pop(key, None)
    found |= _texts(node)
    found |= _types(node, loose)
    if "properties" in node:
        found["properties"] = {
            key: shaped(_lax(one) if key in _ANY_SCALAR else one, part=part, item=item)
            for key, one in node["properties"].items()
        }
    if isinstance(node.get("additionalProperties"), Mapping):
        each = _lax(node["additionalProperties"])
        found["additionalProperties"] = shaped(each, part=part, item=item)
    if "items" in node:
        found["items"] = shaped(node["items"], part=part, item=True)
    if "allOf" in node:
        found["allOf"] = [
            _shaped_branch(branch, part=part, item=item)
            for one in node["allOf"]
            for branch in _split(one)
        ]
        if loose:
            found["allOf"].append(_of_any(found["allOf"]))
    return _by_table(found)


def _lax(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """A text in a place where people write `true`, and mean the word."""
    return {**node, "type": ["string", "boolean"]} if node.get("type") == "string" else node


def _shaped_branch(branch: Node, *, part: bool, item: bool) -> Node:
    """One component; the `type` that chooses it says what it is."""
    then = shaped(branch["then"], part=part, item=item)
    texts = {key: then[key] for key in ("description", "markdownDescription") if key in then}
    for key in branch["if"]["required"][:1]:
        then["properties"][key] = {**then["properties"].get(key, {}), **texts}
    return {**branch, "then": then}


def _split(branch: Node) -> Iterator[Node]:
    """A component with keys that only some of its variants have, as one branch with and one without them."""
    properties = branch["then"].get("properties", {})
    special = {key: one["only_for"] for key, one in properties.items() if "only_for" in one}
    if not special:
        yield branch
        return
    [(key, allowed)] = {
        name: tuple(some) for one in special.values() for name, some in one.items()
    }.items()
    others = [value for value in properties[key]["enum"] if value not in allowed]
    chosen, needed = branch["if"]["properties"], branch["if"]["required"]
    lacking = {**branch["then"], "properties": without(properties, *special)}
    yield {
        "if": {"properties": {**chosen, key: {"enum": others}}, "required": [*needed, key]},
        "then": lacking,
    }
    yield {
        "if": {"properties": {**chosen, key: {"not": {"enum": others}}}, "required": needed},
        "then": branch["then"],
    }


def _of_any(branches: list[Node]) -> Node:
    """Where the base names the `type`: the keys of all of them."""
    keys: Node = {}
    for branch in branches:
        for name, one in branch["then"].get("properties", {}).items():
            keys.setdefault(name, one)
    [choice] = {branch["if"]["required"][0] for branch in branches}
    return {
        "if": {"not": {"required": [choice]}},
        "then": {"properties": without(keys, choice), "additionalProperties": False},
    }


def _texts(node: Mapping[str, Any]) -> Node:
    """Descriptions with what holds if nothing is said, and messages with what to try."""
    found: Node = {}
    text = str(node.get("description", ""))
    if node.get("default") not in (None, [], {}):
        text += f" Default: `{_shown(node['default'])}`."
    elif node.get("absent"):
        text += f" Without it: {node['absent']}."
    examples = list(node.get("examples", ()))
    if any(isinstance(one, Mapping) for one in examples):
        text += f" Example: `{_inline(examples.pop(0))}`."
        found["examples"] = []
    if len(examples) > MOST_EXAMPLES:
        found["examples"] = examples[:MOST_EXAMPLES]
        found |= _offered(examples[MOST_EXAMPLES:])
    if text:
        found |= {"description": text.replace("`", "'"), "markdownDescription": text}
    if "enumDescriptions" in node:
        found["markdownEnumDescriptions"] = node["enumDescriptions"]
    if node.get("secret"):
        found["errorMessage"] = REFERENCE
        found["defaultSnippets"] = [
            {"label": "{env: …}", "description": "A variable of the environment.", "body": {"env": "$1"}}
        ]  # fmt: skip
    elif (hint := str(node.get("hint", ""))) and "properties" not in node:  # else of each key
        found["errorMessage"] = found["patternErrorMessage"] = f"{hint[:1].upper()}{hint[1:]}."
    return found


def _types(node: Mapping[str, Any], loose: bool) -> Node:
    """Numbers where text belongs: an editor takes `07` for one, the engine does not."""
    kinds = kinds_of(node)
    if not kinds:
        return {}
    if "string" in kinds and not {"integer", "number"} & set(kinds):
        kinds = [*kinds, "number"]
    if loose and "null" not in kinds:
        kinds = [*kinds, "null"]
    found: Node = {"type": kinds[0] if len(kinds) == 1 else kinds}
    if "enum" in node:
        values = list(node["enum"])
        values += [
            json.loads(one) for one in values if isinstance(one, str) and _NUMBER.fullmatch(one)
        ]
        found["enum"] = [*values, None] if loose else values
    return found


def kinds_of(node: Mapping[str, Any]) -> list[str]:
    kinds = node.get("type", [])
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _inline(value: Any) -> str:
    """`{env: NAME}`, as one writes it in YAML."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_inline(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return _shown(value)


def chosen_by(key: str, value: str, then: Node) -> Node:
    return {"if": {"properties": {key: {"const": value}}, "required": [key]}, "then": then}


def without(node: Node, *keys: str) -> Node:
    return {key: value for key, value in node.items() if key not in keys}


def _by_table(verb: Node) -> Node:
    """A transform that takes from a table of the roster: that table's columns, by name."""
    properties = verb.get("properties", {})
    if not {"from", "take"} <= properties.keys():
        return verb
    branches = [
        chosen_by("from", name, {"properties": _theirs(properties, list(columns))})
        for name, columns in roster.TABLES.items()
    ]
    return {**verb, "allOf": [*verb.get("allOf", ()), *branches]}


def _theirs(properties: Node, columns: list[str]) -> Node:
    found: Node = {}
    if "match" in properties:
        found["match"] = {
            "properties": {name: {"description": f"Their {name}."} for name in columns}
        }
    if "order" in properties:
        found["order"] = {"items": _offered(columns)}
    take = properties.get("take", {})
    if "object" in kinds_of(take):
        found["take"] = {"additionalProperties": _offered(columns)}
    elif take:
        found["take"] = _offered(columns)
    return found


def _offered(values: Sequence[Any]) -> Node:
    """For completion, but not shown on hover."""
    return {"defaultSnippets": [{"label": str(value), "body": value} for value in values]}
