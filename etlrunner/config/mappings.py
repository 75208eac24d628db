"""Mapping files as frozen values: the project's before the shipped ones, overrides laid over."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from etlrunner.config import databases, layers, load, options
from etlrunner.config.project import Project
from etlrunner.errors import ConfigurationError
from etlrunner.lib import schema, shipped
from etlrunner.lib.document import Document, Key, Places, Scalar, dotted
from etlrunner.lib.suggest import close_to
from etlrunner.model.mapping import (
    Column,
    DatabaseTable,
    ExtraTable,
    LookupTable,
    MappingSet,
    Step,
    TableMapping,
)
from etlrunner.model.problems import Located, Place, Problem
from etlrunner.target import TARGETS

WARN_BEFORE = timedelta(days=7)
_NEEDED = {
    "columns": 'write expr: COLUMN, text: "…", or each: LIST',
    "lookups": "write rows: {code: value, …}, or csv: ../crosswalks/FILE.csv",
    "tables": "write csv: ../crosswalks/FILE.csv",
}
MAKES_A_COLUMN = ("expr", "text", "each")
ONE_OF = {
    "columns": MAKES_A_COLUMN,
    "lookups": ("rows", "csv", "excel", "database"),
    "tables": ("csv", "excel", "database"),
}
"""Of these keys each column, code table or table has exactly one."""


@dataclass
class Reading:
    """A mapping set on its way: problems of all files, warnings, and what was read, for the hash."""

    project: Project
    today: date
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    """File name -> its text, of everything that had a part."""


def read(
    reading: Reading, name: str, place: Place | None, overrides: Document | None
) -> MappingSet:
    """The mapping set `name`, with what the flow's `overrides` change."""
    files = files_of(reading.project, name)
    if not files:
        known = _known(reading.project)
        hint = close_to(name, known) or f"known: {', '.join(known)}"
        raise ConfigurationError(
            [Problem("E222", f"there is no mapping '{name}'", place, "mapping", hint)]
        )
    tables: dict[str, TableMapping] = {}
    for stem, path in files.items():
        try:
            tables[stem] = _table(reading, path, stem, overrides)
        except ConfigurationError as error:
            reading.problems += error.problems
    wanted = {} if overrides is None else overrides.data
    for stem in wanted.keys() - files.keys():
        place = overrides.places.key((stem,)) if overrides else None
        hint = close_to(str(stem), files) or f"it makes {', '.join(files)}"
        reading.problems.append(
            Problem("E222", f"mapping '{name}' has no table '{stem}'", place, "overrides", hint)
        )
    return MappingSet(name, tables)


def expiry(
    reading: Reading, entry: Mapping[str, Any], places: Places, way: Key, what: str, path: str = ""
) -> date | None:
    """The last day on which something holds (`expires`): past is an error, within a week a warning.

    `what` is told with its reason and owner. An expired entry is neither kept nor dropped: the flow does
    not run until somebody decides, so that no account comes or goes by the passing of a day.
    """
    if "expires" not in entry:
        return None
    way = (*way, "expires")
    text, place, path = str(entry["expires"]), places.at(way), path or ".".join(map(str, way))
    try:
        day = date.fromisoformat(text)
    except ValueError:
        hint = "write a day of the calendar, as 2027-06-30"
        reading.problems.append(Problem("E205", f"'{text}' is no day", place, path, hint))
        return None
    told = "; ".join(str(entry[key]) for key in ("reason", "owner") if entry.get(key))
    what += f" ({told})" if told else ""
    hint = "give it a later day, or remove it"
    also = places.also(way)
    if day < reading.today:
        message = f"{what} expired: {day} was its last day"
        reading.problems.append(Problem("E231", message, place, path, hint, also=also))
    elif day - reading.today <= WARN_BEFORE:
        message = f"{what} expires soon: {day} is its last day, and then the flow stops"
        reading.warnings.append(Problem("E232", message, place, path, hint, "warning", also=also))
    return day


def digest(texts: Mapping[str, str]) -> str:
    """SHA-256 over names and texts: the same configuration, the same hash."""
    hashed = hashlib.sha256()
    for name, text in sorted(texts.items()):
        hashed.update(f"{len(name)}:{name}{len(text)}:{text}".encode())
    return hashed.hexdigest()


def _known(project: Project) -> list[str]:
    found = {
        path.name
        for top in (project.root / "mappings", shipped.folder("mappings"))
        for path in (top.iterdir() if top.is_dir() else ())
        if path.is_dir() and any(path.glob("*.yaml"))
    }
    return sorted(found)


def files_of(project: Project, name: str) -> dict[str, Path]:
    """Table -> file; a file of the project wins over the shipped one of the same name."""
    found: dict[str, Path] = {}
    for top in (shipped.folder("mappings"), project.root / "mappings"):
        found |= {path.stem: path for path in sorted((top / name).glob("*.yaml"))}
    return dict(sorted(found.items()))


def _table(reading: Reading, path: Path, stem: str, overrides: Document | None) -> TableMapping:
    """One file, merged with the flow's override of it, checked, frozen."""
    document = merged(reading, path, stem, overrides)
    data, problems = schema.check(document, "mapping")
    problems += _undecided(data, document)
    problems += databases.problems(data, document.places)
    problems += _of_another_table(data, document, path)
    if problems:
        shown = reading.project.shown(path)
        raise ConfigurationError([_in_its_file(one, stem, shown) for one in problems])
    return _Freezer(reading, document, path).table(data)


def merged(reading: Reading, path: Path, stem: str, overrides: Document | None) -> Document:
    """One mapping file with the flow's override laid over it; each value knows its place."""
    document = load.load(path, shown=reading.project.shown(path))
    reading.texts[f"mappings/{path.parent.name}/{path.name}"] = path.read_text(encoding="utf-8")
    if overrides is None or stem not in overrides.data:
        return document
    above = Document(overrides.data[stem], overrides.places.below((stem,)), overrides.path)
    return layers.over(_ready_to_merge(document, above), above)


def _in_its_file(problem: Problem, stem: str, mapping: str) -> Problem:
    """A problem of an override, with the key's path in the flow."""
    if problem.place is None or problem.place.file == mapping:
        return problem
    return replace(problem, path=f"overrides.{stem}.{problem.path}".rstrip("."))


def _of_another_table(data: Any, document: Document, path: Path) -> Iterator[Problem]:
    """A file's name says which table it makes."""
    table = data.get("table") if isinstance(data, Mapping) else None
    known = TARGETS["apple-school-manager"].tables
    if isinstance(table, str) and table in known and table != path.stem:
        place = document.places.at(("table",))
        message = f"this file is {path.name}, and makes '{table}'"
        excerpt = document.places.excerpt(place, len(str(table)))
        yield Problem(
            "E317",
            message,
            place,
            "table",
            f"call it {table}.yaml, or write table: {path.stem}",
            excerpt=excerpt,
        )


def _undecided(data: Any, document: Document) -> Iterator[Problem]:
    """Columns and lookups that say nothing, or two things at once, about what they are."""
    for group, one_of in ONE_OF.items():
        members = data.get(group) if isinstance(data, Mapping) else None
        for name, value in members.items() if isinstance(members, Mapping) else ():
            if not isinstance(value, Mapping):
                continue
            chosen = [key for key in one_of if key in value]
            misspelt = not chosen and any(close_to(str(key), one_of) for key in value)
            if len(chosen) != 1 and not misspelt:
                way = (group, str(name))
                message = f"'{name}' needs exactly one of {', '.join(one_of)}"
                message += f", not {' and '.join(chosen)}" if chosen else ""
                spot = (*way, *chosen[-1:])
                place = document.places.key(spot)
                excerpt = document.places.excerpt(place, len(spot[-1]), key_only=True)
                hint = f"keep one of {' and '.join(chosen)}" if chosen else _NEEDED[group]
                yield Problem("E206", message, place, ".".join(way), hint, excerpt=excerpt)


def _ready_to_merge(document: Document, above: Document) -> Document:
    """A mapping whose parts can be merged with an override's.

    A column that is an expression becomes a map where the override brings a map; and an override that
    says what makes a column (expr, text, each) or a code table (rows, csv, …) replaces what made it.
    """
    if not isinstance(document.data, Mapping):
        return document
    data, spots = dict(document.data), dict(document.places.spots)
    for group, ready_one in (("columns", _ready_column), ("lookups", _ready_lookup)):
        members, wanted = data.get(group), above.data.get(group)
        if not isinstance(members, Mapping) or not isinstance(wanted, Mapping):
            continue
        ready = {name: ready_one(one, wanted.get(name)) for name, one in members.items()}
        for name, one in members.items():
            if isinstance(one, Scalar) and isinstance(ready[name], Mapping):
                spots[group, str(name), "expr"] = spots[group, str(name)]
        data[group] = ready
    return Document(data, Places(spots, document.places.texts), document.path)


def _ready_column(column: Any, wanted: Any) -> Any:
    if not isinstance(wanted, Mapping) or not isinstance(column, Scalar | Mapping):
        return column
    parts = {Scalar("expr"): column} if isinstance(column, Scalar) else column
    if any(key in wanted for key in MAKES_A_COLUMN):
        return {key: one for key, one in parts.items() if key not in MAKES_A_COLUMN}
    return parts


def _ready_lookup(lookup: Any, wanted: Any) -> Any:
    """Without its file or database, and what belongs to that, where the override brings something else."""
    if not isinstance(wanted, Mapping) or not isinstance(lookup, Mapping):
        return lookup
    brought = [key for key in ONE_OF["lookups"] if key in wanted]
    if not brought or brought[0] in lookup:
        return lookup
    return {key: one for key, one in lookup.items() if key == "ignore"}


class _Freezer:
    """Checked data of one mapping file as values of the model."""

    def __init__(self, reading: Reading, document: Document, path: Path) -> None:
        self.reading = reading
        self.places = document.places
        self.path = path

    def table(self, data: Mapping[str, Any]) -> TableMapping:
        self._expiry(data, (), f"the override of {self.path.stem}")
        columns = {
            str(name): self._column(str(name), value) for name, value in data["columns"].items()
        }
        return TableMapping(
            table=str(data["table"]),
            source=str(data["from"]),
            key=str(data["key"]),
            columns=columns,
            where=self._located(data.get("where"), ("where",)),
            transforms=self._steps(data, ()),
            lookups={
                str(name): self._lookup(str(name), value)
                for name, value in (data.get("lookups") or {}).items()
            },
            tables={
                str(name): self._extra(str(name), value)
                for name, value in (data.get("tables") or {}).items()
            },
            path=self.path,
            place=self.places.at(()),
            spots=self._table_spots(),
        )

    def _expiry(self, entry: Mapping[str, Any], way: Key, what: str) -> None:
        """With the key's path in the flow, if it stands there."""
        place = self.places.at((*way, "expires"))
        inside = place is not None and place.file == self.reading.project.shown(self.path)
        path = "" if inside else dotted(("overrides", self.path.stem, *way, "expires"))
        expiry(self.reading, entry, self.places, way, what, path)

    def _table_spots(self) -> dict[str, Place]:
        """Removed columns have a spot, but no value: they are told apart from misspelt ones by it."""
        found = {
            way[1]: spot
            for way, spot in self.places.spots.items()
            if way[:1] == ("columns",) and len(way) == 2
        }
        spots = {str(name): spot.key or spot.value for name, spot in found.items()}
        for name in ("key", "columns"):
            place = self.places.at((name,)) if name == "key" else self.places.key((name,))
            if place:
                spots[name] = place
        return spots

    def _located(self, text: Any, way: Key) -> Located | None:
        if text is None:
            return None
        place = text.place if isinstance(text, Scalar) else self.places.at(way)
        return Located(str(text), place or self.places.at(way))

    def _column(self, name: str, value: Any) -> Column:
        way: Key = ("columns", name)
        place, named = self.places.at(way), self.places.key(way)
        if isinstance(value, str):
            return Column(name, expr=self._located(value, way), place=place, named=named)
        if value.get("missing") == "default" and "default" not in value:
            spot = self.places.at((*way, "missing"))
            message = "`missing: default` needs a `default:` beside it"
            hint = 'say what stands in for an unknown code: default: "…"'
            self.reading.problems.append(
                Problem("E206", message, spot, f"columns.{name}.missing", hint)
            )
        self._expiry(value, way, f"the override of {name}")
        return Column(
            name,
            expr=self._located(value.get("expr"), (*way, "expr")),
            text=str(value["text"]) if "text" in value else None,
            each=self._located(value.get("each"), (*way, "each")),
            max=value.get("max"),
            lookup=str(value["lookup"]) if "lookup" in value else None,
            missing=value.get("missing", "keep"),
            default=str(value["default"]) if "default" in value else None,
            required=value.get("required", False),
            max_length=value.get("max_length"),
            place=place,
            named=named,
            looked_up=self.places.at((*way, "lookup")),
        )

    def _steps(self, data: Mapping[str, Any], above: Key) -> tuple[Step, ...]:
        listed = enumerate(data.get("transforms") or ())
        return tuple(self._step((*above, "transforms", number), step) for number, step in listed)

    def _step(self, above: Key, step: Mapping[str, Any]) -> Step:
        [(verb, given)] = step.items()
        way: Key = (*above, str(verb))
        place = self.places.key(way)
        values = options.filled(
            given, f"transforms/{verb}", self.places.below(way), self.reading.project.root
        )
        return Step(str(verb), values, place, _spots(self.places, way))

    def _lookup(self, name: str, value: Mapping[str, Any]) -> LookupTable:
        place = self.places.at(("lookups", name, "csv"))
        if "database" in value:
            place = self.places.at(("lookups", name, "take")) or self.places.key(("lookups", name))
        self._expiry(value, ("lookups", name), f"the code table {name}")
        rows = value.get("rows")
        return LookupTable(
            name,
            rows={str(code): str(one) for code, one in rows.items()} if rows is not None else None,
            on=str(value.get("on", "code")),
            take=str(value.get("take", "value")),
            place=place,
            ignore=tuple(str(one) for one in value.get("ignore", ())),
            database=self._database(("lookups", name), value),
            **self._file(value),
        )

    def _extra(self, name: str, value: Mapping[str, Any]) -> ExtraTable:
        way: Key = ("tables", name)
        steps = self._steps(value, way)
        return ExtraTable(
            name, place=self.places.at(way), transforms=steps,
            database=self._database(way, value), **self._file(value),
        )  # fmt: skip

    def _database(self, way: Key, value: Mapping[str, Any]) -> DatabaseTable | None:
        if "database" not in value:
            return None
        file = self._beside(str(value["sql"])) if "sql" in value else None
        shown = self.reading.project.shown(file) if file else ""
        found, problems = databases.read(way, value, self.places, file, shown)
        self.reading.problems += problems
        return found

    def _file(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """What a code table and an extra table say about their file."""
        found: dict[str, Any] = {"sheet": str(value.get("sheet", ""))}
        for kind in ("csv", "excel"):
            if kind in value:
                found[kind] = path = self._beside(str(value[kind]))
                found["shown"] = self.reading.project.shown(path)
        return found

    def _beside(self, name: str) -> Path:
        """From the mapping's folder; the project's file wins over the shipped one."""
        candidates = [
            (self.reading.project.root / "mappings" / self.path.parent.name / name).resolve(),
            (self.path.parent / name).resolve(),
        ]
        found = next((path for path in candidates if path.is_file()), candidates[0])
        if found.is_file():
            content = found.read_bytes()
            is_text = found.suffix in (".csv", ".sql")
            text = content.decode(errors="replace") if is_text else ""
            text = text or f"SHA-256 {hashlib.sha256(content).hexdigest()}"
            self.reading.texts[f"mappings/{found.parent.name}/{found.name}"] = text
        return found


def _spots(places: Places, way: Key) -> dict[str, Place]:
    """Text -> place of each key and value below `way`; the first of equal ones counts."""
    found: dict[str, Place] = {}
    for under, spot in places.spots.items():
        if under[: len(way)] != way or len(under) == len(way):
            continue
        if spot.key:
            found.setdefault(str(under[-1]), spot.key)
        if spot.text:
            found.setdefault(spot.text, spot.value)
            found.setdefault(spot.text.split(" ")[0], spot.value)
    return found


def texts_of(paths: Iterable[Path], project: Project) -> dict[str, str]:
    """Name -> text of each file."""
    return {project.shown(path): path.read_text(encoding="utf-8") for path in paths}
