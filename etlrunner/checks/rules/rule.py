"""What a rule is: its id, what holds by itself when data breaks it, and what a flow may decide instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from etlrunner.model.problems import Severity, Verdict

VERDICTS: Mapping[Verdict, str] = {
    "fail": "the run ends with exit code 5, and nothing is sent",
    "reject": "the row is left out; what refers to it is for `repair` to say",
    "blank": "the cell is sent empty",
    "cut": "the part of the value that breaks the rule is cut off, the rest is sent",
    "warn": "the row is sent as it is",
}
"""What can happen to a row that breaks a rule. All but `fail` are counted and listed by key."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `title` is the heading; explanation and remedy are whole sentences.

    An error is never waved through: of the verdicts, `warn` is for what Apple takes, and `blank` for
    columns that may be empty.
    """

    id: str
    severity: Severity
    title: str
    explanation: str
    remedy: str
    may: tuple[Verdict, ...] = ()
    """What a flow may decide instead of the verdict that holds by itself."""
    default: Verdict | None = None
    """What holds by itself, where the severity does not say it."""

    @property
    def verdict(self) -> Verdict:
        """What holds unless the flow decides: an error ends the run, a warning is listed."""
        return self.default or ("fail" if self.severity == "error" else "warn")
