"""Turns are short while somebody pulls, and as they were afterwards."""

from __future__ import annotations

import sys

import pytest

from etlrunner.lib import turns


def test_the_last_one_to_leave_restores_what_was_before() -> None:
    before = sys.getswitchinterval()
    with turns.short_turns():
        with turns.short_turns():
            assert sys.getswitchinterval() == pytest.approx(turns.SHORT)
        assert sys.getswitchinterval() == pytest.approx(turns.SHORT)
    assert sys.getswitchinterval() == pytest.approx(before)
