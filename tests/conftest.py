"""What holds for every test."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import pytest

from etlrunner.history import database
from tests.support import postgres
from tests.support.prepared import Prepared


@pytest.fixture(autouse=True, scope="session")
def _no_waiting_for_the_disk() -> Iterator[None]:
    """Files of this process are not flushed: eighty times a run, and only a power cut would show it.

    tests/crash looks at that, with programs of their own, which flush as anybody's.
    """
    as_always = database._set_up

    @functools.wraps(as_always)
    def unflushed(connection: Any, record: object) -> None:
        as_always(connection, record)
        connection.execute("PRAGMA synchronous = OFF")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("os.fsync", lambda _: None)
        patched.setattr(database, "_set_up", unflushed)
        yield


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return Prepared(lambda: tmp_path_factory.mktemp("prepared"))


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """The address of a PostgreSQL server of our own; each test makes its tables anew."""
    if postgres.programs() is None:
        pytest.skip(postgres.MISSING)
    with postgres.cluster() as address:
        yield address
