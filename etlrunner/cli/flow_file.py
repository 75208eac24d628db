"""A new flow on disk: the file itself, `.env.example`, `.gitignore`, a hint to VS Code."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path

from etlrunner.errors import UsageError
from etlrunner.lib import files, secret_names, template

TEMPLATE = Path(__file__).parent / "templates" / "flow.yaml.j2"
DEFINITION = Path(__file__).parent / "templates" / "definition.yaml.j2"
SHORT = ("isd", "usd", "cusd", "sd", "psd", "csd")
VS_CODE = """\
{
  // completes and explains keys, and underlines mistakes; docs/editors.md
  "recommendations": ["redhat.vscode-yaml"]
}
"""
OF_FILES = ("oneroster-csv", "asm-zip")
"""Sources that read what somebody puts into a folder."""
OF_TABLES = ("table-file", "database")
"""Sources of any shape, which a definition of the project makes into a roster."""
SAID = {
    "skyward": "Skyward",
    "oneroster": "a OneRoster server",
    "oneroster-csv": "OneRoster CSV files",
    "asm-zip": "a zip for Apple School Manager",
    "table-file": "files of another shape",
    "database": "a database",
}
IGNORED = (".env", ".etlrunner/", "etlrunner-demo/")


@dataclass(frozen=True)
class Answers:
    """What the wizard asks for. `folder` set: the archive goes into a folder instead of by SFTP.

    A source of files has a `path` instead of a `domain`, one of any shape a `definition`; one that is
    watched needs no hour.
    """

    name: str
    variant: str
    domain: str
    hour: int = 2
    timezone: str = "US/Central"
    weekend: bool = False
    oneroster: str = ""
    integration_token: bool = False
    allow_http: bool = False
    folder: str = ""
    host: str = ""
    port: int = 0
    keyring: bool = False
    source: str = "skyward"
    path: str = ""
    watch: bool = False
    auth: str = ""
    definition: str = ""

    @property
    def of_files(self) -> bool:
        return self.source in OF_FILES

    @property
    def prefix(self) -> str:
        """The beginning of the names of its secrets: lakeside-isd -> LAKESIDE_ISD."""
        return secret_names.of_flow(self.name)

    def secret_names(self) -> list[str]:
        """The environment variables that the flow will refer to."""
        wanted = {"database": ("url",)}.get(self.source, () if self.path else ("key", "secret"))
        names = [secret_names.of_flow(self.name, self.source, word) for word in wanted]
        if self.integration_token:
            names.append(secret_names.of_flow(self.name, self.source, "integration_token"))
        if not self.folder:
            sink = "apple-school-manager"
            names += [
                secret_names.of_flow(self.name, sink, one) for one in ("username", "password")
            ]
        return names


def place(root: Path, name: str, *, force: bool) -> Path:
    """Where a flow is to be written. Raises UsageError when one is there already and `force` is not given."""
    path = root / "flows" / f"{name}.yaml"
    if path.exists() and not force:
        raise UsageError(
            f"{path} is there already; nothing was written", hint="another name, or --force"
        )
    return path


def write(answers: Answers, root: Path, *, force: bool = False) -> Path:
    """Write the flow and what belongs beside it; return the flow's path.

    Raises UsageError when the flow is there already and `force` is not given.
    """
    path = place(root, answers.name, force=force)
    _write_open(path, render(answers))
    if answers.definition:
        _define(answers, root)
    if answers.folder:
        files.private_folder(root / answers.folder)
    _extend(root / ".env.example", [f"{name}=" for name in answers.secret_names()])
    if answers.watch:
        files.private_folder(root / answers.path)
    ignored = [*_inside(answers.folder), *_inside(answers.path)]
    _extend(root / ".gitignore", [*IGNORED, *ignored])
    suggestion = root / ".vscode" / "extensions.json"
    if not suggestion.exists():
        _write_open(suggestion, VS_CODE)
    return path


def _define(answers: Answers, root: Path) -> None:
    """An example to change, where the definition is not there yet."""
    path = root / "sources" / f"{answers.definition}.yaml"
    if not path.exists():
        of_path = "sheet" if Path(answers.path).suffix.lower() == ".xlsx" else "file"
        kind = "query" if answers.source == "database" else of_path
        values = {"title": _title(answers.definition), "kind": kind}
        _write_open(path, template.render(DEFINITION, values) + "\n")


def _inside(place: str) -> list[str]:
    """What git must not take: a folder or file in the project that holds a roster."""
    path = Path(place)
    if not place or path.is_absolute() or ".." in path.parts:
        return []
    return [path.as_posix() + ("" if path.suffix else "/")]


def render(answers: Answers) -> str:
    """The flow file as text."""
    values = {
        **asdict(answers), "prefix": answers.prefix, "title": _title(answers.name), "said": SAID[answers.source],
    }  # fmt: skip
    return template.render(TEMPLATE, values) + "\n"


def _title(name: str) -> str:
    words = re.split(r"[-_.]", name)
    return " ".join(word.upper() if word in SHORT else word.title() for word in words)


def _extend(path: Path, lines: list[str]) -> None:
    """Add the lines that the file does not have yet."""
    before = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    fresh = [line for line in lines if line not in before]
    if fresh:
        _write_open(path, "\n".join([*before, *fresh]) + "\n")


def _write_open(path: Path, text: str) -> None:
    """A file that is meant for git: readable like any other in the project."""
    with files.trouble(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
