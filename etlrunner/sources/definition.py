"""A source definition: what a YAML file says about a SIS, made into values for the interpreter."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etlrunner import roster
from etlrunner.config import load
from etlrunner.errors import ConfigurationError
from etlrunner.lib import records, schema, shipped
from etlrunner.lib.http import Timeouts
from etlrunner.lib.oauth import TokenRequest
from etlrunner.model import Options, Problem

MOST_LEVELS = 5
SECONDS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class TableDefinition:
    """One collection: its path, the names its record list may have, and the columns' fields."""

    path: str
    wrappers: tuple[str, ...]
    fields: Mapping[str, records.Field]


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
    renew_on_500: bool
    headers: Mapping[str, str]
    page_size: int
    limit: str
    offset: str
    query: Mapping[str, str]
    timeouts: Timeouts
    tables: Mapping[str, TableDefinition]


def choose(options: Options) -> Definition:
    """The definition that a flow's source means: by `definition`, else by type, variant and version."""
    version = str(options.get("oneroster") or "")
    if options.get("definition"):
        return read(options["definition"], version)
    if options["type"] == "oneroster":
        return read(f"oneroster-{version or '1.1'}", "")
    return read(f"{options['type']}-{options['variant']}", version)


def read(name: str | Path, version: str = "") -> Definition:
    """A shipped definition by its name, or a project's by its file."""
    merged, spoken = _merged(name, version, MOST_LEVELS)
    merged.setdefault("name", str(name))
    return _definition(merged, spoken)


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
            merged[key] = {**under, **value} if key == "fields" else _over(under, value)
    return merged


def _load(path: Path) -> Any:
    """One file, by the schema's opinion of it."""
    data, problems = schema.check(load.load(path), "source-definition")
    if problems:
        raise ConfigurationError(problems)
    return data


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
    address, token = data["address"], data["token"]
    paging, timeouts = data.get("paging", {}), data.get("timeouts", {})
    return Definition(
        title=data["title"],
        version=version,
        pasted=tuple(address.get("pasted", ())),
        roster_paths=tuple(address["roster_paths"]),
        token_paths=tuple(token["paths"]),
        token_requests=tuple(_token_request(each) for each in token["requests"]),
        scopes=tuple(token.get("scopes", ())),
        token_headers=dict(token.get("headers", {})),
        option_headers=dict(token.get("option_headers", {})),
        refused=token.get("refused", ""),
        renew_on_500=_is_true(token.get("renew_on_500", False)),
        headers=dict(data.get("headers", {})),
        page_size=int(paging.get("page_size", 1000)),
        limit=paging.get("limit", "limit"),
        offset=paging.get("offset", "offset"),
        query=dict(paging.get("query", {})),
        timeouts=Timeouts(
            _seconds(timeouts.get("connect", "20s")), _seconds(timeouts.get("read", "15m"))
        ),
        tables={name: _table(name, spec) for name, spec in data["tables"].items()},
    )


def _token_request(spec: Mapping[str, Any]) -> TokenRequest:
    return TokenRequest(spec["grant"], spec["credentials"], _is_true(spec.get("scopes", True)))


def _table(name: str, spec: Mapping[str, Any]) -> TableDefinition:
    try:
        fields = {column: records.parse_field(each) for column, each in spec["fields"].items()}
    except ValueError as error:
        raise _problem(Path(name), f"tables.{name}: {error}") from None
    return TableDefinition(spec["path"], tuple(spec.get("records", (name,))), fields)


def columns_of(table: str, definition: TableDefinition) -> tuple[str, ...]:
    """The roster model's columns, and those that a project's definition adds."""
    model = roster.TABLES.get(table, ())
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
