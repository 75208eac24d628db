"""A problem as text for people and as data for programs."""

from __future__ import annotations

import re
from typing import Any

from etlrunner.lib import plain
from etlrunner.model.problems import Problem

_A_RECORD = re.compile(r"^(leave_out\.\w+)\.[^.]+")


def problem(found: Problem) -> str:
    """`file:line:column: error[E104]: sentence`, then the line underlined, then what to try."""
    place = f"{found.place}: " if found.place else ""
    path = f"{path_of(found)}: " if found.path else ""
    lines = [f"{place}{found.severity}[{found.code}]: {path}{found.message}"]
    hint = found.hint
    if hint.startswith("did you mean"):
        lines[0] += f" ({hint})"
        hint = ""
    if found.also and found.place and found.also.file != found.place.file:
        lines.append(f"    it replaces what stands at {found.also}")
    if not _A_RECORD.match(found.path):  # the line has the id
        lines += [f"    {line}" for line in found.excerpt.splitlines()]
    if hint:
        lines.append(f"    {hint}")
    return "\n".join(lines)


def path_of(found: Problem) -> str:
    """The key's path, in which nobody is named: `leave_out` has people's ids for keys."""
    return _A_RECORD.sub(r"\1.*", found.path)


def problem_as_data(found: Problem) -> dict[str, Any]:
    """The same as plain data; `file`, `line` and `column` apart, for editors and CI."""
    place = found.place
    return {
        "code": found.code,
        "severity": found.severity,
        "message": found.message,
        "hint": found.hint,
        "path": found.path,
        "file": place.file if place else "",
        "line": place.line if place else 0,
        "column": place.column if place else 0,
        "also": plain.of(found.also),
        "excerpt": found.excerpt,
    }
