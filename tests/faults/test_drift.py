"""Section A of the matrix: pages, totals and links that are wrong, and rows that come and go meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from etlrunner.errors import Incomplete
from tests.support import rosters
from tests.support.http_fault import JSON, FaultServer
from tests.support.lakeside import Lakeside
from tests.support.matrix import proves
from tests.support.pulls import ended, pull, pulled

Records = list[dict[str, Any]]
NEW = rosters.pupils(1, first=50)
CHANGES: dict[str, Callable[[Records], Records]] = {
    "insert first": lambda rows: [*NEW, *rows],
    "insert last": lambda rows: [*rows, *NEW],
    "delete first": lambda rows: rows[1:],
    "delete last": lambda rows: rows[:-1],
    "delete first, insert last": lambda rows: [*rows[1:], *NEW],
    "insert first, delete last": lambda rows: [*NEW, *rows[:-1]],
    "last moves to the front": lambda rows: [rows[-1], *rows[:-1]],
    "another order": lambda rows: rows[::-1],
}


def changing(
    server: FaultServer, table: str, change: Callable[[Records], Records], at: int
) -> None:
    """Change a table once, before its n-th page is made."""
    asked = [0]

    def before_page(collection: str, offset: int) -> None:
        if collection == table:
            asked[0] += 1
            if asked[0] == at:
                server.tables[table] = change(server.tables[table])

    server.before_page = before_page


@pytest.mark.parametrize("page", [2, 3, 4])
@pytest.mark.parametrize("totals", [True, False])
@pytest.mark.parametrize("change", CHANGES)
def test_rows_that_come_and_go_are_noticed(
    lakeside: Lakeside, server: FaultServer, tmp_path: Path, change: str, totals: bool, page: int
) -> None:
    server.totals = totals
    before = {each["sourcedId"] for each in server.tables["users"]}
    changing(server, "users", CHANGES[change], page)
    frame = pull(lakeside, tmp_path, "users", concurrency=1)["users"]
    after = {each["sourcedId"] for each in server.tables["users"]}
    came = frame["sourcedId"].to_list()
    assert len(set(came)) == len(came)
    assert before & after <= set(came) <= before | after
    if change != "delete last":  # which no page after it can tell, if it was read before
        assert set(came) == after


@proves(
    "A15",
    fault="rows are inserted and deleted between two pages, with and without a total that gives it away",
    behaviour="the table is read again, until a reading is proven; what arrives is all of it",
    exit=0,
)
@pytest.mark.parametrize("totals", [True, False])
def test_a_table_that_moves_once_is_read_again(
    lakeside: Lakeside, server: FaultServer, clean: bytes, totals: bool
) -> int:
    server.totals = totals
    pupil = server.tables["users"].pop(5)
    changing(server, "users", lambda rows: [*rows[:5], pupil, *rows[5:]], 4)
    result = lakeside.run(concurrency=1)
    assert lakeside.archive() == clean
    return result.exit_code


@proves(
    "A15",
    fault="rows move at every reading; as many come as go",
    behaviour="four readings, no two alike or none that joins up: incomplete",
    exit=3,
)
@pytest.mark.parametrize("totals", [True, False])
def test_a_table_that_never_rests_is_incomplete(
    lakeside: Lakeside, server: FaultServer, totals: bool
) -> int:
    server.totals = totals
    number = [100]

    def before_page(collection: str, offset: int) -> None:
        if collection == "users":
            number[0] += 1
            fresh = rosters.pupils(1, first=number[0])
            server.tables["users"] = [*server.tables["users"][1:], *fresh]

    server.before_page = before_page
    end = ended(lakeside, "users", whole=totals, concurrency=1)
    assert "users: " in end.message
    return end.exit_code


def test_verify_twice_compares_two_readings_of_every_table(
    lakeside: Lakeside, server: FaultServer, tmp_path: Path
) -> None:
    pull(lakeside, tmp_path, "users", verify="twice")
    assert [each.query["offset"] for each in server.asked("/users")].count("0") == 2


def test_verify_once_believes_the_server(
    lakeside: Lakeside, server: FaultServer, tmp_path: Path
) -> None:
    server.totals = False
    pull(lakeside, tmp_path, "users", verify="once")
    assert [each.query["offset"] for each in server.asked("/users")].count("0") == 1


def test_content_that_changes_is_another_reading(
    lakeside: Lakeside, server: FaultServer, tmp_path: Path
) -> None:
    server.totals = False
    changed = {**server.tables["users"][0], "familyName": "Changed"}
    changing(server, "users", lambda rows: [changed, *rows[1:]], 3)
    frame = pull(lakeside, tmp_path, "users", concurrency=1)["users"]
    assert frame["familyName"][0] == "Changed"


TOTALS = {
    "more than there is": ({"total_offset": 3}, "records arrived, [0-9]+ were stated"),
    "less than there is": ({"total_offset": -2}, "more records arrived than the 10"),
    "that of the page": ({"total_of_page": True}, "more records arrived than the 4"),
    "that of the page, and a lower limit": (
        {"total_of_page": True, "limit_cap": 3}, "more records arrived than the 3",
    ),
    "offset ignored": ({"ignores_offset": True}, "repeats an earlier one"),
    "offset ignored, no total": (
        {"ignores_offset": True, "totals": False}, "repeats an earlier one",
    ),
}  # fmt: skip


@proves(
    "A16",
    fault="the total is too large, too small, or that of the page; `offset` is ignored",
    behaviour="as many different records as stated, or incomplete",
    exit=3,
)
@pytest.mark.parametrize("kind", TOTALS)
def test_a_count_that_does_not_fit_is_incomplete(
    lakeside: Lakeside, server: FaultServer, kind: str
) -> int:
    switches, words = TOTALS[kind]
    for name, value in switches.items():
        setattr(server, name, value)
    end = ended(lakeside, "users", whole=kind == "more than there is")
    assert re.search(words, end.message)
    return end.exit_code


def test_however_much_too_small_a_total_is_it_is_noticed(
    lakeside: Lakeside, server: FaultServer
) -> None:
    for less in range(1, 12):
        server.total_offset = -less
        assert ended(lakeside, "users").exit_code == 3, less


GOOD = [
    {"totals": False},
    {"limit_cap": 3},
    {"limit_cap": 3, "totals": False},
    {"limit_cap": 1},
    {"limit_cap": 1, "totals": False},
    {"short_every": 2},
    {"short_every": 2, "totals": False},
    {"links": "next"},
    {"links": "next", "totals": False},
    {"links": "cursor", "totals": False},
]


@proves(
    "A16",
    fault="no total; `limit` lowered without a word; pages that come one short",
    behaviour="reads until it is certain that nothing is left; without a total twice",
    exit=0,
)
def test_pages_of_any_length_are_one_table(
    lakeside: Lakeside, server: FaultServer, tmp_path: Path, clean: bytes
) -> int:
    plain = FaultServer()
    for number, switches in enumerate(GOOD):
        for name in ("totals", "limit_cap", "short_every", "links"):
            setattr(server, name, switches.get(name, getattr(plain, name)))
        for concurrency in (1, 3) if number < 2 else (3,):
            folder = tmp_path / f"{number}-{concurrency}"
            frame = pull(lakeside, folder, "users", concurrency=concurrency)["users"]
            ids = [each["sourcedId"] for each in server.tables["users"]]
            assert frame["sourcedId"].to_list() == ids, switches
    server.totals, server.limit_cap, server.links = False, 3, ""
    result = lakeside.run()
    assert lakeside.archive() == clean
    return result.exit_code


@proves(
    "A16",
    fault="the total is no number (negative, words, digits of another script, two of them)",
    behaviour="counts as not stated: the table is read twice",
    exit=0,
)
def test_a_total_that_is_no_number_is_none(
    lakeside: Lakeside, server: FaultServer, tmp_path: Path, clean: bytes
) -> int:
    for odd in ("-5", "abc", "1e3", "47, 47", " "):
        server.after_page = lambda request, page, odd=odd: (
            page[0], {**page[1], "X-Total-Count": odd}, page[2],
        )  # fmt: skip
        frame = pull(lakeside, tmp_path, "users")["users"]
        assert len(frame) == 12
        assert [each.query["offset"] for each in server.asked("/users")].count("0") == 2
        server.requests.clear()
    result = lakeside.run()
    assert lakeside.archive() == clean
    return result.exit_code


@proves(
    "A16",
    fault="the total is stated on the first page only, or goes up and down from page to page",
    behaviour="the first is held against the count; one that moves means that rows move",
    exit=3,
)
def test_a_total_that_moves_all_the_time_is_incomplete(
    lakeside: Lakeside, server: FaultServer, tmp_path: Path
) -> int:
    only_first = lambda request, page: (  # noqa: E731
        page if request.query["offset"] == "0" else (page[0], JSON, page[2])
    )
    server.after_page = only_first
    assert len(pull(lakeside, tmp_path, "users")["users"]) == 12
    number = iter(range(10**6))
    server.after_page = lambda request, page: (
        page[0], {**page[1], "X-Total-Count": str(12 + next(number) % 2)}, page[2],
    )  # fmt: skip
    return lakeside.run(concurrency=1).exit_code


@proves(
    "A17",
    fault="a `next` link to another host, scheme or port",
    behaviour="not followed; nothing is sent there",
    exit=3,
)
@pytest.mark.parametrize("place", ["http://127.0.0.2:9", "https://127.0.0.1", "//example.org"])
def test_a_link_that_leads_away_is_not_followed(
    lakeside: Lakeside, server: FaultServer, place: str
) -> int:
    with FaultServer() as rogue:
        for target in (place, rogue.url):
            link = f'<{target}/API/ims/oneroster/v1p1/users?offset=4>; rel="next"'
            server.scripts["/users"] = [(200, {**JSON, "Link": link}, b'{"users": [{}]}')]
            end = ended(lakeside, "users", whole=target == "//example.org")
            assert "another address" in end.message
        assert rogue.requests == []
    return end.exit_code


@proves(
    "A17",
    fault="`next` links that go round, or lead to the same page",
    behaviour="a page that came before is the end of the run",
    exit=3,
)
@pytest.mark.parametrize("totals", [True, False])
def test_links_that_go_round_are_noticed(
    lakeside: Lakeside, server: FaultServer, totals: bool
) -> int:
    server.links, server.totals = "circle", totals
    end = ended(lakeside, "users", whole=totals)
    assert "repeats an earlier one" in end.message
    return end.exit_code


@proves(
    "A17",
    fault="a `next` link on every page, the empty ones after the end too; no total",
    behaviour="six empty pages in a row are no proof of an end; with a total that fits they are",
    exit=3,
)
def test_links_that_never_end_need_a_total(lakeside: Lakeside, server: FaultServer) -> int:
    server.links = "always"
    assert pulled(lakeside, "users") == {"users": len(server.tables["users"])}
    server.totals = False
    end = ended(lakeside, "users")
    assert "nothing says where the end is" in end.message
    return end.exit_code


@proves(
    "A18",
    fault="the same record twice, on one page or on two",
    behaviour="folded into one and counted",
    exit=0,
)
def test_equal_records_are_one(
    lakeside: Lakeside, server: FaultServer, tmp_path: Path, clean: bytes
) -> int:
    server.totals = False
    users = server.tables["users"]
    server.tables["users"] = [*users[:2], users[0], *users[2:], users[3], users[0]]
    frame = pull(lakeside, tmp_path, "users")["users"]
    assert frame["sourcedId"].to_list() == [each["sourcedId"] for each in users]
    result = lakeside.run()
    assert lakeside.archive() == clean
    return result.exit_code


@proves(
    "A18",
    fault="two different records under one id, on one page or on two",
    behaviour="read again, then the end; the id is on the terminal only",
    exit=3,
)
@pytest.mark.parametrize("place", [1, 9])
@pytest.mark.parametrize("totals", [True, False])
def test_different_records_under_one_id_end_the_run(
    lakeside: Lakeside, server: FaultServer, place: int, totals: bool
) -> int:
    server.totals = totals
    users = server.tables["users"]
    users.insert(place, {**users[0], "identifier": "another"})
    end = ended(lakeside, "users", whole=totals and place == 9)
    assert "1 sourcedId(s) came twice with different content" in end.message
    assert "u1" in end.detail
    assert "u1" not in end.message
    return end.exit_code


@proves(
    "A18",
    fault="a total that counts a record twice",
    behaviour="incomplete: a record in its place may be missing",
    exit=3,
)
def test_duplicates_that_a_total_counts_are_not_complete(
    lakeside: Lakeside, server: FaultServer
) -> int:
    server.tables["users"].append(server.tables["users"][0])
    result = lakeside.run()
    assert "12 different records arrived, 13 were stated" in result.record.message
    return result.exit_code


def test_pages_that_do_not_join_up_and_bring_records_twice_are_not_believed(
    lakeside: Lakeside, server: FaultServer, tmp_path: Path
) -> None:
    """A sort that is different at every offset: always the same, and always incomplete."""
    server.totals = False
    users = server.tables["users"]
    plain = server.page

    def page(request: Any, collection: str) -> Any:
        turn = int(request.query["offset"]) % 5
        server.tables["users"] = [*users[turn:], *users[:turn]]
        return plain(request, collection)

    server.page = page  # type: ignore[method-assign]
    with pytest.raises(Incomplete):
        pull(lakeside, tmp_path, "users", concurrency=1)
