"""The plan of the house, docs/inside.md: the layers of `.importlinter`, each module with its own first sentence.

python -m tests.support.inside
"""

from __future__ import annotations

import ast
import configparser
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "inside.md"
BEGIN = "<!-- The layers begin; made by `python -m tests.support.inside`, do not edit. -->"
END = "<!-- The layers end. -->"


def page(text: str) -> str:
    """The page with its layers as the code has them."""
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{_table()}\n{END}{after}"


def layers() -> list[list[str]]:
    """The names below `etlrunner`, from the top layer down; a layer's modules may not import upwards."""
    contract = configparser.ConfigParser()
    contract.read(ROOT / ".importlinter", encoding="utf-8")
    lines = contract["importlinter:contract:layers"]["layers"].split("\n")
    return [re.split(r"\s*[|:]\s*", line.strip()) for line in lines if line.strip()]


def _table() -> str:
    rows = ["| layer | module | what it is for |", "| --- | --- | --- |"]
    for number, names in enumerate(layers(), 1):
        for place, name in enumerate(names):
            rows.append(f"| {'' if place else number} | `{name}` | {_sentence(name)} |")
    return "\n".join(rows) + "\n"


def _sentence(name: str) -> str:
    """The first sentence of a module, or of a package."""
    path = ROOT / "etlrunner" / name
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    said = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    paragraph = " ".join(said.partition("\n\n")[0].split())
    return next(_sentences(paragraph)).replace("|", "\\|")


def _sentences(text: str) -> Iterator[str]:
    yield from re.split(r"(?<=[.!?])\s+(?=[A-Z`])", text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
