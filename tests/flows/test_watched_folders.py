"""A zip that is dropped into a folder becomes a run, from the command's own code to the history."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from etlrunner.cli import starting
from etlrunner.sandbox.district import District
from tests.support.project import TestProject


@pytest.fixture
def watching(project: TestProject) -> Path:
    inbox = project.root / "inbox"
    inbox.mkdir()
    (project.root / "flows" / "lakeside.yaml").write_text(
        "version: 1\n"
        "source: {type: oneroster-csv, path: inbox, watch: true}\n"
        "mapping: apple-school-manager\n"
        f"sink: {{type: local-folder, path: {project.root / 'out'}}}\n"
    )
    return inbox


def test_a_dropped_zip_is_run_held_and_remembered(
    project: TestProject, watching: Path, district: District
) -> None:
    district.write_csv(watching / "roster.zip")
    assert starting.run_due(project.project, project.services) == 6  # the first delivery is held
    held = project.history.runs("lakeside")[0]
    assert (held.trigger, held.outcome, held.scheduled_date) == ("watch", "held", None)
    assert starting.run_due(project.project, project.services) == 0
    assert len(project.history.runs("lakeside")) == 1
    sent = project.approve(held.id)
    assert sent.exit_code == 0
    assert sent.record.source_file == held.source_file
    assert starting.run_due(project.project, project.services) == 0
    assert len(list((project.root / "out").glob("*.zip"))) == 1


def test_a_file_that_was_taken_says_when_and_by_which_run(
    project: TestProject,
    watching: Path,
    district: District,
    capsys: pytest.CaptureFixture[str],
) -> None:
    district.write_csv(watching / "roster.zip")
    starting.run_due(project.project, project.services)
    capsys.readouterr()
    starting.run_due(project.project, project.services)
    [held] = project.history.runs("lakeside")
    taken = f"lakeside: roster.zip was taken on {held.started:%Y-%m-%d %H:%M} by {held.id}"
    end = "; etlrunner run lakeside would take it again\nNothing is due.\n"
    assert capsys.readouterr().out == f"{taken} (held){end}"
    sent = project.approve(held.id).record
    starting.run_due(project.project, project.services)
    assert capsys.readouterr().out == f"{taken} (approved), last by {sent.id} (delivered){end}"


def test_a_bad_zip_is_one_failed_run_and_no_loop(project: TestProject, watching: Path) -> None:
    import zipfile

    with zipfile.ZipFile(watching / "roster.zip", "w") as archive:
        archive.writestr("readme.txt", "x")
    assert starting.run_due(project.project, project.services) == 5
    assert starting.run_due(project.project, project.services) == 0
    [run] = project.history.runs("lakeside")
    assert (run.trigger, run.exit_code) == ("watch", 5)
    assert "none of the files" in run.message


def test_a_run_by_hand_takes_the_newest_and_a_schedule_does_not_take_it_again(
    project: TestProject, watching: Path, district: District
) -> None:
    district.write_csv(watching / "roster.zip")
    (watching / "half.zip").write_bytes((watching / "roster.zip").read_bytes()[:1000])
    assert project.run("lakeside").exit_code == 6
    assert starting.run_due(project.project, project.services) == 0
    assert len(project.history.runs("lakeside")) == 1


def test_an_empty_folder_is_unreachable_by_hand_and_quiet_otherwise(
    project: TestProject, watching: Path
) -> None:
    assert starting.run_due(project.project, project.services) == 0
    result = project.run("lakeside")
    assert result.exit_code == 3
    assert "no complete zip" in result.record.message
    assert watching.is_dir()


def test_watching_a_file_is_a_mistake_that_is_told(
    project: TestProject, watching: Path, district: District
) -> None:
    district.write_csv(watching / "roster.zip")
    flow = project.root / "flows" / "lakeside.yaml"
    flow.write_text(flow.read_text().replace("path: inbox", "path: inbox/roster.zip"))
    result = project.run("lakeside")
    assert result.exit_code == 2
    assert "with `watch` the folder is named" in str(result.error)


def test_a_zip_for_apple_starts_its_flow_too(
    project: TestProject, watching: Path, district: District, tmp_path: Path
) -> None:
    project.csv("first", district.write_csv(tmp_path / "roster.zip"))
    made = project.run("first")
    assert made.archive is not None
    flow = project.root / "flows" / "lakeside.yaml"
    flow.write_text(flow.read_text().replace("oneroster-csv", "asm-zip"))
    (watching / "apple.zip").write_bytes(made.archive.path.read_bytes())
    starting.run_due(project.project, project.services, only=("lakeside",))
    [run] = project.history.runs("lakeside")
    assert (run.trigger, run.outcome) == ("watch", "held")
    assert run.content_hash == made.record.content_hash


def test_zips_that_are_older_are_counted_in_the_history(
    project: TestProject,
    watching: Path,
    district: District,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    from etlrunner.cli import main

    for name, day in (("friday.zip", 1), ("monday.zip", 4)):
        district.write_csv(watching / name)
        os.utime(watching / name, (day * 86_400, day * 86_400))
    assert starting.run_due(project.project, project.services) == 6
    [run] = project.history.runs("lakeside")
    assert run.source_file["older"] == "1"
    monkeypatch.chdir(project.root)
    assert main.run(["history", run.id]) == 0
    assert "1 older beside it: not read" in " ".join(capfd.readouterr().out.split())
