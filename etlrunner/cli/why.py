"""`etlrunner why`: where one record went, and by which rule."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from etlrunner.cli import options, screen
from etlrunner.config.project import Project
from etlrunner.errors import UsageError

if TYPE_CHECKING:
    from etlrunner.evidence import Evidence
    from etlrunner.why.account import Account
    from etlrunner.why.accounts import Accounts
    from etlrunner.why.records import Found, Records

MOST = 20
"""Records that are listed where it is not clear which one is meant."""


@click.command()
@click.argument("flow")
@click.argument("table")
@click.argument("words", nargs=-1, required=True, metavar="ID")
@click.option("--run", "run", metavar="RUN", default="", help="That run, instead of the last one.")
@click.option("--show-values", is_flag=True, help="Show values as they are; else their shape only.")
@options.json_option
@options.project_option
def command(
    flow: str,
    table: str,
    words: tuple[str, ...],
    run: str,
    show_values: bool,
    as_json: bool,
    project: Project,
) -> int:
    """Tell what became of one record: each rule with its verdict, each cell with its way, the row.

    TABLE is one of Apple's (students, staff, courses, classes, rosters, locations). ID is the key there,
    a sourcedId, a person's number, user name or e-mail address, a class code or title, a school's
    number; for rosters also CLASS STUDENT. Told from what the last run kept (or --run), with the
    configuration that it had. Values are shown as shapes (Xxxx9) unless you ask for them.
    """
    from etlrunner import evidence
    from etlrunner.why.accounts import Accounts

    name = Path(flow).stem
    if not project.runs_folder(name).is_dir() and name not in project.flows():
        project.flow_path(flow)  # says what is known instead
    _check(table, words)
    with options.services(project, quiet=True) as services:
        kept = evidence.find(project, services.history, name, run)
        asked = services.history.resolve_run(run) if run and run != "last" else kept.run
    if said := evidence.instead(asked, kept):
        screen.complain(said)
    accounts = Accounts(kept, table, project.state / name / "delivered", show=show_values)
    found = accounts.records.find(words)
    if not found.rows:
        return _missing(accounts, words, as_json)
    if len(found.rows) > MOST:
        raise UsageError(f"{len(found.rows)} records have that {found.by}", hint="ask by sourcedId")
    told = accounts.of(found.rows)
    chosen = _chosen(told, found)
    if chosen is None:
        return _unclear(told, found, as_json)
    if as_json:
        screen.document({"found": True, "by": found.by, "account": chosen})
    else:
        from etlrunner.cli import account

        account.show(chosen, found.key)
    return 0


def _check(table: str, words: tuple[str, ...]) -> None:
    from etlrunner.lib.suggest import close_to
    from etlrunner.target import FILE_ORDER

    if table not in FILE_ORDER:
        known = ", ".join(FILE_ORDER)
        raise UsageError(f"there is no table '{table}'", hint=close_to(table, FILE_ORDER) or known)
    if len(words) > (2 if table == "rosters" else 1):
        hint = "put quotes around an ID with spaces; only rosters takes two: CLASS STUDENT"
        raise UsageError(f"{len(words)} ids are too many", hint=hint)


def _chosen(told: list[Account], found: Found) -> Account | None:
    """The one that is meant: the only one, or the only one that is written of several for one row."""
    if len(told) == 1:
        return told[0]
    written = [one for one in told if "written" in one.fates]
    one_row = bool(found.key) or found.by == "class and person"
    if one_row and len(written) <= 1:
        return written[0] if written else told[-1]
    return None


def _unclear(told: list[Account], found: Found, as_json: bool) -> int:
    """Several records: each by its identifier, and what became of it."""
    if as_json:
        screen.document({"found": True, "by": found.by, "accounts": told})
        return 2
    rows = [
        [
            one.record.get("sourcedId", ""),
            one.record.get("status", ""),
            _kind(one),
            ", ".join(one.fates),
        ]
        for one in told
    ]
    screen.table(["sourcedId", "status", "", "became"], rows)
    screen.say(f"{len(told)} records have that {found.by}; ask again with one of these sourcedIds.")
    return 2


def _kind(one: Account) -> object:
    names = ("role", "type", "classCode", "courseCode")
    return next((one.record[name] for name in names if one.record.get(name)), "")


def _missing(accounts: Accounts, words: tuple[str, ...], as_json: bool) -> int:
    """Not in the source: say so, and what it may be instead."""
    from etlrunner.why.accounts import gone, held_over

    kept, records = accounts.kept, accounts.records
    key = "--".join(words)
    held = held_over(kept, accounts.table, [key])
    last = "" if held else gone(kept, accounts.table, accounts.delivered_folder, key)
    near = list(records.nearly(words[0])) if len(words) == 1 else []
    commands = [f"etlrunner why {kept.run.flow} {one.table} {' '.join(one.words)}" for one in near]
    halves = _halves(kept, records, key) if accounts.records.source == "enrollments" else []
    if as_json:
        screen.document(
            {
                "found": False,
                "run": kept.run.id,
                "table": accounts.table,
                "delivered": last,
                "held_over": held,
                "near": [{"what": one.what, "ask": ask} for one, ask in zip(near, commands, strict=True)],
                "halves": halves,
            }
        )  # fmt: skip
        return 0
    for one, ask in zip(near, commands, strict=True):
        screen.say(f"{one.what}\n  {ask}")
    for line in halves:
        screen.say(line)
    if held:
        screen.say(
            f"It is gone since {held['since']} (run {held['runs']}); grace sends it as last known."
        )
    if last:
        screen.say(f"{last} delivered this key, so it goes with the next delivery.")
    screen.say(
        f"{accounts.table}: the source had no such record on {kept.as_of}, in {kept.run.id}."
    )
    if not (near or halves or last or held):
        screen.say("Tried: the key, sourcedId, and what else a record of this table is called by.")
        screen.say(f"If it was added to the SIS since, pull again: etlrunner plan {kept.run.flow}")
    return 0


def _halves(kept: Evidence, records: Records, key: str) -> list[str]:
    """Of an enrollment that is not there: whether the class and the person are."""
    one, separator, other = key.partition("--")
    if not separator:
        return []
    lines = []
    for name, table, word in (("classes", "classes", one), ("users", "students", other)):
        there = records.there(name, word)
        ask = f"etlrunner why {kept.run.flow} {table} {there or word}"
        state = f"is in the source: {ask}" if there else "is not in the source"
        lines.append(f"the {'class' if name == 'classes' else 'person'} {state}")
    return lines
