"""A SIS that speaks REST, read as its source definition says: Skyward, and any OneRoster server."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from etlrunner import roster
from etlrunner.errors import ConfigurationError, Incomplete, UsageError
from etlrunner.lib import paging
from etlrunner.lib.http import Door, Limits, Timeouts
from etlrunner.lib.oauth import NotThere, SignedIn, TokenPlan, Tokens
from etlrunner.lib.records import TableReader
from etlrunner.lib.reply import Reply, address_problem, json_body
from etlrunner.model import Clock, Options, Progress, Secret
from etlrunner.sources import definition as definitions
from etlrunner.sources.definition import Definition
from etlrunner.sources.report import PullReport
from etlrunner.table import BatchTable, schema_of

PROBED = ("courses", "classes")
"""Collections without persons, of which `probe` asks for one record to see whether it may."""
TERMS = frozenset({"term", "semester"})


@contextlib.contextmanager
def connect(options: Options, *, clock: Clock, progress: Progress) -> Iterator[RestConnection]:
    """Sign in, find the roster's path, and give the connection; everything ends with the block."""
    definition = definitions.choose(options)
    door = _door(options, definition, clock)
    try:
        connection = RestConnection(door, definition, options, clock, progress)
        connection.find_roster()
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
        self._root = root_of(str(options["domain"]), definition, bool(options.get("allow_http")))
        self._base = ""
        self._lock = threading.Lock()
        self._source = self._sign_in(clock)

    def read(self, table: str) -> BatchTable:
        """One table of the roster; its pages travel while it is iterated, once."""
        if table not in self._definition.tables:
            raise UsageError(f"{self._definition.title} has no table {table}")
        reader = self._reader(table)
        report = PullReport()
        result = BatchTable(reader.schema, self._frames(table, reader, report))
        result.report = report
        return result

    def probe(self) -> Mapping[str, int]:
        """Counts of schools and terms; asks for no person, and says which collection is forbidden."""
        schools = self._count("orgs", {"school"})
        terms = self._count("academicSessions", TERMS)
        for table in PROBED:
            self._page(table, self._reader(table), 0, 1, None)
        return {"schools": schools, "terms": terms}

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
            self._base = _join(self._root, path)
            try:
                self._page("orgs", self._reader("orgs"), 0, 1, None)
            except NotThere:
                continue
            except Incomplete as error:
                odd = odd or error
                continue
            return
        raise odd or self._no_roster(paths)

    def _sign_in(self, clock: Clock) -> SignedIn:
        definition, options = self._definition, self._options
        tokens = Tokens(
            self._door, _token_plan(definition, options, self._root), options["key"],
            options["secret"], clock,
        )  # fmt: skip
        return SignedIn(
            self._door, tokens, headers=definition.headers, renew_on_500=definition.renew_on_500
        )

    def _reader(self, table: str) -> TableReader:
        spec = self._definition.tables[table]
        columns = definitions.columns_of(table, spec)
        schema = schema_of(columns, roster.LISTS.get(table, ()))
        return TableReader(table, spec.fields, spec.wrappers, schema)

    def _frames(
        self, table: str, reader: TableReader, report: PullReport
    ) -> Iterator[pl.DataFrame]:
        pull = paging.Pull(table)
        size = int(self._options.get("page_size") or self._definition.page_size)

        def fetch(offset: int, limit: int, query: Mapping[str, str] | None) -> paging.Page:
            return self._page(table, reader, offset, limit, query)

        for page in paging.pages(fetch, pull, page_size=size, concurrency=self._concurrency):
            if pull.pages == 1:
                self._progress.start(table, pull.stated)
            self._progress.advance(table, page.count)
            yield page.content
        report.rows, report.pages, report.stated = pull.rows, pull.pages, pull.stated
        report.shifted, report.is_proven = pull.shifted, pull.is_proven
        self._progress.done(table)

    @property
    def _concurrency(self) -> int:
        return int(self._options.get("concurrency") or 2)

    def _page(
        self,
        table: str,
        reader: TableReader,
        offset: int,
        limit: int,
        query: Mapping[str, str] | None,
    ) -> paging.Page:
        definition = self._definition
        url = self._base + definition.tables[table].path
        what = f"{table} from {offset}" if offset else table
        asked = {**definition.query, definition.limit: str(limit), definition.offset: str(offset)}

        def take(reply: Reply) -> paging.Page:
            frame = reader.frame(reader.decode(json_body(reply, what)))
            more, cursor = paging.read_next(reply.headers.get("Link"), url, definition.offset, what)
            return paging.Page(
                len(frame),
                fingerprint(frame),
                frame,
                paging.read_total(reply.headers.get("X-Total-Count")),
                cursor,
                more,
                *_ends(frame),
            )

        page: paging.Page = self._source.get(
            url,
            params=asked if query is None else query,
            what=f"reading {what}",
            collection=table,
            read=take,
        )
        return page

    def _count(self, table: str, types: frozenset[str] | set[str]) -> int:
        return sum(
            int(frame["type"].is_in(list(types)).sum())
            for frame in self._frames(table, self._reader(table), PullReport())
        )

    def _no_roster(self, paths: tuple[str, ...]) -> ConfigurationError:
        version = self._definition.version
        other = {"1.1": "1.2", "1.2": "1.1"}.get(version, "1.1")
        tried = " and ".join(paths)
        return address_problem(
            f"{self._root}: the key works, but there is no OneRoster {version} here "
            f"(HTTP 404 for {tried})",
            hint=(
                "is this the LMS API's URL instead of the OneRoster URL, or is a part of the path missing? "
                f'Else the server may speak another version: source.oneroster: "{other}", '
                "or have it elsewhere: source.base_path"
            ),
        )


def fingerprint(frame: pl.DataFrame) -> int:
    """A number for the set of ids on a page, whatever their order."""
    return hash((len(frame), int(frame["sourcedId"].hash().sum() or 0)))


def _ends(frame: pl.DataFrame) -> tuple[int | None, int | None]:
    """Numbers for the ids of the first and the last record."""
    if frame.is_empty():
        return None, None
    ids = frame["sourcedId"]
    return hash(ids[0]), hash(ids[-1])


def root_of(domain: str, definition: Definition, allow_http: bool = False) -> str:
    """The API's root from what people paste: with or without https, slash, version path, token path.

    The case of the path is kept; nothing is ever guessed from the host's name.
    """
    text = domain.strip().rstrip("/")
    scheme = "http" if allow_http else "https"
    if "://" in text:
        scheme, _, text = text.partition("://")
    parts = urlsplit(f"{scheme.lower()}://{text}")
    path = parts.path.rstrip("/")
    for pattern in definition.pasted:
        path = _cut(path, pattern)
    return f"{parts.scheme}://{parts.netloc}{path}"


def _cut(path: str, pattern: str) -> str:
    """The path without a pasted tail: `/token` at its end, or `/swagger/*` with whatever follows."""
    segments = path.split("/")
    stem = pattern.removesuffix("/*").strip("/").lower().split("/")
    for start in range(1, len(segments) - len(stem) + 1):
        rest = segments[start + len(stem) :]
        here = [segment.lower() for segment in segments[start : start + len(stem)]]
        if here == stem and (not rest or pattern.endswith("/*")):
            return "/".join(segments[:start])
    return path


def _join(root: str, path: str) -> str:
    if path.startswith(("https://", "http://")):
        return path.rstrip("/")
    return f"{root}/{path.strip('/')}".rstrip("/")


def _door(options: Options, definition: Definition, clock: Clock) -> Door:
    timeouts = options.get("timeouts") or {}
    deadline = options.get("deadline")
    rate = options.get("requests_per_second")
    return Door(
        clock=clock,
        timeouts=Timeouts(
            _seconds(timeouts.get("connect"), definition.timeouts.connect),
            _seconds(timeouts.get("read"), definition.timeouts.read),
        ),
        limits=Limits(
            concurrency=int(options.get("concurrency") or 2),
            requests_per_second=float(rate) if rate else None,
            deadline=_seconds(deadline, 0.0) or None,
        ),
        ca_file=options.get("ca_file"),
        allow_http=bool(options.get("allow_http")),
    )


def _seconds(value: timedelta | None, default: float) -> float:
    return default if value is None else value.total_seconds()


def _token_plan(definition: Definition, options: Options, root: str) -> TokenPlan:
    configured = options.get("token_path")
    paths = (str(configured),) if configured else definition.token_paths
    headers: dict[str, str | Secret] = dict(definition.token_headers)
    for option, name in definition.option_headers.items():
        if options.get(option):
            headers[name] = options[option]
    scopes: Any = options.get("scopes")
    return TokenPlan(
        urls=tuple(_join(root, path) for path in paths),
        requests=definition.token_requests,
        scopes=tuple(definition.scopes if scopes is None else scopes),
        headers=headers,
        refused=definition.refused,
    )
