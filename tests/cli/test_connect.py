"""Every sentence of `connect`: what is wrong with an account or an address, and which line to change."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from etlrunner.cli import flow_file
from etlrunner.cli.flow_file import Answers
from etlrunner.lib import files
from etlrunner.sandbox import skyward
from etlrunner.sandbox.district import District
from etlrunner.sandbox.wire import Incoming, Reply
from tests.cli.conftest import Ended, Etlrunner

Connect = Callable[..., Ended]


@pytest.fixture
def connect(
    etlrunner: Etlrunner, folder: Path, district: District, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """A flow as given against a server as given; `connect --source` on it."""
    monkeypatch.setattr("etlrunner.lib.http.Door._nap", lambda *_: None)
    with ExitStack() as stack:

        def run(
            runs: str = "sms-2.0", *args: str, written: str = "", domain: Any = None,
            extra: str = "", secret: str = "", **switches: Any,
        ) -> Ended:  # fmt: skip
            server = stack.enter_context(skyward.start(district, variant=runs, **switches))
            run.server = server  # type: ignore[attr-defined]
            where = domain(server) if domain else server.domain
            answers = Answers("live", written or runs, where, allow_http=True, folder="out")
            (folder / "flows" / "live.yaml").unlink(missing_ok=True)
            flow_file.write(answers, folder)
            path = folder / "flows" / "live.yaml"
            text = path.read_text().replace("\nmapping:", f"{extra}\nmapping:", 1)
            path.write_text(text)
            values = (server.key, secret or server.secret, "third")
            names = (*answers.secret_names(), "THIRD")
            lines = [f"{name}='{value}'\n" for name, value in zip(names, values, strict=False)]
            files.write_private(folder / ".env", "".join(lines) + "THIRD='third'\n")
            ended = etlrunner("connect", "live", "--source", *args)
            assert server.secret not in ended.out + ended.err
            assert server.mistakes == []
            return ended

        yield run


def asked(server: Any) -> set[str]:
    return {path[len(server.base) :] for _, path, _ in server.requests}


def test_an_account_that_works_is_told_in_counts_and_no_person_is_read(connect: Any) -> None:
    ended = connect()
    assert ended.code == 0
    assert "schools" in ended.last
    assert not any(path.endswith(("users", "enrollments")) for path in asked(connect.server))


def test_a_wrong_secret_is_4(connect: Any) -> None:
    ended = connect(secret="canary")
    assert ended.code == 4
    assert "key and secret are refused" in ended.last
    first, second = ended.last.find("Is each in its own place"), ended.last.find("Secured User")
    assert 0 < first < second, "what is likeliest stands first"
    assert "canary" not in ended.out


@pytest.mark.parametrize("collection", ["orgs", "academicSessions", "courses", "classes"])
def test_a_permission_that_is_missing_is_4_and_names_the_collection(
    connect: Any, collection: str
) -> None:
    ended = connect("qmlativ", forbidden=collection)
    assert ended.code == 4
    assert f"may not read '{collection}'" in ended.last


def test_a_name_that_does_not_exist_is_3(etlrunner: Etlrunner, lakeside: Path) -> None:
    env = lakeside.parents[1] / ".env"
    names = Answers("lakeside", "qmlativ", "x").secret_names()
    files.write_private(env, "".join(f"{name}='x'\n" for name in names))
    ended = etlrunner("connect", "lakeside", "--source", "--set", "source.deadline=1s")
    assert ended.code == 3
    assert "cannot be resolved" in ended.last


def test_a_server_that_does_not_answer_is_3(connect: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        ended = connect(
            domain=lambda _: f"127.0.0.1:{port}/API",
            extra="\n  deadline: 2s\n  timeouts: {read: 1s}",
        )
    assert ended.code == 3
    assert "no answer within the time-out" in ended.last or "deadline" in ended.last


def test_a_version_that_is_not_there_is_2_with_the_line_to_write(connect: Any) -> None:
    ended = connect(extra='\n  oneroster: "1.2"')
    assert ended.code == 2
    assert "there is no OneRoster 1.2 here" in ended.last
    assert 'oneroster: "1.1"' in ended.last


@pytest.mark.parametrize("tail", ["/v1/schools", "/v1/students", "/ims", "/API/x/y"])
def test_an_address_that_is_too_long_is_2_with_the_corrected_domain(
    connect: Any, tail: str
) -> None:
    ended = connect(domain=lambda server: server.domain + tail)
    assert ended.code == 2
    assert f"domain: {connect.server.domain}" in ended.last


@pytest.mark.parametrize("tail", ["/v1", "/ims/oneroster/v1p2", "/token", "/"])
def test_what_people_paste_at_the_end_is_cut_off(connect: Any, tail: str) -> None:
    ended = connect(domain=lambda server: server.domain + tail)
    if tail == "/":
        assert ended.code in (0, 2)
        return
    assert ended.code == 0


def without_oneroster(incoming: Incoming) -> Reply | None:
    return Reply(404, b"{}") if "/ims/" in incoming.path else None


def test_the_lms_apis_address_is_2_and_says_which_one_is_needed(connect: Any) -> None:
    ended = connect(on_request=without_oneroster)
    assert ended.code == 2
    assert "is the LMS API" in ended.last
    assert "API Configuration" in ended.last
    assert "domain: <OneRoster API URL>" in ended.last


def test_oneroster_above_the_lms_apis_address_is_named(connect: Any) -> None:
    """The district's two addresses: /APIexampletxSTU for OneRoster, and one below it for the LMS API."""

    def two(incoming: Incoming) -> Reply | None:
        if "/LMS/" not in incoming.path:
            return None
        there = incoming.path.endswith("/v1/schools")
        return Reply(401 if there else 404, b"{}")

    ended = connect(domain=lambda server: server.domain + "/LMS", on_request=two)
    assert ended.code == 2
    assert "/LMS is the LMS API" in ended.last
    assert f"domain: {connect.server.domain}" in ended.last


def test_qmlativ_written_where_sms_2_0_answers_is_2(connect: Any) -> None:
    ended = connect("sms-2.0", written="qmlativ")
    assert ended.code == 2
    assert "variant: sms-2.0" in ended.last
    assert 'oneroster: "1.1"' in ended.last


def test_sms_2_0_written_where_qmlativ_answers_is_noted(connect: Any) -> None:
    ended = connect("qmlativ", written="sms-2.0")
    assert ended.code == 0
    assert "write variant: qmlativ" in ended.last


def test_sms_2_0_written_where_qmlativ_refuses_is_2(connect: Any) -> None:
    ended = connect("qmlativ", written="sms-2.0", integration_token="third")
    assert ended.code == 2
    assert "variant: qmlativ" in ended.last


def test_without_the_third_value_it_says_what_to_ask_for_and_of_whom(connect: Any) -> None:
    ended = connect("qmlativ", integration_token="third")
    assert ended.code == 4
    assert "Skyward-Integration-Token" in ended.last
    assert "ask the vendor" in ended.last
    assert "integration_token: {env: NAME}" in ended.last


def test_with_a_third_value_that_is_right_it_works_and_a_wrong_one_is_not_blamed_on_its_absence(
    connect: Any,
) -> None:
    extra = "\n  integration_token: {env: THIRD}"
    assert connect("qmlativ", extra=extra, integration_token="third").code == 0
    ended = connect("qmlativ", extra=extra, integration_token="another")
    assert ended.code == 4
    assert "ask that vendor" not in ended.last


def test_looking_around_gives_no_secret_away(connect: Any) -> None:
    seen: list[tuple[str, str]] = []

    def watch(incoming: Incoming) -> Reply | None:
        seen.append((incoming.path, incoming.headers.get("authorization", "")))
        return None

    connect(domain=lambda server: server.domain + "/v1/schools", on_request=watch)
    around = [sent for path, sent in seen if not path.endswith("token")]
    assert around
    assert set(around) == {""}


def test_explain_shows_each_request_in_shapes_and_no_value(
    connect: Any, district: District
) -> None:
    ended = connect("qmlativ", "--explain")
    assert ended.code == 0
    base = f"http://{connect.server.domain}"
    assert f"POST {base}/oauth/token" in ended.out
    assert f"GET {base}/ims/oneroster/v1p2/orgs" in ended.out
    assert "form: grant_type" in ended.out
    assert "headers: Authorization" in ended.out
    assert "X-Total-Count" in ended.out
    assert "orgs[].name text" in ended.out
    assert f"GET {base}/ims/oneroster/v1p2/users   not sent" in ended.out
    for table in ("orgs", "users", "courses", "classes"):
        for row in district.tables[table].head(5).iter_rows(named=True):
            for name in ("sourcedId", "name", "title", "givenName", "email"):
                assert not row.get(name) or row[name] not in ended.out.replace(base, "")


def test_explain_is_a_document_too(connect: Any) -> None:
    document = connect("sms-2.0", "--explain", "--json").document
    first, *others = document["requests"]
    assert (first["method"], first["status"], first["fields"]["access_token"]) == (
        "POST",
        200,
        "text",
    )
    assert others[0]["query"] == {"limit": "1", "offset": "0"}
    assert all(each["status"] == 200 for each in others)
    assert len(document["not_sent"]) == 2


def test_explain_shows_what_was_refused_and_what_did_not_answer(connect: Any) -> None:
    refused = connect("sms-2.0", "--explain", secret="canary")
    assert "came    HTTP 400, application/json" in refused.out
    assert "canary" not in refused.out
    silent = connect("sms-2.0", "--explain", domain=lambda _: "127.0.0.1:9/API")
    assert "came    no answer" in silent.out


def test_explain_of_files_is_their_rows_and_columns(
    etlrunner: Etlrunner, folder: Path, district: District
) -> None:
    district.write_csv(folder / "roster.zip")
    (folder / "flows").mkdir()
    (folder / "flows" / "files.yaml").write_text(
        "version: 1\nsource: {type: oneroster-csv, path: roster.zip}\n"
        "mapping: apple-school-manager\nsink: {type: local-folder, path: out}\n"
    )
    ended = etlrunner("connect", "files", "--source", "--explain")
    assert ended.code == 0
    assert f"users.csv: {len(district.tables['users']):,} rows; sourcedId" in ended.out
