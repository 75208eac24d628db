"""A SIS that speaks REST, read as its source definition says: Skyward, and any OneRoster server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

import polars as pl

from etlrunner import roster
from etlrunner.errors import ConfigurationError, EtlError, Incomplete, UsageError
from etlrunner.expressions import Type
from etlrunner.lib import paging, paging_styles
from etlrunner.lib.exchanges import Seen
from etlrunner.lib.http import Door
from etlrunner.lib.nested_records import NestedReader
from etlrunner.lib.oauth import NotThere, SignedIn, Tokens
from etlrunner.lib.records import TableReader
from etlrunner.lib.reply import address_problem
from etlrunner.lib.sign_in import SignedEach
from etlrunner.lib.turns import short_turns
from etlrunner.model.components import Options
from etlrunner.model.problems import Problem
from etlrunner.model.secrets import Secret
from etlrunner.model.surroundings import Clock, Progress
from etlrunner.sources import addresses, diagnosis, opening, shape
from etlrunner.sources import definition as definitions
from etlrunner.sources.definition import Definition, TableDefinition
from etlrunner.sources.pages import Pages
from etlrunner.sources.report import PullReport
from etlrunner.table import BatchTable, schema_of

PROBED = ("courses", "classes")
"""Collections without persons, of which `probe` asks for one record to see whether it may."""
AT_ONCE = 20_000
"""Rows of which columns are finished in one go; pages are too small for that."""
TERMS = frozenset({"term", "semester"})


def problems(options: Options) -> list[Problem]:
    """What is wrong with the project's definition, as far as it can be told without the server."""
    if not options.get("definition"):
        return []  # those that are shipped have their tests
    try:
        definition = definitions.choose(options)
    except ConfigurationError as error:
        return list(error.problems)
    found = opening.problems(options, definition)
    for spec in definition.tables.values():
        for part in spec.parts:
            found += _problems_of(part)
    return found


def _problems_of(spec: TableDefinition) -> Sequence[Problem]:
    try:
        _shaper(spec)
        if spec.rows:
            shape.constant(spec.name, spec.rows)
    except ConfigurationError as error:
        return error.problems
    return ()


@contextlib.contextmanager
def connect(
    options: Options,
    *,
    clock: Clock,
    progress: Progress,
    seen: Seen | None = None,
    diagnose: bool = False,
) -> Iterator[RestConnection]:
    """Sign in, find the roster's path, and give the connection; everything ends with the block.

    `seen` is told of each request; with `diagnose` an address that does not work is looked around for one
    that does, so that the error says what to write.
    """
    found = problems(options)
    if found:
        raise ConfigurationError(found)
    definition = definitions.choose(options)
    door = opening.door(options, definition, clock, seen)
    try:
        connection = RestConnection(door, definition, options, clock, progress)
        try:
            connection.find_roster()
        except EtlError as error:
            if not diagnose:
                raise
            better = diagnosis.explained(error, door, options, connection.root, definition.version)
            raise better from error
        with short_turns():
            yield connection
    finally:
        door.close()


class RestConnection:
    """An open source; tables may be read side by side."""

    tables_at_once = 16
    """All of them: `concurrency` is kept by the door, for all requests together."""

    def __init__(
        self,
        door: Door,
        definition: Definition,
        options: Options,
        clock: Clock,
        progress: Progress,
    ) -> None:
        self._door = door
        self._definition = definition
        self._options = options
        self._progress = progress
        self.root = addresses.root_of(
            str(options["domain"]), definition.pasted, bool(options.get("allow_http"))
        )
        self._wanted: Mapping[str, Sequence[str]] = {}
        self._source = self._sign_in(clock)
        self._pages = Pages(door, self._source, definition)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is odd although it works."""
        if self._options.get("variant") == "sms-2.0" and self._source.signed_in_at.endswith(
            diagnosis.TOKENS["qmlativ"]
        ):
            return ("This looks like Qmlativ, not SMS 2.0: if it is, write variant: qmlativ.",)
        return ()

    def read(self, table: str) -> BatchTable:
        """One table of the roster; its pages travel while it is iterated, once."""
        if table not in self._definition.tables:
            raise UsageError(f"{self._definition.title} has no table {table}")
        spec, report = self._definition.tables[table], PullReport()
        frames = chain.from_iterable(self._frames(part, report) for part in spec.parts)
        result = BatchTable(self._schema(spec), frames)
        result.report = report
        return result

    def narrow(self, columns: Mapping[str, Sequence[str]]) -> None:
        """Bring only these of the model's columns, per table, where records become rows as they are."""
        self._wanted = columns

    def probe(self) -> Mapping[str, int]:
        """Counts of schools and terms; asks for no person, and says which collection is forbidden."""
        schools = self._count("orgs", {"school"})
        terms = self._count("academicSessions", TERMS)
        for table in self._harmless(PROBED):
            self._one_record(table)
        return {"schools": schools, "terms": terms}

    def _first_asked(self) -> TableDefinition:
        """The collection whose answer shows that the path is right."""
        found = next(self._harmless(("orgs", *PROBED)), None)
        if found is None:
            raise UsageError(f"{self._definition.title}: no collection without persons has a path")
        return found

    def _one_record(self, spec: TableDefinition) -> None:
        """Ask for a single record, to see whether it may be read; nothing is made of it."""
        style, reader = self._definition.paging, self._reader(spec)
        if style.style == "offset":
            self._pages.by_offset(spec, reader, 0, 1)
        else:
            self._pages.by_query(spec, reader, paging_styles.first(style, 1))

    def _harmless(self, tables: Iterable[str]) -> Iterator[TableDefinition]:
        """Collections whose answers hold no person, as far as the definition tells."""
        specs = self._definition.tables
        persons = {
            part.path
            for name in ("users", "enrollments")
            if name in specs
            for part in specs[name].parts
        }
        for name in tables:
            for part in specs[name].parts if name in specs else ():
                if part.path and part.path not in persons:
                    yield part

    def unsent(self) -> Iterator[str]:
        """What a run would ask for besides: collections that hold persons, which connecting leaves alone."""
        harmless = {part.path for part in self._harmless(self._definition.tables)}
        left = (part.path for spec in self._definition.tables.values() for part in spec.parts)
        for path in dict.fromkeys(left):
            if path and path not in harmless:
                yield f"GET {self._pages.base}{path}"

    def abort(self, why: str) -> None:
        """End whatever is under way, from another thread."""
        self._door.abort(why)

    def find_roster(self) -> None:
        """Settle on the first roster path that answers; a version other than the flow's is never tried."""
        definition = self._definition
        configured = self._options.get("base_path")
        paths = (str(configured),) if configured else definition.roster_paths
        odd: Incomplete | None = None
        self._source.sign_in()
        for path in paths:
            self._pages.base = addresses.join(self.root, path)
            try:
                self._one_record(self._first_asked())
            except NotThere:
                continue
            except Incomplete as error:
                odd = odd or error
                continue
            return
        raise odd or self._no_roster(paths)

    def _sign_in(self, clock: Clock) -> SignedIn:
        definition, options = self._definition, self._options
        if definition.auth.style != "oauth2":
            return SignedEach(
                self._door, definition.auth, options.get("key") or Secret(""),
                options.get("secret") or Secret(""), clock, headers=definition.headers,
                refused=definition.refused,
            )  # fmt: skip
        tokens = Tokens(
            self._door, opening.token_plan(definition, options, self.root), options["key"],
            options["secret"], clock,
        )  # fmt: skip
        return SignedIn(
            self._door, tokens, headers=definition.headers, renew_on_500=definition.renew_on_500
        )

    def _schema(self, spec: TableDefinition) -> Mapping[str, Any]:
        if spec.rows or spec.parts[0].shape:
            return schema_of(roster.TABLES[spec.name], roster.LISTS.get(spec.name, ()))
        return self._reader(spec).schema

    def _reader(self, spec: TableDefinition) -> TableReader:
        table, style = spec.name, self._definition.paging
        around = {*style.next, *style.total}
        columns = definitions.columns_of(table, spec)
        if not spec.shape:
            schema = schema_of(columns, roster.LISTS.get(table, ()))
        else:
            many = (name for name, each in spec.fields.items() if each.is_list)
            schema = schema_of(columns, many)
        if spec.place or spec.each:
            return NestedReader(
                table, spec.fields, spec.wrappers, schema, around, place=spec.place, each=spec.each
            )
        if spec.shape or table not in self._wanted:
            return TableReader(table, spec.fields, spec.wrappers, schema, around)
        spare = set(roster.TABLES[table]) - {"sourcedId", *self._wanted[table]}
        fields = {name: each for name, each in spec.fields.items() if name not in spare}
        narrow = {name: kind for name, kind in schema.items() if name not in spare}
        return TableReader(table, fields, spec.wrappers, narrow, around)

    def _frames(self, spec: TableDefinition, report: PullReport) -> Iterator[pl.DataFrame]:
        """The pages of one collection in the roster's columns; what is known of them adds to the report."""
        if spec.rows:
            yield shape.constant(spec.name, spec.rows)
            return
        table, reader = spec.name, self._reader(spec)
        pull = paging.Pull(table)
        size = int(self._options.get("page_size") or self._definition.page_size)

        lean: dict[str, str] = {}

        def fetch(offset: int, limit: int, query: Mapping[str, str] | None) -> paging.Page:
            return self._pages.by_offset(spec, reader, offset, limit, query, lean)

        style, shaper = self._definition.paging, _shaper(spec)
        waiting: list[pl.DataFrame] = []

        def finished() -> pl.DataFrame:
            frame = reader.finish(waiting)
            waiting.clear()
            return shaper.kept(frame) if shaper else frame

        if style.style == "offset":
            pages = paging.pages(fetch, pull, page_size=size, concurrency=self._concurrency)
        else:
            follow = partial(self._pages.by_query, spec, reader)
            pages = paging_styles.pages(follow, pull, style, page_size=size)
        for page in pages:
            if pull.pages == 1:
                self._progress.start(table, pull.stated)
                lean |= self._pages.lean(spec, reader, page, size)
            self._progress.advance(table, page.count)
            waiting.append(page.content)
            if sum(map(len, waiting)) >= AT_ONCE:
                yield finished()
        if waiting:
            yield finished()
        report.rows, report.pages = report.rows + pull.rows, report.pages + pull.pages
        whole = self._definition.tables[table]
        if not whole.others and not spec.shape and not spec.each:
            report.stated = pull.stated  # else what counts of it may be fewer than came
        report.shifted += pull.shifted
        report.is_proven = report.is_proven and pull.is_proven
        self._progress.done(table)

    @property
    def _concurrency(self) -> int:
        return int(self._options.get("concurrency") or 2)

    def _count(self, table: str, types: frozenset[str] | set[str]) -> int:
        return sum(
            int(frame["type"].is_in(list(types)).sum()) for frame in self.read(table).batches
        )

    def _no_roster(self, paths: tuple[str, ...]) -> ConfigurationError:
        if self._options["type"] == "rest":
            asked = self._first_asked().path
            return address_problem(
                f"{self.root}: the server answers, but there is no {asked} (HTTP 404)",
                hint="is source.domain the API's whole address, and is the definition's path right?",
            )
        version = self._definition.version
        other = {"1.1": "1.2", "1.2": "1.1"}.get(version, "1.1")
        tried = " and ".join(paths)
        return address_problem(
            f"{self.root}: the key works, but there is no OneRoster {version} here "
            f"(HTTP 404 for {tried})",
            hint=(
                "is this the LMS API's URL instead of the OneRoster URL, or is a part of the path missing? "
                f'Else the server may speak another version: source.oneroster: "{other}", '
                "or have it elsewhere: source.base_path"
            ),
        )


def _shaper(spec: TableDefinition) -> shape.Shaper | None:
    """What makes the roster's columns of the fields, where they are not the same."""
    if not spec.shape:
        return None
    kinds = {name: Type.LIST if each.is_list else Type.TEXT for name, each in spec.fields.items()}
    return shape.compile_shape(spec.shape, kinds)
