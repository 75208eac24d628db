"""`etlrunner test record`: a mapping test from the last kept run, with invented people in it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from etlrunner.cli import options, screen
from etlrunner.config.project import Project
from etlrunner.errors import EtlError, UsageError

if TYPE_CHECKING:
    from etlrunner.evidence import Evidence
    from etlrunner.mapping.recording import Recording
    from etlrunner.model.flow import Flow
    from etlrunner.model.tables import FinishedTable

HEAD = """\
# yaml-language-server: $schema={schema}
# Made by: etlrunner test record {flow} --table {table}
# From the rows of a kept run, with all they depend on. Names, addresses, numbers and titles are invented (the
# same in, the same out; capitals and accents as they were), ids are numbered anew, days are moved together;
# dates of birth and the like are left out. What is expected is what the mapping made of these rows: read it,
# keep what you want to hold for ever, and give the test a name that says what is true.
version: 1
flow: {flow}
tests:
"""
SELECTED = ("select.", "leave_out")


@click.command(short_help="Write a mapping test from the last kept run.")
@click.argument("flow")
@click.option("--table", default="students", show_default=True, help="The target table.")
@click.option("--id", "ids", multiple=True, metavar="KEY", help="This row. May be repeated.")
@click.option(
    "--rows",
    "most",
    type=click.IntRange(1, 50),
    default=3,
    show_default=True,
    help="How many rows.",
)
@click.option("--run", "run", default="", metavar="RUN", help="Not the last run, but this one.")
@click.option(
    "--to",
    "to",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to; else tests/recorded/FLOW-TABLE.yaml.",
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@options.project_option
def command(
    flow: str,
    table: str,
    ids: tuple[str, ...],
    most: int,
    run: str,
    to: Path | None,
    force: bool,
    project: Project,
) -> None:
    """Write a mapping test from rows of FLOW's last kept run, with nobody's values in it.

    The rows come with what they depend on (schools, terms, classes, teachers). Everything is masked first
    and mapped then, so that the test passes and no name, number or address of the roster is in it.
    """
    from etlrunner import evidence
    from etlrunner.lib import files
    from etlrunner.mapping import recording

    path = to or project.root / "tests" / "recorded" / f"{Path(flow).stem}-{table}.yaml"
    if path.exists() and not force:
        raise UsageError(f"{path} is there already; nothing was written", hint="--to, or --force")
    from etlrunner import plan as plans

    made = plans.make(project, flow).flow
    if table not in made.mapping.tables:
        known = ", ".join(made.mapping.tables)
        raise UsageError(f"there is no table '{table}' in this mapping", hint=f"known: {known}")
    with options.services(project, quiet=True) as services:
        kept = evidence.find(project, services.history, made.name, run)
    rows = _rows(kept, table, ids, most)
    as_of = kept.as_of or kept.run.scheduled_date or kept.run.started.date()
    recorded = recording.record(made, kept.raw, table, rows, as_of)
    text = _text(project, made, table, recorded, path)
    with files.trouble(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    total = sum(len(many) for many in recorded.given.values())
    screen.say(
        f"{screen.path(path)}: {len(rows)} of {table} with what they depend on, {total} rows in all; it passes."
    )


def _rows(kept: Evidence, table: str, ids: Sequence[str], most: int) -> list[int]:
    """The numbers of the raw rows: those with the ids given, or the first ones that were written."""
    import polars as pl

    from etlrunner import table as tables

    fates = tables.scan(kept.fate(table)).frame
    if ids:
        found = tables.collect(fates.filter(pl.col("key").is_in(ids)).select("_row", "key"))
        if missing := sorted(set(ids) - set(found["key"])):
            hint = f"the run had no such row; etlrunner why {kept.run.flow} {table} {missing[0]}"
            raise UsageError(f"no row of {table} has the id {', '.join(missing)}", hint=hint)
    else:
        written = fates.filter(pl.col("fate") == 0).sort("key", "_row").head(most)
        found = tables.collect(written.select("_row", "key"))
    if not len(found):
        raise UsageError(f"{kept.run.id} wrote no rows of {table}")
    return [int(row) for row in found["_row"]]


# ---------------------------------------------------------------- the file


def _text(project: Project, flow: Flow, table: str, recorded: Recording, path: Path) -> str:
    """The whole file; it was read and run, and passed."""
    from etlrunner.cli import case_runs
    from etlrunner.config import cases as files
    from etlrunner.lib import scratch
    from etlrunner.mapping import cases

    schema = os.path.relpath(project.root / "schemas" / "mapping-test.json", path.parent)
    head = HEAD.format(schema=Path(schema).as_posix(), flow=flow.name, table=table)
    given = _given(table, recorded)
    with scratch.folder() as folder:
        draft = folder / "draft.yaml"
        draft.write_text(head + given + "    expect: {locations: []}\n", encoding="utf-8")
        found = files.read(project, draft)
        [case] = found.cases
        subject = case_runs.flow_of(project, found, case)
        (folder / "run").mkdir()
        engine = case_runs.engine(subject)
        made = cases.made_of(case, subject, folder / "run", engine)
        text = head + given + _expected(made)
        draft.write_text(text, encoding="utf-8")
        again = files.read(project, draft)
        outcome = cases.run_case(again.cases[0], subject, engine)
    if again.problems or not outcome.passed:
        raise EtlError("the test that was recorded does not pass; nothing was written")
    return text


def _given(table: str, recorded: Recording) -> str:
    from etlrunner.config import load

    lines = [f"  - name: recorded {table} become what they became"]
    lines += [f'    as_of: "{recorded.as_of}"']
    if recorded.layer:
        lines += _indented(load.to_yaml(dict(recorded.layer)), 4)
    lines += ["    given:"]
    for name, rows in recorded.given.items():
        used = [column for column in rows[0] if any(row[column] for row in rows)]
        lines += _csv(name, used, rows)
    return "\n".join(lines) + "\n"


def _expected(made: Mapping[str, FinishedTable]) -> str:
    from etlrunner.config import load
    from etlrunner.mapping import cases

    lines, fates = ["    expect:"], {"rejected": {}, "filtered": {}}  # type: ignore[var-annotated]
    for name, finished in made.items():
        rows = cases.rows_of(finished)
        lines += _csv(name, list(finished.columns), rows) if rows else [f"      {name}: []"]
        gone = {key: rules[0] for key, rules in cases.fates_of(finished).items()}
        rejected = {key: rule for key, rule in gone.items() if rule in finished.counts.rejected}
        filtered = {key: rule for key, rule in gone.items() if rule.startswith(SELECTED)}
        for what, many in (("rejected", rejected), ("filtered", filtered)):
            if many:
                fates[what][name] = dict(sorted(many.items()))
    for what, tables in fates.items():
        if tables:
            lines += _indented(load.to_yaml({what: tables}), 4)
    return "\n".join(lines) + "\n"


def _csv(name: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A table as CSV text in a YAML block."""
    lines = [",".join(columns)]
    lines += [",".join(_cell(row[column]) for column in columns) for row in rows]
    return [f"      {name}: |", *(f"        {line}" for line in lines)]


def _cell(value: Any) -> str:
    text = ",".join(value) if isinstance(value, list) else str(value)
    return '"' + text.replace('"', '""') + '"' if set(text) & set('," ') else text


def _indented(text: str, by: int) -> list[str]:
    return [" " * by + line for line in text.rstrip().splitlines()]
