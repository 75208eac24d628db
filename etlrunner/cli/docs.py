"""`etlrunner docs`: the reference pages, made from the code and the schemas they describe."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from etlrunner.cli import screen
from etlrunner.errors import UsageError
from etlrunner.lib import files, shipped
from etlrunner.lib import schema as declarations

HELP = ["-h", "--help"]
MADE = "<!-- Made by `etlrunner docs`; do not edit. -->\n\n"


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path("docs"))
@click.option("--check", is_flag=True, help="Write nothing; fail when a page is stale.")
def command(folder: Path, check: bool) -> int:
    """Write the generated pages into FOLDER (docs/), or check that they are fresh.

    In a checkout, where the declarations lie in schemas/documents/, this makes the schemas for editors too.
    """
    if check and not folder.is_dir():
        raise UsageError(
            f"there is no folder {folder}", hint="without --check the pages are written"
        )
    stale = []
    for path, text in _everything(folder):
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(path.name)
        if not check:
            with files.trouble(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    verb = "stale" if check else "written"
    screen.say(f"{verb}: {', '.join(stale)}" if stale else "All pages are fresh.")
    return 2 if check and stale else 0


def _everything(folder: Path) -> Iterator[tuple[Path, str]]:
    for name, make in PAGES.items():
        yield folder / name, page(make)
    schemas = folder.absolute().parent / "schemas"
    if (schemas / "documents").is_dir():
        from etlrunner.config import editors

        for name, text in editors.made().items():
            yield schemas / name, text


def page(make: Callable[[], str]) -> str:
    """A page with the line that says that it is made, unless it says so itself."""
    text = make()
    return text if "Made " in text[:300] else MADE + text


def flows_page() -> str:
    """Every key of a flow, and every option of each source and sink."""
    parts = ["# Every key of a flow\n", _keys("flow", 2)]
    for shelf in ("sources", "sinks"):
        for path in sorted((shipped.folder("schemas") / shelf).glob("*.json")):
            parts += [
                f"\n## `{shelf[:-1]}: {{type: {path.stem}}}`\n",
                _keys(f"{shelf}/{path.stem}", 3),
            ]
    parts += ["\n## etlrunner.yaml\n", _keys("etlrunner", 3)]
    return "\n".join(parts) + "\n"


def mappings_page() -> str:
    """Every key of a mapping."""
    more = (
        "\nEach transform has its part in [transforms.md](transforms.md); code tables and files beside the"
        " roster\nare explained in [code-tables.md](code-tables.md).\n"
    )
    return "\n".join(["# Every key of a mapping\n", _keys("mapping", 2), more])


def transforms_page() -> str:
    """Every transform: what it does, its options, and rows before and after."""
    from etlrunner.cli import transforms_page

    return transforms_page.page(_keys)


def commands_page() -> str:
    """Every command with its help text."""
    from etlrunner.cli.main import cli

    parts = ["# Commands\n"]
    context = click.Context(
        cli,
        help_option_names=HELP,
        info_name="etlrunner",
        max_content_width=100,
        terminal_width=100,
    )
    for name in cli.list_commands(context):
        found = cli.get_command(context, name)
        assert found is not None
        parts += list(_help(found, name, context))
    return "\n".join(parts)


def messages_page() -> str:
    """Every code that `etlrunner explain` knows."""
    from etlrunner.config.explain import EXPLANATIONS

    parts = ["# Codes in messages\n"]
    for code, (title, text) in EXPLANATIONS.items():
        parts.append(f"## {code}: {title}\n\n{text}\n")
    return "\n".join(parts)


def rules_page() -> str:
    """Every rule of the data checks."""
    from etlrunner.checks import rules

    return rules.page()


def expressions_page() -> str:
    """The language of mappings."""
    from etlrunner.expressions import reference

    return reference.page()


PAGES: dict[str, Callable[[], str]] = {
    "flows.md": flows_page,
    "mappings.md": mappings_page,
    "transforms.md": transforms_page,
    "commands.md": commands_page,
    "messages.md": messages_page,
    "rules.md": rules_page,
    "expressions.md": expressions_page,
}


def _help(command: click.Command, name: str, above: click.Context) -> Iterator[str]:
    context = click.Context(
        command, help_option_names=HELP, info_name=name, parent=above, max_content_width=100
    )
    yield f"## {context.command_path}\n\n```\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for sub in command.list_commands(context):
            found = command.get_command(context, sub)
            assert found is not None
            yield from _help(found, sub, context)


def _keys(name: str, level: int) -> str:
    schema = dict(declarations.load(name))
    lines = [schema.get("description", ""), ""]
    lines += ["| key | what it is | default |", "| --- | --- | --- |"]
    lines += list(_rows(schema, "", schema))
    for example in schema.get("examples", []) if "worked" not in schema else ():
        lines += ["", "```json", json.dumps(example, ensure_ascii=False), "```"]
    return "\n".join(lines)


def _rows(schema: dict[str, Any], prefix: str, root: dict[str, Any]) -> Iterator[str]:
    schema = _resolved(schema, root)
    required = set(schema.get("required", ()))
    for key, raw in schema.get("properties", {}).items():
        part = _resolved(raw, root)
        default = "required" if key in required else _shown(raw.get("default", part.get("default")))
        text = raw.get("description", part.get("description", ""))
        choices = part.get("enum")
        if choices and len(choices) < 12:
            text += f" One of {_choices(choices, part.get('enumDescriptions', ()))}."
        yield f"| `{prefix}{key}` | {text} | {default} |".replace("\n", " ")
        yield from _rows(part, f"{prefix}{key}.", root)
    inner = schema.get("additionalProperties")
    if isinstance(inner, dict):
        yield from _rows(inner, f"{prefix}*.", root)


def _choices(values: list[Any], meanings: Sequence[str]) -> str:
    """`drop` (takes it out), `fail` (ends the run)."""
    said = [f" ({meaning.rstrip('.')})" for meaning in meanings] or [""] * len(values)
    return ", ".join(f"`{value}`{meaning}" for value, meaning in zip(values, said, strict=True))


def _resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference inside the file; others have a section of their own."""
    reference = schema.get("$ref", "")
    if not reference.startswith("#/"):
        return schema
    found: Any = root
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return {**found, **{key: value for key, value in schema.items() if key != "$ref"}}


def _shown(default: Any) -> str:
    return "" if default is None else f"`{json.dumps(default, ensure_ascii=False)}`"
