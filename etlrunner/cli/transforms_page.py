"""The page of transforms, from their schemas: each with an example that a test runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from etlrunner.lib import shipped

Rows = Sequence[Sequence[Any]]

OPENING = """# Transforms

Steps before the columns are made, in the order in which a mapping lists them under `transforms:`. Each
gets the rows of the one before, and may look into other tables: those of the roster, without the rows that
`select` leaves out, and files declared under `tables:` ([code-tables.md](code-tables.md)). A row that goes
is filtered, under the name of its step; rows that
come are counted as made; `plan` shows both for every step. Cells are text or lists of text, and a missing
one is the empty text.
"""


def page(keys: Callable[[str, int], str]) -> str:
    """Every transform of the shelf; `keys` makes the table of a schema's options."""
    parts = [OPENING]
    for path in sorted((shipped.folder("schemas") / "transforms").glob("*.json")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        parts += [f"## {path.stem}\n", schema["description"], "", schema["about"], ""]
        parts += [keys(f"transforms/{path.stem}", 3).partition("\n\n")[2], ""]
        parts += _example(path.stem, schema["examples"][0], schema["worked"])
    return "\n".join(parts)


def _example(verb: str, options: Mapping[str, Any], worked: Mapping[str, Any]) -> Iterator[str]:
    yield "```yaml\ntransforms:"
    yield f"  - {verb}:"
    yield from (f"      {name}: {_flow(value)}" for name, value in options.items())
    yield "```\n"
    yield "Rows in:\n"
    yield _table(worked["rows"])
    for name, rows in worked.get("tables", {}).items():
        yield f"`{name}`:\n"
        yield _table(rows)
    yield "Rows out:\n"
    yield _table(worked["result"])


def _flow(value: Any) -> str:
    """A value in one line of YAML: plain where that is safe, quoted where it is not."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(one) for one in value) + "]"
    if isinstance(value, str):
        plain = value.replace(" ", "").replace("_", "").isalnum()
        return value if plain else "'" + value.replace("'", "''") + "'"
    return json.dumps(value)


def _table(rows: Rows) -> str:
    header, *body = rows
    lines = [header, ["---"] * len(header), *body]
    return (
        "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines) + "\n"
    )


def _cell(cell: Any) -> str:
    """A list as [a, b]; nothing as nothing."""
    if isinstance(cell, list):
        return "[" + ", ".join(cell) + "]"
    return str(cell)
