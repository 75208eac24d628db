"""What a rule is: its id, what holds by itself when data breaks it, and what a flow may decide instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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
    clerk: str | None = field(kw_only=True)
    """What is wrong, to a clerk who has never heard of a column (`etlrunner fixlists`); `{field}` and
    `{the_field}` are the column in words (`TargetColumn.called`), with a capital and without, `{message}` is
    a policy's own. None where a clerk can mend nothing: it is the configuration's to mend, or Apple's."""
    unmended: str = field(default="", kw_only=True)
    """What comes of a row that is sent all the same."""
    screen: str = field(default="", kw_only=True)
    """The screen of the SIS (a key of `screens` in a source definition), where the column does not tell."""

    @property
    def verdict(self) -> Verdict:
        """What holds unless the flow decides: an error ends the run, a warning is listed."""
        return self.default or ("fail" if self.severity == "error" else "warn")
