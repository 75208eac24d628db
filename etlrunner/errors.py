"""The family of errors, sorted by who has to act; the exit code is on the class.

    EtlError
      x Bug                  1   us; anything that is not in this family counts as one
      x UsageError           2   whoever typed the command
      x ConfigurationError   2   the flow's author edits a file; carries every Problem
      x SecretMissing        2   the operator sets a secret; names all of them, shows none
      x Unreachable          3   source or sink, throttled or down: later
        x Incomplete         3   the pull did not bring everything: later
      x Refused              4   credentials, permission, certificate or host key: never retried
      x ChecksFailed         5   the school's data; nothing was sent; carries Findings
      x Held                 6   a safeguard; nothing was sent; carries Holds
      x DeliveryFailed       7   says what is on the far side
      x Busy                 8   another run of this flow is under way
      x LocalTrouble         9   this machine: disk full, state damaged or not writable

    KeyboardInterrupt
      x Interrupted        130   SIGINT (143: SIGTERM, 129: SIGHUP); no `except Exception` takes it for an answer

Messages carry counts, column names, row numbers and rules, for they go into logs, history and mails:
never a cell's value, an identifier, a response's body, a token, or a URL with its query (design, section
10). Which records are meant stands in `detail`, which goes to a terminal and into the run's folder only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from etlrunner.model.changes import Hold
from etlrunner.model.problems import Finding, Problem
from etlrunner.model.secrets import SecretRef


class EtlError(Exception):
    """Any ending that is not a success. `str(error)` is one plain sentence for people."""

    exit_code: ClassVar[int] = 1
    outcome: ClassVar[str] = "failed"
    """The word for it in the history."""

    def __init__(self, message: str, *, hint: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail
        """Identifiers, to find the records by."""


class UsageError(EtlError):
    """The command line asks for something that is not there."""

    exit_code = 2


class ConfigurationError(EtlError):
    """One or more files must be edited before this can work."""

    exit_code = 2

    def __init__(self, problems: Iterable[Problem], message: str = "", *, hint: str = "") -> None:
        self.problems: Sequence[Problem] = tuple(problems)
        count = len(self.problems)
        super().__init__(
            message or f"{count} problem{'' if count == 1 else 's'} in the configuration", hint=hint
        )


class SecretMissing(EtlError):
    """Secrets that the flow refers to cannot be had: names every one of them, shows none."""

    exit_code = 2

    def __init__(self, missing: Iterable[tuple[SecretRef, str]], flow: str = "FLOW") -> None:
        self.missing = tuple(missing)
        names = "; ".join(f"{ref} {reason}" for ref, reason in self.missing)
        super().__init__(
            f"{len(self.missing)} secret{'s are' if len(self.missing) != 1 else ' is'} missing: {names}",
            hint=f"set them in the environment or in .env, or run: etlrunner secrets set {flow}",
        )


class Unreachable(EtlError):
    """The far side did not answer, or asked us to wait longer than we may: try later."""

    exit_code = 3


class Incomplete(Unreachable):
    """The pull ended without proof that everything arrived; nothing of it is used."""


class Refused(EtlError):
    """The far side said no, or is not who we expect: trying again may lock the account."""

    exit_code = 4


class ChecksFailed(EtlError):
    """The data would be refused, or would do harm; nothing was sent."""

    exit_code = 5

    def __init__(
        self,
        findings: Iterable[Finding],
        message: str = "",
        *,
        hint: str = "",
        detail: str = "",
    ) -> None:
        self.findings = tuple(findings)
        errors = sum(1 for finding in self.findings if finding.severity == "error")
        super().__init__(
            message or f"{errors} error{'' if errors == 1 else 's'} in the data; nothing was sent",
            hint=hint,
            detail=detail,
        )


class Held(EtlError):
    """A safeguard wants a person to look first; nothing was sent."""

    exit_code = 6
    outcome = "held"

    def __init__(self, holds: Iterable[Hold], message: str = "", *, hint: str = "") -> None:
        self.holds = tuple(holds)
        super().__init__(
            message or "held: " + "; ".join(hold.message for hold in self.holds), hint=hint
        )


class DeliveryFailed(EtlError):
    """The transfer broke off. `far_side` says what may be on the server now."""

    exit_code = 7

    def __init__(self, message: str, *, far_side: str, hint: str = "") -> None:
        super().__init__(f"{message}; {far_side}", hint=hint)
        self.far_side = far_side


class Busy(EtlError):
    """Another run of this flow is under way."""

    exit_code = 8
    outcome = "skipped"


class LocalTrouble(EtlError):
    """This machine: a full disk, damaged state, a folder that cannot be written."""

    exit_code = 9


class Interrupted(KeyboardInterrupt):
    """Stopped by a signal, cleanly. Like Ctrl-C, which it stands for too, it is nobody's to handle."""

    outcome: ClassVar[str] = "interrupted"
    hint = detail = ""

    def __init__(self, message: str = "interrupted", *, signal_number: int = 2) -> None:
        super().__init__(message)
        self.message = message
        self.signal_number = signal_number

    @property
    def exit_code(self) -> int:
        """129 for SIGHUP, 130 for SIGINT, 143 for SIGTERM, as shells count."""
        return 128 + self.signal_number


GRAVITY = (1, 9, 4, 2, 7, 5, 6, 3, 8, 0)
"""Exit codes from the most serious to the least: `run --all` ends with the first that occurred."""


def most_serious(codes: Iterable[int]) -> int:
    """The exit code of several runs together (design, section 9)."""
    seen = set(codes)
    for code in seen:
        if code >= 128:
            return code
    return next((code for code in GRAVITY if code in seen), 0)
