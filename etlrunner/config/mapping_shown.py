"""A mapping as a flow has it: the file, the overrides of its layers, and who made which column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from etlrunner.config import layers, load, mappings, validate
from etlrunner.config.mappings import Reading
from etlrunner.config.project import Project
from etlrunner.errors import UsageError
from etlrunner.lib import schema
from etlrunner.lib.document import Document, Key, Places
from etlrunner.lib.suggest import close_to


def show(
    project: Project,
    name: str,
    table: str,
    *,
    origins: bool = False,
    sets: Mapping[str, str] | None = None,
) -> str:
    """The mapping of one table as YAML, after the flow's overrides; what they remove stands at the end.

    Raises ConfigurationError when flow or mapping are not valid, UsageError for an unknown table.
    """
    path = project.flow_path(name)
    today = validate.BEFORE_ANY_EXPIRY
    flow = validate.read_flow(project, name, sets, today=today)
    files = mappings.files_of(project, flow.mapping.name)
    if table not in files:
        hint = close_to(table, files) or f"it makes {', '.join(files)}"
        raise UsageError(f"mapping {flow.mapping.name} has no table '{table}'", hint=hint)
    whole, _ = layers.merged_flow(project, path, sets)
    overrides = whole.data.get("overrides") or {}
    above = Document(overrides, whole.places.below(("overrides",)), path)
    merged = mappings.merged(Reading(project, today.date()), files[table], table, above)
    data, _ = schema.check(merged, "mapping")  # for its numbers; the flow was read, so it is right
    if origins:
        text = layers.with_origins(data, merged.places)
    else:
        text = load.to_yaml(layers.plain(data)).rstrip()
    places = whole.places.below(("overrides", table))
    removed = list(_removed(overrides.get(table), (), places))
    return "\n".join([f"# made from {project.shown(files[table])}", text, *removed])


def _removed(data: Any, way: Key, places: Places) -> Iterator[str]:
    """Each null of the override, with its place."""
    for key, value in data.items() if isinstance(data, Mapping) else ():
        under = (*way, str(key))
        if value is None:
            place = places.at(under)
            yield (
                f"# {'.'.join(map(str, under))}: removed by {place.file}:{place.line}"
                if place
                else ""
            )
        else:
            yield from _removed(value, under, places)
