"""`etlrunner history`: runs at a glance, or one in full."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from etlrunner import notify
from etlrunner.cli import options, report, screen
from etlrunner.config.project import Project
from etlrunner.errors import UsageError
from etlrunner.history.rows import counts_of
from etlrunner.lib import far_side
from etlrunner.model.run import RunRecord
from etlrunner.target import FILE_ORDER

if TYPE_CHECKING:
    from etlrunner.history.store import History


@click.command()
@click.argument("name", required=False, metavar="[FLOW|RUN]")
@click.option(
    "--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many runs."
)
@click.option(
    "--all",
    "whole",
    is_flag=True,
    help="Of one RUN: its whole report, as long as its rows are kept.",
)
@options.json_option
@options.project_option
def command(name: str | None, limit: int, whole: bool, as_json: bool, project: Project) -> None:
    """Show the last runs (of FLOW), newest first; or everything about one RUN. No names, ever."""
    with options.services(project, quiet=True) as services:
        if name and name not in project.flows():
            record = services.history.resolve_run(name)
            if whole:
                _report(project, record)
                return
            newer_one = _newer(services.history, record)
            if as_json:
                screen.document(counts_of(record) | {"overtaken_by": newer_one})
            else:
                untold = ", ".join(_kept(project, record, notify.UNTOLD).splitlines())
                _one(record, newer_one, _kept(project, record, report.SCREEN), untold)
            return
        runs = services.history.runs(name, limit=limit)
        newer = {run.id: _newer(services.history, run) for run in runs}
    if as_json:
        listed = [counts_of(run) | {"overtaken_by": newer[run.id]} for run in runs]
        screen.document({"runs": listed})
        return
    if not runs:
        screen.say("No run yet.")
        return
    screen.table(
        ["run", "at", "by", "outcome", "students", "added", "removed", "what"],
        [_row(run, newer[run.id]) for run in runs],
        fold="what",
    )
    screen.say(f"{len(runs)} run{'' if len(runs) == 1 else 's'}, newest first.")


def _report(project: Project, run: RunRecord) -> None:
    """What the run's screen had folded away."""
    text = _kept(project, run, report.WHOLE)
    if not text:
        raise UsageError(
            f"{run.id} has no report: it made no rows of its own, or they were pruned",
            hint=f"etlrunner history {run.id}",
        )
    screen.say(text)


def _kept(project: Project, run: RunRecord, name: str) -> str:
    """What lies beside a run's rows; empty where it is gone."""
    path = project.runs_folder(run.flow) / run.id / name
    return path.read_text(encoding="utf-8").rstrip() if path.is_file() else ""


def _newer(history: History, run: RunRecord) -> str:
    """The run that made a held one obsolete, if one did."""
    newer = history.overtaken_by(run) if run.outcome == "held" and run.trigger != "plan" else None
    return newer.id if newer else ""


def _row(run: RunRecord, newer: str) -> list[object]:
    counts = run.counts.get("students")
    added, _, removed = run.changes.get("students", ("", "", ""))
    return [
        run.id,
        f"{run.started.astimezone(ZoneInfo(run.timezone)):%H:%M}",
        run.trigger,
        _outcome(run, newer),
        counts.written if counts else "",
        added,
        removed,
        screen.shortened(_what(run, newer)),
    ]


def _what(run: RunRecord, newer: str) -> str:
    if newer:
        return f"overtaken by {newer}"
    return f"a plan, nothing waits: {report.told(run)}" if _is_held_plan(run) else report.told(run)


def _outcome(run: RunRecord, newer: str) -> str:
    if newer:
        return "obsolete"
    return f"{_word(run)} ({run.exit_code})" if run.exit_code else run.outcome


def _word(run: RunRecord) -> str:
    """Of a plan, what a run would have come to: nothing of it waits for anybody."""
    return "would be held" if _is_held_plan(run) else run.outcome


def _is_held_plan(run: RunRecord) -> bool:
    return run.outcome == "held" and run.trigger == "plan"


def _read_from(file: Mapping[str, str]) -> str:
    """The zip that a run read, by its content, and what lay beside it."""
    if not file.get("sha256"):
        return ""
    return f"a file with SHA-256 {file['sha256']}{report.older(file)}"


def _one(run: RunRecord, newer: str, held_screen: str, untold: str) -> None:
    """One run in full, as pairs, then its counts and times; of one that waits for a person, its screen."""
    pairs = {
        "run": run.id,
        "outcome": f"{_word(run)} (exit code {run.exit_code})"
        + ("; a plan: nothing was sent, and nothing waits" if _is_held_plan(run) else ""),
        "obsolete": f"{newer} looked at a younger roster since, and ended well" if newer else "",
        "message": "" if run.holds else run.message,
        "trigger": run.trigger,
        "scheduled for": run.scheduled_date or "",
        "started": f"{_local(run.started, run.timezone)} {run.timezone} = {run.started:%H:%M:%S} UTC",
        "ended": f"{_local(run.ended, run.timezone)} {run.timezone} = {run.ended:%H:%M:%S} UTC"
        if run.ended
        else "",
        "last stage": run.stage,
        "configuration": f"{run.config_hash[:12]} (git {run.git_commit or 'none'})",
        "read from": _read_from(run.source_file),
        "roster of": run.roster_of,
        "compared with": run.baseline,
        "content": run.content_hash,
        "archive": f"{run.archive_sha256} ({run.archive_size:,} bytes)" if run.archive_size else "",
        _LET_GO.get(run.trigger, "approved"): (
            f"by {run.approved_by} {run.approved_because}".strip() if run.approved_by else ""
        ),
        "delivery": _delivery(run),
        "Apple says": ", ".join(f"{count:,} {code}" for code, count in run.apple.items()),
        "not told": untold,
        "sent as": run.receipt.remote_name if run.receipt else "",
    }
    for key, value in pairs.items():
        if value:
            screen.say(f"{key + ':':<15} {value}")
    if held_screen and run.outcome == "held" and not newer:
        screen.say(f"\n{held_screen}")
        return
    for hold in run.holds:
        screen.say(f"{'held because:':<15} {hold}")
    _counts(run)
    if run.seconds:
        times = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in run.seconds.items())
        screen.say(f"{'time:':<15} {times}")


_LET_GO = {"resend": "sent again", "import": "brought in"}


def _delivery(run: RunRecord) -> str:
    """Where it is, what may be on the far side, and what happens next; nothing once it is proven."""
    if run.delivery is None or run.outcome == "delivered":
        return ""
    return (
        f"{run.delivery.state}: {far_side.told(run.delivery)}; {far_side.next_start(run.delivery)}"
    )


def _counts(run: RunRecord) -> None:
    rows: list[list[object]] = []
    for name in FILE_ORDER:
        counts = run.counts.get(name)
        if counts is not None:
            filtered, rejected = sum(counts.filtered.values()), sum(counts.rejected.values())
            added, changed, removed = run.changes.get(name, ("", "", ""))
            rows.append(
                [name, counts.read, filtered, rejected, counts.written, added, changed, removed]
            )
    if rows:
        header = ["table", "read", "filtered", "rejected", "written", "added", "changed", "removed"]
        screen.table(header, rows)


def _local(moment: datetime | None, timezone: str) -> str:
    return f"{moment.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M:%S}" if moment else ""
