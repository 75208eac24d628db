"""Texts for people, rendered by Jinja2: a name that is not given is an error, not an empty spot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2.sandbox


def render(path: Path, values: Mapping[str, Any]) -> str:
    """The template at `path` with `values`; `quoted` makes a safe YAML text of one."""
    return _environment().from_string(path.read_text(encoding="utf-8")).render(values)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    environment.filters["quoted"] = quoted
    return environment


def quoted(text: str) -> str:
    """The text as YAML: bare where that is safe, else in double quotes."""
    safe = text and all(letter.isalnum() or letter in "-_./:@" for letter in text)
    plain = safe and not text.startswith(("-", ".", ":", "@")) and not text.endswith(":")
    return text if plain else json.dumps(text, ensure_ascii=False)
