"""Did Apple take it? Reads the activity log that an administrator downloads, and ties it to our rows.

The log is a CSV in sections, each with a header of its own (format as other tools read it; Apple does not
publish one): first facts about the activity, then people, classes, courses and rosters with a status each.
What is not understood is counted, never guessed.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from etlrunner import table
from etlrunner.errors import UsageError
from etlrunner.figures import SCHOOL
from etlrunner.lib.activity_codes import CODES

LARGEST = 500 << 20
KINDS = {
    "roster_id": ("rosters",),
    "person_id": ("students", "staff"),
    "class_id": ("classes",),
    "course_id": ("courses",),
    "location_id": ("locations",),
}
"""The column that says what a section is about, the most telling first -> our tables."""
STATUS, REASON = "operation_status", "operation_substatus"
WELL = ("SUCCESS",)
UNKNOWN = "(not readable)"
_CODE = re.compile(r"[A-Z][A-Z0-9_ ]{0,79}")


@dataclass(frozen=True)
class Entry:
    """What Apple says of one row in the end; `table` and `school` are ours, empty if it is not our row."""

    key: str
    is_well: bool
    code: str
    table: str
    school: str
    values: Mapping[str, str] = field(repr=False, default_factory=dict)
    """The log's own row: names, for whoever asks for them."""

    @property
    def rule(self) -> str:
        """Our rule that looks for the cause."""
        return CODES[self.code].rule if self.code in CODES else ""


@dataclass(frozen=True)
class Outcome:
    """One activity log."""

    facts: Mapping[str, str]
    entries: tuple[Entry, ...]
    not_understood: int
    """Lines that belong to no section that is known."""

    @property
    def errors(self) -> list[Entry]:
        return [entry for entry in self.entries if not entry.is_well]

    @property
    def is_well(self) -> bool:
        """Apple took all, and says so."""
        ended = self.facts.get("STATUS", "COMPLETED"), self.facts.get("SUB_STATUS", "")
        said = ended[0] in ("COMPLETED", "SUCCESS") and not re.search("ERROR|FAIL|ISSUE", ended[1])
        return said and not self.errors

    def counts(self) -> dict[str, int]:
        """How many rows had each code."""
        return dict(sorted(Counter(entry.code for entry in self.entries).items()))


def read(log: Path, tables: Mapping[str, Path]) -> Outcome:
    """Read a log beside the tables that were delivered.

    Raises UsageError when it is no activity log: nothing is said about a delivery then.
    """
    rows = _rows(log)
    facts: dict[str, str] = {}
    last: dict[tuple[str, str], tuple[Sequence[str], dict[str, str]]] = {}
    odd = 0
    for section in _sections(rows):
        header = [cell.strip().lower() for cell in section[0]]
        kind = next((name for name in KINDS if name in header), "")
        if STATUS in header and kind:
            for row in section[1:]:
                values = dict(zip(header, (cell.strip() for cell in row), strict=False))
                if len(row) == len(header) and values[kind]:
                    last[kind, values[kind]] = KINDS[kind], values  # the latest one counts
                else:
                    odd += 1
        elif all(len(row) == 2 for row in section):
            facts |= {row[0].strip().upper(): row[1].strip() for row in section}
        else:
            odd += len(section)
    if not last and "STATUS" not in facts:
        raise UsageError(
            f"{log} is no activity log: it has no {STATUS} and no STATUS",
            hint="Apple School Manager > Activity > the sync > Download log",
        )
    schools = {name: _schools(name, tables) for name in tables}
    return Outcome(facts, tuple(_entries(last, schools)), odd)


def _entries(
    last: Mapping[tuple[str, str], tuple[Sequence[str], dict[str, str]]],
    schools: Mapping[str, Mapping[str, str]],
) -> Iterator[Entry]:
    for (_, key), (ours, values) in last.items():
        name = next((one for one in ours if key in schools.get(one, ())), "")
        status = values.get(STATUS, "").upper()
        code = values.get(REASON, "").upper() or status
        code = code if _CODE.fullmatch(code) else UNKNOWN
        school = schools[name][key] if name else ""
        yield Entry(key, status in WELL, code, name, school, values)


def _rows(log: Path) -> list[list[str]]:
    try:
        if log.stat().st_size > LARGEST:
            raise UsageError(f"{log} is too large to be an activity log")
        text = log.read_text(encoding="utf-8-sig")
        return list(csv.reader(io.StringIO(text.replace("\0", ""), newline="")))
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {log}") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{log} cannot be read as CSV in UTF-8") from error


def _sections(rows: Sequence[list[str]]) -> Iterator[list[list[str]]]:
    """Rows between empty lines."""
    section: list[list[str]] = []
    for row in [*rows, []]:
        if any(cell.strip() for cell in row):
            section.append(row)
        elif section:
            yield section
            section = []


def _schools(name: str, tables: Mapping[str, Path]) -> dict[str, str]:
    """Each key of a table -> its school; a roster row is at the school of its class."""
    frame = pl.scan_parquet(tables[name])
    key = "location_id" if name == "locations" else _key(name)
    if name == "rosters":
        classes = pl.scan_parquet(tables["classes"]).select("class_id", SCHOOL).unique("class_id")
        frame = frame.join(classes, on="class_id", how="left")
    return dict(
        table.collect(frame.select(key, pl.col(SCHOOL).fill_null("").alias("_at"))).iter_rows()
    )


def _key(name: str) -> str:
    return next(column for column, ours in KINDS.items() if name in ours)
