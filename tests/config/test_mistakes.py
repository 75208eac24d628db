"""Typical mistakes of an administrator at seven in the evening, each with its whole message."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from etlrunner.config import validate
from etlrunner.config.explain import EXPLANATIONS
from etlrunner.config.project import Project
from etlrunner.errors import ConfigurationError
from etlrunner.lib import render
from etlrunner.model.problems import Problem

MISTAKES = sorted((Path(__file__).parent / "mistakes").glob("*.yaml"))


def problems_of(mistake: Path, root: Path) -> list[Problem]:
    """What validating says to the file as the flow `north` of a project with one base."""
    (root / "flows" / "base").mkdir(parents=True)
    (root / "flows" / "base" / "texas.yaml").write_text("version: 1\n")
    shutil.copyfile(mistake, root / "flows" / "north.yaml")
    with pytest.raises(ConfigurationError) as caught:
        validate.read_flow(Project(root), "north")
    return list(caught.value.problems)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda path: path.stem)
def test_a_mistake_is_told_in_full(mistake: Path, tmp_path: Path) -> None:
    said = "\n".join(render.problem(one) for one in problems_of(mistake, tmp_path)) + "\n"
    assert said == mistake.with_suffix(".txt").read_text()


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda path: path.stem)
def test_a_mistake_has_a_place_an_explained_code_and_never_a_secret(
    mistake: Path, tmp_path: Path
) -> None:
    for one in problems_of(mistake, tmp_path):
        assert one.place is not None
        assert one.place.file == "flows/north.yaml"
        assert one.code in EXPLANATIONS
        assert "canary" not in str(render.problem_as_data(one))
        assert "canary" not in render.problem(one)


def test_every_mistake_has_its_message() -> None:
    told = {path.stem for path in (Path(__file__).parent / "mistakes").glob("*.txt")}
    assert told == {path.stem for path in MISTAKES}
    assert len(told) >= 20
