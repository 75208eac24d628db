"""The fault matrix: its rows, and the tests that prove them.

    @proves("A7", fault="an HTML page with status 200", behaviour="is no answer; nothing is used", exit=3)
    def test_a_page_for_people_is_no_answer(...) -> int:
        ...
        return result.exit_code

A test that proves a row returns the exit code that it saw, and fails when the page says another. The
table in `docs/reliability.md` is made from these marks: `python -m tests.support.matrix`. A row without
a test stands in `OPEN`, and nothing else does (`tests/repository/test_matrix.py`).
"""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etlrunner.lib import far_side
from tests.support import sweeps

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reliability.md"
BEGIN = "<!-- The matrix begins; made by `python -m tests.support.matrix`, do not edit. -->"
END = "<!-- The matrix ends. -->"
STATES_BEGIN = "<!-- The states begin; made by `python -m tests.support.matrix`, do not edit. -->"
STATES_END = "<!-- The states end. -->"
SWEEPS_BEGIN = "<!-- The sweeps begin; made by `python -m tests.support.matrix` from sweeps.json, do not edit. -->"
SWEEPS_END = "<!-- The sweeps end. -->"
EXITS = frozenset({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 129, 130, 137, 143})
"""The program's own (`etlrunner explain 3`); 137 is a process that was killed."""

SECTIONS = {
    "A": "The source over HTTP",
    "B": "Data that is plausible and wrong",
    "C": "The process and the disk",
    "D": "Time",
    "E": "The delivery by SFTP",
    "F": "The history",
}
ROWS = {
    "A1": "the token ends in the middle of a pull",
    "A2": "a token's lifetime that cannot be right",
    "A3": "key or secret refused, and echoed",
    "A4": "one collection is forbidden",
    "A5": "too many requests, and odd Retry-After",
    "A6": "the server is down or failing",
    "A7": "a page for people with status 200",
    "A8": "an answer that is cut off or framed wrongly",
    "A9": "resets, nothing there, no name, no TLS",
    "A10": "answers that drip, stall or never end",
    "A11": "bombs: small on the wire, huge in memory",
    "A12": "redirects",
    "A13": "wrong charsets",
    "A14": "odd JSON",
    "A15": "rows come and go while pages are read",
    "A16": "totals, offsets and limits that are wrong",
    "A17": "next links that lead away or in a circle",
    "A18": "the same id twice",
    "A19": "this machine's clock is wrong",
    "A20": "proxies, .netrc and CA files of the environment",
    "B1": "a required file would be empty",
    "B2": "too much would be removed, in a file or in one school",
    "B3": "too much would be added",
    "B4": "totals are equal, one school is gone and another doubled",
    "B5": "ids are swapped or reused between persons",
    "B6": "a little less every day",
    "B7": "the first run, with nothing to compare",
    "B8": "references that lead nowhere",
    "B9": "cells that Apple would refuse",
    "B10": "many change their role",
    "B11": "control and invisible characters",
    "B12": "values that a spreadsheet would run",
    "B13": "huge fields, millions of rows",
    "B14": "yesterday's data again",
    "B15": "an approval used on other content",
    "C1": "killed at any point",
    "C2": "killed between sending and noting it",
    "C3": "power loss",
    "C4": "disk full, input/output errors",
    "C5": "fsync fails",
    "C6": "two runs at once",
    "C7": "signals, a closed standard output",
    "C8": "out of memory, out of file handles",
    "C9": "the clock jumps during a run",
    "C10": "links planted where files are written",
    "C11": "an open umask",
    "C12": "names from the configuration that lead elsewhere",
    "D1": "hours that do not exist, or exist twice",
    "D2": "asleep over the hour",
    "D3": "time zones that are unknown or old",
    "D4": "the schedule changes on a day that has run",
    "D5": "the weekend of another zone",
    "D6": "running for years",
    "D7": "several starters at once",
    "D8": "the run that did not happen",
    "E1": "a wrong password",
    "E2": "a host key that is unknown or changed",
    "E3": "no algorithm in common",
    "E4": "another way of signing in is asked for",
    "E5": "the connection breaks at any byte",
    "E6": "the server stalls",
    "E7": "the server's disk is full",
    "E8": "renaming is refused",
    "E9": "the server shows nothing, or takes the file at once",
    "E10": "left-overs of earlier runs",
    "E11": "the folder is missing or closed",
    "E12": "a server that says nothing, or nonsense",
    "E13": "the server wrote less than it got",
    "E14": "one of two targets fails",
    "F1": "the history is locked by another process",
    "F2": "the history is damaged",
    "F3": "the history is of a newer program",
    "F4": "the history is of an older program",
    "F5": "the history cannot be written",
}
OPEN = frozenset(row for row in ROWS if row[0] == "D")
"""Rows that no test proves yet."""
NEVER = {"E14": "a flow has one sink; who wants two has two flows, each with its own history"}
"""Rows that cannot happen here, and why."""

Test = Callable[..., int]


def proves(row: str, *, fault: str, behaviour: str, exit: int) -> Callable[[Test], Any]:
    """Mark a test as the proof of a row; `exit` is what the test has to return."""
    if row not in ROWS:
        raise ValueError(f"the fault matrix has no row {row}")
    if exit not in EXITS:
        raise ValueError(f"{exit} is no exit code of etlrunner")
    assert fault, "say what goes wrong"
    assert behaviour, "say what the program does"

    def mark(test: Test) -> Any:
        @functools.wraps(test)
        def proof(*args: Any, **kwargs: Any) -> None:
            seen = test(*args, **kwargs)
            assert seen == exit, f"row {row}: the page says exit code {exit}, the test saw {seen}"

        # pytest asks the wrapper for its fixtures; annotations must not promise a result
        proof.__signature__ = inspect.signature(test).replace(return_annotation=None)  # type: ignore[attr-defined]
        return proof

    return mark


@dataclass(frozen=True, slots=True)
class Proof:
    """One mark in the tests."""

    row: str
    fault: str
    behaviour: str
    exit: int
    file: str
    test: str

    @property
    def order(self) -> tuple[str, int]:
        return self.row[0], int(self.row[1:])


def proofs(folder: Path = ROOT / "tests") -> list[Proof]:
    """Every mark, in the order of the matrix. The tests are read, not run."""
    found = [
        proof for path in sorted(folder.rglob("test_*.py")) for proof in _in_file(path, folder)
    ]
    return sorted(found, key=lambda proof: proof.order)


def table() -> str:
    """The matrix as it stands in the page."""
    found = proofs()
    parts: list[str] = []
    for letter, title in SECTIONS.items():
        mine = [proof for proof in found if proof.row[0] == letter]
        if not mine:
            continue
        parts += [
            f"### {letter}. {title}\n",
            "| row | what goes wrong | what the program does | exit | shown by |",
            "| --- | --- | --- | --- | --- |",
            *(_line(proof) for proof in mine),
            "",
        ]
    missing = [row for row in ROWS if row in OPEN]
    if NEVER:
        parts.append("Cannot happen here:\n")
        parts += [f"* {row} {ROWS[row]}: {why}" for row, why in NEVER.items()]
        parts.append("")
    if missing:
        parts.append("Not yet shown by a test:\n")
        parts += [f"* {row} {ROWS[row]}" for row in missing]
        parts.append("")
    return "\n".join(parts)


def page(text: str) -> str:
    """The page with its matrix made anew; what people wrote around it stays."""
    text = _between(text, BEGIN, END, table())
    text = _between(text, STATES_BEGIN, STATES_END, states())
    return _between(text, SWEEPS_BEGIN, SWEEPS_END, sweeps.table())


def states() -> str:
    """Every state of a delivery, from the program itself."""
    lines = [
        "| found at the next start | on the far side | what the next start does |",
        "| --- | --- | --- |",
    ]
    for name, state in far_side.STATES.items():
        there = state.far_side.format(
            name="the archive", beside="the name it has until it is whole"
        )
        lines.append(f"| `{name}` | {there} | {state.does} |")
    return "\n".join(lines) + "\n"


def _between(text: str, begin: str, end: str, made: str) -> str:
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n\n{made}\n{end}{after}"


def _line(proof: Proof) -> str:
    cells = (
        f"{proof.row} {ROWS[proof.row]}", proof.fault, proof.behaviour, str(proof.exit),
        f"`{proof.file}` `{proof.test}`",
    )  # fmt: skip
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _in_file(path: Path, folder: Path) -> Iterator[Proof]:
    text = path.read_text(encoding="utf-8")
    if "@proves(" not in text:
        return
    for node in ast.parse(text).body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for mark in node.decorator_list:
            if isinstance(mark, ast.Call) and ast.unparse(mark.func).split(".")[-1] == "proves":
                given = {word.arg: ast.literal_eval(word.value) for word in mark.keywords}
                row = ast.literal_eval(mark.args[0])
                file = path.relative_to(folder).as_posix()
                yield Proof(row=row, file=file, test=node.name, **given)  # type: ignore[arg-type]


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
