"""Reading a collection page by page until it is certain that nothing is left.

The rule (a page shorter than asked for is never the end):
1. a `next` link means that there is another page;
2. else a stated total: go on while fewer have been received;
3. else go on until a page is empty.
An empty page that names a next one contradicts itself, and without a total nothing settles it: one of the
pages after it has to name none, or the pull is incomplete.
A total is a witness, not the truth (some servers state what the page holds): where it alone says that a
page was the last, as the first or as a full one, the place after it is asked for.
The offset moves by what was received, not by what was asked for.

Where pages are asked for by offset, each begins with the last record of the one before. If that record is
not there, rows came or went in between, or the server has no fixed order: the pages are read to the end
all the same, but the pull is in doubt (`Pull.is_proven`), however well the count fits.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

from etlrunner.errors import Incomplete

MOST_PAGES = 100_000
GAP = 5
"""Pages that are looked at after an empty one that names a next one."""


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
    first: int | None = None
    last: int | None = None
    """Numbers for the ids of the first and the last record."""

    def without_first(self) -> Page:
        """The same page without the record that it shares with the one before."""
        return replace(self, count=self.count - 1, content=self.content[1:])


@dataclass
class Pull:
    """What a pull has seen so far; complete when the last page has been handed out."""

    what: str
    pages: int = 0
    rows: int = 0
    stated: int | None = None
    shifted: int = 0
    """Pages that did not begin with the last record of the page before."""
    seen: set[int] = field(default_factory=set)
    last: int | None = None

    @property
    def is_proven(self) -> bool:
        """Did the server state how much there is, and did nothing move while it was read?"""
        return self.stated is not None and not self.shifted

    def take(self, page: Page, overlap: int = 0) -> Page:
        """Count a page in; a page that came before, or another total than before, ends the pull.

        With an `overlap` of one, the record that the page shares with the one before is taken off.
        """
        self.pages += 1
        if self.pages > MOST_PAGES:
            raise Incomplete(f"{self.what}: more than {MOST_PAGES} pages")
        if page.total is not None:
            if self.stated is not None and page.total != self.stated:
                raise Moved(
                    f"{self.what}: the stated total went from {self.stated} to {page.total} while reading"
                )
            self.stated = page.total
        only_shared = overlap and page.count == 1 and page.first == self.last
        if page.count and not only_shared:
            if page.fingerprint in self.seen:
                raise Incomplete(
                    f"{self.what}: page {self.pages} repeats an earlier one: "
                    "the server does not page as OneRoster says"
                )
            self.seen.add(page.fingerprint)
        if overlap:
            if page.count and page.first == self.last:
                page = page.without_first()
            else:
                self.shifted += 1
        if page.count:
            self.last = page.last
        self.rows += page.count
        return page

    def check_end(self) -> None:
        if self.stated is not None and self.rows < self.stated:
            raise Moved(f"{self.what}: {self.rows} records arrived, {self.stated} were stated")


class Moved(Incomplete):
    """The collection changed while it was read: worth another reading at once."""


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
        overlap = 0 if link else _overlap(page)
        page = pull.take(fetch(pull.rows - overlap, page_size, page.next), overlap)
        if overlap and not page.count and _goes_on(replace(page, count=1), pull):
            # only the shared record came: a page of its own has to say that there are no more
            page = pull.take(fetch(pull.rows, page_size, None))
        yield page
    if page.says_more and not page.count:
        _check_nothing_beyond(fetch, pull, page_size)


def _check_nothing_beyond(fetch: Fetch, pull: Pull, page_size: int) -> None:
    """An empty page that names a next one: of a server that always does, or that filters after counting.

    Only a total tells them apart. Without one, records may follow however many empty pages there are.
    """
    for number in range(1, GAP + 1):
        page = fetch(pull.rows + number * page_size, page_size, None)
        if page.count:
            raise Incomplete(
                f"{pull.what}: the server sent an empty page, and records after it: "
                "what it leaves out moves the rest, and some may never come"
            )
        if not page.says_more:
            return
    if pull.stated is None:
        raise Incomplete(
            f"{pull.what}: the server goes on sending empty pages that name a next one, and states no total: "
            "nothing says where the end is",
            hint="have it state a total (X-Total-Count), or leave the link out on the last page",
        )


def _overlap(page: Page) -> int:
    """Pages of a single record cannot share one."""
    return 1 if page.count > 1 and page.last is not None else 0


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
    overlap = _overlap(first)
    last, is_full = first, True  # nobody knows how many records this server sends at most
    starts = iter(range(step - overlap, total - overlap, step - overlap))
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
            page = future.result()
            received, is_full = page.count, page.count == step == size
            last = pull.take(page, overlap)
            yield last
            for part in _completing(fetch, pull, received, start, size):
                last = part
                yield part
        if last.says_more:  # then the total was not the whole truth
            yield from _one_by_one(fetch, pull, last, step)
        elif is_full and pull.rows == total:
            _check_nothing_follows(fetch, pull, step, overlap)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _check_nothing_follows(fetch: Fetch, pull: Pull, step: int, overlap: int) -> None:
    """After a last page that was full, only the server's total says that it was the last."""
    stated = pull.stated or 0
    if pull.take(fetch(stated - overlap, step, None), overlap).count:
        raise Moved(f"{pull.what}: more records arrived than the {stated} that were stated")


def _completing(fetch: Fetch, pull: Pull, received: int, start: int, size: int) -> Iterator[Page]:
    more = received
    while 0 < received < size and more:
        page = pull.take(fetch(start + received, size - received, None))
        more = page.count
        received += more
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
    target = link_target(link or "")
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


def link_target(link: str) -> str | None:
    """What a `Link` header calls the next page, if it does."""
    for target, parameters in re.findall(r"<([^<>]*)>((?:\s*;\s*[^,;<>]+)*)", link):
        if re.search(
            r";\s*rel\s*=\s*\"?(?:[^\";]*\s)?next(?:\s[^\";]*)?\"?\s*(?:;|$)", parameters, re.I
        ):
            return str(target)
    return None
