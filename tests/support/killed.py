"""Runs in processes of their own that are killed on their way, and what has to be true afterwards.

The processes are forked from one that has loaded the program and done nothing yet, so that a run costs
a third of a second and a sweep can have hundreds of them.
"""

from __future__ import annotations

import contextlib
import multiprocessing as mp
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from etlrunner.history import delivered as deliveries
from etlrunner.lib.clock import SystemClock
from etlrunner.model.run import RunRecord
from etlrunner.run import Result
from etlrunner.sandbox.district import District
from tests.support.project import DAY, TestProject

FLOW = "lakeside"
NEXT = DAY + timedelta(days=1)
RUN = ("run", FLOW, "--as-of", NEXT.isoformat())
_STARTER = mp.get_context("forkserver")
_STARTER.set_forkserver_preload(["tests.support.loaded"])


class Started:
    """A command of the program in a process of its own; it waits for `go`."""

    def __init__(
        self, root: Path, command: tuple[str, ...], point: str = "", way: str = "killed"
    ) -> None:
        self._ready, theirs = _STARTER.Pipe()
        self.root = root
        self.process = _STARTER.Process(target=_child, args=(root, command, point, way, theirs))
        self.process.start()
        theirs.close()
        self._ready.recv()

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def go(self) -> Started:
        self._ready.send(True)
        return self

    def end(self, seconds: float = 120) -> int:
        """Its exit code; minus the signal that killed it."""
        self.process.join(seconds)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
            raise AssertionError("the program did not end")
        assert self.process.exitcode is not None
        return self.process.exitcode

    def said(self) -> str:
        return (self.root / "said.txt").read_text(errors="replace")


def _child(root: Path, command: tuple[str, ...], point: str, way: str, ready: Connection) -> None:
    from etlrunner.cli import main
    from tests.support import points

    said = os.open(root / "said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.chdir(root)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(
        signal.SIGHUP, signal.SIG_DFL
    )  # whoever runs the tests may have it ignored: nohup
    points.end_at(point, way)
    ready.send(True)
    ready.recv()
    main.main([*command, "--project", str(root)])


@dataclass
class Scene:
    """A project that has delivered once, and whose roster has changed since: the next run sends."""

    root: Path
    make: Callable[[TestProject], None]
    """Writes the flow into the new project."""
    district: District
    arrived: Callable[[], Path]
    """The folder in which what was sent ends up."""
    kept: Path = field(init=False)
    reference: bytes = b""
    """The archive that the next run has to send."""

    def prepare(self) -> Scene:
        """Deliver once, then find out in a copy what the next run sends."""
        self.kept = self.root.with_name(self.root.name + "-kept")
        self.district.write_csv(self.root.with_name("roster.zip"))
        project = self.opened()
        self.make(project)
        held = project.run(FLOW)
        assert held.exit_code == 6, held.record.message
        sent = project.approve(held.record.id)
        assert sent.exit_code == 0, sent.record.message
        shutil.rmtree(held.folder / "raw")
        self.district.grown(days=1).write_csv(self.root.with_name("roster.zip"))
        planned = project.run(FLOW, deliver=False, as_of=NEXT)
        assert planned.archive is not None
        self.reference = planned.archive.path.read_bytes()
        project.close()
        shutil.copytree(self.root, self.kept)
        self._server = {path.name: path.read_bytes() for path in self.arrived().iterdir()}
        return self

    def reset(self) -> None:
        """Everything as it was after the first delivery."""
        empty(self.root)
        shutil.copytree(self.kept, self.root, dirs_exist_ok=True)
        for path in self.arrived().iterdir():
            path.unlink()
        for name, data in self._server.items():
            (self.arrived() / name).write_bytes(data)

    def opened(self) -> TestProject:
        return TestProject(self.root, SystemClock())

    def start(
        self, command: tuple[str, ...] = RUN, point: str = "", way: str = "killed"
    ) -> Started:
        return Started(self.root, command, point, way)

    @contextlib.contextmanager
    def again(self) -> Iterator[tuple[TestProject, Result]]:
        """One clean run."""
        project = self.opened()
        try:
            yield project, project.run(FLOW, as_of=NEXT)
        finally:
            project.close()

    def recover(self, successes: Collection[int] = (2,)) -> str:
        """One clean run, and everything that is wrong afterwards, in words."""
        with self.again() as (project, result):
            if result.exit_code != 0:
                return f"the clean run ended with {result.exit_code}: {result.record.message}"
            return "; ".join(self.wrong(project, successes))

    def wrong(self, project: TestProject, successes: Collection[int] = (2,)) -> list[str]:
        """What is not as it has to be once a clean run has ended.

        There may be so many successes: the first delivery, the next, and others of the same archives.
        """
        return [
            *self._wrong_at_the_server(),
            *_wrong_in_the_history(project.history.runs(FLOW, limit=None), successes),
            *_wrong_in_the_state(project),
        ]

    def _wrong_at_the_server(self) -> Iterator[str]:
        there = {path.name: path.read_bytes() for path in self.arrived().iterdir()}
        new = [name for name in there if name not in self._server]
        if len(new) != 1 or there[new[0]] != self.reference:
            sizes = {name: len(there[name]) for name in new}
            yield f"the server holds {sizes} instead of one archive of {len(self.reference)} bytes"
        if any(there.get(name) != data for name, data in self._server.items()):
            yield "what was delivered before is damaged"


def _wrong_in_the_history(runs: list[RunRecord], successes: Collection[int]) -> Iterator[str]:
    delivered = [run for run in runs if run.outcome == "delivered"]
    contents = {run.content_hash for run in delivered}
    if len(delivered) not in successes or len(contents) != 2:
        yield f"the history has {len(delivered) - 1} successes for one delivery"
    if any(run.outcome == "running" for run in runs):
        yield "a run that is gone counts as running"


def _wrong_in_the_state(project: TestProject) -> Iterator[str]:
    state = project.project.state
    with contextlib.closing(sqlite3.connect(state / "history.db")) as database:
        if database.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            yield "the history is damaged"
    folder = state / FLOW / "delivered"
    last = deliveries.read(folder)
    runs = project.history.runs(FLOW, limit=None)
    newest = next(run for run in runs if run.outcome == "delivered")
    if last is None or last.run_id != newest.id or last.content_hash != newest.content_hash:
        yield "what is compared with next time is not the last success"
    if last is not None and sorted(path.name for path in folder.iterdir()) != sorted(
        ["current", next(iter(last.tables.values())).parent.name]
    ):
        yield "delivered/ holds more than the last delivery"
    left = [path.name for path in project.root.rglob("*.part")]
    if left:
        yield f"left behind: {left}"
    if project.history.holder(FLOW) is not None:
        yield "a lease is still held"


def empty(folder: Path) -> None:
    """Remove what is in a folder, which may be a disk of its own."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def csv_flow(**more: Any) -> Callable[[TestProject], None]:
    """The flow from a CSV zip beside the project into its `out/`."""
    return lambda project: project.csv(FLOW, project.root.with_name("roster.zip"), **more)


def sftp_flow(server: Any) -> Callable[[TestProject], None]:
    """The flow from a CSV zip beside the project to an SFTP server, with renaming."""

    def make(project: TestProject) -> None:
        project.csv(FLOW, project.root.with_name("roster.zip"))
        flow = project.root / "flows" / f"{FLOW}.yaml"
        sink = (
            f"  type: sftp\n  host: {server.host}\n  port: {server.port}\n  directory: dropbox\n"
            "  username: {env: LAKESIDE_USER}\n  password: {env: LAKESIDE_PASSWORD}\n"
        )
        before, _, after = flow.read_text().partition("  type: local-folder\n")
        flow.write_text(before + sink + after.partition("\n")[2])
        (project.root / "flows" / f"{FLOW}.known_hosts").write_text(server.host_key_line + "\n")
        values = {"LAKESIDE_USER": server.username, "LAKESIDE_PASSWORD": server.password}
        project.secrets(values)

    return make
