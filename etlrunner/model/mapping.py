"""How a target's tables are made from the roster, as the mapping's files say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from etlrunner.model.components import Options
from etlrunner.model.problems import Located, Place
from etlrunner.model.secrets import SecretRef


@dataclass(frozen=True, slots=True)
class Column:
    """How one column of a target table is made; exactly one of expr, text, each is set."""

    name: str
    expr: Located | None = None
    text: str | None = None
    each: Located | None = None
    max: int | None = None
    """Most numbered columns that `each` may make."""
    lookup: str | None = None
    missing: Literal["keep", "blank", "reject", "fail", "default"] = "keep"
    default: str | None = None
    required: bool = False
    max_length: int | None = None
    place: Place | None = None
    named: Place | None = None
    """Where its name stands."""
    looked_up: Place | None = None
    """Where `lookup` names the table."""


@dataclass(frozen=True, slots=True)
class Step:
    """One transform of a mapping: a verb and its options."""

    type: str
    options: Options
    place: Place | None = None
    spots: Mapping[str, Place] = field(default_factory=dict, compare=False)
    """Where each text of the options stands, for messages about it."""


@dataclass(frozen=True, slots=True)
class DatabaseTable:
    """Rows of another program's database: of a table, or of a query."""

    url: SecretRef
    columns: tuple[str, ...]
    """Those that are read; declared, so that a mapping can be checked without the database."""
    table: str = ""
    """`name` or `schema.name`; empty where there is a query."""
    sql: str = field(default="", repr=False)
    """The query's text."""
    file: Path | None = None
    """Where the query stands."""
    shown: str = ""
    """The table's or the file's name in messages."""
    may_be_empty: bool = False
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class LookupTable:
    """A code table: inline rows, a file beside the mapping, or a table of a database."""

    name: str
    rows: Mapping[str, str] | None = None
    csv: Path | None = None
    on: str = "code"
    take: str = "value"
    place: Place | None = None
    excel: Path | None = None
    sheet: str = ""
    ignore: tuple[str, ...] = ()
    """What makes no difference between two codes: `case`, `spaces`."""
    shown: str = ""
    """The file's name in messages."""
    database: DatabaseTable | None = None


@dataclass(frozen=True, slots=True)
class ExtraTable:
    """A table beside the roster: a CSV file, a sheet of an Excel file, or a table of a database."""

    name: str
    csv: Path | None = None
    excel: Path | None = None
    sheet: str = ""
    """Empty: the only one."""
    shown: str = ""
    """The file's name in messages."""
    place: Place | None = None
    transforms: tuple[Step, ...] = field(default=(), hash=False)
    """What prepares its rows."""
    database: DatabaseTable | None = None


@dataclass(frozen=True)
class TableMapping:
    """How one target table is made from the roster."""

    table: str
    source: str
    key: str
    columns: Mapping[str, Column]
    where: Located | None = None
    transforms: tuple[Step, ...] = ()
    lookups: Mapping[str, LookupTable] = field(default_factory=dict)
    path: Path | None = None
    place: Place | None = None
    spots: Mapping[str, Place] = field(default_factory=dict, compare=False)
    """Where `key` and `columns` stand, and, by its name, each column that a null removes."""
    tables: Mapping[str, ExtraTable] = field(default_factory=dict)
    """What transforms may take from beside the roster."""

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file beside the mapping that has a part in it."""
        named = (one for many in (self.lookups, self.tables) for one in many.values())
        paths = [path for one in named for path in (one.csv, one.excel)]
        paths += [one.file for one in self.databases]
        return tuple(path for path in paths if path is not None)

    @property
    def databases(self) -> tuple[DatabaseTable, ...]:
        """What is read from databases: for code tables, then for tables beside the roster."""
        named = (one for many in (self.lookups, self.tables) for one in many.values())
        return tuple(one.database for one in named if one.database is not None)


@dataclass(frozen=True)
class MappingSet:
    """All tables of one target (`apple-school-manager`)."""

    name: str
    tables: Mapping[str, TableMapping]
