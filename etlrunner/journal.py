"""What a run says of itself while it goes: its record, its log, the time of each stage.

However a run ends, its row in the history says how, and `run.json` beside its data says the same. What
names somebody (`model.run.IDENTIFIERS`) is in neither: it lies in `identifiers.json`, which goes with the rows.
"""

from __future__ import annotations

import hashlib
import json
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from etlrunner.errors import EtlError, Held, Interrupted, LocalTrouble
from etlrunner.history import rows
from etlrunner.lib import files, plain, stop
from etlrunner.model.changes import Hold
from etlrunner.model.run import RunRecord
from etlrunner.model.surroundings import Clock

BESIDE = "identifiers.json"


class Keeper(Protocol):
    """The part of the history that a run writes to."""

    def begin(self, record: RunRecord) -> None: ...

    def save(self, record: RunRecord) -> None: ...


class Journal:
    """The record of one run as it grows. Stages are timed by the monotonic clock."""

    def __init__(self, record: RunRecord, folder: Path, keeper: Keeper, clock: Clock) -> None:
        self._open(record, folder, keeper, clock)
        keeper.begin(record)
        self.log("began", trigger=record.trigger, flow=record.flow)

    @classmethod
    def again(cls, record: RunRecord, folder: Path, keeper: Keeper, clock: Clock) -> Journal:
        """The journal of a run that was cut off, to write down how it ends."""
        journal = cls.__new__(cls)
        journal._open(replace(record, **identifiers(folder)), folder, keeper, clock)
        journal.log("taken up again", outcome=record.outcome, stage=record.stage)
        return journal

    def _open(self, record: RunRecord, folder: Path, keeper: Keeper, clock: Clock) -> None:
        self.record = record
        self.folder = files.private_folder(folder)
        self._keeper = keeper
        self._clock = clock
        self._seconds = dict(record.seconds)

    def note(self, **changes: Any) -> None:
        """Change fields of the record and put them into the history; identifiers beside the rows."""
        before = self.record
        self.record = replace(self.record, **changes)
        if changes.keys() & rows.IDENTIFIERS:
            now = rows.identifiers_of(self.record)
            if now != rows.identifiers_of(before):
                text = _pretty(now)
                files.write_private(self.folder / BESIDE, text)
                digest = hashlib.sha256(text.encode()).hexdigest()
                self.record = replace(self.record, identifiers_sha256=digest)
        self._keeper.save(self.record)

    def log(self, event: str, **values: Any) -> None:
        """A line in `log.jsonl`: counts, hashes, rules and times only."""
        line = {"at": self._clock.now().isoformat(timespec="milliseconds"), "event": event}
        text = json.dumps({**line, **plain.of(values)}, ensure_ascii=True)
        with files.trouble(self.folder), files.appending(self.folder / "log.jsonl") as handle:
            handle.write(text + "\n")

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage; the record names the last one that began. None begins after a signal."""
        stop.check()
        started = self._clock.monotonic()
        self.note(stage=name)
        self.log("stage", name=name)
        try:
            yield
        finally:
            spent = self._clock.monotonic() - started
            self._seconds[name] = round(self._seconds.get(name, 0.0) + spent, 3)
            self.note(seconds=dict(self._seconds))

    def end(self, outcome: str, exit_code: int, message: str = "", **changes: Any) -> None:
        """The last word: outcome, exit code, one sentence."""
        self.note(
            outcome=outcome,
            exit_code=exit_code,
            message=message,
            ended=self._clock.now(),
            **changes,
        )
        self.log("ended", outcome=outcome, exit_code=exit_code)
        files.write_private(self.folder / "run.json", _pretty(rows.counts_of(self.record)))

    def end_with(self, error: BaseException) -> tuple[str, int]:
        """End by an error: ours by its class, anything else as a bug with its traceback in the folder."""
        error = stop.meant(error)
        if isinstance(error, Interrupted):
            self.end(error.outcome, error.exit_code, error.message)
            return error.outcome, error.exit_code
        error = files.of_this_machine(error) or error
        if isinstance(error, EtlError):
            if isinstance(error, Held):  # for whoever has to decide, later
                self.note(
                    holds=tuple(hold.message for hold in error.holds),
                    held_by=tuple(dict.fromkeys(hold.safeguard for hold in error.holds)),
                    sizes=_sizes(error.holds),
                    held_at=tuple(hold.detail for hold in error.holds),
                )
            self.end(error.outcome, error.exit_code, error.message)
            return error.outcome, error.exit_code
        where = self.folder / "traceback.txt"
        frames = "".join(traceback.format_tb(error.__traceback__))
        files.write_private(where, f"{frames}{type(error).__name__}\n")
        self.end("failed", 1, f"a bug in etlrunner ({type(error).__name__}); traceback in {where}")
        return "failed", 1


def _sizes(holds: Iterable[Hold]) -> dict[str, tuple[str, ...]]:
    """A whole table stands for its schools, too."""
    found: dict[str, tuple[str, ...]] = {}
    for name, schools in (one for hold in holds for one in hold.sizes.items()):
        is_whole = not schools or found.get(name) == ()
        found[name] = () if is_whole else tuple(sorted({*found.get(name, ()), *schools}))
    return found


def identifiers(folder: Path) -> Mapping[str, Any]:
    """What a run's folder has of its record besides the history; nothing where its rows were pruned.

    Raises LocalTrouble when it cannot be read.
    """
    path = folder / BESIDE
    try:
        return rows.identifiers_from(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise LocalTrouble(
            f"{path} cannot be read", hint="it was changed, or the disk is damaged"
        ) from error


def _pretty(values: Mapping[str, Any] | Any) -> str:
    return json.dumps(values, indent=2, ensure_ascii=False, sort_keys=False) + "\n"
