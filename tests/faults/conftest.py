"""A server that can be told to misbehave, a flow that reads from it, and what a clean run sends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.http_fault import FaultServer
from tests.support.lakeside import Lakeside, clean_server


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with clean_server() as running:
        yield running


@pytest.fixture
def lakeside(server: FaultServer, tmp_path: Path) -> Iterator[Lakeside]:
    made = Lakeside(tmp_path / "project", server)
    yield made
    made.close()


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The archive of a run in which nothing goes wrong."""
    with clean_server() as server:
        made = Lakeside(tmp_path_factory.mktemp("clean"), server)
        result = made.run()
        assert result.exit_code == 0, result.record.message
        made.close()
        return made.archive()


EveryPage = Callable[[Any], None]


@pytest.fixture
def every_page(server: FaultServer) -> EveryPage:
    """Answer every request for data with the same thing."""

    def answer(with_what: Any) -> None:
        server.after_page = lambda request, page: with_what

    return answer
