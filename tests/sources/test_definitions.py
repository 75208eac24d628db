"""Source definitions: what is shipped, what a project adds, and what is wrong with one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etlrunner import roster
from etlrunner.errors import ConfigurationError, Refused
from etlrunner.lib import records, shipped
from etlrunner.lib.clock import SystemClock
from etlrunner.model.secrets import Secret
from etlrunner.model.surroundings import SilentProgress
from etlrunner.sandbox import skyward
from etlrunner.sandbox.district import District
from etlrunner.sandbox.wire import Incoming, Reply
from etlrunner.sources import definition, rest
from tests.support.http_fault import FaultServer

NAMES = sorted(path.stem for path in shipped.folder("definitions").glob("*.yaml"))


def test_the_shipped_ones_are_those_the_design_names() -> None:
    assert NAMES == [
        "aeries",
        "oneroster-1.1",
        "oneroster-1.2",
        "skyward-qmlativ",
        "skyward-sms-2.0",
    ]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_every_column_of_the_model_is_described(name: str, version: str) -> None:
    found = definition.read(name, version if name.startswith("skyward") else "")
    assert set(found.tables) == set(roster.TABLES)
    for table, spec in found.tables.items():
        assert set(spec.fields) == set(roster.TABLES[table]), table


@pytest.mark.parametrize(
    ("options", "version", "paths"),
    [
        ({"type": "skyward", "variant": "sms-2.0"}, "1.1", ("/ims/oneroster/v1p1",)),
        ({"type": "skyward", "variant": "qmlativ"}, "1.2",
         ("/ims/oneroster/v1p2", "/ims/oneroster/rostering/v1p2")),
        ({"type": "skyward", "variant": "qmlativ", "oneroster": "1.1"}, "1.1", ("/ims/oneroster/v1p1",)),
        ({"type": "oneroster", "oneroster": "1.2"}, "1.2",
         ("/ims/oneroster/rostering/v1p2", "/ims/oneroster/v1p2")),
        ({"type": "oneroster"}, "1.1", ("/ims/oneroster/v1p1",)),
    ],
)  # fmt: skip
def test_type_variant_and_version_choose(
    options: dict[str, Any], version: str, paths: tuple[str, ...]
) -> None:
    found = definition.choose(options)
    assert (found.version, found.roster_paths) == (version, paths)
    assert found.page_size == 1000
    assert found.timeouts.read == 900


def test_a_project_describes_its_own_sis(server: FaultServer, pull: Any, tmp_path: Path) -> None:
    path = tmp_path / "sources" / "other.yaml"
    path.parent.mkdir()
    path.write_text(
        "version: 1\ntitle: Other SIS\nextends: oneroster-1.1\n"
        "address: {roster_paths: [/rows]}\n"
        "tables:\n  orgs:\n    path: /units\n    records: [things]\n"
        "    fields: {sourcedId: id, name: [label.en, label.es], color: 'colors[kind=main].code'}\n"
    )
    server.roster, server.wrapper = "/rows", "things"
    server.tables["units"] = [
        {
            "id": "1",
            "label": {"es": "Norte"},
            "colors": [{"kind": "x"}, {"kind": "main", "code": 7}],
        }
    ]
    table = pull("orgs", type="oneroster", definition=path)["orgs"]
    row = pl.read_parquet(table.path).row(0, named=True)
    assert (row["sourcedId"], row["name"], row["color"]) == ("1", "Norte", "7")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version: 1\ntitle: X\nextends: nowhere\n", "no such source definition"),
        ("version: 1\ntitle: X\nextends: x\n", "in a circle"),
        ("version: 1\ntitle: X\nversions: {'1.2': {}}\n", "not described here"),
        ("version: 1\ntitle: X\nextends: oneroster-1.1\ntables: {orgs: {fields: {a: 'b[c'}}}\n", r"b\[c"),
        ("version: 1\ntitle: X\nadress: {}\n", "1 problem"),
        ("version: 1\ntitle: X\nextends: oneroster-1.1\npaging: {page_size: many}\n", "1 problem"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_definition_is_a_configuration_error(
    tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=words):
        definition.read(path, "1.1" if "versions" in text else "")


@pytest.mark.parametrize("path", ["", "a..b", "a[", "a[b]", "a[=b]", ".a", "a b", "a[b=c=d]"])
def test_a_malformed_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="is not a field name"):
        records.parse_path(path)


def test_aeries_is_asked_at_its_own_address_and_its_cookie_goes_along(tmp_path: Path) -> None:
    """Its load balancer hands out a cookie with the token, and knows nobody who comes without it."""
    seen: list[Incoming] = []

    def balance(incoming: Incoming) -> Reply | None:
        seen.append(incoming)
        if incoming.path.endswith("/token"):
            return Reply(200, b'{"access_token": "t"}', {"Set-Cookie": "where=7; path=/; HttpOnly"})
        if incoming.headers.get("cookie") != "where=7":
            return Reply(401, b"{}")
        return Reply(200, b'{"orgs": []}', {"X-Total-Count": "0"})

    with skyward.start(District(students=5), variant="oneroster", on_request=balance) as server:
        options = {
            "type": "oneroster", "oneroster": "1.1", "allow_http": True,
            "domain": f"127.0.0.1:{server.port}/aeries/", "key": Secret("k"), "secret": Secret("s"),
        }  # fmt: skip
        path = shipped.folder("definitions") / "aeries.yaml"
        clock, progress = SystemClock(), SilentProgress()
        chosen = {**options, "definition": path}
        with rest.connect(chosen, clock=clock, progress=progress) as connection:
            assert connection.read("orgs") is not None
        with pytest.raises(Refused):
            rest.connect(options, clock=clock, progress=progress).__enter__()
    assert [each.path for each in seen[:2]] == ["/aeries/token", "/aeries/ims/oneroster/v1p1/orgs"]
    assert b"scope=" in seen[0].body
