"""`etlrunner preview`: some rows of a target table, source beside result."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from etlrunner.cli import options, screen
from etlrunner.config.project import Project
from etlrunner.errors import UsageError

if TYPE_CHECKING:
    from etlrunner.model import FinishedTable
    from etlrunner.plan import Plan
    from etlrunner.run import Services


@click.command()
@click.argument("flow")
@click.argument("table")
@click.option(
    "--rows", "most", type=click.IntRange(1), default=3, show_default=True, help="How many rows."
)
@click.option(
    "--id", "ids", multiple=True, metavar="KEY", help="This row, by its key. May be repeated."
)
@click.option("--fresh", is_flag=True, help="Pull now, instead of taking the last run's roster.")
@click.option("--show-values", is_flag=True, help="Show values as they are; else their shape only.")
@options.set_option
@options.json_option
@options.project_option
def command(
    flow: str,
    table: str,
    most: int,
    ids: tuple[str, ...],
    fresh: bool,
    show_values: bool,
    sets: dict[str, str],
    as_json: bool,
    project: Project,
) -> None:
    """Show rows of TABLE (students, staff, …) as the mapping makes them now, beside their source.

    Takes the roster of the last run that is still kept, so that a changed mapping shows at once; pulls only
    if there is none, or with --fresh. Values are shown as shapes (Xxxx9) unless you ask for them.
    """
    from etlrunner import plan as plans

    plan = plans.make(project, flow, sets)
    if table not in plan.flow.mapping.tables:
        known = ", ".join(plan.flow.mapping.tables)
        raise UsageError(f"there is no table '{table}' in this mapping", hint=f"known: {known}")
    with options.services(project, quiet=as_json) as services:
        raw = {} if fresh else _kept_roster(plan, services)
        raw = raw or _pull(plan, services, sets)
        with tempfile.TemporaryDirectory(prefix="etlrunner-") as scratch:
            finished = _map(plan, raw, Path(scratch), services)
            pairs = list(_pairs(plan, table, raw, finished[table], most, ids))
    if not show_values:
        pairs = [(_masked(source), _masked(row)) for source, row in pairs]
    if as_json:
        screen.document([{"source": source, "result": row} for source, row in pairs])
    else:
        _show(plan, table, pairs, finished[table])


def _kept_roster(plan: Plan, services: Services) -> Mapping[str, Path]:
    from etlrunner.kept import run_folder

    for run in services.history.runs(plan.flow.name, limit=50):
        folder = run_folder(plan.project, run) / "raw"
        paths = {name: folder / f"{name}.parquet" for name in plan.raw_tables}
        if run.raw_rows and all(path.is_file() for path in paths.values()):
            screen.complain(f"the roster is that of {run.id}; --fresh pulls a new one")
            memory = folder / "assigned.parquet"
            return {**paths, memory.stem: memory} if memory.is_file() else paths
    return {}


def _pull(plan: Plan, services: Services, sets: dict[str, str]) -> Mapping[str, Path]:
    from etlrunner import engine
    from etlrunner.run import Request

    result = engine.run(plan.project, plan.flow.name, Request(deliver=False, sets=sets), services)
    if not result.raw and result.error is not None:
        raise result.error
    return result.raw_paths()


def _map(
    plan: Plan, raw: Mapping[str, Path], scratch: Path, services: Services
) -> Mapping[str, FinishedTable]:
    from etlrunner import plan as plans
    from etlrunner import stages
    from etlrunner.mapping import apply
    from etlrunner.run import Request

    return apply.map_tables(
        plan.flow,
        raw,
        scratch,
        as_of=stages.local_date(plan.flow, Request(), services.clock),
        resolve=plans.transform,
        progress=services.progress,
    )


def _pairs(
    plan: Plan,
    table: str,
    raw: Mapping[str, Path],
    finished: FinishedTable,
    most: int,
    ids: tuple[str, ...],
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Rows of the finished table, each with the source row it was made from."""
    import polars as pl

    from etlrunner import table as tables

    key = plan.target.tables[table].key
    rows = tables.scan(finished.path).frame
    rows = rows.filter(pl.col(key).is_in(ids)) if ids else rows.head(most)
    made = tables.collect(rows)
    assert finished.fate_path is not None
    fate = tables.scan(finished.fate_path).frame.filter(pl.col("fate") == 0)
    sources = tables.scan(raw[plan.flow.mapping.tables[table].source]).frame
    wanted = fate.filter(pl.col("key").is_in(made[key].to_list())).select("_row", "key")
    found = tables.collect(wanted.join(sources, on="_row", how="inner"))
    by_key = {row.pop("key"): row for row in found.to_dicts()}
    for row in made.to_dicts():
        source = by_key.get(row[key], {})
        source.pop("_row", None)
        yield source, row


def _show(
    plan: Plan, table: str, pairs: list[tuple[dict[str, Any], dict[str, Any]]], made: FinishedTable
) -> None:
    mapping = plan.flow.mapping.tables[table]
    for source, row in pairs:
        cells = [[name, _text(value)] for name, value in row.items()]
        given = [[name, _text(value)] for name, value in source.items() if value]
        height = max(len(cells), len(given))
        blank = ["", ""]
        lines = [
            [
                *(given[n] if n < len(given) else blank),
                "→",
                *(cells[n] if n < len(cells) else blank),
            ]
            for n in range(height)
        ]
        screen.table([mapping.source, "source", "", table, "result"], lines)
    shown = f"{len(pairs)} of {made.counts.written:,} rows of {table}"
    screen.say(f"{shown}; etlrunner show {plan.flow.name} has the mapping's layers.")


def _text(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


OPEN = ("_id", "Id", "Ids", "role", "roles", "status", "type", "primary", "grades", "grade_level")
"""Columns whose names end so hold identifiers and codes, not people."""


def _masked(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value if name.endswith(OPEN) else _shape(value) for name, value in row.items()}


def _shape(value: Any) -> Any:
    """Letters as x and X, digits as 9: the form of a value without the value."""
    if isinstance(value, list):
        return [_shape(item) for item in value]
    return "".join(
        "9"
        if letter.isdigit()
        else ("X" if letter.isupper() else "x")
        if letter.isalpha()
        else letter
        for letter in str(value)
    )
