"""A run keeps what explains it: its configuration, its reasons; and no secret."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from etlrunner import evidence
from etlrunner.config import validate
from etlrunner.history import pruning
from etlrunner.sandbox import skyward
from etlrunner.sandbox.district import District
from tests.support.project import DAY, TestProject
from tests.why.conftest import Ran

CANARY = "canarybird"


def test_the_kept_configuration_is_the_one_that_ran(dirty: Ran):
    kept = dirty.kept.flow()
    assert kept.config_hash == dirty.result.record.config_hash
    assert kept.mapping.tables["students"].path == (
        dirty.kept.folder / "configuration/mappings/apple-school-manager/students.yaml"
    )
    assert dirty.kept.as_of == DAY


def test_changing_the_project_changes_no_kept_configuration(project: TestProject, tmp_path: Path):
    base = project.root / "flows" / "base"
    base.mkdir()
    (base / "texas.yaml").write_text("select: {statuses: [active]}\n")
    own = project.root / "mappings" / "apple-school-manager"
    (own.parent / "crosswalks").mkdir(parents=True)
    own.mkdir()
    (own.parent / "crosswalks" / "towns.csv").write_text("code,value\n1,one\n")
    (own / "locations.yaml").write_text(
        "version: 1\ntable: locations\nfrom: orgs\nwhere: type == 'school'\nkey: location_id\n"
        "columns:\n  location_id: sourcedId\n  location_name: {expr: name, lookup: towns}\n"
        "lookups:\n  towns: {csv: ../crosswalks/towns.csv}\n"
    )
    roster = District(students=20, seed=2, as_of=DAY).write_csv(tmp_path / "r.zip", "1.1")
    project.csv("home", roster, "extends: base/texas.yaml\ndescription: before\n")
    result = project.run("home", sets={"description": "for once"})
    (base / "texas.yaml").unlink()
    (own / "locations.yaml").write_text("version: 1\n")
    (project.root / "flows" / "home.yaml").write_text("version: 1\n")
    kept = evidence.read(project.project, result.record)
    assert kept is not None
    flow = kept.flow()
    assert flow.config_hash == result.record.config_hash
    assert flow.description == "for once"
    lookup = flow.mapping.tables["locations"].lookups["towns"]
    assert lookup.csv == kept.folder / "configuration/mappings/crosswalks/towns.csv"
    name = "mappings/apple-school-manager/students.yaml"
    assert kept.shown[name] == f"etlrunner/{name}"
    assert "mappings/apple-school-manager/locations.yaml" not in kept.shown


def test_an_expired_override_does_not_stop_an_old_run_from_being_read(
    project: TestProject, tmp_path: Path
):
    roster = District(students=20, seed=2, as_of=DAY).write_csv(tmp_path / "r.zip", "1.1")
    project.csv("home", roster)
    result = project.run("home")
    kept = evidence.read(project.project, result.record)
    assert kept is not None
    flow = kept.folder / "configuration/flows/home.yaml"
    left = "leave_out: {students: {'1': {reason: x, owner: y, expires: 2027-03-02}}}\n"
    flow.write_text(flow.read_text() + left)
    assert kept.flow().leave_out["students"]["1"].owner == "y"


def test_no_secret_is_kept(project: TestProject):
    with skyward.start(
        District(students=20, seed=2, as_of=DAY), variant="qmlativ", key=CANARY + "1",
        secret=CANARY + "2",
    ) as server:  # fmt: skip
        project.skyward("home", server)
        result = project.run("home")
    assert CANARY in (project.root / ".env").read_text()
    files = [path for path in result.folder.rglob("*") if path.is_file()]
    assert len(files) > 20
    assert [path for path in files if CANARY.encode() in path.read_bytes()] == []
    assert [path for path in files if path.name.startswith(".env")] == []
    assert {path.stat().st_mode & 0o077 for path in files} == {0}


def test_reasons_are_kept_with_the_fates(dirty: Ran):
    reasons = json.loads((dirty.kept.folder / "reasons.json").read_text())["tables"]
    for name, made in dirty.result.finished.items():
        assert reasons[name]["rules"] == list(made.reasons)
        assert dirty.kept.reasons[name] == made.reasons
        assert reasons[name]["counts"]["written"] == made.counts.written
    lines = pl.read_parquet(dirty.kept.folder / "findings.parquet")
    repaired = {(repair.table, repair.key) for repair in dirty.result.repairs}
    assert repaired <= set(lines.select("table", "key").iter_rows())


def test_a_pruned_run_keeps_no_identifier(project: TestProject, tmp_path: Path):
    roster = District(students=20, seed=2, as_of=DAY).write_csv(tmp_path / "r.zip", "1.1")
    project.csv("home", roster, "leave_out: {students: {'stu-canary': {reason: x, owner: y}}}\n")
    result = project.run("home")
    flow = project.project
    assert evidence.read(flow, result.record) is not None
    keeping = validate.read_flow(flow, "home").history
    later = project.clock.now() + keeping.keep_rows * 2
    pruning.prune(project.history, "home", result.folder.parent, keeping, now=later)
    assert {path.name for path in result.folder.iterdir()} <= pruning.COUNTS_ONLY
    assert evidence.read(flow, result.record) is None
