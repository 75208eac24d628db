"""Which zip in a watched folder is to start its flow: complete, at rest, and never taken before.

It works by looking, since neither a network share nor a container tells of new files reliably. A zip is
taken when two looks have seen it with the same size, it has its end, and every member of it can be read.
The newest complete one is the roster; older ones beside it are not taken. No file is moved or deleted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from etlrunner import seasons
from etlrunner.history.store import History
from etlrunner.lib import dropped
from etlrunner.lib.dropped import Dropped
from etlrunner.model.flow import Flow
from etlrunner.model.run import RunRecord
from etlrunner.model.surroundings import Clock
from etlrunner.schedule import calendar
from etlrunner.schedule.decide import MAY_HEAL, MOST_INTERRUPTIONS

SETTLE = timedelta(seconds=5)
"""How long a size has to stay the same; network shares tell of a change with a delay."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A zip that is to start its flow now."""

    digest: str
    changed: datetime
    older: int
    """Zips beside it that are older: they are not taken."""
    trigger: str = "watch"
    attempt: int = 1


def is_watching(flow: Flow) -> bool:
    """Whether a file may start the flow."""
    return bool(flow.source.options.get("watch"))


class Arrivals:
    """Looks into the folders of flows; remembers what it saw there, and nothing across a restart."""

    def __init__(self, history: History, clock: Clock, report: Callable[[str], None]) -> None:
        self._history = history
        self._clock = clock
        self._report = report
        self._sizes: dict[Path, tuple[int, float]] = {}
        """File -> size, and since when it has been so."""
        self._digests: dict[tuple[Path, tuple[int, int, int]], str] = {}
        """Of complete zips; the empty text for one that is not."""
        self._said: set[tuple[str, str]] = set()
        self.waiting: set[str] = set()
        """Flows whose last look found a file that has yet to come to rest."""
        self.taken: dict[str, str] = {}
        """Flows whose newest file was taken already: when, and by which run."""

    def look(self, flow: Flow) -> Arrival | None:
        """The zip that is to start the flow now, if there is one.

        Raises Unreachable when the folder cannot be looked into.
        """
        self.waiting.discard(flow.name)
        self.taken.pop(flow.name, None)
        folder = Path(str(flow.source.options["path"]))
        found = dropped.zips(folder, self._clock.now())
        self._forget(folder, found)
        for place, each in enumerate(found):
            if not self._is_at_rest(each):
                self.waiting.add(flow.name)
            elif digest := self._digest(each):
                changed = datetime.fromtimestamp(each.changed, UTC)
                return self._judged(flow, Arrival(digest, changed, len(found) - place - 1), each)
        return None

    def tries(self, flow: str, digest: str) -> list[RunRecord]:
        """The runs that took a file, the last first; plans and runs that had to wait do not count."""
        return [
            run
            for run in self._history.runs(flow, limit=200)
            if run.source_file.get("sha256") == digest
            and run.trigger != "plan"
            and run.outcome != "skipped"
        ]

    # ------------------------------------------------------------ what is to be done with it

    def _judged(self, flow: Flow, arrival: Arrival, file: Dropped) -> Arrival | None:
        tries = self.tries(flow.name, arrival.digest)
        if tries:
            again = self._again(flow, arrival, tries)
            if again is None:
                self.taken[flow.name] = _told(file.path.name, tries)
            return again
        if self._is_older_than_the_last(flow.name, arrival):
            self._say(
                flow.name,
                arrival.digest,
                f"{flow.name}: {file.path.name} is older than the file that was taken last, and is "
                f"not taken; if it is meant: etlrunner run {flow.name}",
            )
            return None
        if arrival.older:
            self._say(
                flow.name,
                arrival.digest,
                f"{flow.name}: {file.path.name} is the newest; {arrival.older} older beside it: not taken",
            )
        return arrival

    def _again(self, flow: Flow, arrival: Arrival, tries: list[RunRecord]) -> Arrival | None:
        """Another attempt, where the last was cut off, or failed in a way that may heal."""
        last = tries[0]
        if last.scheduled_date is not None:  # its retries are the schedule's
            return None
        following = Arrival(
            arrival.digest, arrival.changed, arrival.older, "retry", last.attempt + 1
        )
        if last.outcome == "paused":  # it waits for the season to end
            return None if self._is_paused(flow) else replace(following, trigger="watch")
        if last.outcome == "interrupted":
            return following if len(tries) < MOST_INTERRUPTIONS else None
        if last.outcome != "failed" or last.exit_code not in MAY_HEAL or last.ended is None:
            return None
        if len(tries) > len(flow.retry.delays):
            return None
        at = last.ended + flow.retry.delays[len(tries) - 1]
        if flow.schedule is not None and flow.retry.until is not None:
            until = calendar.local_time_after(flow.schedule, tries[-1].started, flow.retry.until)
            if max(at, self._clock.now()) > until:
                return None
        return following if self._clock.now() >= at else None

    def _is_paused(self, flow: Flow) -> bool:
        zone = ZoneInfo(flow.schedule.timezone if flow.schedule else "UTC")
        season = seasons.of(flow, self._clock.now().astimezone(zone).date())
        return season is not None and season.mode == "paused"

    def _is_older_than_the_last(self, flow: str, arrival: Arrival) -> bool:
        """Whoever takes the newest file away must not bring last week's roster back."""
        taken = (run.source_file.get("changed", "") for run in self._history.runs(flow, limit=200))
        times = [datetime.fromisoformat(text) for text in taken if text]
        return bool(times) and arrival.changed < max(times)

    # ------------------------------------------------------------ looking

    def _is_at_rest(self, file: Dropped) -> bool:
        """The same size as some time ago; times and numbers of files mean little on a share."""
        now = self._clock.monotonic()
        size, since = self._sizes.get(file.path, (-1, now))
        if size != file.size:
            self._sizes[file.path] = (file.size, now)
            return False
        return now - since >= SETTLE.total_seconds()

    def _digest(self, file: Dropped) -> str:
        """Of a complete zip; the empty text for one that is not, or is gone. Read once per content."""
        key = (file.path, file.stamp)
        if key not in self._digests:
            digest = ""
            with contextlib.suppress(OSError):
                if dropped.is_complete(file.path):
                    with open(file.path, "rb") as handle:
                        digest = dropped.digest(handle)
            self._digests[key] = digest
        return self._digests[key]

    def _forget(self, folder: Path, found: list[Dropped]) -> None:
        here = {each.path for each in found}
        stamps = {(each.path, each.stamp) for each in found}
        for path in [path for path in self._sizes if path.parent == folder and path not in here]:
            del self._sizes[path]
        for key in [key for key in self._digests if key[0].parent == folder and key not in stamps]:
            del self._digests[key]

    def _say(self, flow: str, digest: str, text: str) -> None:
        if (flow, digest) not in self._said:
            self._said.add((flow, digest))
            self._report(text)


def _told(file: str, tries: list[RunRecord]) -> str:
    """`roster.zip was taken on 2027-03-01 02:00 by lakeside-2027-03-01-1 (held)`, and what became of it."""
    last, first = tries[0], tries[-1]
    began = first.started.astimezone(ZoneInfo(first.timezone))
    said = f"{file} was taken on {began:%Y-%m-%d %H:%M} by {first.id} ({first.outcome})"
    if last.id != first.id:
        said += f", last by {last.id} ({last.outcome})"
    return f"{said}; etlrunner run {first.flow} would take it again"
