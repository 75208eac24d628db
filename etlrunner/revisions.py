"""What a change of the configuration does to the data: one kept roster, mapped as it was and as it is.

    kept raw tables -> configuration at REV    -> finished tables \\
                                                                    compare
                    -> configuration that is here -> finished tables /

No source and no sink is asked, nothing is checked out, nothing of it stays: both sides are mapped,
checked and repaired in a private folder, on the day of the kept run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from etlrunner import check, compare
from etlrunner import plan as plans
from etlrunner.config import validate
from etlrunner.config.project import Project
from etlrunner.errors import ChecksFailed, ConfigurationError, UsageError
from etlrunner.evidence import Evidence
from etlrunner.history import delivered as deliveries
from etlrunner.lib import files, git, scratch
from etlrunner.mapping import apply
from etlrunner.model.changes import Changes
from etlrunner.model.problems import Place, Problem
from etlrunner.model.surroundings import Progress
from etlrunner.model.tables import FinishedTable
from etlrunner.plan import Plan

HERE = "working tree"


@dataclass(frozen=True)
class Side:
    """One configuration and what it made of the roster, in counts."""

    name: str
    """`main (3f2a1c9)`, or `working tree`."""
    there: bool = True
    """False where the flow did not exist yet."""
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    finished: Mapping[str, FinishedTable] = field(default_factory=dict, repr=False)
    findings: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """(table, rule) -> rows."""
    errors: int = 0
    repairs: Mapping[tuple[str, str], int] = field(default_factory=dict)
    ended: str = ""
    """Why it made nothing, where the data failed it."""


@dataclass(frozen=True)
class RuleChange:
    """A rule that concerns another number of rows than before."""

    table: str
    what: str
    """filtered, rejected, repaired, or found."""
    rule: str
    before: int
    after: int


@dataclass(frozen=True)
class Comparison:
    """What would change, in counts: no identifier of a person, no name."""

    flow: str
    run: str
    as_of: date
    before: Side
    after: Side
    files: tuple[str, ...]
    """Files of the configuration that differ."""
    changes: Changes | None
    """None where one of the two sides made nothing."""
    rules: tuple[RuleChange, ...]


def compared(
    project: Project,
    kept: Evidence,
    revisions: str,
    *,
    sets: Mapping[str, str],
    progress: Progress,
) -> Comparison:
    """Compare the flow of a kept run at `REV` with what lies here, or `REV..REV2`.

    Raises UsageError for a revision that is not there, ConfigurationError for a configuration that is
    not valid, its places named `REV:file:line`.
    """
    old, dots, new = revisions.partition("..")
    if not old or (dots and not new):
        raise UsageError(f"'{revisions}' is no revision", hint="write REV, or REV..REV2")
    with scratch.folder() as folder:
        work = _Work(project, kept, folder, progress)
        before = work.side(old, "before", {})
        after = work.side(new, "after", sets) if dots else work.here(sets)
        if not after.there:
            raise UsageError(f"there is no flow '{kept.run.flow}' at {after.name}")
        return _comparison(kept, work.as_of, before, after)


@dataclass
class _Work:
    project: Project
    kept: Evidence
    scratch: Path
    progress: Progress

    @property
    def as_of(self) -> date:
        """The kept run's day; for a run that did not note it, the day it began."""
        return self.kept.as_of or self.kept.run.scheduled_date or self.kept.run.started.date()

    def side(self, revision: str, label: str, sets: Mapping[str, str]) -> Side:
        commit = git.commit(self.project.root, revision)
        top = self.scratch / label / "project"
        git.export(self.project.root, commit, files.private_folder(top))
        name = f"{revision} ({commit[:7]})"
        project = Project(top)
        if self.kept.run.flow not in project.flows():
            return Side(name, there=False)
        try:
            return self._made(project, name, label, sets)
        except ConfigurationError as error:
            raise ConfigurationError(
                [_at(revision, problem) for problem in error.problems],
                f"the configuration is not valid at {revision}",
            ) from error

    def here(self, sets: Mapping[str, str]) -> Side:
        self.project.flow_path(self.kept.run.flow)  # says what is known instead
        return self._made(self.project, HERE, "after", sets)

    def _made(self, project: Project, name: str, label: str, sets: Mapping[str, str]) -> Side:
        flow = validate.read_flow(project, self.kept.run.flow, sets, today=self.as_of)
        plan = plans.bind(project, flow)
        self._require(plan)
        folder = files.private_folder(self.scratch / label / "made")
        try:
            finished = apply.map_tables(
                flow, self.kept.raw, folder, as_of=self.as_of, resolve=plans.transform,
                progress=self.progress,
            )  # fmt: skip
        except ChecksFailed as error:
            return Side(name, texts=flow.texts, ended=error.message)
        last = deliveries.read(self.project.state / flow.name / "delivered")
        checked = check.check(
            flow,
            plan.target,
            finished,
            folder,
            modules=plan.checks.values(),
            progress=self.progress,
            delivered=last.tables if last else None,
            raw=self.kept.raw,
        )
        found, errors = Counter[tuple[str, str]](), 0
        for finding in checked.findings:
            found[finding.table, finding.rule] += finding.count
            errors += finding.count if finding.severity == "error" else 0
        repairs = Counter((one.table, one.rule) for one in checked.repairs if not one.row_dropped)
        return Side(
            name, texts=flow.texts, finished=checked.finished, findings=found, errors=errors,
            repairs=repairs,
        )  # fmt: skip

    def _require(self, plan: Plan) -> None:
        missing = [name for name in plan.raw_tables if name not in self.kept.raw]
        if missing:
            raise UsageError(
                f"the roster of {self.kept.run.id} has no {', '.join(missing)}, which this mapping reads",
                hint=f"pull it first: etlrunner plan {self.kept.run.flow}",
            )


def _comparison(kept: Evidence, as_of: date, before: Side, after: Side) -> Comparison:
    changes = None
    if not (before.ended or after.ended):
        changes = compare.compare(
            plans.default_target(),
            {name: table.path for name, table in after.finished.items()},
            {name: table.path for name, table in before.finished.items()},
            before.name,
        )
    names = sorted(before.texts.keys() | after.texts.keys())
    differing = tuple(name for name in names if before.texts.get(name) != after.texts.get(name))
    return Comparison(
        kept.run.flow, kept.run.id, as_of, before, after, differing, changes,
        tuple(_rules(before, after)),
    )  # fmt: skip


def _rules(before: Side, after: Side) -> list[RuleChange]:
    was, now = _counted(before), _counted(after)
    return [
        RuleChange(*one, was.get(one, 0), now.get(one, 0))
        for one in dict.fromkeys((*was, *now))
        if was.get(one, 0) != now.get(one, 0)
    ]


def _counted(side: Side) -> dict[tuple[str, str, str], int]:
    """(table, what, rule) -> rows."""
    found: dict[tuple[str, str, str], int] = {}
    for name, table in side.finished.items():
        found |= {(name, "filtered", rule): n for rule, n in table.counts.filtered.items()}
        found |= {(name, "rejected", rule): n for rule, n in table.counts.rejected.items()}
    found |= {(table, "repaired", rule): n for (table, rule), n in side.repairs.items()}
    found |= {(table, "found", rule): n for (table, rule), n in side.findings.items()}
    return found


def _at(revision: str, problem: Problem) -> Problem:
    """The same problem, its file as git writes it: `REV:flows/lakeside.yaml`."""

    def moved(place: Place | None) -> Place | None:
        return replace(place, file=f"{revision}:{place.file}") if place else None

    return replace(problem, place=moved(problem.place), also=moved(problem.also))
