"""A source definition: what a YAML file says about a SIS, made into values for the interpreter."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from etlrunner import roster
from etlrunner.config import load
from etlrunner.errors import ConfigurationError
from etlrunner.lib import paging_styles, records, schema, shipped
from etlrunner.lib.document import Key, Places
from etlrunner.lib.http import Timeouts
from etlrunner.lib.oauth import TokenRequest
from etlrunner.lib.paging_styles import Paging
from etlrunner.lib.sign_in import Auth
from etlrunner.model.components import Options
from etlrunner.model.problems import Located, Place, Problem
from etlrunner.sources import shape
from etlrunner.sources.shape import Shape

MOST_LEVELS = 5
SECONDS = {"s": 1, "m": 60, "h": 3600}

FOREIGN = ("file", "sheet", "sql")
"""Where rows come from that no REST server sends."""


@dataclass(frozen=True, slots=True)
class TableDefinition:
    """One collection: its path, the names its record list may have, and the columns' fields."""

    name: str
    path: str
    wrappers: tuple[str, ...]
    fields: Mapping[str, records.Field]
    shape: Shape
    """How the columns are made of the fields; empty where the fields are the columns."""
    place: tuple[str, ...] = ()
    each: tuple[str, ...] = ()
    query: Mapping[str, str] = field(default_factory=dict)
    rows: tuple[Mapping[str, Any], ...] = ()
    """Rows that the definition itself has."""
    file: str = ""
    sheet: str = ""
    sql: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of a file or query: a name for expressions, and what its column is called there."""
    spots: Mapping[str, Place | None] = field(default_factory=dict)
    """Where the definition says them."""
    others: tuple[TableDefinition, ...] = ()

    @property
    def parts(self) -> tuple[TableDefinition, ...]:
        """What makes the table together: most often the table itself."""
        return self.others or (self,)


@dataclass(frozen=True, slots=True)
class Definition:
    """A SIS that speaks REST, of one OneRoster version."""

    title: str
    version: str
    pasted: tuple[str, ...]
    roster_paths: tuple[str, ...]
    token_paths: tuple[str, ...]
    token_requests: tuple[TokenRequest, ...]
    scopes: tuple[str, ...]
    token_headers: Mapping[str, str]
    option_headers: Mapping[str, str]
    refused: str
    without: Mapping[str, str]
    """Option of the flow -> what its absence may mean when key and secret are refused."""
    renew_on_500: bool
    headers: Mapping[str, str]
    cookies: bool
    auth: Auth
    page_size: int
    paging: Paging
    query: Mapping[str, str]
    timeouts: Timeouts
    tables: Mapping[str, TableDefinition]
    screens: Mapping[str, str] = field(default_factory=dict)
    """Where a clerk finds what in the product."""


def choose(options: Options) -> Definition:
    """The definition that a flow's source means: by `definition`, else by type, variant and version."""
    version = str(options.get("oneroster") or "")
    if options.get("definition"):
        return read(options["definition"], version)
    if options["type"] == "oneroster":
        return _signed(read(f"oneroster-{version or '1.1'}", ""), str(options.get("auth", "")))
    return read(f"{options['type']}-{options['variant']}", version)


def read(name: str | Path, version: str = "") -> Definition:
    """A shipped definition by its name, or a project's by its file."""
    merged, spoken = _merged(name, version, MOST_LEVELS)
    merged.setdefault("name", str(name))
    return _definition(merged, spoken)


def _signed(definition: Definition, auth: str) -> Definition:
    """The same, signed in to as the flow says: `oauth1-sha1`, `oauth1-sha256`."""
    if not auth.startswith("oauth1"):
        return definition
    method: Any = "HMAC-SHA256" if auth.endswith("256") else "HMAC-SHA1"
    return replace(definition, auth=Auth("oauth1", method))


def _merged(name: str | Path, version: str, levels: int) -> tuple[dict[str, Any], str]:
    """The file over what it extends: maps merge, everything else replaces."""
    path = _find(name)
    if not levels:
        raise _problem(path, "the definitions extend each other in a circle")
    data = plain(_load(path))
    versions = data.pop("versions", {})
    default = data.pop("default_version", "")
    chosen = version or default
    part: dict[str, Any] = {}
    if versions:
        if chosen not in versions:
            known = ", ".join(sorted(versions))
            raise _problem(
                path, f"OneRoster {chosen or '?'} is not described here (there is {known})"
            )
        part = dict(versions[chosen])
    below: dict[str, Any] = {}
    inherited = ""
    base = part.pop("extends", None) or data.pop("extends", None)
    if base:
        beside = path.with_name(f"{base}.yaml")
        below, inherited = _merged(
            beside if beside.is_file() else str(base), "" if versions else version, levels - 1
        )
    chosen = version or default or _version_in(str(name)) or inherited
    return _over(_over(below, data), part), chosen


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        if not isinstance(value, Mapping) or not isinstance(under, Mapping):
            merged[key] = value
        else:  # a field is replaced as a whole, whatever form it has
            whole = key in ("fields", "columns")
            merged[key] = {**under, **value} if whole else _over(under, value)
    return merged


def _load(path: Path) -> Any:
    """One file, by the schema's opinion of it."""
    document = load.load(path)
    data, problems = schema.check(document, "source-definition")
    if problems:
        raise ConfigurationError(problems)
    for name, table in data.get("tables", {}).items():
        _place(table, ("tables", str(name)), document.places)
        for number, part in enumerate(table.get("parts", ())):
            _place(part, ("tables", str(name), "parts", number), document.places)
    return data


def _place(table: Any, way: Key, places: Places) -> None:
    """An expression keeps its place, to point at what is wrong in it."""
    is_foreign = any(key in table for key in FOREIGN)  # its `fields` are names, not ways to a value
    for key in ("where", "columns", *(["fields"] if is_foreign else [])):
        if key in table:
            table[key] = _placed(table[key], (*way, key), places)


def _placed(value: Any, way: Key, places: Places) -> Any:
    if isinstance(value, Mapping):
        return {
            str(name): one if isinstance(one, Mapping) else _placed(one, (*way, str(name)), places)
            for name, one in value.items()
        }
    return Located(str(value), places.at(way))


def _find(name: str | Path) -> Path:
    path = name if isinstance(name, Path) else shipped.folder("definitions") / f"{name}.yaml"
    if path.is_file():
        return path
    known = sorted(each.stem for each in shipped.folder("definitions").glob("*.yaml"))
    raise _problem(path, f"no such source definition (shipped: {', '.join(known)})")


def _version_in(name: str) -> str:
    match = re.search(r"1\.[12]", name)
    return match.group() if match else ""


def plain(data: Any) -> Any:
    """The same data in Python's own types."""
    if isinstance(data, Mapping):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, str):
        return str(data)
    return [plain(each) for each in data] if isinstance(data, Sequence) else data


def _definition(data: Mapping[str, Any], version: str) -> Definition:
    address, token = data.get("address", {}), data.get("token", {})
    paging, timeouts = data.get("paging", {}), data.get("timeouts", {})
    auth = Auth(**data.get("auth", {}))
    name = Path(str(data["name"]))
    if not data.get("tables"):
        raise _problem(name, "there are no tables in it")
    return Definition(
        title=data["title"],
        version=version,
        pasted=tuple(address.get("pasted", ())),
        roster_paths=tuple(address.get("roster_paths", ("",))),
        token_paths=tuple(token.get("paths", ())),
        token_requests=tuple(_token_request(each) for each in token.get("requests", ())),
        scopes=tuple(token.get("scopes", ())),
        token_headers=dict(token.get("headers", {})),
        option_headers=dict(token.get("option_headers", {})),
        refused=token.get("refused", ""),
        without=dict(token.get("without", {})),
        renew_on_500=_is_true(token.get("renew_on_500", False)),
        headers=dict(data.get("headers", {})),
        cookies=_is_true(data.get("cookies", False)),
        auth=auth,
        page_size=int(paging.get("page_size", 1000)),
        paging=_paging(name, paging),
        query=dict(paging.get("query", {})),
        timeouts=Timeouts(
            _seconds(timeouts.get("connect", "20s")), _seconds(timeouts.get("read", "15m"))
        ),
        tables={table: _table(name, table, spec) for table, spec in data["tables"].items()},
        screens=dict(data.get("screens", {})),
    )


def _paging(name: Path, spec: Mapping[str, Any]) -> Paging:
    try:
        following, total = (paging_styles.path(spec.get(key, "")) for key in ("next", "total"))
    except ValueError as error:
        raise _problem(name, f"paging: {error}") from None
    others = ("page_size", "query", "next", "total", "first_page")
    plain = {key: value for key, value in spec.items() if key not in others}
    made = Paging(**plain, next=following, total=total, first_page=int(spec.get("first_page", 1)))
    if made.style in ("cursor", "url") and not made.next:
        raise _problem(
            name, f"paging: the style {made.style} needs `next`, the place in the answer"
        )
    return made


def _token_request(spec: Mapping[str, Any]) -> TokenRequest:
    return TokenRequest(spec["grant"], spec["credentials"], _is_true(spec.get("scopes", True)))


def _table(name: Path, table: str, spec: Mapping[str, Any]) -> TableDefinition:
    place = spec.get("records", (table,))
    is_foreign = any(key in spec for key in FOREIGN)
    named = spec.get("fields", {})
    try:
        fields = {} if is_foreign else {to: records.parse_field(each) for to, each in named.items()}
        where = paging_styles.path(place) if isinstance(place, str) else ()
        each = paging_styles.path(spec.get("each", ""))
    except ValueError as error:
        raise _problem(name, f"tables.{table}: {error}") from None
    beside = {key: value for key, value in spec.items() if key != "parts"}
    return TableDefinition(
        name=table,
        path=spec.get("path", ""),
        wrappers=() if isinstance(place, str) else tuple(place),
        fields=fields,
        shape=shape.read(table, spec),
        place=where,
        each=each,
        query=dict(spec.get("query", {})),
        rows=tuple(spec.get("rows", ())),
        file=spec.get("file", ""),
        sheet=spec.get("sheet", ""),
        sql=spec.get("sql", ""),
        headers={to: str(each) for to, each in named.items()} if is_foreign else {},
        spots={to: each.place for to, each in named.items() if isinstance(each, Located)},
        others=tuple(_table(name, table, _over(beside, each)) for each in spec.get("parts", ())),
    )


def columns_of(table: str, definition: TableDefinition) -> tuple[str, ...]:
    """The roster model's columns, and those that a project's definition adds."""
    model = roster.TABLES.get(table, ())
    if definition.shape:
        return tuple(definition.fields)
    return (*model, *(name for name in definition.fields if name not in model))


def _seconds(text: Any) -> float:
    if hasattr(text, "total_seconds"):
        return float(text.total_seconds())
    match = re.fullmatch(r"([0-9]+)([smh])", str(text))
    if match is None:
        raise ValueError(f"{text!r} is not a duration such as 20s or 15m")
    return float(int(match[1]) * SECONDS[match[2]])


def _is_true(value: Any) -> bool:
    return value is True or str(value).lower() == "true"


def _problem(path: Path, message: str) -> ConfigurationError:
    problem = Problem("E602", f"{path.name}: {message}", path="source.definition")
    return ConfigurationError([problem], problem.message)
