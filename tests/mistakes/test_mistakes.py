"""Every planted mistake is found offline: one problem each, at its place, with what to try."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from etlrunner.config.explain import EXPLANATIONS
from etlrunner.expressions.codes import CODES
from etlrunner.model.problems import Problem
from tests.mistakes import planted
from tests.mistakes.planted import MISTAKES, TOLD

KINDS = {"yaml", "mapping", "column", "expression", "transform", "lookup", "layers", "test"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return planted.project(tmp_path / "project")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, list[Problem]]]:
    """Name of the mistake -> the project that has it, and everything that is said."""
    found = {}
    for name, mistake in MISTAKES.items():
        root = planted.project(tmp_path_factory.mktemp(name) / "project")
        mistake.plant(root)
        found[name] = (root, planted.problems_of(root, [mistake]))
    return found


def test_the_project_itself_has_no_problem(root: Path) -> None:
    assert planted.problems_of(root) == []


def test_there_are_many_mistakes_of_every_kind() -> None:
    """Beside the mistakes in flows: tests/config/mistakes."""
    kinds = [name.partition("-")[0] for name in MISTAKES]
    assert len(kinds) >= 80
    assert all(kinds.count(kind) >= 7 for kind in KINDS)
    assert {path.stem for path in TOLD.glob("*.txt")} == set(MISTAKES)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_as_it_was_agreed(
    name: str, seen: dict[str, tuple[Path, list[Problem]]]
) -> None:
    """Changed on purpose? `python -m tests.mistakes.planted`, and read the difference."""
    said = planted.told(seen[name][1])
    assert said == (TOLD / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_alone_is_one_problem_at_its_place(
    name: str, seen: dict[str, tuple[Path, list[Problem]]]
) -> None:
    root, found = seen[name]
    assert len(found) == 1, planted.told(found)
    (problem,) = found
    assert problem.code in EXPLANATIONS | CODES
    assert problem.place is not None
    assert problem.place.file == MISTAKES[name].file.replace("--set", problem.place.file)
    if not MISTAKES[name].sets:
        text = (root / problem.place.file).read_text(encoding="utf-8").split("\n")
        assert 1 <= problem.place.line <= len(text)
        assert 1 <= problem.place.column <= len(text[problem.place.line - 1]) + 1


@pytest.mark.parametrize("name", MISTAKES)
def test_what_to_try_is_said(name: str, seen: dict[str, tuple[Path, list[Problem]]]) -> None:
    """In a hint; or the sentence itself says it, because it names the one thing to do."""
    (problem,) = seen[name][1]
    says_it = (
        "is never closed",
        "is missing after",
        "has no meaning here",
        "is not one of",
        "are not allowed",
    )
    assert problem.hint or any(words in problem.message for words in says_it)
    assert str(root := seen[name][0]) not in planted.told([problem]), root


def test_ten_mistakes_in_ten_files_are_ten_problems(root: Path) -> None:
    (root / "etlrunner.yaml").write_text("version: 1\nnotifi: []\n")
    names = [
        "column-required-is-missing", "transform-unknown-column-of-theirs", "transform-where",
        "expression-bare-column-as-condition", "expression-braces-in-a-condition", "lookup-code-twice",
        "layers-mistake-in-the-base", "layers-override-with-a-misspelt-part", "test-expects-nothing",
    ]  # fmt: skip
    for name in names:
        MISTAKES[name].plant(root)
    rosters = root / planted.ROSTERS
    rosters.write_text(rosters.read_text().replace("student_id:", "studentid:"))
    found = planted.problems_of(root)
    files = {problem.place.file for problem in found if problem.place}
    assert len(files) == 11, planted.told(found)
    told = planted.told(found)
    for name in names:
        place = (TOLD / f"{name}.txt").read_text().split(": error")[0]
        assert place.rpartition(":")[0].rpartition(":")[0] in told


def test_several_mistakes_in_one_file_are_told_together(root: Path) -> None:
    for name in (
        "expression-unknown-column",
        "expression-unknown-filter",
        "lookup-unknown",
        "column-numbered",
    ):
        MISTAKES[name].plant(root)
    found = planted.problems_of(root)
    assert [problem.code for problem in found] == ["E352", "E353", "E310", "E312"], planted.told(
        found
    )


def test_a_step_that_fails_hides_no_other_mistake_and_makes_none(root: Path) -> None:
    MISTAKES["transform-unknown-column-of-theirs"].plant(root)
    classes = root / planted.CLASSES
    classes.write_text(
        classes.read_text().replace("course_id: courseSourcedId", "course_id: courseSourcedID")
    )
    found = planted.problems_of(root)
    assert [problem.code for problem in found] == ["E301", "E352"], planted.told(found)


def test_everything_said_is_data_too(seen: dict[str, tuple[Path, list[Problem]]]) -> None:
    from etlrunner.lib import annotations, render

    for name, (_, found) in seen.items():
        assert json.dumps([render.problem_as_data(one) for one in found])
        assert annotations.github({name: found}).count("\n") == len(found)
