"""A flow's layers: what it extends, itself, and `--set`; each value remembers where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from etlrunner.config import domain, left_out, load
from etlrunner.config.project import Project
from etlrunner.errors import ConfigurationError
from etlrunner.lib import schema
from etlrunner.lib.document import Document, Key, Places, Scalar, Spot
from etlrunner.lib.suggest import close_to
from etlrunner.model.problems import Place, Problem

MOST_LAYERS = 5
SET = "--set"
KEEPS_NULLS = "overrides"
NOTHING = object()
"""Stands for a key that is not there, as null is a value of its own."""


def merged_flow(
    project: Project, path: Path, sets: Mapping[str, str] | None = None
) -> tuple[Document, tuple[Path, ...]]:
    """The flow over what it extends, and every file that had a part.

    Raises ConfigurationError for files that cannot be read, and for circles.
    """
    document, files = _with_bases(project, path, ())
    for key, value in (sets or {}).items():
        document = over(document, _one_value(key, value))
    return document, files


def over(below: Document, above: Document) -> Document:
    """`above` laid over `below`: maps merge, everything else replaces, null removes.

    Below `overrides` a null stays: there it removes what the mapping says, when that is merged.
    """
    spots = dict(below.places.spots)
    data = _merged(below.data, above.data, (), spots, above.places)
    texts = {**below.places.texts, **above.places.texts}
    return Document(data, Places(spots, texts), above.path)


def show(
    project: Project, name: str, *, origins: bool = False, sets: Mapping[str, str] | None = None
) -> str:
    """The merged flow as YAML, with each value's file and line if `origins`; secrets are references.

    Raises ConfigurationError with what is wrong: a flow that is not valid may hold a secret anywhere.
    """
    document, _ = merged_flow(project, project.flow_path(name), sets)
    data, problems = schema.check(document, "flow")
    problems += domain.problems(data, document.places)
    if problems:
        raise ConfigurationError(problems)
    parts = schema.parts_of("flow", data)
    data = schema.defaulted({key: value for key, value in data.items() if key != "extends"}, parts)
    if "cron" in data.get("schedule", {}):
        instead = ("hour", "minute", "weekend")
        data["schedule"] = {k: v for k, v in data["schedule"].items() if k not in instead}
    if not origins:
        return _with_words(load.to_yaml(plain(data)), data)
    return _with_words(with_origins(data, document.places), data)


def with_origins(data: Mapping[str, Any], places: Places) -> str:
    """Merged data as YAML, each value with the file and line that it came from."""
    lines = list(_with_origins(data, (), places, 0))
    width = min(70, max((len(line) for line, _ in lines), default=0)) + 2
    return "\n".join(
        f"{line:<{width}} # {origin}".replace("  # ", " # ") if origin else line
        for line, origin in lines
    )


def _with_words(text: str, data: Mapping[str, Any]) -> str:
    """Beside `leave_out:`, what it will do."""
    said = "; ".join(left_out.summary(data.get("leave_out", {}))).replace("leave_out: ", "")
    return text.replace("\nleave_out:\n", f"\nleave_out:  # {said}\n", 1) if said else text


def unused_bases(project: Project) -> list[Problem]:
    """A warning for each file in flows/base/ that no flow, and no other base, extends."""
    flows = project.root / "flows"
    used: set[Path] = set()
    for path in flows.rglob("*.yaml"):
        document, _ = load.attempt(path, shown=project.shown(path))
        base = (
            document.data.get("extends")
            if document and isinstance(document.data, Mapping)
            else None
        )
        if isinstance(base, str):
            used.add((flows / base).resolve())
    return [
        Problem(
            "E219", "no flow extends this file", Place(project.shown(path), 1, 1),
            hint=f"extends: {path.relative_to(flows).as_posix()} in a flow, or remove the file",
            severity="warning",
        )
        for path in sorted((flows / "base").rglob("*.yaml"))
        if path.resolve() not in used
    ]  # fmt: skip


def _with_bases(
    project: Project, path: Path, above: tuple[Path, ...]
) -> tuple[Document, tuple[Path, ...]]:
    document = load.load(path, shown=project.shown(path))
    if not isinstance(document.data, Mapping):
        top = Place(project.shown(path), 1, 1)
        hint = "it begins with version: 1; `etlrunner init` writes one"
        raise ConfigurationError([Problem("E203", "a flow is a map (key: value)", top, hint=hint)])
    base = document.data.get("extends")
    if base is None:  # at the bottom a null removes nothing, and goes
        return over(Document({}, Places({}, {})), document), (path,)
    place: Place | None = document.places.at(("extends",))
    found = _base_path(project, base, place)
    if found in (*above, path) or len(above) >= MOST_LAYERS:
        names = " -> ".join(project.shown(one) for one in (*above, path, found))
        raise ConfigurationError(
            [Problem("E220", f"these files extend each other in a circle: {names}", place, "extends",
                     "remove the `extends:` of one of them")]
        )  # fmt: skip
    below, files = _with_bases(project, found, (*above, path))
    return over(below, document), (*files, path)


def _base_path(project: Project, base: Any, place: Place | None) -> Path:
    """Only files below flows/: a flow is reviewed together with what it extends."""
    flows = (project.root / "flows").resolve()
    if not isinstance(base, str):
        raise ConfigurationError([Problem("E203", "extends names one file", place, "extends")])
    found = (flows / base).resolve()
    if not found.is_relative_to(flows):
        hint = "paths count from flows/, such as base/texas.yaml"
        problem = Problem("E221", f"'{base}' is not below flows/", place, "extends", hint)
        raise ConfigurationError([problem])
    if not found.is_file():
        known = [one.relative_to(flows).as_posix() for one in flows.rglob("*.yaml")]
        hint = close_to(base, known) or "paths count from flows/, such as base/texas.yaml"
        problem = Problem("E221", f"there is no file flows/{base}", place, "extends", hint)
        raise ConfigurationError([problem])
    return found


def _merged(below: Any, above: Any, way: Key, spots: dict[Key, Spot], places: Places) -> Any:
    """Merge data, and keep `spots` of the result in step."""
    spot = places.spots.get(way)
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        merged = dict(below)
        if spot and way not in spots:
            spots[way] = spot
        for key, value in above.items():
            under = (*way, str(key))
            if value is None and KEEPS_NULLS not in under[:1]:
                merged.pop(key, None)
                _forget(under, spots)
                spots |= {under: places.spots[under]} if under in places.spots else {}
            else:
                merged[key] = _merged(merged.get(key, NOTHING), value, under, spots, places)
        return merged
    if isinstance(above, Mapping):
        return _replaced(below, above, way, spots, places)
    return _taken(below, above, way, spots, places)


def _replaced(below: Any, above: Any, way: Key, spots: dict[Key, Spot], places: Places) -> Any:
    """A map where there was none, or something else: taken over key by key, without its nulls."""
    _taken(below, above, way, spots, Places({way: places.spots[way]} if way in places else {}, {}))
    return _merged({}, above, way, spots, places)


def _taken(below: Any, above: Any, way: Key, spots: dict[Key, Spot], places: Places) -> Any:
    """Take over a value with the spots of all its parts; remember where the one stood that it replaces."""
    replaced = None if below is NOTHING else spots.get(way)
    _forget(way, spots)
    spots.update({key: spot for key, spot in places.spots.items() if key[: len(way)] == way})
    if replaced and way in spots and replaced.value != spots[way].value:
        spots[way] = replace(spots[way], also=replaced.value)
    return above


def _forget(way: Key, spots: dict[Key, Spot]) -> None:
    for key in [key for key in spots if key[: len(way)] == way]:
        del spots[key]


def _one_value(key: str, value: str) -> Document:
    """`source.page_size=500` as a document of its own."""
    way = tuple(key.split("."))
    place = Place(f"{SET} {key}")
    parsed, problems = load.attempt(SET, f"value: {value}" if value else 'value: ""')
    if problems or parsed is None or set(parsed.data) != {"value"}:
        hint = (
            "put quotes around it for YAML: --set key='\"…\"'"  # the value itself may be a secret
        )
        raise ConfigurationError([Problem("E226", "YAML cannot read this value", place, hint=hint)])
    data: Any = parsed.data["value"]
    spots: dict[Key, Spot] = {way[:length]: Spot(place, place) for length in range(len(way) + 1)}
    for step in reversed(way):
        data = {Scalar(step): data}
    return Document(data, Places(spots, {}))


def plain(data: Any) -> Any:
    """Without our own types, for printing."""
    if isinstance(data, Mapping):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, list):
        return [plain(item) for item in data]
    return str(data) if isinstance(data, str) else data


def _with_origins(data: Any, way: Key, places: Places, depth: int) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for key, value in data.items():
        under, indent = (*way, str(key)), "  " * depth
        if isinstance(value, Mapping) and value:
            lines.append((f"{indent}{key}:", ""))
            lines += _with_origins(value, under, places, depth + 1)
        else:
            shown = load.to_yaml({str(key): plain(value)}).rstrip().splitlines()
            where = _origin(places.spots.get(under))
            lines += [(indent + line, where if n == 0 else "") for n, line in enumerate(shown)]
    return lines


def _origin(spot: Spot | None) -> str:
    if spot is None:
        return "default"
    place, also = spot.value, spot.also
    text = f"{place.file}:{place.line}" if place.line else place.file
    return f"{text}, over {also.file}:{also.line}" if also and also.line else text
