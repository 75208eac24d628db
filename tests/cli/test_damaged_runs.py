"""What lies in a run's folder is missing, damaged or edited: nothing is sent, nothing is explained wrongly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from etlrunner import journal
from etlrunner.errors import LocalTrouble
from tests.cli.conftest import Etlrunner, Pinewood
from tests.cli.test_resend import WHY, last_run


@pytest.fixture
def held(delivered: Pinewood, etlrunner: Etlrunner) -> Path:
    """The folder of a held run."""
    delivered.has(delivered.district.without_school(delivered.district.schools[0]))
    assert etlrunner("run").code == 6
    return delivered.runs / last_run(etlrunner, "held")


def test_an_approval_is_bound_to_the_scope_beside_the_rows(
    delivered: Pinewood, etlrunner: Etlrunner, held: Path
):
    """Else the next run knew nothing of who is left out, and a narrowed selection would be no news."""
    beside = held / "identifiers.json"
    whole = beside.read_text()
    scope = json.loads(whole)
    scope["scope"]["leave_out"] = {"students": ["S-1"]}
    for text in (None, "{}", "[]", "5", json.dumps(scope)):
        beside.unlink() if text is None else beside.write_text(text)
        refused = etlrunner("approve", held.name, "--yes")
        assert (refused.code, refused.out) == (2, ""), refused.err
        assert "not what was shown: not sent" in refused.err
    assert len(delivered.sent) == 1
    beside.write_text(whole)
    assert etlrunner("approve", held.name, "--yes").code == 0
    sent = delivered.runs / last_run(etlrunner, "delivered") / "identifiers.json"
    assert json.loads(sent.read_text())["scope"] == json.loads(whole)["scope"]
    sent.unlink()
    assert "not what was sent" in etlrunner("resend", sent.parent.name, *WHY).err


@pytest.mark.parametrize("text", ["[]", "5", '{"held_at": 5}', '{"sizes": [1]}', "{"])
def test_identifiers_of_another_form_are_this_machines_trouble(tmp_path: Path, text: str):
    (tmp_path / "identifiers.json").write_text(text)
    with pytest.raises(LocalTrouble, match=r"identifiers\.json cannot be read"):
        journal.identifiers(tmp_path)


JSON_FILES = ("reasons.json", "configuration/made.json")
TABLES = (
    "findings.parquet", "rejects.parquet", "finished/students.parquet", "fate/students.parquet",
    "raw/users.parquet",
)  # fmt: skip


def test_a_run_whose_evidence_is_damaged_explains_nothing(
    delivered: Pinewood, etlrunner: Etlrunner, held: Path
):
    someone = str(delivered.district.tables["users"].filter(role="student")["sourcedId"][0])
    why = ("why", "pinewood", "students", someone, "--run", held.name)
    lists = ("fixlists", held.name, "--to", "lists")
    damages: list[tuple[str, bytes | None]] = [(name, b"PAR1") for name in TABLES]
    damages += [(name, None) for name in TABLES]
    damages += [(name, text) for name in JSON_FILES for text in (b"[]", b"{}", b"5", b"{")]
    for name, content in damages:
        path = held / name
        whole = path.read_bytes()
        path.unlink() if content is None else path.write_bytes(content)
        for command in (why, lists):
            ended = etlrunner(*command)
            assert (ended.code, ended.out) == (9, ""), (name, content, ended.err)
            assert path.name in ended.err
        path.write_bytes(whole)
    assert etlrunner(*why).code == etlrunner(*lists).code == 0
