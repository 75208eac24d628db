"""Which record somebody means by an id, a number, a user name, an address; and what is nearly that.

Searched in this order, and the first that finds something counts: the target's key and `sourcedId`;
other columns that a person may have at hand; columns that the mapping makes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from etlrunner import table as tables
from etlrunner.model.flow import Flow
from etlrunner.table import ROW
from etlrunner.target import APPLE_SCHOOL_MANAGER

ALSO: Mapping[str, tuple[str, ...]] = {
    "users": ("identifier", "username", "email", "userMasterIdentifier"),
    "orgs": ("identifier", "name"),
    "classes": ("classCode", "title"),
    "courses": ("courseCode", "title"),
}
"""What else a person may call a record by; upper and lower case do not count there."""
MADE = ("person_number", "email_address", "sis_username")
TARGET_OF = {
    "orgs": "locations",
    "courses": "courses",
    "classes": "classes",
    "users": "students",
    "enrollments": "rosters",
}
"""Where to ask about a raw table's record."""
SEPARATOR = "--"


@dataclass(frozen=True)
class Found:
    """Source rows that somebody may mean. `key` is the target key, if it was that."""

    rows: tuple[int, ...]
    by: str = ""
    """The column that matched."""
    key: str = ""


@dataclass(frozen=True)
class Near:
    """Something that is nearly what was asked for: what it is, and the words to ask with instead."""

    what: str
    table: str
    words: tuple[str, ...]


class Mapped(Protocol):
    """A roster and what was made of it: a kept run's (`evidence.Evidence`), or one just mapped."""

    @property
    def raw(self) -> Mapping[str, Path]: ...

    @property
    def reasons(self) -> Mapping[str, tuple[str, ...]]: ...

    def finished(self, table: str) -> Path: ...

    def fate(self, table: str) -> Path: ...


class Records:
    """The source of one target table in a roster that was mapped."""

    def __init__(self, kept: Mapped, flow: Flow, table: str) -> None:
        self.kept = kept
        self.flow = flow
        self.table = table
        self.source = flow.mapping.tables[table].source
        self.key = APPLE_SCHOOL_MANAGER.tables[table].key

    def find(self, words: Sequence[str]) -> Found:
        """The source rows that are meant; several where it is not clear."""
        if len(words) == 2:
            return self.pair(*words)
        [word] = words
        for found in (self._by_key(word), self._by_column(word), self._by_made(word)):
            if found.rows:
                return found
        if self.source == "enrollments" and SEPARATOR in word:
            one, _, other = word.partition(SEPARATOR)
            return self.pair(one, other)
        return Found(())

    def pair(self, one: str, other: str) -> Found:
        """Enrollments of a person in a class; each named in any way a person or a class may be."""
        classes, people = self.ids("classes", one), self.ids("users", other)
        both = pl.col("classSourcedId").is_in(classes) & pl.col("userSourcedId").is_in(people)
        rows = self._rows(self._scan("enrollments").filter(both))
        return Found(rows, "class and person")

    def there(self, name: str, word: str) -> str:
        """The sourcedId that a word means in a raw table; empty where there is none."""
        ids = self.ids(name, word)
        found = _texts(self._scan(name).filter(pl.col("sourcedId").is_in(ids)))
        return found[0] if found else ""

    def ids(self, name: str, word: str) -> list[str]:
        """The sourcedIds in a raw table that a word may mean; the word itself where nobody has it."""
        frame = self._scan(name)
        exact = _texts(frame.filter(pl.col("sourcedId") == word))
        also = [_folded(column) == word.casefold() for column in ALSO[name]]
        return exact or _texts(frame.filter(pl.any_horizontal(also))) or [word]

    def of(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """Rows of the source by their numbers, with `_row`."""
        return tables.collect(self._scan(self.source).filter(pl.col(ROW).is_in(rows))).to_dicts()

    def beside(self, rows: Sequence[int]) -> tuple[int, ...]:
        """Source rows that share a target key with these, themselves included."""
        fates = self._fates()
        keys = tables.collect(fates.filter(pl.col(ROW).is_in(rows)).select("key"))["key"]
        mine = fates.filter(pl.col("key").is_in(keys.implode()))
        return self._rows(mine) or tuple(rows)

    def fates(self, row: int) -> list[tuple[str, str]]:
        """What the run wrote down about a source row: (key, rule); no rule for a row that was written."""
        rules = self.kept.reasons[self.table]
        found = tables.collect(self._fates().filter(pl.col(ROW) == row).select("key", "fate"))
        return [(key, rules[fate - 1] if fate else "") for key, fate in found.iter_rows()]

    def nearly(self, word: str) -> Iterator[Near]:
        """What it might be instead: written otherwise, or in another table."""
        plain = word.strip().lstrip("0").casefold()
        for name in dict.fromkeys((self.source, *TARGET_OF)):
            if name not in self.kept.raw:
                continue
            frame = self._scan(name)
            there = self.table if name == self.source else TARGET_OF[name]
            if name != self.source:
                for one in _texts(frame.filter(pl.col("sourcedId") == word)):
                    yield Near(f"{name} has a record with this sourcedId", there, (one,))
                continue
            stripped = pl.col("sourcedId").str.strip_chars().str.strip_chars_start("0")
            close = frame.filter(stripped.str.to_lowercase() == plain)
            for one in _texts(close)[:3]:
                what = f"{name} has '{one}': spaces, zeros in front, and upper and lower case count"
                yield Near(what, there, (one,))

    # ------------------------------------------------------------ ways to look

    def _by_key(self, word: str) -> Found:
        made = self._rows(self._fates().filter(pl.col("key") == word))
        raw = self._rows(self._scan(self.source).filter(pl.col("sourcedId") == word))
        both = tuple(dict.fromkeys((*made, *raw)))
        return Found(both, self.key if made else "sourcedId", word if made else "")

    def _by_column(self, word: str) -> Found:
        frame = self._scan(self.source)
        for column in ALSO.get(self.source, ()):
            rows = self._rows(frame.filter(_folded(column) == word.casefold()))
            if rows and word:
                return Found(rows, column)
        return Found(())

    def _by_made(self, word: str) -> Found:
        path = self.kept.finished(self.table)
        frame = tables.scan(path).frame
        for column in MADE:
            if column in frame.collect_schema().names():
                held = tables.collect(frame.filter(_folded(column) == word.casefold()))[self.key]
                rows = self._rows(self._fates().filter(pl.col("key").is_in(held.implode())))
                if rows and word:
                    return Found(rows, column)
        return Found(())

    def _scan(self, name: str) -> pl.LazyFrame:
        return tables.scan(self.kept.raw[name]).frame

    def _fates(self) -> pl.LazyFrame:
        return tables.scan(self.kept.fate(self.table)).frame

    def _rows(self, frame: pl.LazyFrame) -> tuple[int, ...]:
        found = tables.collect(frame.select(ROW).unique(maintain_order=True))
        return tuple(int(one) for one in found[ROW])


def _folded(column: str) -> pl.Expr:
    return pl.col(column).str.to_lowercase()


def _texts(frame: pl.LazyFrame) -> list[str]:
    return list(tables.collect(frame.select("sourcedId"))["sourcedId"])
