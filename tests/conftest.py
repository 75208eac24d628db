"""What holds for every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def _no_waiting_for_the_disk() -> Iterator[None]:
    """Files of this process are not flushed: fifty times a run, and only a power cut would show it.

    tests/crash looks at that, with programs of their own, which flush as anybody's.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("os.fsync", lambda _: None)
        yield
