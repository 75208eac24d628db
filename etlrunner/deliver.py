"""The stage that sends: the archive is looked at once more, and the sink has a bounded time for it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

from etlrunner.errors import DeliveryFailed, LocalTrouble
from etlrunner.lib import remote_name as names
from etlrunner.model.components import Options, SinkConnection
from etlrunner.model.delivery import Archive, Reached, Receipt
from etlrunner.model.surroundings import Clock, Progress

SIGN_IN = timedelta(minutes=2)
SLOWEST = 64 * 1024
"""Bytes per second below which a line counts as broken: a school's uplink carries more."""

Connect = Callable[..., AbstractContextManager[SinkConnection]]


def deliver(
    connect: Connect,
    options: Options,
    archive: Archive,
    remote_name: str,
    *,
    clock: Clock,
    progress: Progress,
    reached: Reached,
    leftovers: Iterable[str] = (),
    deadline: timedelta | None = None,
) -> Receipt:
    """Send one archive, once, and return the proof.

    `reached` is told how far it is; `leftovers` are names under which an earlier delivery of ours may
    have left something that this one does not replace.

    There is no second try in here, not even for a server that does not answer: the engine's pauses
    are made for that, and each attempt of theirs is in the history.
    """
    names.checked(remote_name)
    _verify(archive)
    limit = deadline or options.get("deadline") or time_for(archive.size)
    progress.start("deliver", total=archive.size, unit="bytes")
    try:
        with connect({**options, "deadline": limit}, clock=clock, progress=progress) as sink:
            for name in leftovers:
                sink.forget(name)
            receipt = sink.deliver(archive, remote_name, reached)
    finally:
        progress.done("deliver")
    return _proven(receipt, archive, str(options.get("flow") or "FLOW"))


def time_for(size: int) -> timedelta:
    """How long a delivery of so many bytes may take, from the first packet to the last."""
    return SIGN_IN + timedelta(seconds=size / SLOWEST)


def _verify(archive: Archive) -> None:
    """What lies on the disk must be what was checked and, for a held run, what was approved."""
    digest, size = _measure(archive.path)
    if (digest, size) != (archive.sha256, archive.size):
        raise LocalTrouble(
            f"{archive.path} is not the archive that was made: {size:,} bytes instead of "
            f"{archive.size:,}, or other ones; nothing was sent",
            hint="run the flow again; if this comes back, check the disk",
        )


def _measure(path: Path) -> tuple[str, int]:
    try:
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return digest, file.tell()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise LocalTrouble(f"cannot read {path}: {reason}; nothing was sent") from error


def _proven(receipt: Receipt, archive: Archive, flow: str) -> Receipt:
    """The bytes that left were hashed on their way: a file that changed meanwhile is noticed."""
    if (receipt.sha256, receipt.size) != (archive.sha256, archive.size):
        raise DeliveryFailed(
            f"{archive.path.name} changed while it was sent",
            far_side="the server holds something else than what was checked",
            hint=f"run the flow again at once: etlrunner run {flow}",
        )
    return receipt
