"""What a command tells about a run, in words or as data; and what of it is kept beside the run's rows."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

from etlrunner.cli import brief, held, screen, whole
from etlrunner.errors import ChecksFailed, ConfigurationError, EtlError, Held, LocalTrouble
from etlrunner.lib import far_side, files, plain
from etlrunner.model.run import RunRecord
from etlrunner.run import Result

WHOLE = "report.txt"
"""Everything about a run, in its folder; it goes with the rows."""
SCREEN = "held.txt"
"""The one screen of a held run, beside it."""


def tell(result: Result, *, as_json: bool) -> int:
    """The one result of a command, on a screen or as a document; the exit code."""
    if as_json:
        keep(result)
        screen.document(as_data(result))
    else:
        show(result)
    return result.exit_code


def show(result: Result) -> None:
    """Everything a person needs to decide, and as the last line one plain sentence.

    What was held or went well is one screen; the whole lies in the run's folder, for `etlrunner history RUN --all`.
    """
    keep(result)
    if isinstance(result.error, Held):
        held.show(result, result.error.holds)
    elif result.exit_code == 0 and result.record.trigger != "plan":
        brief.show(result)
    else:
        whole.show(result)
    _last_line(result)
    for trouble in result.untold:
        screen.complain(f"       {trouble}")


def keep(result: Result) -> None:
    """Put into the run's folder what `show` would tell, so that it can be read tomorrow."""
    is_told = result.finished or (isinstance(result.error, EtlError) and result.error.detail)
    if not is_told or not result.folder.is_dir():
        return
    with contextlib.suppress(LocalTrouble):  # the run has its end already
        with screen.kept() as text:
            whole.show(result)
            if result.exit_code not in (0, Held.exit_code):
                _last_line(result)
        files.write_private(result.folder / WHOLE, text.getvalue())
        if isinstance(result.error, Held):
            with screen.kept() as text:
                held.show(result, result.error.holds)
            files.write_private(result.folder / SCREEN, text.getvalue())


def as_data(result: Result) -> dict[str, Any]:
    """The same as one JSON-able document; identifiers and counts, no names."""
    return {
        "run": plain.of(result.record),
        "findings": plain.of(whole.all_findings(result)),
        "problems": _problems(result),
        "warnings": _warnings(result),
        "left_out": plain.of(result.plan.flow.leave_out) if result.plan else {},
        "detail": getattr(result.error, "detail", ""),
        "hint": getattr(result.error, "hint", ""),
        "repairs": plain.of(Counter(repair.rule for repair in result.repairs)),
        "touched": [plain.of(one) for made in result.finished.values() for one in made.touched],
        "codes": {
            name: [
                {
                    "column": one.column,
                    "lookup": one.lookup,
                    "codes": one.codes,
                    "unused": len(one.unused),
                    "unknown": len(one.unknown),
                    "unknown_rows": sum(one.unknown.values()),
                }
                for one in table.codes
            ]
            for name, table in result.finished.items()
            if table.codes
        },
        "changes": plain.of(result.changes),
        "figures": plain.of(result.figures),
        "holds": plain.of(result.holds),
        "unproven": [
            {"run": one.record.id, "sent": plain.of(one.record.started), "why_not": one.why_not}
            for one in result.unproven
        ],
        "against": {sent.id: plain.of(changes) for sent, changes in result.against},
        "untold": list(result.untold),
        "held_since": result.held_since.id if result.held_since else None,
        "crosswalks": {name: str(path) for name, path in result.crosswalks.items()},
        "archive": str(result.archive.path) if result.archive else None,
        "folder": str(result.folder),
        "exit_code": result.exit_code,
    }


def _problems(result: Result) -> list[Any]:
    from etlrunner.lib import render

    found = result.error.problems if isinstance(result.error, ConfigurationError) else ()
    return [render.problem_as_data(problem) for problem in found]


def _warnings(result: Result) -> list[Any]:
    from etlrunner.lib import render

    return [render.problem_as_data(one) for one in (result.plan.warnings if result.plan else ())]


def _last_line(result: Result) -> None:
    record, error = result.record, result.error
    if isinstance(error, ConfigurationError):
        screen.problems(error.problems)
    if isinstance(error, Held):
        screen.say(_what_now(result))
    elif isinstance(error, ChecksFailed):
        screen.say(f"{record.flow}: {error.message}.")
    elif record.exit_code == 0:
        content = f" (content {record.content_hash[:12]})" if record.content_hash else ""
        screen.say(f"{record.flow}: {record.message}{content}.")
    else:
        screen.say(f"{record.flow}: {record.message}")
    if isinstance(error, EtlError):  # what is said about the sentence comes after it
        for more in filter(None, (error.detail, error.hint)):
            screen.complain(f"       {more}")
    if beside := older(record.source_file):
        screen.complain(f"       read from a watched folder{beside}")
    if record.delivery is not None and record.exit_code != 0:
        screen.complain(f"       {far_side.next_start(record.delivery)}")


def older(file: Mapping[str, str]) -> str:
    """Of the zip that a run read: that others, which are older, lay beside it; they are not read."""
    return f", the newest; {file['older']} older beside it: not read" if "older" in file else ""


def one_line(record: RunRecord) -> str:
    """A run in a log: what became of it, and for a held one where to look."""
    if record.outcome == "held":
        return f"held: {told(record)}. Look: etlrunner history {record.id}"
    begun = record.message.startswith(record.outcome)
    return record.message if begun else f"{record.outcome}: {record.message}"


def told(record: RunRecord) -> str:
    """A run's message; of a held one with several reasons the first."""
    if record.outcome != "held" or not record.holds:
        return record.message
    more = len(record.holds) - 1
    rest = f"; and {more} more reason{'s' if more > 1 else ''}" if more else ""
    return f"{record.holds[0]}{rest}"


def _what_now(result: Result) -> str:
    record = result.record
    if record.trigger == "plan":
        return f"{record.flow}: nothing was sent; a run would be held and ask for approval."
    if not record.content_hash:
        return f"{record.flow}: held, nothing was sent; mend the source, then run again."
    return f"{record.flow}: held, nothing was sent (content {record.content_hash[:12]})."
