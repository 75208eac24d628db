"""Tells people when the state of a flow changes: failed, held, stale, recovered. In between, silence."""

from __future__ import annotations

from collections.abc import Iterator

from etlrunner.config import secrets, settings
from etlrunner.config.project import Project
from etlrunner.errors import EtlError
from etlrunner.lib import notify as messenger
from etlrunner.model.changes import NOTHING_CHANGES
from etlrunner.model.flow import Flow, Notify
from etlrunner.model.run import RunRecord
from etlrunner.model.secrets import SecretRef

UNTOLD = "notify.txt"
"""Which messages of a run were not sent, in its folder."""
_STATES = {
    "delivered": "well",
    "unchanged": "well",
    "approved": "well",
    "held": "held",
    "failed": "failed",
}
_TITLES = {
    "failed": "{flow} failed",
    "held": "{flow} is held: somebody has to look",
    "recovered": "{flow} works again",
    "stale": "{flow} did not run",
}
_TO_DO = {
    1: "Please report it: etlrunner history {run}",
    2: "Mend the configuration: etlrunner validate {flow}",
    3: "It is tried again, if the flow says so. By hand: etlrunner run {flow}",
    4: "Check the account and its permissions: etlrunner connect {flow}",
    5: "See what is wrong with the data: etlrunner plan {flow}",
    6: "Look, then let it go: etlrunner history {run}, then etlrunner approve {run}",
    7: "The same bytes are sent again. By hand: etlrunner run {flow}",
    9: "Look at this machine: is the disk full, is .etlrunner ours?",
}

_TEST = "Nothing has happened. From now on this address is told of runs that: {on}.\n"


def notify(
    flow: Flow | None, record: RunRecord, previous: RunRecord | None, *, project: Project
) -> list[str]:
    """Tell all who want to know of what changed; returns what went wrong with that, in words.

    `previous` is the last run before this one that had a state (`state_of`). A flow that cannot be
    read (None) has only the project's addresses.
    """
    event = event_of(record, previous)
    if event is None:
        return []
    troubles: list[str] = []
    title, body = title_of(event, record), body_of(record)
    for target in _targets(flow, project, troubles):
        if event in target.on:
            trouble = _send(target, title, body, project)
            if trouble:
                troubles.append(f"{target.url} was not told ({event}): {trouble}")
    return troubles


def try_out(flow: Flow, *, project: Project) -> list[tuple[str, str]]:
    """Send everybody a test message: whose it is, and what went wrong with it; empty for nothing.

    A file that cannot be read is whose trouble it is.
    """
    troubles: list[str] = []
    targets = _targets(flow, project, troubles)
    title = f"etlrunner: a test message of {flow.name}"
    told = [
        (str(one.url), _send(one, title, _TEST.format(on=", ".join(one.on)), project))
        for one in targets
    ]
    return [*told, *(("etlrunner.yaml", trouble) for trouble in troubles)]


def state_of(record: RunRecord) -> str | None:
    """`well`, `failed`, `held` or `stale`; None for a run that says nothing about its flow."""
    if record.outcome == "skipped" and record.exit_code is None:
        return "stale"  # a date that went by without a run
    if NOTHING_CHANGES in record.findings:
        return "stale"
    return _STATES.get(record.outcome)


def event_of(record: RunRecord, previous: RunRecord | None) -> str | None:
    """What is worth a message: a state that was not there before."""
    now = state_of(record)
    before = state_of(previous) if previous is not None else None
    if now is None or now == before:
        return None
    if now == "well":
        return "recovered" if before is not None else None
    return now


def title_of(event: str, record: RunRecord) -> str:
    """One line."""
    title = _TITLES[event]
    if event == "stale" and NOTHING_CHANGES in record.findings:
        title = "{flow}: nothing in the roster has changed for many weekdays"
    return "etlrunner: " + title.format(flow=record.flow)


def body_of(record: RunRecord) -> str:
    """What happened, in counts, and the command to type. No names, no identifiers."""
    return "\n".join(_lines(record)) + "\n"


def _lines(record: RunRecord) -> Iterator[str]:
    code = "" if record.exit_code is None else f" (exit code {record.exit_code})"
    yield f"Flow: {record.flow}"
    yield f"Run: {record.id}"
    yield f"Outcome: {record.outcome}{code}, in stage {record.stage}"
    if record.scheduled_date:
        yield f"Scheduled for: {record.scheduled_date.isoformat()}"
    yield f"Started: {record.started:%Y-%m-%d %H:%M} UTC"
    if record.message:
        yield f"Why: {record.message}"
    for table, (added, changed, removed) in record.changes.items():
        rows = record.counts[table].written if table in record.counts else 0
        yield f"{table}: {rows:,} rows, {added:,} added, {changed:,} changed, {removed:,} removed"
    for rule, count in record.findings.items():
        yield f"{rule}: {count:,}"
    to_do = _TO_DO.get(record.exit_code or 0)
    if to_do:
        yield ""
        yield to_do.format(flow=record.flow, run=record.id)


def _targets(flow: Flow | None, project: Project, troubles: list[str]) -> list[Notify]:
    """The flow's own addresses, and those that etlrunner.yaml names for all flows."""
    try:
        shared = settings.read(project).notify
    except EtlError as error:
        troubles.append(f"etlrunner.yaml cannot be read: {error.message}")
        shared = ()
    own = flow.notify if flow is not None else ()
    known = [target.url for target in own]
    return [*own, *(target for target in shared if target.url not in known)]


def _send(target: Notify, title: str, body: str, project: Project) -> str:
    assert isinstance(target.url, SecretRef)
    try:
        url = secrets.reveal(target.url, project)
    except EtlError as error:
        return error.message
    return messenger.send(url, title, body)
