"""`etlrunner fixlists`: what to mend in the SIS, one Excel file per school, in a clerk's words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etlrunner.cli import options, screen
from etlrunner.config.project import Project
from etlrunner.errors import ChecksFailed, ConfigurationError
from etlrunner.model.run import RunRecord

if TYPE_CHECKING:
    from etlrunner.evidence import Evidence
    from etlrunner.fixlists.book import Listed
    from etlrunner.fixlists.make import Made
    from etlrunner.fixlists.words import Told
    from etlrunner.history.store import History
    from etlrunner.run import Result

MOST = 20


@click.command()
@click.argument("run", metavar="RUN|FLOW", default="last")
@click.option(
    "--to",
    "to",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="The folder to write; one that holds older lists is replaced as a whole.",
)
@options.json_option
@options.project_option
def command(run: str, to: Path, as_json: bool, project: Project) -> int:
    """Write lists for the schools' clerks: what to mend in the SIS, and on which screen.

    One Excel file per school that has something to mend, with its own records only; district.xlsx for
    records of no school, summary.xlsx with counts. RUN is a run's id, whether it was delivered, held or
    failed; a flow's name, or `last`, is the newest run that kept its rows. The lists hold names.
    """
    from etlrunner.fixlists import make

    with options.services(project, quiet=True) as services:
        kept = _meant(project, services.history, run)
    made = make.of_run(kept, told(project, kept), to)
    if as_json:
        screen.document(as_data(made, kept.run))
    else:
        show(made, kept.run)
    return 0


def waiting(result: Result) -> int:
    """How many findings of a run a school's clerk can mend."""
    if result.plan is None or not result.finished:
        return 0
    from etlrunner import compare
    from etlrunner.checks import rules

    found: Counter[str] = Counter()
    for made in result.finished.values():
        found.update(made.counts.rejected)
        found.update({one.rule: one.count for one in made.touched})
    found.update(one.rule for one in result.repairs if not one.row_dropped)
    early = result.error.findings if isinstance(result.error, ChecksFailed) else ()
    for finding in result.findings or early:
        if not (finding.rule.startswith("identity-") and finding.count > compare.MOST_TOLD):
            found[finding.rule] += finding.count
    if result.held_over is not None:
        lasting = {*result.plan.flow.grace} - {"rosters", "courses"}
        found["held-over"] += sum(result.held_over.rows.get(name, 0) for name in lasting)
    words = result.plan.flow.fix_lists.words
    return sum(n for rule, n in found.items() if rule in words or rules.is_for_clerks(rule))


def told_by(result: Result) -> str:
    """The command that writes their lists."""
    return f"etlrunner fixlists {result.record.id} --to DIR"


def told(project: Project, kept: Evidence) -> Told:
    """The words and screens of the flow as it is now; as it was, where it cannot be read any more."""
    from etlrunner.config import validate
    from etlrunner.fixlists.words import Told

    try:
        return Told.by(validate.read_flow(project, kept.run.flow))
    except ConfigurationError:
        return Told.by(kept.flow())


def _meant(project: Project, history: History, name: str) -> Evidence:
    from etlrunner import evidence

    record = history.resolve_run(name)
    kept = evidence.find(project, history, record.flow, name if name == record.id else "last")
    if why := evidence.instead(record, kept):
        screen.complain(why)
    return kept


def show(made: Made, record: RunRecord) -> None:
    """Files and counts; no name of a person."""
    rows = [[one.title, one.file, len(one.entries), len(one.following)] for one in made.lists]
    if rows:
        screen.table(["school", "file", "to mend", "follows by itself"], rows)
    others = sum(made.not_for_clerks.values())
    if others:
        listed = ", ".join(list(made.not_for_clerks)[:MOST])
        screen.say(f"{others:,} more are not for clerks, but for the configuration: {listed}.")
    if not made.lists:
        screen.say(f"{record.id}: nothing for a clerk to mend; {made.folder} has only the summary.")
        return
    files = len(made.lists)
    screen.say(
        f"{record.id}: {made.records:,} record{'' if made.records == 1 else 's'} to mend, in "
        f"{files:,} list{'' if files == 1 else 's'} with names of people: {made.folder}"
    )


def as_data(made: Made, record: RunRecord) -> Mapping[str, object]:
    """The same, with counts per school and rule."""
    return {
        "run": record.id,
        "folder": str(made.folder),
        "records": made.records,
        "schools": [_as_data(one) for one in made.lists if one.school],
        "district": next((_as_data(one) for one in made.lists if not one.school), None),
        "not_for_clerks": dict(made.not_for_clerks),
    }


def _as_data(one: Listed) -> Mapping[str, object]:
    return {
        "school": one.school,
        "name": one.title,
        "file": one.file,
        "to_mend": len(one.entries),
        "follows": len(one.following),
        "rules": one.rules,
    }
