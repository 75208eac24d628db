"""An archive on its way to a real OpenSSH server, cut off at every 32 KiB in three ways."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from etlrunner.errors import EtlError
from etlrunner.model.delivery import Archive, Receipt
from etlrunner.model.surroundings import SilentProgress
from etlrunner.sinks import apple_school_manager, sftp
from tests.support import cut_line, delivery, openssh, sweeps
from tests.support.delivery import PATIENT
from tests.support.matrix import proves

pytestmark = pytest.mark.skipif(bool(openssh.missing()), reason=openssh.missing() or "it is here")

SIZE, STEP = 5_000_000, 32 * 1024
HOW = ("reset", "kill", "freeze")
Send = Callable[..., Receipt]


@pytest.fixture(scope="module")
def server() -> Iterator[openssh.Server]:
    with openssh.account() as user, openssh.serving(user) as running:
        yield running


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return delivery.archive(tmp_path_factory.mktemp("archive"), SIZE)


class CutAt(SilentProgress):
    """Cuts the line once, when so many bytes have been confirmed."""

    def __init__(self, size: int, act: Callable[[], None]) -> None:
        self.left, self.act = size, act

    def advance(self, what: str, amount: int) -> None:
        before, self.left = self.left, self.left - amount
        if before > 0 >= self.left:
            self.act()


class Cutting:
    """Deliveries of one archive to one server, each cut off and then sent again."""

    def __init__(self, send: Send, server: openssh.Server, archive: Archive, folder: Path) -> None:
        self.send, self.server, self.archive, self.folder = send, server, archive, folder
        self.wrong: list[str] = []
        self.codes: list[int] = []

    def cut(self, sink: ModuleType, how: str, at: int) -> None:
        """One cut: nothing half may have the final name where renaming is used, and again is whole."""
        for path in self.server.account.dropbox.iterdir():
            path.unlink()
        with cut_line.line(self.server.host, self.server.port) as line:
            act = {
                "reset": line.reset,
                "kill": lambda: self.server.signal_sessions(signal.SIGKILL),
                "freeze": lambda: self.server.signal_sessions(signal.SIGSTOP),
            }[how]
            code = self._send(sink, line, CutAt(at, act), 0.5)
            self.server.signal_sessions(signal.SIGKILL)
            self.codes.append(code)
            there = self.server.account.dropbox / "lakeside.zip"
            half = there.exists() and there.stat().st_size != SIZE
            if half and (sink is sftp or code == 0):
                self.wrong.append(f"{sink.NAME} {how} at {at}: half a file has the final name")
            if self._send(sink, line, SilentProgress(), PATIENT["channel"]):
                self.wrong.append(f"{sink.NAME} {how} at {at}: cannot be sent again")
        names = [path.name for path in self.server.account.dropbox.iterdir()]
        if names != ["lakeside.zip"] or there.read_bytes() != self.archive.path.read_bytes():
            self.wrong.append(f"{sink.NAME} {how} at {at}: not one whole file, but {names}")

    def _send(self, sink: ModuleType, line: cut_line.Line, progress: object, silence: float) -> int:
        pinned = self.server.known_hosts_line().replace(f":{self.server.port} ", f":{line.port} ")
        account = self.server.account
        options = delivery.options(
            *(line.host, line.port, account.name, account.password, pinned, self.folder),
            timeouts={**PATIENT, "channel": silence},
        )
        try:
            self.send(options, self.archive, sink, progress=progress)
        except EtlError as error:
            return error.exit_code
        return 0


@proves(
    "E5",
    fault="the line is reset, the session killed or frozen, after some part of 5 MB",
    behaviour="no half file has the final name where files are renamed; the same bytes again are whole",
    exit=7,
)
@pytest.mark.parametrize("how", HOW)
def test_cut_at_some_places(
    send: Send, server: openssh.Server, big: Archive, tmp_path: Path, how: str
) -> int:
    cutting = Cutting(send, server, big, tmp_path)
    cutting.cut(sftp, how, 3 * STEP)
    cutting.cut(apple_school_manager, how, 90 * STEP)
    assert not cutting.wrong, "\n".join(cutting.wrong)
    return max(cutting.codes)


@pytest.mark.slow
@pytest.mark.parametrize("how", HOW)
def test_cut_at_every_32_kib(
    send: Send, server: openssh.Server, big: Archive, tmp_path: Path, how: str
) -> None:
    cutting = Cutting(send, server, big, tmp_path)
    places = [min(at, SIZE) for at in range(STEP, SIZE + STEP, STEP)]
    going = sweeps.Sweep(
        f"a 5 MB upload to OpenSSH, {how} at every 32 KiB, renamed and direct",
        "no half file under the final name where files are renamed; the same bytes again are whole",
    )
    for sink, at in going.over(
        [(sink, at) for sink in (sftp, apple_school_manager) for at in places]
    ):
        cutting.cut(sink, how, at)
        going.ended[f"exit {cutting.codes[-1]}"] += 1
        going.wrong = cutting.wrong
    assert not going.wrong, "\n".join(going.wrong)
