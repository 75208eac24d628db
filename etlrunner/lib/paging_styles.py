"""Paging other than by offset: page numbers, cursors, links in a header, addresses in the answer.

Each style says itself where the end is. A page number that brings nothing is the end; so is an answer that
names no further page. What is stated about the total is held against what came.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl, urljoin, urlsplit

import msgspec

from etlrunner.errors import Incomplete
from etlrunner.lib import paging
from etlrunner.lib.paging import Page, Pull
from etlrunner.lib.reply import Reply

Style = Literal["offset", "page", "cursor", "link", "url", "none"]


@dataclass(frozen=True, slots=True)
class Paging:
    """How a collection is asked for page by page."""

    style: Style = "offset"
    limit: str = "limit"
    offset: str = "offset"
    page: str = "page"
    first_page: int = 1
    cursor: str = "cursor"
    next: tuple[str, ...] = ()
    """Where the answer holds the next cursor or address (`meta.next`)."""
    total: tuple[str, ...] = ()
    """Where the answer holds the total, if it does not stand in a header."""
    total_header: str = "X-Total-Count"
    fields: str = ""
    """The query parameter that names the fields to send; empty where a server is not asked."""


Fetch = Callable[[Mapping[str, str]], Page]
"""Query of one page -> Page, whose `next` is the whole query of the next one; None at the end."""


def pages(fetch: Fetch, pull: Pull, style: Paging, *, page_size: int) -> Iterator[Page]:
    """One page after the other until the last; a query that comes twice, or a total that does not fit, ends it."""
    query: Mapping[str, str] | None = first(style, page_size)
    asked: set[tuple[tuple[str, str], ...]] = set()
    while query is not None:
        key = tuple(sorted(query.items()))
        if key in asked:
            raise Incomplete(f"{pull.what}: the pages go round in a circle")
        asked.add(key)
        page = pull.take(fetch(query))
        yield page
        query = page.next
    if page.says_more and pull.stated is None:
        raise Incomplete(
            f"{pull.what}: a page without records names a next one, and no total is stated: "
            "nothing says where the end is",
            hint="where the links can be trusted, write paging: {style: link} into the definition",
        )
    pull.check_end()


def first(style: Paging, page_size: int) -> dict[str, str]:
    """The query of the first page."""
    query = {style.limit: str(page_size)} if style.limit and style.style != "none" else {}
    if style.style == "page":
        query[style.page] = str(style.first_page)
    return query


def following(
    style: Paging, query: Mapping[str, str], count: int, reply: Reply, url: str, what: str
) -> dict[str, str] | None:
    """The query of the page after this one, or None if this was the last."""
    if style.style == "page":
        number = int(query[style.page]) + 1
        return {**query, style.page: str(number)} if count else None
    if style.style == "link":
        target = paging.link_target(reply.headers.get("Link") or "")
        return _same_place(target, url, what)
    if style.style in ("cursor", "url"):
        found = at(reply.body, style.next)
        if found in (None, "", False):
            return None
        if style.style == "url":
            return _same_place(str(found), url, what)
        return {**query, style.cursor: str(found)}
    if paging.link_target(reply.headers.get("Link") or ""):
        raise Incomplete(
            f"{what}: the server says that there is another page, and the definition that all come at once",
            hint="write paging: {style: link} into the definition",
        )
    return None


def contradicts(style: Paging, count: int, reply: Reply) -> bool:
    """Whether a page that ends the collection, because it is empty, names a next one all the same."""
    link = reply.headers.get("Link") or ""
    return style.style == "page" and not count and paging.link_target(link) is not None


def total(style: Paging, reply: Reply) -> int | None:
    """The total that the answer states, in its header or its body; None for none."""
    if style.total:
        found = at(reply.body, style.total)
        return paging.read_total(None if isinstance(found, bool) else str(found))
    return paging.read_total(reply.headers.get(style.total_header))


def at(body: bytes, path: tuple[str, ...]) -> Any:
    """What stands at a place of an answer; None if there is no such place."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def path(text: str) -> tuple[str, ...]:
    """`meta.next` as its steps; ValueError for anything else."""
    if text and not re.fullmatch(r"[^\W\d][\w:-]*(\.[^\W\d][\w:-]*)*", text):
        raise ValueError(f"{text!r} is not a place such as meta.next")
    return tuple(text.split(".")) if text else ()


def _same_place(target: str | None, url: str, what: str) -> dict[str, str] | None:
    """The query of an address on the same path of the same server; anything else is refused."""
    if target is None:
        return None
    full, here = urlsplit(urljoin(url, target)), urlsplit(url)
    if (full.scheme, full.netloc.lower()) != (here.scheme, here.netloc.lower()):
        raise Incomplete(
            f"{what}: the next page is said to be at another address "
            f"({full.scheme}://{full.hostname}), which etlrunner does not follow"
        )
    if full.path.rstrip("/") != here.path.rstrip("/"):
        raise Incomplete(f"{what}: the next page is said to be at another path of the server")
    return dict(parse_qsl(full.query, keep_blank_values=True))
