"""One page of a collection: asked for as the definition says, decoded, and counted in."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import polars as pl

from etlrunner.errors import ConfigurationError, Unreachable
from etlrunner.lib import paging, paging_styles
from etlrunner.lib.http import Door
from etlrunner.lib.oauth import SignedIn
from etlrunner.lib.records import TableReader
from etlrunner.lib.reply import Reply, json_body
from etlrunner.sources.definition import Definition, TableDefinition

LARGE = 20
"""Pages from which on it pays to find out whether a server sends only the fields that are named."""


class Pages:
    """The pages of a server's collections, below `base`; threads may share it."""

    def __init__(self, door: Door, source: SignedIn, definition: Definition) -> None:
        self._door = door
        self._source = source
        self._definition = definition
        self._decoding = threading.Lock()
        self.base = ""
        """The address of the roster, once it is found."""

    def by_offset(
        self,
        spec: TableDefinition,
        reader: TableReader,
        offset: int,
        limit: int,
        query: Mapping[str, str] | None = None,
        more_query: Mapping[str, str] | None = None,
    ) -> paging.Page:
        """The records from `offset` on; `query` is that of a next link, and goes in place of ours."""
        definition, style = self._definition, self._definition.paging
        table, url = spec.name, self.base + spec.path
        what = f"{table} from {offset}" if offset else table
        asked = {
            **definition.query,
            **spec.query,
            style.limit: str(limit),
            style.offset: str(offset),
            **(more_query or {}),
        }

        def take(reply: Reply) -> paging.Page:
            frame, count = self._decoded(reader, reply, what)
            more, cursor = paging.read_next(reply.headers.get("Link"), url, style.offset, what)
            return paging.Page(
                count,
                fingerprint(frame, reply.body),
                frame,
                paging_styles.total(style, reply),
                cursor,
                more,
                *(_ends(frame) if count == len(frame) else (None, None)),
            )

        page: paging.Page = self._source.get(
            url,
            params=asked if query is None else query,
            what=f"reading {what}",
            collection=table,
            read=take,
        )
        return page

    def by_query(
        self, spec: TableDefinition, reader: TableReader, query: Mapping[str, str]
    ) -> paging.Page:
        """One page where the answer itself says how to ask for the next."""
        style, table, url = self._definition.paging, spec.name, self.base + spec.path

        def take(reply: Reply) -> paging.Page:
            frame, count = self._decoded(reader, reply, table)
            return paging.Page(
                count,
                fingerprint(frame, reply.body),
                frame,
                paging_styles.total(style, reply),
                paging_styles.following(style, query, count, reply, url, table),
                paging_styles.contradicts(style, count, reply),
            )

        page: paging.Page = self._source.get(
            url,
            params={**self._definition.query, **spec.query, **query},
            what=f"reading {table}",
            collection=table,
            read=take,
        )
        return page

    def lean(
        self, spec: TableDefinition, reader: TableReader, page: paging.Page, size: int
    ) -> dict[str, str]:
        """What to add to a query so that only the wanted fields come; nothing where that is uncertain.

        The first page is asked for again with the fields named. They are asked for from then on if the
        same records came, and if every wanted column was filled in one of them at least: a column that
        nobody has on this page may be one that the server leaves out.
        """
        style = self._definition.paging
        is_large = page.total is not None and page.total >= LARGE * max(1, page.count)
        is_plain = style.style == "offset" and not (spec.shape or spec.place or spec.each)
        if not (style.fields and is_large and is_plain and all(map(_is_filled, page.content))):
            return {}
        asked = {style.fields: ",".join(reader.names)}
        try:
            again = self.by_offset(spec, reader, 0, size, None, asked)
        except (ConfigurationError, Unreachable):
            return {}
        return asked if again.content.equals(page.content) else {}

    def _decoded(self, reader: TableReader, reply: Reply, what: str) -> tuple[pl.DataFrame, int]:
        """The columns of an answer, and how many records it has.

        One thread at a time: they all want the same core, which those who send the next requests need.
        """
        self._door.let_senders_go()
        with self._decoding:
            found = reader.decode(json_body(reply, what))
            return reader.raw(found), found.count


def fingerprint(frame: pl.DataFrame, body: bytes) -> int:
    """A number for the set of ids on a page, whatever their order; where no id is taken, for the answer.

    A definition may take fields of a record that are the same in many: that is no page that comes twice.
    """
    if "sourcedId" not in frame.columns:
        return hash(body)
    return hash((len(frame), frozenset(frame["sourcedId"].to_list())))


def _is_filled(column: pl.Series) -> bool:
    """Has anybody a value in it?"""
    if column.dtype == pl.String:
        return bool((column != "").any())
    return bool((column.list.len() > 0).any())


def _ends(frame: pl.DataFrame) -> tuple[int | None, int | None]:
    """Numbers for the ids of the first and the last record."""
    if frame.is_empty() or "sourcedId" not in frame.columns:
        return None, None
    ids = frame["sourcedId"]
    return hash(ids[0]), hash(ids[-1])
