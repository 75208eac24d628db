"""The files that come with the program: schemas, mappings, source definitions.

In a wheel they lie inside the package; in a checkout at the top, where people edit them.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def folder(name: str) -> Path:
    """The shipped folder `schemas` or `mappings`; `definitions` lies in the package in any case."""
    if name == "definitions":
        return _PACKAGE / "sources" / "definitions"
    inside = _PACKAGE / "shipped" / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def read(name: str, *parts: str) -> str:
    """The text of one shipped file."""
    return folder(name).joinpath(*parts).read_text(encoding="utf-8")
