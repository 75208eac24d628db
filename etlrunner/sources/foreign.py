"""Tables that are no roster yet, from files or a database, made into one by a source definition."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import polars as pl

from etlrunner import roster
from etlrunner.errors import ConfigurationError, UsageError
from etlrunner.expressions import Type
from etlrunner.lib.suggest import close_to
from etlrunner.model.components import Options
from etlrunner.model.problems import Problem
from etlrunner.model.surroundings import Progress
from etlrunner.sources import definition as definitions
from etlrunner.sources import shape
from etlrunner.sources.definition import Definition, TableDefinition
from etlrunner.sources.report import PullReport
from etlrunner.table import LIST, BatchTable, schema_of

Open = Callable[[TableDefinition], Iterable[pl.DataFrame]]
"""Gives the rows of one file, sheet or query, a batch after the other."""
TERMS = ("term", "semester")


class ForeignConnection:
    """An open source whose tables are shaped as they are read."""

    def __init__(self, definition: Definition, progress: Progress, opens: Open) -> None:
        self._definition = definition
        self._progress = progress
        self._open = opens
        self.shapes: dict[str, tuple[int, tuple[str, ...]]] = {}
        """What was read: rows and columns of each file, sheet or query."""

    def read(self, table: str) -> BatchTable:
        """One table of the roster."""
        spec = self._definition.tables.get(table)
        if spec is None:
            raise UsageError(f"{self._definition.title} has no table {table}")
        report = PullReport(pages=len(spec.parts))
        schema = schema_of(roster.TABLES[table], roster.LISTS.get(table, ()))
        result = BatchTable(schema, self._batches(spec, report))
        result.report = report
        return result

    def probe(self) -> Mapping[str, int]:
        """Counts of schools and terms; reads no person."""
        return {
            "schools": self._count("orgs", ("school",)),
            "terms": self._count("academicSessions", TERMS),
        }

    def _count(self, table: str, types: Sequence[str]) -> int:
        return sum(int(each["type"].is_in(types).sum()) for each in self.read(table).batches)

    def _batches(self, spec: TableDefinition, report: PullReport) -> Iterator[pl.DataFrame]:
        self._progress.start(spec.name, None)
        for part in spec.parts:
            for frame in self._shaped(part):
                report.rows += len(frame)
                self._progress.advance(spec.name, len(frame))
                yield frame
        self._progress.done(spec.name)

    def _shaped(self, part: TableDefinition) -> Iterator[pl.DataFrame]:
        if part.rows:
            yield shape.constant(part.name, part.rows)
            return
        shaper, rows, header = None, 0, tuple[str, ...]()
        for frame in self._open(part):
            shaper = shaper or _shaper(part, frame)
            rows, header = rows + len(frame), tuple(frame.columns)
            yield shaper.kept(_named(part, frame))
        self.shapes[f"{part.name}: {part.sheet or part.file or 'query'}"] = (rows, header)


def problems(options: Options, key: str) -> list[Problem]:
    """What is wrong with a definition whose tables name a `file`, or hold `sql` (`key`)."""
    try:
        definition = definitions.choose(options)
    except ConfigurationError as error:
        return list(error.problems)
    found: list[Problem] = []
    for part in (part for spec in definition.tables.values() for part in spec.parts):
        found += _problems_of(part, key)
    return found


def _problems_of(part: TableDefinition, key: str) -> list[Problem]:
    where = f"tables.{part.name}"
    try:
        if part.rows:
            shape.constant(part.name, part.rows)
            return []
        named = part.sql if key == "sql" else part.file or part.sheet
        if not named:
            message = f"{where} says no {key}, and has no rows of its own"
            return [Problem("E602", message, path=where, hint=f"write {key}:")]
        if part.headers:  # else the names are known when the file is
            shape.compile_shape(part.shape, dict.fromkeys(part.headers, Type.TEXT))
    except ConfigurationError as error:
        return list(error.problems)
    return []


def _named(part: TableDefinition, frame: pl.DataFrame) -> pl.DataFrame:
    """The columns under the names that the definition gives them."""
    if not part.headers:
        return frame
    return frame.select(pl.col(header).alias(name) for name, header in part.headers.items())


def _what_it_has(header: list[str]) -> str:
    """The columns; of a file that has one only because of what stands between its cells, that."""
    between = next((mark for mark in ";\t|" if len(header) == 1 and mark in header[0]), "")
    if between:
        said = "tabs" if between == "\t" else f"'{between}'"
        return f"its cells are separated by {said}; export it with commas"
    return f"it has {', '.join(header)}"


def _shaper(part: TableDefinition, frame: pl.DataFrame) -> shape.Shaper:
    missing = [
        Problem(
            "E321",
            f"{part.file or part.sheet or 'the query'} has no column '{header}'",
            place=part.spots.get(name),
            path=f"tables.{part.name}.fields.{name}",
            hint=close_to(header, frame.columns) or _what_it_has(frame.columns),
        )
        for name, header in part.headers.items()
        if header not in frame.columns
    ]
    if missing:
        raise ConfigurationError(missing)
    kinds = {
        name: Type.LIST if kind == LIST else Type.TEXT
        for name, kind in _named(part, frame).schema.items()
    }
    return shape.compile_shape(part.shape, kinds)
