"""What is wrong, and where: with the configuration a problem, with the data a finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


Verdict = Literal["fail", "reject", "blank", "cut", "warn"]
"""What happens to a row that breaks a rule (`docs/rules.md`)."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a file; line and column count from 1, 0 means the whole file."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with the configuration: the place, what is wrong, what to try.

    `code` is stable (`E104`; `etlrunner explain E104` tells more), `path` is the key's path inside the
    file (`source.domain`), `also` a second place when a value was merged from two files.
    """

    code: str
    message: str
    place: Place | None = None
    path: str = ""
    hint: str = ""
    severity: Severity = "error"
    also: Place | None = None
    excerpt: str = ""
    """The line of the file with the spot underlined, where that helps (expressions)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with the data. `message` holds identifiers at most, never names or e-mails.

    `row` counts data rows of the CSV file from 1; `count` is how many rows the finding stands for.
    """

    rule: str
    severity: Severity
    message: str
    table: str
    row: int | None = None
    column: str | None = None
    key: str | None = None
    school: str | None = None
    count: int = 1
    line: int | None = None
    """Physical line of the CSV file from 1 (header included): Apple does not say which it counts."""

    def __str__(self) -> str:
        file = f"{self.table}.csv" if self.table else "zip"
        file = self.table if "." in self.table else file  # a file that is read, by its own name
        where = file + (f":{self.row}" if self.row is not None else "")
        return f"{where} - {self.message} [{self.rule}]"


@dataclass(frozen=True, slots=True)
class Located:
    """A text from a YAML file and where it begins."""

    text: str
    place: Place | None = None

    def __str__(self) -> str:
        return self.text
