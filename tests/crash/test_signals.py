"""A signal at an awkward moment: inside a broad handler, a finaliser, a callback, a clean-up, a packet."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

import click
import polars as pl
import pytest

from etlrunner.cli import main
from etlrunner.errors import Interrupted
from etlrunner.lib import stop
from etlrunner.lib.sftp_wire import Wire
from tests.support.killed import FLOW, Scene

NUMBERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process takes signals as the program does, and has got none yet."""
    kept = {number: signal.getsignal(number) for number in NUMBERS}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name, value in {"number": 0, "since": 0.0, "shields": 0, "is_due": False}.items():
        monkeypatch.setattr(stop._Told, name, value)
    stop.listen()
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


# ---------------------------------------------------------------- whole runs


@pytest.mark.parametrize(
    ("point", "way"),
    [
        ("after the intent", "in a broad handler"),
        ("before the intent", "made an error by a library"),
        ("when the file is open", "twice"),
        ("while it is promoted", "in a finaliser"),
        pytest.param("before the renaming", "twice", marks=pytest.mark.slow),
        pytest.param("after the renaming", "in a broad handler", marks=pytest.mark.slow),
        pytest.param("before it is promoted", "once", marks=pytest.mark.slow),
        pytest.param("before the one before is removed", "twice", marks=pytest.mark.slow),
        pytest.param("before the success is noted", "once", marks=pytest.mark.slow),
        pytest.param("after the success is noted", "twice", marks=pytest.mark.slow),
    ],
)
def test_a_run_that_is_told_to_stop_ends_so(scene: Scene, point: str, way: str) -> None:
    """Exit code and row say it, half a file is removed; whoever was told in the last stage may finish it."""
    started = scene.start(point=point, way=way).go()
    code = started.end()
    project = scene.opened()
    last = project.history.last(FLOW)
    project.close()
    assert last is not None
    is_done = point == "while it is promoted"
    assert (code, last.outcome) == ((0, "delivered") if is_done else (143, "interrupted"))
    assert last.exit_code == code
    assert scene.recover() == ""


def test_a_signal_that_was_lost_stops_the_run_before_its_next_stage(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = scene.opened()
    monkeypatch.setattr(stop._Told, "number", int(signal.SIGTERM))
    result = project.run(FLOW)
    assert (result.record.outcome, result.exit_code) == ("interrupted", 143)
    assert result.record.delivery is None
    project.close()


# ---------------------------------------------------------------- one moment each


@pytest.mark.parametrize("number", NUMBERS)
def test_no_broad_handler_takes_it(listening: None, number: signal.Signals) -> None:
    with pytest.raises(Interrupted) as caught, contextlib.suppress(Exception):
        signal.raise_signal(number)
    assert caught.value.exit_code == 128 + number


def test_several_within_a_moment_count_as_one(
    listening: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Interrupted):
        signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGHUP)  # the clean-up goes on
    monkeypatch.setattr(stop, "ONCE", 0.0)  # whoever asks again later is obeyed, whatever hangs
    with pytest.raises(Interrupted) as caught:
        signal.raise_signal(signal.SIGINT)
    assert caught.value.exit_code == 143


def test_what_was_ignored_stays_ignored(listening: None) -> None:
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    stop.listen()
    signal.raise_signal(signal.SIGHUP)
    signal.raise_signal(signal.SIGINT)
    assert stop.told() is None


def test_what_polars_makes_of_it_is_still_a_signal(listening: None) -> None:
    def told(value: int) -> int:
        signal.raise_signal(signal.SIGTERM)
        return value

    with pytest.raises(BaseException) as caught:  # which one depends on Polars
        pl.Series([1, 2]).map_elements(told, return_dtype=pl.Int64)
    assert isinstance(stop.meant(caught.value), Interrupted)


@pytest.mark.parametrize("number", NUMBERS)
def test_the_exit_code_survives_click(
    listening: None, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = click.Command("show", callback=lambda: signal.raise_signal(number))
    monkeypatch.setattr(main.LazyCommands, "get_command", lambda *_: command)
    assert main.run(["show"]) == 128 + number


def test_other_threads_learn_of_it(listening: None) -> None:
    with contextlib.suppress(Interrupted):
        signal.raise_signal(signal.SIGTERM)
    caught: list[BaseException] = []

    def check() -> None:
        try:
            stop.check()
        except Interrupted as error:
            caught.append(error)

    thread = threading.Thread(target=check)
    thread.start()
    thread.join()
    assert len(caught) == 1


class _Torn:
    """A stream during each of whose calls a signal arrives."""

    def __init__(self, answer: bytes) -> None:
        self.sent = b""
        self.answer = answer

    def sendall(self, data: bytes, /) -> None:
        self.sent += data[:5]
        signal.raise_signal(signal.SIGTERM)
        self.sent += data[5:]

    def recv(self, size: int, /) -> bytes:
        piece, self.answer = self.answer[:3], self.answer[3:]
        signal.raise_signal(signal.SIGTERM)
        return piece


def test_a_packet_is_sent_and_read_whole(listening: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop, "ONCE", 0.0)
    done = bytes.fromhex("00000011 65 00000002 00000000 00000000 00000000")
    stream = _Torn(done)
    wire = Wire(stream)
    with pytest.raises(Interrupted):
        wire.remove("a")
    assert stream.sent == bytes.fromhex("0000000a 0d 00000001 00000001 61")
    with pytest.raises(Interrupted):
        wire._packet()
    assert stream.answer == b""


def test_a_signal_while_the_file_is_opened_leaves_no_empty_file(
    listening: None, scene: Scene, monkeypatch: pytest.MonkeyPatch, server: Any
) -> None:
    opened = Wire.open

    def told(wire: Wire, path: str) -> bytes:
        handle = opened(wire, path)
        signal.raise_signal(signal.SIGTERM)
        return handle

    monkeypatch.setattr(Wire, "open", told)
    before = {path.name for path in scene.arrived().iterdir()}
    project = scene.opened()
    result = project.run(FLOW)
    project.close()
    assert (result.record.outcome, result.exit_code) == ("interrupted", 143)
    assert {path.name for path in scene.arrived().iterdir()} == before
    assert result.record.delivery is not None
    assert result.record.delivery.state == "failed"


def test_a_signal_while_the_end_is_told_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(args: list[str]) -> int:
        raise Interrupted("terminated", signal_number=signal.SIGTERM)

    monkeypatch.setattr(stop, "listen", lambda: None)
    monkeypatch.setattr(main, "run", told)
    with pytest.raises(SystemExit) as ended:
        main.main([])
    assert ended.value.code == 143
