"""The stages of a run that keep it from doing harm: who is held over, what would change, whether it may.

As in `stages`, each loads its module when it runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etlrunner import journal as journals
from etlrunner import kept, seasons, stages
from etlrunner.errors import Held
from etlrunner.history import delivered as deliveries
from etlrunner.journal import Journal
from etlrunner.model.changes import NOTHING_CHANGES, Figures, Hold
from etlrunner.model.flow import Flow
from etlrunner.model.run import RunRecord
from etlrunner.plan import Plan
from etlrunner.run import Result

if TYPE_CHECKING:
    from etlrunner.compare import Comparison


def hold_over(plan: Plan, result: Result, journal: Journal, *, day: date) -> None:
    """Who is gone from the source is sent once more as last known, as grace and season say."""
    result.last = deliveries.read(stages.delivered_folder(plan))
    season = seasons.of(plan.flow, day)
    additive = season is not None and season.mode == "additive"
    if result.last is None or not (plan.flow.grace or additive):
        return
    from etlrunner import holdover
    from etlrunner.mapping import select

    mapped = plan.flow.mapping.tables
    result.held_over = holdover.hold_over(
        plan.target,
        result.finished,
        result.last.tables,
        holdover.read(stages.state_folder(plan)),
        plan.flow.grace,
        day=day,
        additive=additive,
        folder=result.folder,
        mapped={name: one.columns for name, one in mapped.items()},
        left_out={name: select.left_out(plan.flow, one.source) for name, one in mapped.items()},
        unknown=_newly_left_out_and_gone(plan, result),
        loaded=result.loaded,
    )
    if result.held_over.rows:
        result.finished = result.held_over.finished
        journal.note(
            counts={name: table.counts for name, table in result.finished.items()},
            held_over=result.held_over.rows,
        )


def compare_tables(plan: Plan, result: Result, journal: Journal, *, day: date) -> None:
    """What the delivery would change, and its figures beside those of the last ones."""
    from etlrunner import compare, figures, guard

    last = result.last
    result.trail = trail(last)
    result.comparison = compare.Comparison(
        plan.target,
        stages.finished_paths(result),
        last.tables if last else None,
        result.held_over.keys if result.held_over else None,
        counted=result.trail[-1].rows if result.trail else None,
        loaded=result.loaded,
    )
    result.changes = result.comparison.changes(last.run_id if last else None)
    tables = result.changes.tables
    result.figures = figures.of(
        stages.finished_paths(result), journal.record.id, day, result.loaded
    )
    result.loaded.let_go()  # from here on the files themselves are asked
    _note_whose(result, result.comparison)
    small = plan.flow.safeguards.small_change
    result.findings = (
        *result.findings,
        *guard.noticed(result.changes),
        *figures.jumps(result.figures, result.trail, small),
    )
    journal.note(
        changes={name: (one.added, one.changed, one.removed) for name, one in tables.items()},
        kinds={name: one.kinds for name, one in tables.items() if one.kinds},
        counters=result.figures.totals(),
        findings=stages.tally(result.findings),
        baseline=last.run_id if last else "",
    )


def guard_delivery(plan: Plan, result: Result, journal: Journal, *, day: date) -> None:
    """Nothing that a safeguard stops goes on: all or nothing. The same content as before may."""
    from etlrunner import figures, guard, scope

    assert result.changes is not None
    absent = _absent(plan, result)
    now = scope.of(plan.flow, absent)
    journal.note(scope={**now, "crosswalks": dict(result.crosswalks_met)})
    flow = seasons.in_force(plan.flow, day)
    result.holds = guard.lost(flow, result.changes, _newly_gone(plan, result, day))
    if not is_as_delivered(result):
        then, small = result.last.scope if result.last else None, flow.safeguards.small_change
        result.holds = (*scope.unmatched(result.crosswalks_met, then, small), *result.holds)
        result.holds += guard.guard(
            flow,
            result.changes,
            result.finished,
            delivered_scope=then,
            now=result.figures,
            trail=result.trail,
            marks=figures.without(marks(result.last), seasons.loosened(plan.flow, day)),
            absent=absent,
        )
        if result.older is not None:
            result.holds += (guard.older(result.changes, result.older),)
    elif stale := figures.stale(result.trail, day, flow.safeguards.stale_after):
        result.findings = (*result.findings, stale)
        journal.note(findings=stages.tally(result.findings))
    result.holds += tuple(_against_unproven(plan, flow, result, absent))
    result.crosswalks = _propose(plan, result)
    if result.holds:
        raise Held(result.holds)


def guard_once_more(
    plan: Plan, result: Result, earlier: RunRecord, then: Mapping[str, Any]
) -> None:
    """An earlier archive is held whenever it would change anything: its roster is older than Apple's."""
    from etlrunner import guard, scope

    assert result.changes is not None
    unproven = tuple(_against_unproven(plan, plan.flow, result, {}))
    if is_as_delivered(result):
        if unproven:
            result.holds = unproven
            raise Held(result.holds)
        return
    holds = guard.guard(
        plan.flow,
        result.changes,
        {},  # what was rejected and repaired then was looked at then
        delivered_scope=None,
        now=result.figures,
        trail=result.trail,
    )
    wider = scope.wider(plan.flow, then)
    result.holds = (guard.older(result.changes, earlier), *wider, *holds, *unproven)
    raise Held(result.holds)


def is_unchanged(result: Result) -> bool:
    """Whether Apple has exactly this already: nothing else of ours may have got there since."""
    return is_as_delivered(result) and not result.leftovers and not result.unproven


def is_as_delivered(result: Result) -> bool:
    """Whether this is what was last proven to be there."""
    assert result.archive is not None
    return result.last is not None and result.last.content_hash == result.archive.content_hash


def unchanged_words(result: Result) -> str:
    """How a run ends that has nothing to send."""
    done = "nothing to do: Apple has exactly this already"
    stale = next((one for one in result.findings if one.rule == NOTHING_CHANGES), None)
    return f"{done}; {stale.message}: is it holidays?" if stale else done


def trail(last: deliveries.Delivered | None) -> tuple[Figures, ...]:
    """The figures of the last deliveries, oldest first."""
    from etlrunner import figures

    return tuple(figures.from_data(one) for one in last.trail) if last else ()


def marks(last: deliveries.Delivered | None) -> tuple[Figures, ...]:
    """The sizes of one delivery in each month of the last year, oldest first."""
    from etlrunner import figures

    return tuple(figures.from_data(one) for one in last.marks) if last else ()


def _note_whose(result: Result, comparison: Comparison) -> None:
    """Whom the changes mean that are said each time: the keys lie with the run's findings."""
    from etlrunner import findings_file, guard

    path = result.folder / findings_file.NAME
    lines = [
        findings_file.rows(name, ids["id"], guard.rule_of(kind), None, "warn").with_columns(
            ids["was"].alias("before")
        )
        for name, kind, ids in comparison.whose()
    ]
    if lines and path.exists():
        findings_file.add(path, lines)


def _against_unproven(
    plan: Plan, flow: Flow, result: Result, absent: Mapping[str, Sequence[str]]
) -> Iterator[Hold]:
    """What the safeguards say against each upload that may have arrived, though nothing proves it.

    One with the content of this delivery, or of the last proven one, is nothing else to compare with. Who
    is held over is asked of the proven one alone: who came with the other may never have been at Apple.
    """
    from etlrunner import compare, guard

    assert result.archive is not None
    known = {result.archive.content_hash, result.last.content_hash if result.last else ""}
    for one in result.unproven:
        if one.record.content_hash in known:
            continue
        tables = kept.tables(plan.project, one.record)
        if tables is None:
            yield guard.unproven(one.record, one.why_not, tables_are_gone=True)
            continue
        kept_on = result.held_over.keys if result.held_over else None
        made = compare.Comparison(plan.target, stages.finished_paths(result), tables, kept_on)
        changes = made.changes(one.record.id)
        beside = journals.identifiers(kept.run_folder(plan.project, one.record))
        then = beside.get("scope")
        if holds := guard.guard(flow, changes, {}, delivered_scope=then, absent=absent):
            result.against += ((one.record, changes),)
            yield guard.unproven(one.record, one.why_not)
            yield from (
                replace(hold, message=f"against {one.record.id}, {hold.message}") for hold in holds
            )


def _absent(plan: Plan, result: Result) -> Mapping[str, list[str]]:
    """People whom the flow leaves out by ids that the roster does not have, crosswalks applied."""
    from etlrunner import table
    from etlrunner.mapping import crosswalk

    people = {name: set(plan.flow.leave_out.get(name, ())) for name in ("students", "staff")}
    if "users" not in result.raw or not any(people.values()):
        return {}
    users = table.collect(table.scan(result.raw["users"].path).frame.select("sourcedId"))
    here = set(users["sourcedId"])
    if "users" in plan.flow.crosswalks:
        known = crosswalk.read(plan.flow.crosswalks["users"])
        here = {known.get(one, one) for one in here}
    return {name: sorted(ids - here) for name, ids in people.items()}


def _newly_left_out_and_gone(plan: Plan, result: Result) -> set[str]:
    """Tables of whose people somebody was delivered, is left out from today, and is not in the roster."""
    before = (result.last.scope.get("leave_out") or {}) if result.last else {}
    absent = _absent(plan, result)
    return {name for name, ids in absent.items() if set(ids) - set(before.get(name) or ())}


def _newly_gone(plan: Plan, result: Result, day: date) -> Mapping[str, int]:
    """What the source lost today; in an additive season that is what the season is for."""
    season = seasons.of(plan.flow, day)
    if result.held_over is None or (season is not None and season.mode == "additive"):
        return {}
    return result.held_over.newly_gone(day)


def _propose(plan: Plan, result: Result) -> Mapping[str, Path]:
    """Crosswalk files for a person to review, where ids look like others of the last delivery."""
    pairs = result.comparison.crosswalks() if result.comparison is not None else {}
    if not pairs:
        return {}
    from etlrunner import propose

    return propose.propose(plan.flow, pairs, result.raw_paths(), result.folder / "crosswalks")
