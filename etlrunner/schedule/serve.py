"""Starts flows at their hours and when files arrive: `serve` as a loop, `run_due` as one round for cron."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Protocol

from etlrunner.errors import EtlError, LocalTrouble
from etlrunner.history.store import History
from etlrunner.lib.clock import SystemClock
from etlrunner.model.flow import Flow
from etlrunner.model.run import RunRecord
from etlrunner.model.surroundings import Clock
from etlrunner.schedule.arrivals import SETTLE, Arrivals, is_watching
from etlrunner.schedule.calendar import Occurrence
from etlrunner.schedule.decide import Attempt, Decision, decide

NAP = timedelta(seconds=30)
"""Longest pause between two looks: clocks are set, machines sleep, files change."""
BUSY = 8
SIGNALLED = 128
"""From here on exit codes say that somebody stopped the program: no further flow is begun."""
SEEN_OFF = timedelta(minutes=5)
"""How often it is noted that a flow is switched off."""
FIRST_SIGHT = timedelta(hours=1)
"""A flow never seen before does not make up for what was due longer ago: it is new, not late."""
_log = logging.getLogger(__name__)

Flows = Callable[[], Mapping[str, Flow | EtlError]]
"""Reads every flow anew: a flow, or what is wrong with its file."""


class Start(Protocol):
    """Runs a flow once, writes its record, gives the exit code."""

    def __call__(
        self,
        name: str,
        trigger: str,
        day: date | None,
        attempt: int,
        *,
        source_file: Mapping[str, str] = ...,
    ) -> int:
        """`day` is the scheduled date; `source_file` what is known of the file that arrived."""
        ...


def serve(
    flows: Flows,
    start: Start,
    *,
    clock: Clock,
    stop: threading.Event,
    history: History,
    workers: int = 4,
    nap: timedelta = NAP,
    report: Callable[[str], None] = _log.warning,
    missed: Callable[[Flow, RunRecord], None] | None = None,
) -> None:
    """Start every enabled flow when it is due, until `stop` is set; runs under way are finished.

    `workers=0` runs flows in this thread, one after the other. `missed` is told of every date that went
    by without a run.
    """
    wait = stop.wait if isinstance(clock, SystemClock) else clock.sleep
    with _Rounds(flows, start, clock, history, workers, report, missed) as rounds:
        while not stop.is_set():
            rounds.look()
            if not stop.is_set():
                wait(rounds.pause(nap).total_seconds())


def run_due(
    flows: Flows,
    start: Start,
    *,
    clock: Clock,
    history: History,
    workers: int = 0,
    report: Callable[[str], None] = _log.warning,
    missed: Callable[[Flow, RunRecord], None] | None = None,
    taken: Callable[[str], None] | None = None,
) -> dict[str, int]:
    """One round: start what is due now and wait for it; gives exit codes by flow.

    May be called as often as one likes: a date that is done is not done again. `taken` is told of each
    flow that was not started because the file in its folder was taken before.
    """
    with _Rounds(flows, start, clock, history, workers, report, missed) as rounds:
        rounds.look()
        if rounds.is_waiting:  # a file is taken when two looks find it the same
            clock.sleep(SETTLE.total_seconds())
            rounds.look()
    if taken:
        for text in rounds.taken():
            taken(text)
    return rounds.codes


class _Rounds:
    """Looks at all flows, again and again; remembers only what it has started and said."""

    def __init__(
        self,
        flows: Flows,
        start: Start,
        clock: Clock,
        history: History,
        workers: int,
        report: Callable[[str], None],
        missed: Callable[[Flow, RunRecord], None] | None,
    ) -> None:
        self.codes: dict[str, int] = {}
        self._flows, self._start = flows, start
        self._clock, self._history = clock, history
        self._report, self._tell_missed = report, missed
        self._pool = ThreadPoolExecutor(workers, "flow") if workers else None
        self._under_way: dict[str, Future[None]] = {}
        self._good: dict[str, Flow] = {}
        self._said: dict[str, str] = {}
        self._wakes: dict[str, Decision] = {}
        self._off: dict[str, datetime] = {}
        self._stopped = False
        self._arrivals = Arrivals(history, clock, report)

    def __enter__(self) -> _Rounds:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def look(self) -> None:
        """One round over all flows; trouble with one is said once and leaves the others alone."""
        self._forget_ended()
        self._wakes = {}
        self._stopped = False
        for name, flow in self._read().items():
            if self._stopped:
                break
            if name in self._under_way:
                continue
            try:
                self._one(flow) if flow.enabled else self._note_off(flow)
            except EtlError as error:
                self._say(name, f"{name}: {error.message}")
                self.codes[name] = error.exit_code

    def taken(self) -> Iterator[str]:
        """What is said of flows that had a file, and were not started for it."""
        for name, text in self._arrivals.taken.items():
            if name not in self.codes:
                yield f"{name}: {text}"

    @property
    def is_waiting(self) -> bool:
        """Whether a watched folder has a file that has yet to come to rest."""
        return bool(self._arrivals.waiting)

    def pause(self, nap: timedelta) -> timedelta:
        """Until the next instant, but not longer than a nap."""
        now = self._clock.now()
        pauses = [each.wake - now for each in self._wakes.values() if each.wake is not None]
        if self.is_waiting:
            pauses.append(SETTLE)
        return max(timedelta(0), min([nap, *pauses]))

    def _read(self) -> dict[str, Flow]:
        """All flows by name. One that became unreadable keeps its hour, so that its run can say why."""
        found: dict[str, Flow] = {}
        try:
            flows = self._flows()
        except (EtlError, OSError) as error:
            self._say("flows", f"the flows cannot be read: {error}")
            return dict(self._good)
        for name, flow in flows.items():
            if isinstance(flow, Flow):
                found[name] = self._good[name] = flow
                self._said.pop(f"file {name}", None)
                continue
            self._say(f"file {name}", f"{name}: {flow.message}")
            if name in self._good:
                found[name] = self._good[name]
            else:
                self.codes[name] = flow.exit_code
        return found

    def _one(self, flow: Flow) -> None:
        """Start what is due; else what has arrived."""
        begun = flow.schedule is not None and self._is_begun(flow)
        if not begun and is_watching(flow):
            self._take_arrival(flow)

    def _take_arrival(self, flow: Flow) -> None:
        if flow.schedule is None:  # else that has just been seen to
            self._history.mark_interrupted(flow.name)
        arrival = self._arrivals.look(flow)
        if arrival is None or self._is_held(flow.name):
            return
        if not self._history.claim_file(flow.name, arrival.digest, arrival.attempt):
            return
        if len(self._arrivals.tries(flow.name, arrival.digest)) >= arrival.attempt:
            return  # another starter was done with it before our claim
        known = {"sha256": arrival.digest, "changed": arrival.changed.isoformat()}
        self._begin(flow, Attempt(None, arrival.trigger, arrival.attempt, known))

    def _is_begun(self, flow: Flow) -> bool:
        """Look at the schedule, and start what is due; False if nothing was."""
        decision = self._decide(flow)
        if decision.under_way and self._history.mark_interrupted(flow.name):
            decision = self._decide(flow)
        self._wakes[flow.name] = decision
        for occurrence in decision.missed:
            self._note_missed(flow, occurrence)
        if decision.start is None or self._is_held(flow.name):
            return False
        assert decision.start.date is not None
        if not self._history.claim(flow.name, decision.start.date, decision.start.attempt):
            return False
        self._begin(flow, decision.start)
        return True

    def _decide(self, flow: Flow) -> Decision:
        now = self._clock.now()
        tries, off = self._history.tries(flow.name), self._history.last_off(flow.name)
        if off is None and not tries:
            off = now - FIRST_SIGHT
            self._history.note_off(flow.name, off)
        return decide(flow, tries, now, off)

    def _is_held(self, name: str) -> bool:
        """Whether another run of the flow, by hand perhaps, is under way: then wait for its end."""
        holder = self._history.holder(name)
        if holder is None:
            self._said.pop(f"busy {name}", None)
            return False
        self._say(f"busy {name}", f"{name}: waiting for {holder.run}, which is under way")
        self.codes.setdefault(name, BUSY)
        return True

    def _forget_ended(self) -> None:
        for name, future in list(self._under_way.items()):
            if future.done():
                del self._under_way[name]
                error = future.exception()
                if error is not None:
                    self._report(f"{name}: {error}")

    def _begin(self, flow: Flow, what: Attempt) -> None:
        if self._pool is None:
            self._run(flow.name, what)
            if flow.schedule is not None:  # perhaps another attempt comes soon
                self._wakes[flow.name] = self._decide(flow)
        else:
            self._under_way[flow.name] = self._pool.submit(self._run, flow.name, what)

    def _run(self, name: str, what: Attempt) -> None:
        """Run a flow; whatever goes wrong with it stays with it."""
        began = self._clock.monotonic()
        try:
            file = {"source_file": what.source_file} if what.source_file else {}
            code = self._start(name, what.trigger, what.date, what.attempt, **file)
        except EtlError as error:
            code = error.exit_code
            self._report(f"{name}: {error.message}")
        except Exception as error:  # a bug in one run must not end the others
            code = 1
            self._report(f"{name}: a bug in etlrunner ({type(error).__name__}); please report it")
        self.codes[name] = code
        self._stopped = code >= SIGNALLED
        seconds = self._clock.monotonic() - began
        _log.info("%s for %s ended with %d after %.1f s", name, what.date, code, seconds)
        if code == BUSY and what.date is not None:
            self._history.release_claim(name, what.date, what.attempt)
        elif code == BUSY:
            self._history.release_file(name, what.source_file["sha256"], what.attempt)

    def _note_off(self, flow: Flow) -> None:
        if flow.schedule is None:
            return
        name = flow.name
        now = self._clock.now()
        if name not in self._off or abs(now - self._off[name]) >= SEEN_OFF:
            self._off[name] = now
            self._history.note_off(name, now)

    def _note_missed(self, flow: Flow, occurrence: Occurrence) -> None:
        """A date that went by without a run gets a row of its own, from one starter only."""
        if flow.schedule is None or not self._history.claim(flow.name, occurrence.date, 0):
            return
        now = self._clock.now()
        record = RunRecord(
            id=self._history.new_run_id(flow.name, occurrence.date),
            flow=flow.name,
            trigger="schedule",
            started=now,
            ended=now,
            timezone=flow.schedule.timezone,
            scheduled_date=occurrence.date,
            outcome="skipped",
            message=f"missed: nothing was there to run it on {occurrence.date}",
            attempt=0,
        )
        self._history.save(record)
        if self._tell_missed is not None:
            try:
                self._tell_missed(flow, record)
            except LocalTrouble as error:
                self._report(f"{flow.name}: {error.message}")

    def _say(self, topic: str, text: str) -> None:
        """Once per topic, and again only when it says something else."""
        if self._said.get(topic) != text:
            self._said[topic] = text
            self._report(text)
