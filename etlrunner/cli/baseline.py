"""`etlrunner baseline`: what Apple has, as far as this machine knows; brought in from another tool's zip."""

from __future__ import annotations

from pathlib import Path

import click

from etlrunner.cli import options, screen
from etlrunner.config.project import Project
from etlrunner.errors import ChecksFailed, UsageError
from etlrunner.target import FILE_ORDER


@click.group()
def command() -> None:
    """What the next run is compared with: what Apple last got."""


@command.command("import", short_help="Bring in what another tool uploaded last.")
@click.argument("zip", type=click.Path(path_type=Path), metavar="ZIP")
@click.argument("flow", required=False)
@click.option("--replace", is_flag=True, help="In place of the last delivery that is known here.")
@click.option("--because", default="", metavar="TEXT", help="Why; kept in the history.")
@options.json_option
@options.project_option
def bring_in(
    zip: Path, flow: str | None, replace: bool, because: str, as_json: bool, project: Project
) -> int:
    """Bring in the ZIP of six files that another tool uploaded last: Claris Connect, or your own script.

    Nothing is sent. The next run is compared with it instead of being a first delivery; people who have
    other identifiers here are held, and a crosswalk is proposed.
    """
    from etlrunner import baseline

    [name] = options.flow_names(project, (flow,) if flow else (), every=False)
    if replace and not because.strip():
        raise UsageError("say why the last delivery is replaced", hint='--because "…"')
    with options.services(project, quiet=True) as services:
        try:
            made = baseline.bring_in(
                project, name, zip, by=options.user(), because=because.strip(), replaces=replace,
                services=services,
            )  # fmt: skip
        except ChecksFailed as error:
            if not as_json:
                for finding in error.findings:
                    screen.complain(f"error: {finding}")
            raise
    if as_json:
        screen.document({"run": made.record, "findings": made.findings})
        return 0
    _rows({name: counts.written for name, counts in made.record.counts.items()})
    if odd := sum(finding.count for finding in made.findings):
        screen.say(f"{odd:,} places in it break Apple's rules: etlrunner validate {zip}")
    screen.say(f"{made.record.flow}: {made.record.message} ({made.record.id}).")
    return 0


@command.command("show", short_help="What the next run is compared with.")
@click.argument("flow", required=False)
@options.json_option
@options.project_option
def show(flow: str | None, as_json: bool, project: Project) -> int:
    """What FLOW's next run is compared with: counts, since when, from which run."""
    from etlrunner.history import delivered

    [name] = options.flow_names(project, (flow,) if flow else (), every=False)
    stem = Path(name).stem
    last = delivered.read(project.state / stem / "delivered")
    if last is None:
        raise UsageError(
            f"{stem} has delivered nothing yet",
            hint=f"the zip that another tool sent: etlrunner baseline import ZIP {stem}",
        )
    with options.services(project, quiet=True) as services:
        run = services.history.get(last.run_id)
    how = {"import": "brought in", "resend": "sent again"}.get(
        run.trigger if run else "", "delivered"
    )
    if as_json:
        screen.document(
            {
                "flow": stem,
                "run": last.run_id,
                "how": how,
                "since": run.ended if run else None,
                "by": run.approved_by if run else "",
                "because": run.approved_because if run else "",
                "content_hash": last.content_hash,
                "rows": last.rows,
            }
        )
        return 0
    _rows(dict(last.rows))
    since = f" {run.ended:%Y-%m-%d %H:%M} UTC" if run and run.ended else ""
    screen.say(f"{stem}: {how}{since} by {last.run_id} (content {last.content_hash[:12]}).")
    return 0


def _rows(rows: dict[str, int]) -> None:
    screen.table(["table", "rows"], [[name, rows[name]] for name in FILE_ORDER if name in rows])
