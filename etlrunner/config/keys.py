"""Every key of the YAML files as their schemas declare it: where it stands, what it may be, an example."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from etlrunner.config import load
from etlrunner.config.editor_shapes import Node, bundled

NAME, ITEM = "*", "[]"
"""Steps of a path: any name, and each item of a list."""
REFERENCE = "a reference: {env: NAME}, {file: path} or {keyring: service/name}"


@dataclass(frozen=True, slots=True)
class File:
    """One kind of file: what it is called in a question, and for people; the page with all its keys."""

    word: str
    title: str
    page: str


FILES: Mapping[str, File] = {
    "flow": File("flow", "a flow, flows/NAME.yaml", "docs/flows.md"),
    "etlrunner": File("settings", "etlrunner.yaml, what holds for all flows", "docs/flows.md"),
    "mapping": File("mapping", "a mapping, mappings/TARGET/TABLE.yaml", "docs/mappings.md"),
    "mapping-test": File("test", "a mapping test in tests/", "docs/testing-mappings.md"),
    "source-definition": File(
        "definition",
        "a source definition, sources/NAME.yaml",
        "docs/writing-a-source-definition.md",
    ),
}
_ANOTHER_FORM = re.compile(r"write it as \"?([^\s\"]+)")


@dataclass(frozen=True, slots=True)
class Key:
    """A key at its place in one kind of file; `kind` is the `type` beside it that it goes with."""

    file: File
    path: tuple[str, ...]
    kind: str
    declared: Node
    is_required: bool
    example_of: tuple[Any, ...] = ()
    """What an example of the part around it says; empty if there is none."""

    @property
    def name(self) -> str:
        return self.path[-1]

    @property
    def place(self) -> str:
        """`seasons.*.safeguards.small_change`, `notify[].url`."""
        return ".".join(self.path).replace(f".{ITEM}", ITEM)

    @property
    def page(self) -> str:
        """Where to read on."""
        if "transforms" in self.path[:-1]:
            verb = self.path[self.path.index("transforms") + 2]
            return f"docs/transforms.md, {verb}"
        return self.file.page

    @property
    def description(self) -> str:
        """What it is, in a sentence or two."""
        return str(self.declared.get("description", ""))

    def may_be(self) -> list[str]:
        """What may stand behind the colon: kinds of values, or each value with what it means."""
        return list(dict.fromkeys(_kinds(self.declared)))

    def by_default(self) -> str:
        """What holds where the key is not there."""
        if self.is_required:
            return "none: it has to be there"
        if self.declared.get("default") not in (None, [], {}):
            return written(self.declared["default"])
        inner = self.declared.get("properties", {}).values()
        own = "its keys have their own" if any("default" in one for one in inner) else "none"
        return str(self.declared.get("absent", own))

    def example(self) -> str:
        """Lines of the file with the key in them."""
        value = self.example_of[0] if self.example_of else sample(self.declared)
        for step in reversed(self.path):
            value = [value] if step == ITEM else {"NAME" if step == NAME else step: value}
        return load.to_yaml(value).rstrip().replace("'on':", "on:")  # no truth value, as we read it


@cache
def every() -> tuple[Key, ...]:
    """All keys of all files, in the order of their declarations."""
    return tuple(key for name, file in FILES.items() for key in _below(file, (), "", bundled(name)))


def find(words: str) -> list[Key]:
    """The keys that are meant: by the name alone, or by some of the names above it, in order.

    `safeguards.max_removed`, `source.asm-zip.path` and `settings.history.url` say which one of several.
    """
    wanted = _steps(words)
    for is_wild in (False, True):
        found = [key for key in every() if wanted and _is_meant(wanted, key, is_wild)]
        exact = [key for key in found if [_folded(step) for step in key.path] == wanted]
        if found:
            return _first_of_each(exact if len(wanted) > 1 and exact else found)
    return []


def names() -> set[str]:
    """What may have been meant by a word that is no key."""
    return {key.name for key in every()} | {key.place for key in every()}


def sample(declared: Node) -> Any:
    """A value that is allowed: from the examples, or as simple as can be."""
    for made in ("examples", "enum"):
        if values := declared.get(made):
            default = declared.get("default")
            return next((value for value in values if value != default), values[0])
    if "const" in declared:
        return declared["const"]
    if declared.get("secret"):
        return {"env": "NAME"}
    return _SAMPLES[_types(declared)[0]](declared)


def written(value: Any) -> str:
    """A value on one line: text as it is, anything else as JSON, which YAML reads alike."""
    is_text = isinstance(value, str) and value
    return str(value) if is_text else json.dumps(value, ensure_ascii=False)


# ---------------------------------------------------------------- walking


def _below(file: File, path: tuple[str, ...], kind: str, node: Node) -> Iterator[Key]:
    required, examples = node.get("required", ()), node.get("examples", ())
    for name, inner in node.get("properties", {}).items():
        shown = tuple(one[name] for one in examples if isinstance(one, Mapping) and name in one)
        if not (kind and "const" in inner):  # the `type` that has chosen the branch
            yield Key(file, (*path, name), kind, inner, name in required, shown)
        yield from _below(file, (*path, name), kind, inner)
    for step, inner in ((NAME, node.get("additionalProperties")), (ITEM, node.get("items"))):
        if isinstance(inner, Mapping):
            if step == NAME and "description" in inner:
                yield Key(file, (*path, NAME), kind, dict(inner), is_required=False)
            yield from _below(file, (*path, step), kind, dict(inner))
    for branch in (*node.get("allOf", ()), *([node] if "then" in node else ())):
        chosen = branch.get("if", {}).get("properties", {}).get("type", {}).get("const", kind)
        yield from _below(file, path, chosen, branch.get("then", branch))


def _first_of_each(found: list[Key]) -> list[Key]:
    """Without places that repeat another one deeper down, as seasons repeat the safeguards."""
    ends = {(key.file.word, key.path, key.description) for key in found}

    def is_again(key: Key) -> bool:
        tails = (key.path[start:] for start in range(1, len(key.path)))
        return any((key.file.word, tail, key.description) in ends for tail in tails)

    return [key for key in found if not is_again(key)]


# ---------------------------------------------------------------- what is asked for


def _steps(words: str) -> list[str]:
    plain = re.sub(r"\[[0-9]*\]", "", words).strip().strip(":.")
    return [_folded(step) for step in plain.split(".") if step]


@cache
def _folded(word: str) -> str:
    """`stale-after` and `staleAfter` are near enough to `stale_after`."""
    return re.sub(r"[-_ ]", "", word).lower()


def _is_meant(wanted: Sequence[str], key: Key, is_wild: bool) -> bool:
    """The last word is the key; those before it stand above it, in order, if not one below the other.

    With `is_wild` they are the whole way, in which a name of one's own (a season's) stands for any.
    """
    if wanted[-1] != _folded(key.name) and not (is_wild and key.name == NAME):
        return False
    above = [key.file.word, *(step for step in key.path[:-1] if step != ITEM)]
    if is_wild:
        mine = above[1:]
        return len(mine) == len(wanted) - 1 and all(
            step == NAME or _folded(step) == word for step, word in zip(mine, wanted, strict=False)
        )
    if key.kind:
        above.insert(2, key.kind)
    left = list(wanted[:-1])
    for step in reversed(above):
        if left and step != NAME and _folded(step) == left[-1]:
            left.pop()
    return not left


# ---------------------------------------------------------------- what it may be


def _types(declared: Node) -> list[str]:
    found = declared.get("type", "object")
    return [found] if isinstance(found, str) else [one for one in found if one != "null"]


def _kinds(declared: Node) -> Iterator[str]:
    if declared.get("secret"):
        yield REFERENCE
    elif values := declared.get("enum"):
        meanings = declared.get("enumDescriptions") or [""] * len(values)
        for value, meaning in zip(values, meanings, strict=True):
            yield f"{written(value)}{f' ({meaning.rstrip(chr(46))})' if meaning else ''}"
    elif "const" in declared:
        yield written(declared["const"])
    elif hint := declared.get("hint"):
        said = (
            str(hint).replace("write it as", "a text like").replace("write it with", "a time with")
        )
        yield said.removeprefix("write ")
    else:
        for kind in _types(declared):
            yield _SAID[kind](declared)


def _number(declared: Node, what: str) -> str:
    low, high = declared.get("minimum"), declared.get("maximum")
    if low is not None and high is not None:
        return f"{what} from {low} to {high}"
    if "exclusiveMinimum" in declared:
        return f"{what} above {declared['exclusiveMinimum']}"
    return what if low is None else f"{what}, {low} or more"


def _listed(item: Node) -> str:
    values = item.get("enum")
    return f"a list of {', '.join(map(str, values))}" if values else "a list"


def _map(declared: Node) -> str:
    inner = list(declared.get("properties", {}))
    return f"a map with {', '.join(inner)}" if inner else "a map of your own names"


_SAID = {
    "boolean": lambda declared: "true or false",
    "integer": lambda declared: _number(declared, "a whole number"),
    "number": lambda declared: _number(declared, "a number"),
    "string": lambda declared: "an expression" if declared.get("expression") else "a text",
    "array": lambda declared: _listed(declared.get("items", {})),
    "object": _map,
}


def _a_text(declared: Node) -> str:
    if "default" in declared:
        return str(declared["default"])
    if declared.get("duration"):
        return "30s"
    form = _ANOTHER_FORM.search(str(declared.get("hint", "")))
    return form[1] if form else "TEXT"


def _a_map(declared: Node) -> dict[str, Any]:
    inner = declared.get("properties", {})
    wanted = declared.get("required") or list(inner)[:1]
    made = {name: sample(inner[name]) for name in wanted if name in inner}
    more = declared.get("additionalProperties")
    name = declared.get("propertyNames", {}).get("enum", ["NAME"])[0]
    return made or ({name: sample(dict(more))} if isinstance(more, Mapping) else {})


_SAMPLES = {
    "boolean": lambda declared: not declared.get("default", False),
    "integer": lambda declared: declared.get("default", declared.get("minimum", 1)),
    "number": lambda declared: declared.get("default", declared.get("exclusiveMinimum", 0) + 1),
    "string": _a_text,
    "array": lambda declared: (
        declared.get("default")
        or [sample(declared.get("items", {"type": "string"}))] * max(1, declared.get("minItems", 1))
    ),
    "object": _a_map,
}
