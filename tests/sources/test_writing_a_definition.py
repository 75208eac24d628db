"""The page about source definitions: its file is run against the SIS that it describes, in every variation."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etlrunner.errors import ConfigurationError, EtlError, Incomplete, Refused
from etlrunner.extract import extract
from etlrunner.lib.clock import SystemClock
from etlrunner.model.secrets import Secret
from etlrunner.model.surroundings import SilentProgress
from etlrunner.sources import rest
from tests.support.hillside import TOKEN, Hillside

PAGE = Path(__file__).parents[2] / "docs" / "writing-a-source-definition.md"
TABLES = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments")
DEFINITION = next(
    text
    for text in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    if "tables:" in text
)
AUTH = "auth: {style: header, header: X-Hillside-Token}"
PAGING = "{style: url, limit: page_size, page_size: 100, next: meta.next, total: meta.count}"

Pull = Callable[..., dict[str, pl.DataFrame]]


@pytest.fixture
def pull(tmp_path: Path) -> Pull:
    def run(server: Hillside, definition: str = DEFINITION, **more: Any) -> dict[str, pl.DataFrame]:
        path = tmp_path / "hillside.yaml"
        path.write_text(definition)
        options = {
            "type": "rest", "definition": path, "domain": server.domain, "allow_http": True,
            "key": Secret("key"), "secret": Secret(TOKEN), **more,
        }  # fmt: skip
        clock, progress = SystemClock(), SilentProgress()
        with rest.connect(options, clock=clock, progress=progress) as connection:
            raw = extract(connection, TABLES, tmp_path, clock=clock, progress=progress)
        return {name: pl.read_parquet(each.path) for name, each in raw.items()}

    return run


def test_the_file_of_the_page_gives_the_roster(pull: Pull) -> None:
    with Hillside() as server:
        found = pull(server)
    assert found["orgs"].select("sourcedId", "name", "type", "status").rows() == [
        ("D", "Hillside", "district", "active"),
        ("N", "North School", "school", "active"),
        ("S", "South School", "school", "active"),
    ]
    users = found["users"]
    assert users["sourcedId"].to_list() == ["P1", "P2", "P3", "P4", "P6", "P7", "T1"]
    assert users.row(2, named=True)["orgSourcedIds"] == ["N", "S"]
    assert users.row(0, named=True)["grades"] == ["9"]
    assert users.row(6, named=True)["grades"] == []
    assert set(users["email"]) == {*(f"p{number}@example.org" for number in (1, 2, 3, 4, 6, 7)), ""}
    assert found["courses"]["sourcedId"].to_list() == ["ART-N"]
    assert found["classes"].row(0, named=True)["termSourcedIds"] == ["year"]
    enrollments = found["enrollments"].select("sourcedId", "role", "primary").rows()
    assert len(enrollments) == 12
    assert enrollments[-1] == ("4-T1", "teacher", "true")


@pytest.mark.parametrize(
    ("style", "more"),
    [
        ("offset", "offset: skip"),
        ("page", "page: number"),
        ("cursor", "next: meta.next"),
        ("link", ""),
        ("none", ""),
    ],
)
@pytest.mark.parametrize("total", ["total: meta.count", ""])
def test_every_way_to_page_gives_the_same(pull: Pull, style: str, more: str, total: str) -> None:
    with Hillside() as server:
        expected = pull(server)
    words = ", ".join(filter(None, [f"style: {style}", "limit: page_size", more, total]))
    with Hillside(paging=style) as server:
        found = pull(server, DEFINITION.replace(PAGING, "{" + words + "}"))
    for name in TABLES:
        assert expected[name].equals(found[name]), name


@pytest.mark.parametrize("style", ["url", "page", "cursor", "link", "none"])
def test_a_record_that_is_counted_and_does_not_come_ends_the_pull(pull: Pull, style: str) -> None:
    words = {"page": "page: number", "cursor": "next: meta.next", "url": "next: meta.next"}
    text = f"{{style: {style}, limit: page_size, {words.get(style, 'limit: page_size')}, total: meta.count}}"
    text = text.replace("limit: page_size, limit: page_size", "limit: page_size")
    with Hillside(paging=style, lost=1) as server, pytest.raises(Incomplete, match="were stated"):
        pull(server, DEFINITION.replace(PAGING, text))


def test_a_server_that_pages_where_the_definition_says_none_is_not_believed(pull: Pull) -> None:
    text = DEFINITION.replace(PAGING, "{style: none}")
    with Hillside(paging="link") as server, pytest.raises(Incomplete, match="another page"):
        pull(server, text)


@pytest.mark.parametrize("said", ["next", "count", "meta"])
def test_an_answer_that_says_its_total_or_its_next_page_twice_is_not_believed(
    pull: Pull, said: str
) -> None:
    with Hillside(twice=said) as server, pytest.raises(Incomplete, match=f"says '{said}' twice"):
        pull(server)


def test_an_empty_page_by_number_that_names_a_next_one_is_only_believed_with_a_total(
    pull: Pull,
) -> None:
    words = "{style: page, limit: page_size, page: number"
    with Hillside(paging="page", always_links=True) as server:
        pull(server, DEFINITION.replace(PAGING, f"{words}, total: meta.count}}"))
        with pytest.raises(Incomplete, match="nothing says where the end is"):
            pull(server, DEFINITION.replace(PAGING, f"{words}}}"))


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("https://elsewhere.example.org/api/campuses?after=2", "another address"),
        ("//elsewhere.example.org/api/campuses?after=2", "another address"),
        ("/api/people?after=2", "another path"),
        ("?after=0", "repeats an earlier one"),
    ],
)
def test_an_address_in_the_answer_is_followed_on_the_same_path_only(
    pull: Pull, where: str, words: str
) -> None:
    with Hillside(next_at=where) as server, pytest.raises(Incomplete, match=words):
        pull(server)


OAUTH2 = (
    "auth: {style: oauth2}\ntoken:\n  paths: [/token]\n"
    "  requests: [{grant: client_credentials, credentials: basic, scopes: false}]"
)
AUTHS = {
    "header": AUTH,
    "bearer": "auth: {style: bearer}",
    "basic": "auth: {style: basic}",
    "oauth1": "auth: {style: oauth1, method: HMAC-SHA256}",
    "oauth2": OAUTH2,
    "none": "auth: {style: none}",
}


@pytest.mark.parametrize("style", AUTHS)
def test_every_way_to_sign_in_is_let_in(pull: Pull, style: str) -> None:
    with Hillside(auth=style) as server:
        found = pull(server, DEFINITION.replace(AUTH, AUTHS[style]))
        assert len(found["orgs"]) == 3
        if style != "oauth2":
            assert all(each.method == "GET" for each in server.requests)


@pytest.mark.parametrize("style", ["header", "bearer", "basic", "oauth1", "oauth2"])
def test_a_wrong_secret_is_refused_and_not_shown(pull: Pull, style: str) -> None:
    definition = DEFINITION.replace(AUTH, AUTHS[style])
    with Hillside(auth=style) as server:
        with pytest.raises(Refused) as caught:
            pull(server, definition, secret=Secret("canary-wrong"))
        assert "canary" not in str(caught.value)
        assert len(server.requests) == 1


def test_connect_reads_no_person(tmp_path: Path) -> None:
    path = tmp_path / "hillside.yaml"
    path.write_text(DEFINITION)
    with Hillside() as server:
        options = {
            "type": "rest", "definition": path, "domain": server.domain, "allow_http": True,
            "secret": Secret(TOKEN),
        }  # fmt: skip
        clock, progress = SystemClock(), SilentProgress()
        with rest.connect(options, clock=clock, progress=progress) as connection:
            assert connection.probe() == {"schools": 2, "terms": 1}
        # sections hold lists of pupils: they are not asked for either
        assert {each.path for each in server.requests} == {"/api/campuses"}


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("      name: label | trim", "      name: lable | trim", "E35", "lable"),
        ("      sourcedId: code\n", "      sourcedID: code\n", "E310", "sourcedID"),
        ("label | trim", "label | trimm", "E", "trimm"),
        ("where: category in", "where: categori in", "E35", "categori"),
        ("style: url", "style: urls", "E204", "urls"),
        (", next: meta.next", "", "E602", "next"),
        ("next: meta.next", "next: meta..next", "E602", "meta..next"),
        ("  orgs:\n", "  organs:\n", "E315", "organs"),
        ("{sourcedId: year, title", "{sourcedId: year, titel", "E310", "titel"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_nothing_is_asked(
    tmp_path: Path, old: str, new: str, code: str, words: str
) -> None:
    assert old in DEFINITION
    path = tmp_path / "hillside.yaml"
    path.write_text(DEFINITION.replace(old, new, 1))
    options = {
        "type": "rest", "definition": path, "domain": "nowhere.invalid", "secret": Secret("x"),
    }  # fmt: skip
    problems = rest.problems(options)
    assert len(problems) == 1, problems
    assert problems[0].code.startswith(code)
    assert words in problems[0].message
    with pytest.raises(EtlError) as caught:
        rest.connect(options, clock=SystemClock(), progress=SilentProgress()).__enter__()
    assert isinstance(caught.value, ConfigurationError)


@pytest.mark.parametrize(
    ("auth", "given", "missing"),
    [
        ("header", (), ["source.secret"]),
        ("bearer", ("key",), ["source.secret"]),
        ("basic", ("secret",), ["source.key"]),
        ("oauth1", (), ["source.key", "source.secret"]),
        ("oauth2", (), ["source.key", "source.secret"]),
        ("none", (), []),
    ],
)
def test_what_the_sign_in_needs_is_asked_for(
    tmp_path: Path, auth: str, given: tuple[str, ...], missing: list[str]
) -> None:
    path = tmp_path / "hillside.yaml"
    path.write_text(DEFINITION.replace(AUTH, AUTHS[auth]))
    options = {"type": "rest", "definition": path, "domain": "x.invalid"}
    found = rest.problems(options | dict.fromkeys(given, Secret("x")))
    assert [each.path for each in found] == missing


def test_a_token_without_a_way_to_ask_for_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "hillside.yaml"
    path.write_text(DEFINITION.replace(AUTH, "auth: {style: oauth2}"))
    keys = {"key": Secret("x"), "secret": Secret("x")}
    [problem] = rest.problems({"type": "rest", "definition": path, "domain": "x.invalid", **keys})
    assert "how a token is asked for" in problem.message


def test_a_wrong_address_is_not_looked_around_for_oneroster(tmp_path: Path) -> None:
    path = tmp_path / "hillside.yaml"
    path.write_text(DEFINITION)
    with Hillside() as server:
        options = {
            "type": "rest", "definition": path, "domain": server.domain + "/v3",
            "allow_http": True, "secret": Secret(TOKEN),
        }  # fmt: skip
        clock, progress = SystemClock(), SilentProgress()
        with pytest.raises(ConfigurationError) as caught:
            rest.connect(options, clock=clock, progress=progress, diagnose=True).__enter__()
        assert {each.path for each in server.requests} == {"/api/v3/campuses"}
    assert "there is no /campuses (HTTP 404)" in str(caught.value)
