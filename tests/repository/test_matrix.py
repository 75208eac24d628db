"""The fault matrix and its page say what the tests prove, and nothing else."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from tests.support import matrix
from tests.support.matrix import proves


def test_the_page_is_fresh():
    text = matrix.PAGE.read_text(encoding="utf-8")
    assert matrix.page(text) == text, "run: python -m tests.support.matrix"


def test_every_row_has_a_test_or_is_said_to_have_none():
    proven = {proof.row for proof in matrix.proofs()}
    assert proven <= set(matrix.ROWS)
    assert set(matrix.ROWS) - proven == matrix.OPEN | set(matrix.NEVER)


def test_a_proof_returns_the_exit_code_that_the_page_shows():
    @proves("A7", fault="x", behaviour="y", exit=3)
    def test(code: int) -> int:
        return code

    test(3)
    with pytest.raises(AssertionError, match="says exit code 3, the test saw 0"):
        test(0)
    assert list(inspect.signature(test).parameters) == ["code"]


@pytest.mark.parametrize(("row", "exit"), [("A99", 3), ("A7", 77)])
def test_a_proof_is_of_a_row_and_an_exit_code_that_exist(row: str, exit: int):
    with pytest.raises(ValueError):
        proves(row, fault="x", behaviour="y", exit=exit)


def test_marks_are_found_in_the_tests_without_running_them(tmp_path: Path):
    (tmp_path / "test_x.py").write_text(
        "@pytest.mark.slow\n"
        '@proves("A7", fault="a page " "for people", behaviour="is refused", exit=3)\n'
        "def test_it(): raise SystemExit\n"
        '@matrix.proves("A10", fault="a", behaviour="b", exit=0)\n'
        "def test_more(): ...\n"
    )
    first, second = matrix.proofs(tmp_path)
    assert (first.row, first.fault, first.test) == ("A7", "a page for people", "test_it")
    assert (second.row, second.exit, second.file) == ("A10", 0, "test_x.py")
