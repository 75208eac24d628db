"""Whole runs, over real HTTP and real SFTP on loopback: what a user sees from the first day on."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from etlrunner.sandbox import skyward
from etlrunner.sandbox.district import District
from tests.support.matrix import proves
from tests.support.project import TestProject

FILES = ["students.csv", "staff.csv", "courses.csv", "classes.csv", "rosters.csv", "locations.csv"]


@pytest.mark.parametrize("variant", ["sms-2.0", "qmlativ"])
def test_a_first_run_is_held_then_approved_then_runs_go_by_themselves(
    project: TestProject, district: District, sftp_server, variant: str
):
    with skyward.start(district, variant=variant) as server:
        project.skyward("lakeside", server, sftp_server)
        first = project.run("lakeside")
        assert (first.record.outcome, first.exit_code) == ("held", 6), first.record.message
        assert not list(Path(sftp_server.folder).rglob("*.zip"))

        sent = project.approve(first.record.id)
        assert (sent.record.outcome, sent.exit_code) == ("delivered", 0), sent.record.message
        assert sent.record.content_hash == first.record.content_hash

        again = project.run("lakeside")
        assert (again.record.outcome, again.exit_code) == ("unchanged", 0)

        server.change(district.grown(days=1))
        second = project.run("lakeside")
        assert (second.record.outcome, second.exit_code) == ("delivered", 0), second.record.message
        assert second.changes.baseline == sent.record.id
    archives = sorted(Path(sftp_server.folder).rglob("*.zip"))
    assert len(archives) == 2
    for archive in archives:
        assert zipfile.ZipFile(archive).namelist() == FILES


def test_one_district_through_every_door_is_one_archive(
    project: TestProject, district: District, tmp_path: Path
):
    """REST 1.1 and 1.2 of both products and of any other, signed or not, CSV: byte for byte the same zip."""
    made = {}
    for name, variant, version in [
        ("sms", "sms-2.0", ""),
        ("qml-11", "qmlativ", "1.1"),
        ("qml-12", "qmlativ", "1.2"),
    ]:
        with skyward.start(district, variant=variant) as server:
            project.skyward(name, server, oneroster=version)
            made[name] = project.run(name)
    for name, version, auth in [
        ("any-11", "1.1", "oauth2"),
        ("any-12", "1.2", "oauth2"),
        ("signed", "1.1", "oauth1-sha256"),
    ]:
        oauth1 = "HMAC-SHA256" if auth != "oauth2" else ""
        now = lambda: project.clock.now().timestamp()  # noqa: E731
        with skyward.start(district, variant="oneroster", oauth1=oauth1, time=now) as server:
            _any_server(project, name, server, version, auth)
            made[name] = project.run(name)
    for version in ("1.1", "1.2"):
        name = "csv-" + version.replace(".", "")
        project.csv(name, district.write_csv(tmp_path / f"{name}.zip", version))
        made[name] = project.run(name)
    first = made["sms"].archive.path.read_bytes()
    assert zipfile.is_zipfile(made["sms"].archive.path)
    for name, result in made.items():
        assert result.archive is not None, result.record.message
        assert result.archive.path.read_bytes() == first, name
        assert result.record.content_hash == made["sms"].record.content_hash


def _any_server(project: TestProject, name: str, server: Any, version: str, auth: str) -> None:
    """A flow from a server that is no Skyward, into `out/`."""
    names = [f"{part}_{name.replace('-', '_')}".upper() for part in ("key", "secret")]
    project.secrets(dict(zip(names, (server.key, server.secret), strict=True)))
    (project.root / "flows" / f"{name}.yaml").write_text(
        f"version: 1\nsource:\n  type: oneroster\n  oneroster: '{version}'\n  auth: {auth}\n"
        f"  domain: {server.domain}\n  allow_http: true\n"
        f"  key: {{env: {names[0]}}}\n  secret: {{env: {names[1]}}}\n"
        f"mapping: apple-school-manager\nsink: {{type: local-folder, path: {project.root / 'out'}}}\n"
    )


def test_a_plan_has_the_hash_of_the_run_and_touches_no_sink(
    project: TestProject, district: District, sftp_server
):
    with skyward.start(district, variant="qmlativ") as server:
        project.skyward("lakeside", server, sftp_server)
        sftp_server.close()
        plan = project.run("lakeside", deliver=False)
        run = project.run("lakeside")
    assert plan.record.content_hash == run.record.content_hash != ""
    assert plan.record.trigger == "plan"


def test_a_vanished_school_is_held_and_named(project: TestProject, district: District):
    gone = district.schools[0]
    with skyward.start(district, variant="qmlativ") as server:
        project.skyward("lakeside", server)
        project.approve(project.run("lakeside").record.id)
        server.change(district.without_school(gone))
        held = project.run("lakeside")
    assert held.record.outcome == "held"
    assert any(gone in hold.told for hold in held.holds)
    assert len(list((project.root / "out").glob("*.zip"))) == 1


@proves(
    "B15",
    fault="an approval of another content, or of an archive with one byte changed",
    behaviour="refused; nothing is sent",
    exit=2,
)
def test_an_approval_is_bound_to_what_was_shown(project: TestProject, district: District) -> int:
    from etlrunner.errors import UsageError

    with skyward.start(district, variant="qmlativ") as server:
        project.skyward("lakeside", server)
        held = project.run("lakeside")
        with pytest.raises(UsageError, match="not sent"):
            project.approve(held.record.id, expected_hash="000000000000")
        with open(held.archive.path, "r+b") as archive:
            archive.write(b"x")
        with pytest.raises(UsageError, match="not what was shown") as caught:
            project.approve(held.record.id)
    return caught.value.exit_code


def test_a_held_run_is_overtaken_by_a_later_delivery(project: TestProject, district: District):
    from etlrunner.errors import UsageError

    with skyward.start(district, variant="qmlativ") as server:
        project.skyward("lakeside", server)
        first, second = project.run("lakeside"), project.run("lakeside")
        project.approve(second.record.id)
        with pytest.raises(UsageError, match="is obsolete"):
            project.approve(first.record.id)


def test_the_law_holds_for_every_table(project: TestProject, district: District, tmp_path: Path):
    project.csv("lakeside", district.write_csv(tmp_path / "roster.zip"))
    result = project.run("lakeside")
    assert set(result.finished) == {name.removesuffix(".csv") for name in FILES}
    for table in result.finished.values():
        assert table.counts.holds(), table.name


def test_a_canary_in_the_roster_stays_in_the_data(
    project: TestProject, district: District, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    from etlrunner.cli import report

    pupils = district.tables["users"].filter(district.tables["users"]["role"] == "student")
    pupil = pupils["sourcedId"][0]
    marked = district.changed(
        "users", {pupil: {"givenName": "Canarybird", "email": "canarybird@example.org"}}
    )
    project.csv("lakeside", marked.write_csv(tmp_path / "roster.zip"))
    result = project.run("lakeside")
    report.show(result)
    printed = capsys.readouterr()
    assert "canarybird" not in (printed.out + printed.err).lower()
    state = project.project.state
    telling = [
        path for path in state.rglob("*") if path.suffix in {".json", ".jsonl", ".db", ".txt"}
    ]
    assert telling
    for path in [*telling, *state.glob("history.db*")]:
        assert b"canarybird" not in path.read_bytes().lower(), path.name


def test_everything_written_is_private(project: TestProject, district: District, tmp_path: Path):
    project.csv("lakeside", district.write_csv(tmp_path / "roster.zip"))
    project.approve(project.run("lakeside").record.id)
    for path in [*project.project.state.rglob("*"), *(project.root / "out").rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_an_empty_table_from_the_source_is_held(
    project: TestProject, district: District, tmp_path: Path
):
    ids = district.tables["enrollments"]["sourcedId"].to_list()
    with skyward.start(district.without("enrollments", ids), variant="sms-2.0") as server:
        project.skyward("lakeside", server)
        result = project.run("lakeside")
    assert (result.record.outcome, result.exit_code) == ("held", 6)
    assert "enrollments" in result.record.message


def test_missing_secrets_are_all_named_before_anything_is_asked(
    project: TestProject, district: District, sftp_server
):
    with skyward.start(district, variant="qmlativ") as server:
        project.skyward("lakeside", server, sftp_server)
        (project.root / ".env").unlink()
        result = project.run("lakeside")
        assert result.exit_code == 2
        for name in ("KEY", "SECRET", "USERNAME", "PASSWORD"):
            assert name in result.record.message
        assert server.requests == []


def test_a_broken_flow_leaves_a_row(project: TestProject):
    (project.root / "flows" / "broken.yaml").write_text("version: 1\nsorce: {}\n")
    result = project.run("broken")
    assert result.exit_code == 2
    assert project.history.last("broken").outcome == "failed"
