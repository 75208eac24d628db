"""Reading a collection page by page until it is certain that nothing is left.

The rule (a page shorter than asked for is never the end):
1. a `next` link means that there is another page;
2. else a stated total: go on while fewer have been received;
3. else go on until a page is empty.
The offset moves by what was received, not by what was asked for.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

from etlrunner.errors import Incomplete

MOST_PAGES = 100_000


@dataclass(frozen=True, slots=True)
class Page:
    """One answer: how many records, a fingerprint of their ids, and what the server said about the rest."""

    count: int
    fingerprint: int
    content: Any
    total: int | None = None
    next: Mapping[str, str] | None = None
    """The query of the next link when it does not speak in offsets."""
    says_more: bool = False


@dataclass
class Pull:
    """What a pull has seen so far; complete when the last page has been handed out."""

    what: str
    pages: int = 0
    rows: int = 0
    stated: int | None = None
    seen: set[int] = field(default_factory=set)

    def take(self, page: Page) -> Page:
        """Count a page in; a page that came before, or another total than before, ends the pull."""
        self.pages += 1
        if self.pages > MOST_PAGES:
            raise Incomplete(f"{self.what}: more than {MOST_PAGES} pages")
        if page.total is not None:
            if self.stated is not None and page.total != self.stated:
                raise Moved(
                    f"{self.what}: the stated total went from {self.stated} to {page.total} while reading"
                )
            self.stated = page.total
        if page.count:
            if page.fingerprint in self.seen:
                raise Incomplete(
                    f"{self.what}: page {self.pages} repeats an earlier one: "
                    "the server does not page as OneRoster says"
                )
            self.seen.add(page.fingerprint)
        self.rows += page.count
        return page

    def check_end(self) -> None:
        if self.stated is not None and self.rows < self.stated:
            raise Moved(f"{self.what}: {self.rows} records arrived, {self.stated} were stated")


class Moved(Incomplete):
    """The collection changed while it was read: worth a second attempt at once."""


Fetch = Callable[[int, int, Mapping[str, str] | None], Page]
"""(offset, limit, query of a next link) -> Page."""


def pages(fetch: Fetch, pull: Pull, *, page_size: int, concurrency: int = 1) -> Iterator[Page]:
    """Every page in order. Side by side only where a total says which pages there are."""
    first = pull.take(fetch(0, page_size, None))
    yield first
    if first.total is not None and first.next is None and first.count:
        yield from _stated(fetch, pull, first, concurrency)
    else:
        yield from _one_by_one(fetch, pull, first, page_size)
    pull.check_end()


def _one_by_one(fetch: Fetch, pull: Pull, page: Page, page_size: int) -> Iterator[Page]:
    links: set[tuple[tuple[str, str], ...]] = set()
    while _goes_on(page, pull):
        link = tuple(sorted((page.next or {}).items()))
        if link and link in links:
            raise Incomplete(f"{pull.what}: the next links go round in a circle")
        links.add(link)
        page = pull.take(fetch(pull.rows, page_size, page.next))
        yield page


def _goes_on(page: Page, pull: Pull) -> bool:
    if page.next is not None:
        return True
    if not page.count:
        return False
    if page.says_more or pull.stated is None:
        return True
    return pull.rows < pull.stated


def _stated(fetch: Fetch, pull: Pull, first: Page, concurrency: int) -> Iterator[Page]:
    """The rest of a collection whose total is stated, in steps of what the first page brought.

    A page that brings less than its step is completed before the next one is handed out.
    """
    step, total = first.count, first.total or 0
    last = first
    starts = iter(range(step, total, step))
    window: deque[tuple[int, int, Future[Page]]] = deque()
    # Twice as many as may travel (the door counts those): half of them decode what has arrived.
    most = 2 * max(1, concurrency)
    pool = ThreadPoolExecutor(most, thread_name_prefix="page")
    try:
        while True:
            while len(window) < most and (start := next(starts, None)) is not None:
                size = min(step, total - start)
                window.append((start, size, pool.submit(fetch, start, step, None)))
            if not window:
                break
            start, size, future = window.popleft()
            last = pull.take(future.result())
            yield last
            for part in _completing(fetch, pull, last, start, size):
                last = part
                yield part
        if last.says_more:  # then the total was not the whole truth
            yield from _one_by_one(fetch, pull, last, step)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _completing(fetch: Fetch, pull: Pull, page: Page, start: int, size: int) -> Iterator[Page]:
    received = page.count
    while 0 < received < size and page.count:
        page = pull.take(fetch(start + received, size - received, None))
        received += page.count
        yield page


# ---------------------------------------------------------------- what headers say


def read_total(value: str | None) -> int | None:
    """`X-Total-Count`; anything but plain digits counts as not stated."""
    text = (value or "").strip()
    return int(text) if re.fullmatch(r"[0-9]{1,12}", text, re.ASCII) else None


def read_next(
    link: str | None, url: str, offset: str, what: str
) -> tuple[bool, dict[str, str] | None]:
    """Whether a `Link` header names a next page, and its query if that is not a matter of offsets.

    A link to another host is an error: no credentials go there, and guessing may lose records.
    """
    target = _next_target(link or "")
    if target is None:
        return False, None
    full = urlsplit(urljoin(url, target))
    here = urlsplit(url)
    if (full.scheme, full.netloc.lower()) != (here.scheme, here.netloc.lower()):
        raise Incomplete(
            f"{what}: the next page is said to be at another address "
            f"({full.scheme}://{full.hostname}), which etlrunner does not follow"
        )
    query = dict(parse_qsl(full.query, keep_blank_values=True))
    return True, None if offset in query else query


def _next_target(link: str) -> str | None:
    for target, parameters in re.findall(r"<([^<>]*)>((?:\s*;\s*[^,;<>]+)*)", link):
        if re.search(
            r";\s*rel\s*=\s*\"?(?:[^\";]*\s)?next(?:\s[^\";]*)?\"?\s*(?:;|$)", parameters, re.I
        ):
            return str(target)
    return None
