"""All that a run can tell: how rows went through the mapping, what was done to them, what would change."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from etlrunner.cli import fixlists, screen
from etlrunner.config import left_out
from etlrunner.errors import ChecksFailed, Held
from etlrunner.model.changes import Changes
from etlrunner.model.problems import Finding
from etlrunner.model.tables import Counts
from etlrunner.run import Result
from etlrunner.target import FILE_ORDER

MOST_FINDINGS = 20
MOST_SCHOOLS = 15
MOST_CODES = 20
MOST_COLUMNS = 5


def show(result: Result) -> None:
    """Everything but the last line."""
    _counts(result)
    _steps(result)
    codes(result)
    reasons(result)
    findings(result)
    if result.changes is not None and result.changes.baseline:
        columns(result.changes)
        _schools(result.changes)
        _kinds(result.changes)
    held_over(result)
    _counters(result)
    proposals(result)
    outside(result)
    _for_clerks(result)
    _holds(result)


def proposals(result: Result) -> None:
    """Where the crosswalk lies of new ids that the limits let go; a held run shows how to use it."""
    if result.crosswalks and not isinstance(result.error, Held):
        folder = next(iter(result.crosswalks.values())).parent
        screen.say(
            f"\nNew ids that look like ones Apple knows. A crosswalk that keeps the old ones: {folder}"
        )


def _counts(result: Result) -> None:
    counts = {name: table.counts for name, table in result.finished.items()}
    if not counts:
        return
    changes = result.changes.tables if result.changes else {}
    known = result.changes is not None and result.changes.baseline is not None
    header = ["table", "read", "made", "filtered", "rejected", "written"]
    rows = [_count_row(name, counts[name]) for name in FILE_ORDER if name in counts]
    if known:
        header += ["added", "changed", "removed"]
        for row in rows:
            change = changes.get(str(row[0]))
            row += [change.added, change.changed, change.removed] if change else ["", "", ""]
    baseline = result.changes.baseline if result.changes else None
    title = f"{result.record.id}" + (f", against {baseline}" if baseline else "")
    screen.table(header, rows, title=title)


def _count_row(name: str, counts: Counts) -> list[object]:
    filtered, rejected = sum(counts.filtered.values()), sum(counts.rejected.values())
    return [name, counts.read, counts.added, filtered, rejected, counts.written]


def codes(result: Result, *, unused: bool = True) -> None:
    """Codes that came and are in no table, with their rows; and, if wanted, codes that no row had."""
    for name in FILE_ORDER:
        for one in result.finished[name].codes if name in result.finished else ():
            title = f"{name}, {one.column}: code table '{one.lookup}'"
            if one.unknown:
                listed = [f"{code} ({count:,})" for code, count in one.unknown.items()]
                screen.say(f"{title} does not have {_some(listed)}")
            if one.unused and unused:
                screen.say(f"{title}: of {one.codes:,} codes no row has {_some(list(one.unused))}")


def _some(texts: list[str]) -> str:
    more = f", and {len(texts) - MOST_CODES:,} more" if len(texts) > MOST_CODES else ""
    return ", ".join(texts[:MOST_CODES]) + more


def _steps(result: Result) -> None:
    """The transforms through which rows went or came; the others say nothing that matters here."""
    rows: list[list[object]] = [
        [name, step.name, step.before, step.filtered, step.added, step.after]
        for name in FILE_ORDER
        if name in result.finished
        for step in result.finished[name].counts.steps
        if step.filtered or step.added
    ]
    if rows:
        header = ["table", "transform", "before", "filtered", "made", "after"]
        screen.table(header, rows, title="Rows through the transforms")


def reasons(result: Result, besides: Collection[str] = ()) -> None:
    """Rows left out and cells changed, each by what was done to them and by which rule.

    `besides`: what is not told, such as `filtered`.
    """
    rows = [row for name in FILE_ORDER for row in _of_table(result, name) if row[1] not in besides]
    if rows:
        header = ["table", "what", "rule", "column", "rows or cells"]
        screen.table(header, rows, title="What was left out or changed, and by which rule")


def _of_table(result: Result, name: str) -> Iterator[list[object]]:
    made = result.finished.get(name)
    if made is None:
        return
    for rule, count in made.counts.filtered.items():
        yield [name, "filtered", rule, "", count]
    for rule, count in made.counts.rejected.items():
        kind = rule.partition(".")[0]
        what = {"repair": "repaired: row dropped", "merge": "merged"}.get(kind, "rejected")
        yield [name, what, rule, "", count]
    for one in made.touched:
        yield [name, _TOUCHED[one.verdict], one.rule, one.column, one.count]
    cells = Counter(
        ("row made" if repair.row_added else "cell changed", repair.rule, repair.column or "")
        for repair in result.repairs
        if repair.table == name and not repair.row_dropped
    )
    for (what, rule, column), count in sorted(cells.items()):
        yield [name, f"repaired: {what}", rule, column, count]


_TOUCHED = {"blank": "blanked", "cut": "cut"}


def all_findings(result: Result) -> tuple[Finding, ...]:
    """Those of the checks, or of whatever ended the run before them."""
    early = result.error.findings if isinstance(result.error, ChecksFailed) else ()
    return result.findings or early


def findings(result: Result) -> None:
    """Errors one by one, warnings counted by rule."""
    found = all_findings(result)
    errors = [finding for finding in found if finding.severity == "error"]
    warnings = [finding for finding in found if finding.severity == "warning"]
    if errors:
        screen.say(f"\nErrors ({_total(errors):,}):")
        _list(errors)
    if warnings:
        rows = [
            [rule, table, n]
            for (rule, table), n in sorted(_by_rule(warnings).items(), key=lambda item: -item[1])
        ]
        screen.table(
            ["warning", "table", "rows"], rows, title="Warnings (etlrunner explain RULE tells more)"
        )
    unmatched(result)


def unmatched(result: Result) -> None:
    """Files and joins that fit nothing, with how many of how many: a likely cause of much else."""
    lines = [
        textwrap.fill(f"{one.message} [{one.rule}]", screen.width(), break_on_hyphens=False)
        for one in all_findings(result)
        if one.rule.startswith("unmatched-")
    ]
    if lines:
        screen.say("\n".join(lines) + "\n")


def _list(found: list[Finding]) -> None:
    for finding in found[:MOST_FINDINGS]:
        screen.say(f"  {_with_its_record(finding)}")
    rest = _total(found) - _total(found[:MOST_FINDINGS])
    if rest > 0:
        screen.say(f"  … and {rest:,} more; --json lists them")


def _with_its_record(finding: Finding) -> str:
    """The finding, and which record it is about: a row's number says little where there is no file yet."""
    known = (finding.key or "", f"school {finding.school}" if finding.school else "")
    about = ", ".join(one for one in known if one and one not in finding.message)
    end = f" [{finding.rule}]"
    return f"{str(finding).removesuffix(end)}{f' ({about})' if about else ''}{end}"


def _by_rule(found: Iterable[Finding]) -> Counter[tuple[str, str]]:
    tally: Counter[tuple[str, str]] = Counter()
    for finding in found:
        tally[finding.rule, finding.table] += finding.count
    return tally


def _total(found: Iterable[Finding]) -> int:
    return sum(finding.count for finding in found)


def columns(changes: Changes) -> None:
    """Which columns differ from what the target has, and in how many rows."""
    for name in FILE_ORDER:
        if (one := changes.tables.get(name)) is not None and one.columns:
            most = sorted(one.columns.items(), key=lambda item: (-item[1], item[0]))
            told = [f"{column} in {count:,}" for column, count in most[:MOST_COLUMNS]]
            rest = ", …" if len(most) > MOST_COLUMNS else ""
            screen.say(f"{name} that change: {', '.join(told)}{rest}")


def _schools(changes: Changes) -> None:
    rows: list[list[object]] = []
    for name, table in changes.tables.items():
        for school, (before, added, removed, changed) in table.schools.items():
            if added or removed or changed:
                rows.append([school, name, before, added, changed, removed])
    if not rows:
        return
    rows.sort(key=lambda row: (-int(str(row[5])), -int(str(row[3]))))
    more = f" (the {MOST_SCHOOLS} largest of {len(rows)})" if len(rows) > MOST_SCHOOLS else ""
    screen.table(
        ["school", "table", "before", "added", "changed", "removed"],
        rows[:MOST_SCHOOLS],
        title=f"Changes per school{more}",
    )


KINDS = {
    "moved": "moved to another school",
    "rekeyed": "known to Apple under another id",
    "swapped": "have the name another id had",
    "replaced": "mean somebody else than before",
    "role_changed": "go over between students and staff",
    "renamed": "have other first and last names",
    "emptied": "lost a number, an address, a user name, a grade or their instructors",
    "retaught": "have none of their instructors",
}


def _kinds(changes: Changes) -> None:
    rows = [
        [name, KINDS[kind], count]
        for name, table in changes.tables.items()
        for kind, count in table.kinds.items()
    ]
    if rows:
        screen.table(["table", "", "rows"], rows, title="What the changes mean")


def held_over(result: Result) -> None:
    """Who is gone from the source and was kept for now; the run's folder lists the keys."""
    if result.held_over is None or not result.held_over.rows:
        return
    rows: list[list[object]] = []
    for name, count in result.held_over.rows.items():
        gone = result.held_over.gone.get(name, {}).values()
        rows.append([name, count, min((str(since) for since, _ in gone), default="")])
    title = "Gone from the source, sent once more as last known (held_over.parquet lists them)"
    screen.table(["table", "rows", "since"], rows, title=title)


def _counters(result: Result) -> None:
    """The sanity counters beside what they were; those that are 0 and always were say nothing."""
    if result.figures is None:
        return
    before = [one.totals() for one in result.trail]
    rows: list[list[object]] = []
    for name, value in result.figures.totals().items():
        past = [one.get(name, 0) for one in before]
        if value or any(past):
            usual = f"{min(past):,} to {max(past):,}" if past else ""
            rows.append([name.replace("_", " "), value, usual])
    if rows:
        last = f"last {len(before)}" if before else "before"
        screen.table(["counter", "now", last], rows, title="Sanity counters")


def outside(result: Result) -> None:
    """What the flow leaves out by id, and warnings about its files."""
    if result.plan is None:
        return
    screen.problems(result.plan.warnings)
    if lines := left_out.told(result.plan.flow.leave_out):
        screen.say("\n" + "\n".join(lines))


def _for_clerks(result: Result) -> None:
    if count := fixlists.waiting(result):
        what = "finding is" if count == 1 else "findings are"
        screen.say(f"{count:,} {what} for the schools' clerks: {fixlists.told_by(result)}")


def _holds(result: Result) -> None:
    if not isinstance(result.error, Held):
        return
    screen.say("\nHeld, because:")
    for hold in result.error.holds:
        screen.say(f"  {hold.told} [{hold.safeguard}]")
