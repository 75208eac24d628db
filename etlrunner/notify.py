"""Tells people when a flow's state changes: one message when it fails, is held or recovers, none between."""

from __future__ import annotations

from collections.abc import Iterable

from etlrunner.config import secrets, validate
from etlrunner.config.project import Project
from etlrunner.errors import EtlError
from etlrunner.lib import notify as sender
from etlrunner.model import Flow, Notify, RunRecord

WELL = frozenset({"delivered", "unchanged", "approved"})
TROUBLE = frozenset({"failed", "held"})


def change(record: RunRecord, previous: RunRecord | None) -> str:
    """`failed`, `held`, `recovered`, or the empty text when there is nothing new to tell."""
    before = previous.outcome if previous else ""
    if record.outcome in TROUBLE:
        same = before == record.outcome and _cause(record) == _cause(previous)
        return "" if same else record.outcome
    return "recovered" if record.outcome in WELL and before in TROUBLE else ""


def notify(
    flow: Flow, record: RunRecord, previous: RunRecord | None, *, project: Project
) -> list[str]:
    """Send what there is to tell; returns why any of it could not be sent. Never raises for that."""
    return tell(flow.notify, record, previous, project)


def tell(
    own: Iterable[Notify], record: RunRecord, previous: RunRecord | None, project: Project
) -> list[str]:
    """To the flow's own receivers and the project's. A flow that cannot be read has only the latter."""
    news = change(record, previous)
    if not news:
        return []
    troubles = []
    for receiver in (*own, *_of_project(project)):
        if news in receiver.on:
            try:
                url = secrets.reveal(receiver.url, project)
                troubles.append(sender.send(url, title(record, news), body(record)))
            except EtlError as error:
                troubles.append(error.message)
    return [trouble for trouble in troubles if trouble]


def title(record: RunRecord, news: str) -> str:
    """`lakeside-isd was held`."""
    verb = {"failed": "failed", "held": "was held", "recovered": "is well again"}[news]
    return f"{record.flow} {verb}"


def body(record: RunRecord) -> str:
    """What happened and what to type, in counts."""
    lines = [f"{record.message}.", f"Run {record.id}, exit code {record.exit_code}."]
    lines += [
        f"{table}: {added:,} added, {changed:,} changed, {removed:,} removed"
        for table, (added, changed, removed) in record.changes.items()
        if added or changed or removed
    ]
    if record.outcome == "held" and record.content_hash:
        lines.append(f"To send exactly this: etlrunner approve {record.id}")
    if record.outcome in TROUBLE:
        lines.append(f"More: etlrunner history {record.id}")
    return "\n".join(lines)


def _cause(record: RunRecord | None) -> tuple[int | None, str]:
    return (record.exit_code, record.stage) if record else (None, "")


def _of_project(project: Project) -> tuple[Notify, ...]:
    try:
        return validate.read_settings(project).notify
    except EtlError:
        return ()
