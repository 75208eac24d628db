"""The paging rule, against a server that breaks it in every way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etlrunner.errors import Incomplete
from etlrunner.lib import paging
from tests.support.http_fault import FaultServer


def orgs(count: int) -> list[dict[str, Any]]:
    return [{"sourcedId": f"o{number:05}", "type": "school"} for number in range(count)]


def ids(folder: Path) -> list[str]:
    return pl.read_parquet(folder / "raw" / "orgs.parquet")["sourcedId"].to_list()


@pytest.fixture(autouse=True)
def _many(server: FaultServer) -> None:
    server.tables["orgs"] = orgs(23)


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("page_size", [1, 5, 24])
@pytest.mark.parametrize(
    "switches",
    [
        {}, {"totals": False}, {"limit_cap": 3}, {"limit_cap": 3, "totals": False},
        {"short_every": 3}, {"short_every": 3, "totals": False}, {"links": "next"},
        {"links": "next", "totals": False, "limit_cap": 3},
        {"links": "cursor"}, {"links": "cursor", "totals": False, "limit_cap": 3},
    ],
    ids=str,
)  # fmt: skip
def test_every_record_arrives_once_and_in_order(
    server: FaultServer,
    pull: Any,
    tmp_path: Path,
    switches: dict[str, Any],
    page_size: int,
    concurrency: int,
) -> None:
    for name, value in switches.items():
        setattr(server, name, value)
    table = pull("orgs", page_size=page_size, concurrency=concurrency)["orgs"]
    assert ids(tmp_path) == [record["sourcedId"] for record in server.tables["orgs"]]
    assert table.stated == (23 if server.totals else None)
    assert table.duplicates == 0


def test_pages_travel_side_by_side_only_when_a_total_is_stated(
    server: FaultServer, pull: Any
) -> None:
    server.latency = 0.02
    pull("orgs", page_size=4, concurrency=4)
    assert 1 < server.most_at_once <= 4
    server.most_at_once, server.totals = 0, False
    pull("orgs", page_size=4, concurrency=4)
    assert server.most_at_once == 1


@pytest.mark.parametrize(
    ("switches", "words"),
    [
        ({"total_offset": 3}, "23 records arrived, 26 were stated"),
        ({"total_offset": -2}, "23 different records arrived, 21 were stated"),
        ({"ignores_offset": True}, "repeats an earlier one"),
        ({"ignores_offset": True, "totals": False}, "repeats an earlier one"),
        ({"links": "foreign"}, "another address"),
        ({"links": "circle", "totals": False}, "repeats an earlier one|in a circle"),
    ],
)
def test_a_pull_that_cannot_be_proven_complete_leaves_no_file(
    server: FaultServer, pull: Any, tmp_path: Path, switches: dict[str, Any], words: str
) -> None:
    for name, value in switches.items():
        setattr(server, name, value)
    with pytest.raises(Incomplete, match=words):
        pull("orgs", page_size=10)
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == []


def test_no_credentials_go_to_another_host(server: FaultServer, pull: Any) -> None:
    with FaultServer() as other:
        body = b'{"orgs": [{"sourcedId": "a"}]}'
        link = f'<{other.url}/API/ims/oneroster/v1p1/orgs?offset=1>; rel="next"'
        server.scripts["/orgs"] = [
            (200, {"Content-Type": "application/json", "Link": link}, body)
        ] * 2
        with pytest.raises(Incomplete):
            pull("orgs")
        assert other.requests == []


def test_a_total_that_moves_is_read_once_more_from_the_start(
    server: FaultServer, pull: Any, tmp_path: Path
) -> None:
    server.tables["orgs"] = orgs(20)
    asked: list[str] = []
    plain = server.page

    def growing(request: Any, collection: str) -> Any:
        asked.append(request.query.get("offset", ""))
        if asked.count("9") == 1 and asked[-1] == "9":
            server.tables["orgs"] = orgs(21)
        return plain(request, collection)

    server.page = growing  # type: ignore[method-assign]
    assert pull("orgs", page_size=10, concurrency=1)["orgs"].rows == 21
    assert ids(tmp_path) == [record["sourcedId"] for record in orgs(21)]


def test_equal_duplicates_are_folded_and_counted(
    server: FaultServer, pull: Any, tmp_path: Path
) -> None:
    server.totals = False
    server.tables["orgs"] = [*orgs(10), *orgs(3), {"sourcedId": "last", "type": "school"}]
    table = pull("orgs", page_size=6)["orgs"]
    assert (table.rows, table.duplicates) == (11, 3)
    assert ids(tmp_path) == [*(record["sourcedId"] for record in orgs(10)), "last"]
    frame = pl.read_parquet(tmp_path / "raw" / "orgs.parquet")
    assert frame["_row"].to_list() == list(range(11))


def test_different_records_under_one_id_end_the_pull(server: FaultServer, pull: Any) -> None:
    server.totals = False
    server.tables["orgs"] = [*orgs(10), {"sourcedId": "o00003", "type": "district"}]
    with pytest.raises(Incomplete, match=r"1 sourcedId\(s\) came twice") as caught:
        pull("orgs", page_size=6)
    assert "o00003" in caught.value.detail
    assert "o00003" not in str(caught.value)


def test_duplicates_that_a_total_counts_are_not_complete(server: FaultServer, pull: Any) -> None:
    server.tables["orgs"] = [*orgs(10), *orgs(2)]
    with pytest.raises(Incomplete, match="10 different records arrived, 12 were stated"):
        pull("orgs", page_size=7)


@pytest.mark.parametrize("value", ["-5", "abc", "", "1e3", "٤٧", "47, 47", " "])
def test_a_total_that_is_no_number_counts_as_not_stated(value: str) -> None:
    assert paging.read_total(value) is None


URL = "https://sis.example.org/API/orgs"


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        (None, (False, None)),
        ("", (False, None)),
        ("nonsense", (False, None)),
        (f'<{URL}?offset=0>; rel="first"', (False, None)),
        (f'<{URL}?limit=5&offset=5>; rel="next"', (True, None)),
        (f"<{URL}?limit=5&offset=5>;rel=next", (True, None)),
        (f'<{URL}?a=1,2&cursor=x>; title="t"; rel="last next"', (True, {"a": "1,2", "cursor": "x"})),
        ('</API/orgs?cursor=x>; rel="next"', (True, {"cursor": "x"})),
        ('<?cursor=x>; rel="prev", <?cursor=y>; rel="next"', (True, {"cursor": "y"})),
    ],
)  # fmt: skip
def test_link_headers_are_understood(link: str | None, expected: Any) -> None:
    assert paging.read_next(link, URL, "offset", "orgs") == expected


@pytest.mark.parametrize(
    "place",
    ["http://sis.example.org", "https://sis.example.org:8443", "https://evil.example", "//evil"],
)
def test_a_next_link_elsewhere_is_an_error(place: str) -> None:
    with pytest.raises(Incomplete, match="another address"):
        paging.read_next(f'<{place}/API/orgs?offset=5>; rel="next"', URL, "offset", "orgs")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    total=st.integers(0, 60),
    page_size=st.integers(1, 20),
    cap=st.integers(1, 20),
    stated=st.booleans(),
    concurrency=st.integers(1, 3),
    shorten=st.sets(st.integers(0, 60)),
    shared=st.booleans(),
)
def test_whatever_page_lengths_a_server_chooses_each_record_is_handed_out_once(
    total: int,
    page_size: int,
    cap: int,
    stated: bool,
    concurrency: int,
    shorten: set[int],
    shared: bool,
) -> None:
    def fetch(offset: int, limit: int, query: Any) -> paging.Page:
        size = min(limit, cap)
        if offset in shorten:
            size = max(1, size - 1)
        found = list(range(offset, min(total, offset + size)))
        ends = (found[0], found[-1]) if found and shared else (None, None)
        return paging.Page(
            len(found), hash(tuple(found)), found, total if stated else None, None, False, *ends
        )

    pull = paging.Pull("x")
    pages = paging.pages(fetch, pull, page_size=page_size, concurrency=concurrency)
    assert [one for page in pages for one in page.content] == list(range(total))
    assert pull.shifted == 0


def _of_a_server_that_filters(rows: list[int | None], links: bool) -> paging.Fetch:
    """It takes away what this key may not see only after it has counted out a page."""

    def fetch(offset: int, limit: int, query: object) -> paging.Page:
        seen = [row for row in rows[offset : offset + limit] if row is not None]
        ends = (seen[0], seen[-1]) if seen else (None, None)
        more = links and offset + limit < len(rows)
        return paging.Page(len(seen), hash(tuple(seen)), seen, None, None, more, *ends)

    return fetch


def test_an_empty_page_that_names_a_next_one_is_not_the_end() -> None:
    rows = [*range(10), *[None] * 10, *range(20, 30)]
    fetch = _of_a_server_that_filters(rows, links=True)
    with pytest.raises(Incomplete, match="an empty page, and records after it"):
        list(paging.pages(fetch, paging.Pull("users"), page_size=5))


def test_without_a_total_a_next_link_on_every_page_never_says_where_the_end_is() -> None:
    rows = [*range(10), *[None] * 50]
    for more in ([], range(60, 70)):  # nobody can tell the one server from the other
        fetch = _of_a_server_that_filters([*rows, *more], links=True)
        with pytest.raises(Incomplete, match="nothing says where the end is"):
            list(paging.pages(fetch, paging.Pull("users"), page_size=5))


def test_an_empty_page_is_the_end_once_a_later_one_names_no_next() -> None:
    fetch = _of_a_server_that_filters([*range(10), *[None] * 15], links=True)
    pull = paging.Pull("users")
    assert sum(page.count for page in paging.pages(fetch, pull, page_size=5)) == 10
    assert not pull.is_proven
