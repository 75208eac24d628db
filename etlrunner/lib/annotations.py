"""Problems in the words of CI systems: GitHub's annotations, GitLab's code quality report, JUnit.

Sources: GitHub, "Workflow commands for GitHub Actions" (`::error file=…,line=…::message`; in values
`%`, CR, LF, `:` and `,` are escaped, in the message the first three); GitLab, "Code Quality",
"Implement a custom tool" (a JSON list with description, check_name, fingerprint, severity, location).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from etlrunner.lib import junit, render
from etlrunner.model.problems import Problem

Found = Mapping[str, Sequence[Problem]]
"""What was checked -> its problems; none, if all is well."""


def github(found: Found, prefix: str = "") -> str:
    """One command per problem; `prefix` is the way from the repository's top to the project."""
    return "".join(f"{_command(problem, prefix)}\n" for problem in _each(found))


def gitlab(found: Found, prefix: str = "") -> str:
    """A code quality report; its fingerprints stay when lines move."""
    entries: list[dict[str, Any]] = []
    seen: dict[str, int] = {}
    for problem in _each(found):
        place = problem.place
        path = f"{prefix}{place.file}" if place else prefix or "."
        same = "\0".join((problem.code, path, problem.path, problem.message))
        seen[same] = seen.get(same, 0) + 1
        entries.append({
            "description": _sentence(problem),
            "check_name": problem.code,
            "fingerprint": hashlib.sha256(f"{same}\0{seen[same]}".encode()).hexdigest(),
            "severity": "major" if problem.severity == "error" else "minor",
            "location": {"path": path, "lines": {"begin": max(1, place.line) if place else 1}},
        })  # fmt: skip
    return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"


def as_junit(found: Found, prefix: str = "") -> str:
    """One case for each thing that was checked; warnings do not fail it."""
    cases = []
    for name, problems in found.items():
        errors = [problem for problem in problems if problem.severity == "error"]
        cases.append(junit.TestCase(name, failure="\n".join(map(render.problem, errors))))
    return junit.text_of([junit.TestSuite("etlrunner validate", cases)])


FORMATS: Mapping[str, Callable[[Found, str], str]] = {
    "github": github,
    "gitlab": gitlab,
    "junit": as_junit,
}


def _each(found: Found) -> Iterable[Problem]:
    """Each once, though several flows may share a file."""
    return dict.fromkeys(problem for problems in found.values() for problem in problems)


def _command(problem: Problem, prefix: str) -> str:
    place = problem.place
    values = {"title": problem.code}
    if place:
        values = {"file": f"{prefix}{place.file}", **values}
        if place.line:
            line = str(place.line)
            values |= {"line": line, "endLine": line, "col": str(max(1, place.column))}
            marked = problem.excerpt.count("^")
            if marked > 1:
                values["endColumn"] = str(place.column + marked - 1)
    listed = ",".join(f"{key}={_value(text)}" for key, text in values.items())
    return f"::{'error' if problem.severity == 'error' else 'warning'} {listed}::{_data(_sentence(problem))}"


def _sentence(problem: Problem) -> str:
    path = f"{render.path_of(problem)}: " if problem.path else ""
    more = f"\n{problem.hint}" if problem.hint else ""
    also = f"\nit replaces what stands at {problem.also}" if problem.also else ""
    return f"{path}{problem.message}{also}{more}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _value(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
