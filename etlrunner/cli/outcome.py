"""`etlrunner outcome`: did Apple take it? The activity log of Apple School Manager, tied to our rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from etlrunner.cli import fixlists, options, screen
from etlrunner.config.project import Project
from etlrunner.errors import UsageError
from etlrunner.model.run import RunRecord

if TYPE_CHECKING:
    from etlrunner.fixlists.make import Made
    from etlrunner.outcome import Entry, Outcome

MOST = 20


@click.command()
@click.argument("log", type=click.Path(path_type=Path), metavar="LOG.csv")
@click.argument("run", metavar="FLOW|RUN")
@click.option("--show-values", is_flag=True, help="Names too, as the log has them.")
@click.option(
    "--fixlists",
    "to",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write the errors that a school's clerk can mend as lists, one Excel file per school.",
)
@options.json_option
@options.project_option
def command(
    log: Path, run: str, show_values: bool, to: Path | None, as_json: bool, project: Project
) -> int:
    """Read the activity LOG that Apple School Manager lets an administrator download.

    Its errors are counted per school, with the row of ours and the rule that they belong to. RUN is the
    delivery that it is about, or the held run that was approved; a flow's name is its last delivery,
    sent again or not. Exit code 5 when Apple did not take all.
    """
    from etlrunner import outcome

    if not log.is_file():
        raise UsageError(
            f"there is no file {log}",
            hint="an administrator downloads it in Apple School Manager: Activity, the sync, its log",
        )
    with options.services(project, quiet=True) as services:
        record = services.history.resolve_run(run)
        if run != record.id:
            runs = services.history.runs(record.flow, limit=None)
            record = next((one for one in runs if one.outcome == "delivered"), record)
        elif record.outcome != "delivered":  # its archive may have gone as another run
            runs = services.history.runs(record.flow, limit=None)
            sent = (one for one in runs if one.archive_of == record.id)
            record = next((one for one in sent if one.outcome == "delivered"), record)
        if record.outcome != "delivered":
            raise UsageError(f"{record.id} was not delivered: it is {record.outcome}")
        tables = _tables(project, record)
        found = outcome.read(log, tables)
        services.history.save(replace(record, apple=found.counts()))
    made = _lists(project, record, found, tables, to) if to is not None else None
    if as_json:
        lists = {"fixlists": fixlists.as_data(made, record)} if made is not None else {}
        screen.document({**_as_data(found, record, show_values), **lists})
    else:
        if made is not None:
            fixlists.show(made, record)
        _show(found, record, show_values)
    return 0 if found.is_well else 5


def _tables(project: Project, record: RunRecord) -> Mapping[str, Path]:
    """The tables of a delivery: from its run's folder, or from what was last delivered."""
    from etlrunner import kept
    from etlrunner.history import delivered

    last = delivered.read(project.state / record.flow / "delivered")
    if last is not None and last.run_id == record.id:
        return last.tables
    intact = kept.intact(project, record)
    if intact is None:
        raise UsageError(
            f"the rows of {record.id} are gone: its log cannot be tied to them",
            hint="rows are kept for history.keep_rows",
        )
    return intact.finished()


def _lists(
    project: Project, record: RunRecord, found: Outcome, tables: Mapping[str, Path], to: Path
) -> Made:
    from etlrunner.config import validate
    from etlrunner.fixlists import make
    from etlrunner.fixlists.words import Told

    told = Told.by(validate.read_flow(project, record.flow))
    return make.of_outcome(found, tables, told, record, to)


def _show(found: Outcome, record: RunRecord, show_values: bool) -> None:
    from etlrunner.lib.activity_codes import CODES

    well = Counter(entry.code for entry in found.entries if entry.is_well)
    if well:
        screen.say("Taken: " + ", ".join(f"{count:,} {code}" for code, count in well.items()))
    tally = Counter((one.code, one.table, one.school, one.rule) for one in found.errors)
    rows = [[code, name or "not ours", at, n, rule] for (code, name, at, rule), n in tally.items()]
    if rows:
        rows.sort(key=lambda row: -int(str(row[3])))
        screen.table(["Apple says", "table", "school", "rows", "rule"], rows[:MOST])
    for code in dict.fromkeys(entry.code for entry in found.errors):
        if code in CODES:
            screen.say(f"{code}: {CODES[code].title}. {CODES[code].text}")
    for entry in found.errors[:MOST]:
        screen.say(f"  {_line(entry, record.flow, show_values)}")
    if len(found.errors) > MOST:
        screen.say(f"  … and {len(found.errors) - MOST:,} more; --json lists them")
    if found.not_understood:
        screen.say(f"{found.not_understood:,} lines of the log were not understood.")
    if found.is_well:
        screen.say(f"{record.id}: Apple took all of it.")
    elif found.errors:
        screen.say(f"{record.id}: Apple did not take {len(found.errors):,} rows.")
    else:
        screen.say(f"{record.id}: Apple says the activity did not end well, and names no row.")


def _line(entry: Entry, flow: str, show_values: bool) -> str:
    name = " ".join(entry.values.get(one, "") for one in ("first_name", "last_name")).strip()
    called = f" ({name})" if show_values and name else ""
    why = f"etlrunner why {flow} {entry.table} {entry.key}" if entry.table else "no row of this run"
    return f"{entry.code}: {entry.key}{called}: {why}"


def _as_data(found: Outcome, record: RunRecord, show_values: bool) -> dict[str, object]:
    return {
        "run": record.id,
        "well": found.is_well,
        "counts": found.counts(),
        "errors": [
            {
                "code": entry.code,
                "table": entry.table,
                "key": entry.key,
                "school": entry.school,
                "rule": entry.rule,
            }
            | ({"values": entry.values} if show_values else {})
            for entry in found.errors
        ],
        "not_understood": found.not_understood,
    }
