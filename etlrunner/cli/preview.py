"""`etlrunner preview`: some rows of a target table, source beside result, step by step on request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from etlrunner.cli import options, screen
from etlrunner.config.project import Project
from etlrunner.errors import UsageError
from etlrunner.lib.suggest import close_to

if TYPE_CHECKING:
    from etlrunner.plan import Plan
    from etlrunner.preview import Preview, Sample
    from etlrunner.run import Services


@click.command()
@click.argument("flow")
@click.argument("table")
@click.option(
    "--rows", "most", type=click.IntRange(1), default=3, show_default=True, help="How many rows."
)
@click.option(
    "--id",
    "ids",
    multiple=True,
    metavar="ID",
    help="This row: by its key, or what else `why` takes. May be repeated.",
)
@click.option("--steps", is_flag=True, help="Show these rows after each transform, too.")
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
    steps: bool,
    fresh: bool,
    show_values: bool,
    sets: dict[str, str],
    as_json: bool,
    project: Project,
) -> None:
    """Show rows of TABLE (students, staff, …) as the mapping makes them now, beside their source.

    Takes the roster of the last run that is still kept, on the day of that run, so that a changed mapping
    shows at once; pulls only if there is none, or with --fresh. Values are shown as shapes (Xxxx9)
    unless you ask for them.
    """
    from etlrunner import plan as plans
    from etlrunner import preview

    plan = plans.make(project, flow, sets)
    if table not in plan.flow.mapping.tables:
        known = ", ".join(plan.flow.mapping.tables)
        hint = close_to(table, plan.flow.mapping.tables) or f"known: {known}"
        raise UsageError(f"there is no table '{table}' in this mapping", hint=hint)
    with options.services(project, quiet=as_json) as services:
        kept = None if fresh else _kept_roster(plan, services)
        raw, day = kept or _pull(plan, services, sets)
        found = preview.preview(
            plan.flow, table, raw, as_of=day, ids=ids, most=most, progress=services.progress
        )
    if as_json:
        screen.document([_as_data(plan, table, one, steps, show_values) for one in found.samples])
    else:
        _show(plan, table, found, steps, show_values)


def _kept_roster(plan: Plan, services: Services) -> tuple[Mapping[str, Path], date] | None:
    from etlrunner import evidence
    from etlrunner.mapping import from_database

    wanted = (*plan.raw_tables, *from_database.names(plan.flow.mapping))
    kept = evidence.last_roster(plan.project, services.history, plan.flow.name, wanted)
    if kept is None:
        return None
    run, raw, day = kept
    screen.complain(f"the roster is that of {run.id}; --fresh pulls a new one")
    return raw, day


def _pull(plan: Plan, services: Services, sets: dict[str, str]) -> tuple[Mapping[str, Path], date]:
    from etlrunner import engine, stages
    from etlrunner.run import Request

    request = Request(deliver=False, sets=sets)
    result = engine.run(plan.project, plan.flow.name, request, services)
    if not result.raw and result.error is not None:
        raise result.error
    return result.raw_paths(), stages.local_date(plan.flow, request, services.clock)


# ---------------------------------------------------------------- shown


def _show(plan: Plan, table: str, found: Preview, steps: bool, show_values: bool) -> None:
    mapping = plan.flow.mapping.tables[table]
    if steps and not mapping.transforms:
        screen.say(
            f"{table} has no transforms: its columns are made from {mapping.source} at once."
        )
    elif steps:
        _show_steps(plan, table, found.samples, show_values)
    for one in found.samples:
        if one.row is None:
            _show_absence(plan, table, one)
            continue
        source, row = (_seen(plan, table, part, show_values) for part in (one.source, one.row))
        given = [[name, _text(value)] for name, value in source.items() if value]
        made = [[name, _text(value)] for name, value in row.items()]
        screen.table(
            [mapping.source, "source", "", table, "result"],
            [[*left, "→", *right] for left, right in _beside(given, made)],
            width=screen.width(),
        )
    shown = sum(1 for one in found.samples if one.row is not None)
    screen.say(
        f"{shown} of {found.written:,} rows of {table}; "
        f"the mapping: etlrunner show {plan.flow.name} --mapping {table}"
    )


def _show_absence(plan: Plan, table: str, one: Sample) -> None:
    """One line for what was asked for and is not written, and where to ask further."""
    name = one.source.get("sourcedId", "")
    if not name:
        word = "that address" if "@" in one.asked else one.asked
        ask = f"etlrunner why {plan.flow.name} {table} ID"
        screen.say(f"{table} {word}: {one.fate}; more: {ask}")
        return
    screen.say(
        f"{table} {name}: taken out by `{one.fate}`; more: etlrunner why {plan.flow.name} {table} {name}"
    )


def _show_steps(plan: Plan, table: str, samples: Sequence[Sample], show_values: bool) -> None:
    """After each transform: what it matched by, and every column that steps made so far, new ones first."""
    made: list[str] = []
    for number, step in enumerate(plan.flow.mapping.tables[table].transforms):
        traces = {id(one.steps): one.steps for one in samples}.values()
        seen = [next((one for one in many if one.step is step), None) for many in traces]
        rows = [(one.before, one.after) for one in seen if one is not None]
        fresh = [
            name
            for name in dict.fromkeys(name for _, after in rows for row in after for name in row)
            if any(before and name not in before[0] for before, _ in rows)
        ]
        by = [
            name for name in dict.fromkeys(("sourcedId", *_ours(step.options))) if name not in made
        ]
        made = [*fresh, *(name for name in made if name not in fresh)]
        names = [*by, *made]
        cells: list[list[object]] = []
        for before, after in rows:
            marks = ["" if place < len(before) else "+" for place in range(len(after))]
            shown = list(zip(marks, after, strict=True)) or [("gone", row) for row in before]
            for mark, row in shown:
                values = _seen(plan, table, row, show_values)
                cells.append([mark, *(_text(values.get(name, "")) for name in names)])
        header = ["", *by, *(f"+{name}" if name in fresh else name for name in made)]
        strong = [place for place, name in enumerate(header) if name.startswith("+")]
        title = f"step {number + 1}, {step.type} ({step.place})" if step.place else step.type
        screen.table(header, cells, title=title, width=screen.width(), strong=strong)


def _ours(options: Mapping[str, Any]) -> list[str]:
    """Columns of ours that a transform looks at, as far as its options name them."""
    match = options.get("match")
    found = list(match.values()) if isinstance(match, Mapping) else []
    for key in ("key", "by"):
        many = options.get(key, ())
        found += [str(one).split()[0] for one in ([many] if isinstance(many, str) else many)]
    return found


def _beside(left: list[list[str]], right: list[list[str]]) -> list[tuple[list[str], list[str]]]:
    blank = ["", ""]
    height = max(len(left), len(right))
    left, right = left + [blank] * (height - len(left)), right + [blank] * (height - len(right))
    return list(zip(left, right, strict=True))


def _as_data(plan: Plan, table: str, one: Sample, steps: bool, show_values: bool) -> dict[str, Any]:
    def seen(row: Mapping[str, Any]) -> dict[str, Any]:
        return _seen(plan, table, row, show_values)

    data: dict[str, Any] = {
        "source": seen(one.source),
        "result": None if one.row is None else seen(one.row),
        "fate": one.fate,
    }
    if steps:
        data["steps"] = [
            {
                "step": step.name,
                "before": list(map(seen, step.before)),
                "after": list(map(seen, step.after)),
            }
            for step in one.steps
        ]
    return data


def _seen(plan: Plan, table: str, row: Mapping[str, Any], show_values: bool) -> dict[str, Any]:
    from etlrunner.lib import shapes
    from etlrunner.why.accounts import open_columns

    mapping = plan.flow.mapping.tables[table]
    inner = {name: value for name, value in row.items() if not name.startswith("_")}
    if show_values:
        return inner
    return shapes.masked(inner, mapping.source, frozenset(open_columns(mapping)))


def _text(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)
