"""The stage itself: what it looks at before and after, with a sink that only notes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from etlrunner import deliver
from etlrunner.errors import DeliveryFailed, LocalTrouble, Unreachable, UsageError
from etlrunner.lib.watch import Watch
from etlrunner.model.delivery import Archive, Receipt
from tests.support import delivery
from tests.support.clock import SimulatedClock


class Sink:
    """Counts connections and makes the receipt it was told to make."""

    def __init__(self, sha256: str = "", error: Exception | None = None) -> None:
        self.sha256, self.error = sha256, error
        self.options: list[dict[str, Any]] = []

    @contextlib.contextmanager
    def connect(self, options: Any, *, clock: Any, progress: Any) -> Iterator[Sink]:
        self.options.append(dict(options))
        if self.error:
            raise self.error
        yield self

    def deliver(self, archive: Archive, remote_name: str, reached: Any) -> Receipt:
        now = datetime(2027, 3, 1, tzinfo=UTC)
        return Receipt("noting", remote_name, archive.size, self.sha256 or archive.sha256, now)


@pytest.fixture
def archive(tmp_path) -> Archive:
    return delivery.archive(tmp_path, 1000)


def send(sink: Sink, archive: Archive, name: str = "x.zip", options: Any = None, **more: Any):
    clock = SimulatedClock(datetime(2027, 3, 1, tzinfo=UTC))
    progress = delivery.Counting()
    more.setdefault("reached", lambda state, beside: None)
    try:
        return deliver.deliver(
            sink.connect, options or {}, archive, name, clock=clock, progress=progress, **more
        )
    finally:
        assert progress.ended == list(progress.totals)


def test_the_receipt_comes_back(archive) -> None:
    assert send(Sink(), archive).sha256 == archive.sha256


@pytest.mark.parametrize(
    "change", [lambda data: data[:-1], lambda data: b"?" + data[1:], lambda data: b""]
)
def test_an_archive_that_has_changed_is_not_sent(archive, change) -> None:
    archive.path.write_bytes(change(archive.path.read_bytes()))
    sink = Sink()
    with pytest.raises(LocalTrouble, match="nothing was sent"):
        send(sink, archive)
    assert sink.options == []


def test_an_archive_without_a_hash_is_not_sent(archive) -> None:
    with pytest.raises(LocalTrouble):
        send(Sink(), replace(archive, sha256=""))


def test_an_archive_that_is_gone_is_our_own_trouble(archive) -> None:
    archive.path.unlink()
    with pytest.raises(LocalTrouble, match="cannot read"):
        send(Sink(), archive)


def test_other_bytes_than_were_checked_are_no_success(archive) -> None:
    with pytest.raises(DeliveryFailed, match="changed while it was sent"):
        send(Sink(sha256="f" * 64), archive)


def test_a_name_that_is_a_path_is_not_sent(archive) -> None:
    with pytest.raises(UsageError):
        send(Sink(), archive, "../x.zip")


def test_a_sink_that_does_not_answer_is_called_once(archive) -> None:
    sink = Sink(error=Unreachable("down"))
    with pytest.raises(Unreachable):
        send(sink, archive)
    assert len(sink.options) == 1


def test_the_deadline_grows_with_the_size(archive) -> None:
    sink = Sink()
    send(sink, archive)
    send(sink, archive, deadline=timedelta(seconds=5))
    send(sink, archive, options={"deadline": timedelta(minutes=9)})
    limits = [options["deadline"] for options in sink.options]
    assert limits == [deliver.time_for(1000), timedelta(seconds=5), timedelta(minutes=9)]
    assert deliver.time_for(50_000_000) > timedelta(minutes=10)


def test_a_watch_closes_at_once_what_comes_too_late() -> None:
    closed: list[str] = []
    with Watch(0) as watch:
        while not watch.passed:
            pass
        watch.closes(lambda: closed.append("closed"))
    assert closed == ["closed"]
    assert watch.passed == "the deadline of 0 s passed"


def test_a_watch_lets_a_step_go_on_that_moves() -> None:
    with Watch() as watch:
        watch.allow(0.05, "sending")
        watch.allow(60, "sending")
        watch.rest()
        watch.allow(30, "closing")
    assert watch.passed == ""
