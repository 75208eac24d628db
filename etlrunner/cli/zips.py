"""What `etlrunner validate ZIP` says: every finding, as text, as JSON, or counted, as JUnit for a CI system."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from etlrunner.cli import screen
from etlrunner.config.project import Project
from etlrunner.model.problems import Finding

if TYPE_CHECKING:
    from etlrunner.lib.junit import TestCase

Found = Mapping[Path, tuple[Finding, ...]]


def validate(
    paths: Sequence[Path], form: str, project: Project, as_flow: str | None, sets: dict[str, str]
) -> int:
    """Check the zips, say what was found, and return 5 when Apple would refuse one of them."""
    from etlrunner import check, plan

    flow = plan.make(project, as_flow, sets).flow if as_flow else None
    found = {path: check.check_zip(path, flow) for path in paths}
    if form == "json":
        documents = [{"zip": str(path), "findings": many} for path, many in found.items()]
        screen.document(documents[0] if len(documents) == 1 else documents)
    elif form == "junit":
        screen.say(_junit(found).rstrip("\n"))
    else:
        for path, findings in found.items():
            _show(path, findings)
    return 5 if any(map(_errors, found.values())) else 0


def _show(path: Path, findings: tuple[Finding, ...]) -> None:
    errors = _errors(findings)
    for finding in findings:
        screen.say(f"{finding.severity}: {finding}")
    screen.say(
        f"{path}: {errors:,} error{'' if errors == 1 else 's'}."
        if errors
        else f"{path} is what Apple School Manager takes."
    )


def _junit(found: Found) -> str:
    """A suite for each zip, a case for each rule; warnings stand beside a case that passes."""
    from etlrunner.lib import junit

    return junit.text_of(
        [junit.TestSuite(str(path), list(_cases(many))) for path, many in found.items()]
    )


def _cases(findings: tuple[Finding, ...]) -> Iterator[TestCase]:
    from etlrunner.checks.rules import GROUPS, RULES
    from etlrunner.lib import junit

    elsewhere = {rule.id for name in ("Repairs", "Figures") for rule in GROUPS[name]}
    looked_for = [name for name in RULES if name not in elsewhere and not name[-1].isupper()]
    of_flow = sorted({finding.rule for finding in findings} - set(looked_for))
    for rule in (*looked_for, *of_flow):
        mine = [finding for finding in findings if finding.rule == rule]
        errors = "\n".join(_counted(one) for one in mine if one.severity == "error")
        warnings = "\n".join(f"warning: {_counted(one)}" for one in mine if one.severity != "error")
        yield junit.TestCase(rule, failure=errors, output=warnings)


def _counted(finding: Finding) -> str:
    """A finding as a CI system may keep it: file, row, column and rule, and no identifier."""
    from etlrunner.checks import rules

    file = f"{finding.table}.csv" if finding.table else "zip"
    row = f":{finding.row}" if finding.row is not None else ""
    rule = rules.find(finding.rule)
    parts = [finding.column or "", rule.title if rule else "", f"[{finding.rule}]"]
    return f"{file}{row} - {' '.join(filter(None, parts))}"


def _errors(findings: tuple[Finding, ...]) -> int:
    return sum(finding.count for finding in findings if finding.severity == "error")
