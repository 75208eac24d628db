"""What a run keeps so that it can be explained later: its configuration, and what its fates mean.

    runs/<run id>/configuration/    the files that made it, as a small project; no secret, for they are
                                    references; and made.json: the day, `--set`, where each file was
    runs/<run id>/reasons.json      per table its rules in the order of the fates' numbers, and counts

All of it holds identifiers (`leave_out` names people by id), so it goes with the rows.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import etlrunner
from etlrunner.config import validate
from etlrunner.config.project import Project
from etlrunner.errors import LocalTrouble, UsageError
from etlrunner.kept import run_folder
from etlrunner.lib import files, plain, shipped
from etlrunner.model.flow import Flow
from etlrunner.model.run import RunRecord
from etlrunner.model.tables import FinishedTable, RawTable

if TYPE_CHECKING:
    from etlrunner.history.store import History

CONFIGURATION = "configuration"
MADE = "made.json"
REASONS = "reasons.json"


@dataclass(frozen=True)
class Evidence:
    """A run whose rows and reasons are still there."""

    run: RunRecord
    folder: Path
    reasons: Mapping[str, tuple[str, ...]]
    """Target table -> its rules; a fate of n is the rule at n - 1."""
    folded: Mapping[str, int] = field(default_factory=dict)
    """Raw table -> records that came twice, equal, and were folded into one."""
    project: Project | None = None
    """The configuration that made it; None for a run of an older version, which kept none."""
    as_of: date | None = None
    sets: Mapping[str, str] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)
    """A file of `project` -> its name where the run read it."""

    @property
    def raw(self) -> dict[str, Path]:
        return {path.stem: path for path in sorted((self.folder / "raw").glob("*.parquet"))}

    def finished(self, table: str) -> Path:
        return self.folder / "finished" / f"{table}.parquet"

    def fate(self, table: str) -> Path:
        return self.folder / "fate" / f"{table}.parquet"

    def flow(self) -> Flow:
        """The flow as it was. Raises LocalTrouble where no configuration was kept."""
        if self.project is None or self.as_of is None:
            raise LocalTrouble(
                f"{self.run.id} kept no configuration, so it cannot be explained",
                hint=f"make a new run: etlrunner plan {self.run.flow}",
            )
        return validate.read_flow(self.project, self.run.flow, self.sets, today=self.as_of)


# ---------------------------------------------------------------- kept by a run


def keep_configuration(
    project: Project, flow: Flow, folder: Path, as_of: date, sets: Mapping[str, str]
) -> None:
    """Copy every file that had a part in `flow` to where a project has it, below `folder`."""
    top = folder / CONFIGURATION
    for name, text in flow.texts.items():
        if not name.startswith("--set "):
            _write(top, _inside(name), text.encode())
    for path in _crosswalks(flow):
        if (place := _place(project, path)) is not None and path.is_file():
            _write(top, place, path.read_bytes())
    made = {
        "version": etlrunner.__version__,
        "as_of": as_of.isoformat(),
        "sets": dict(sets),
        "shown": dict(_elsewhere(project, flow)),
    }
    files.write_private(top / MADE, json.dumps(made, indent=2, ensure_ascii=False) + "\n")


def keep_outcome(
    folder: Path, raw: Mapping[str, RawTable], finished: Mapping[str, FinishedTable]
) -> None:
    """Write down what the fates' numbers mean, and the counts; what was found of each key lies beside."""
    made = {
        name: {"rules": list(one.reasons), "counts": plain.of(one.counts)}
        for name, one in finished.items()
    }
    folded = {name: table.duplicates for name, table in raw.items() if table.duplicates}
    outcome = {"tables": made, "folded": folded}
    files.write_private(folder / REASONS, json.dumps(outcome, indent=2) + "\n")


# ---------------------------------------------------------------- and read again


def read(project: Project, run: RunRecord) -> Evidence | None:
    """What is left of a run; None when its rows are gone, or it never came to map them.

    Raises LocalTrouble where some of it is not what the run kept: it would explain another run.
    """
    folder = run_folder(project, run)
    with _whole(folder / REASONS):
        outcome = _json(folder / REASONS)
        if outcome is None or not (folder / "raw").is_dir():
            return None
        rules = {name: tuple(one["rules"]) for name, one in outcome["tables"].items()}
        folded = dict(outcome["folded"])
    kept = Evidence(run, folder, rules, folded)
    _check_tables(kept)
    top = folder / CONFIGURATION
    with _whole(top / MADE):
        made = _json(top / MADE)
        if made is None:
            return kept
        day, sets, shown = (
            date.fromisoformat(made["as_of"]),
            dict(made["sets"]),
            dict(made["shown"]),
        )
    return replace(kept, project=Project(top), as_of=day, sets=sets, shown=shown)


def _check_tables(kept: Evidence) -> None:
    """Every table is there, and can be opened."""
    from etlrunner import findings_file, table  # load polars: whoever asks about a record has it
    from etlrunner.checks import books

    paths = [
        *(kept.folder / "raw" / f"{name}.parquet" for name in kept.run.raw_rows),
        *(path for name in kept.reasons for path in (kept.finished(name), kept.fate(name))),
        *(kept.folder / name for name in (findings_file.NAME, books.REJECTS)),
    ]
    for path in paths:
        if not table.can_be_opened(path):
            raise LocalTrouble(
                f"{path} {'cannot be read' if path.exists() else 'is gone'}", hint=_ODD
            )


_ODD = "it was changed, or the disk is damaged"


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[None]:
    """What was read from `path` has the form that a run gives it."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise LocalTrouble(f"{path} is not what the run kept", hint=_ODD) from error


def last_roster(
    project: Project, history: History, flow: str, wanted: Iterable[str]
) -> tuple[RunRecord, dict[str, Path], date] | None:
    """The last run that pulled these raw tables and still has them, and its day; also of a failed run."""
    needed = set(wanted)
    for run in history.runs(flow, limit=50):
        folder = run_folder(project, run)
        raw = {path.stem: path for path in sorted((folder / "raw").glob("*.parquet"))}
        made = _json(folder / CONFIGURATION / MADE)
        if run.raw_rows and made and raw.keys() >= needed:
            return run, raw, date.fromisoformat(made["as_of"])
    return None


def find(project: Project, history: History, flow: str, name: str = "") -> Evidence:
    """What the run `name` of a flow kept, or the last run that kept something.

    A run that only sent what another one made (an approval, a retry) is explained by that other one.
    Raises UsageError when there is none.
    """
    again = f"make a new one: etlrunner plan {flow}"
    runs = history.runs(flow, limit=400)
    if not name or name == "last":
        kept = (read(project, run) for run in runs)
        if found := next(filter(None, kept), None):
            return found
        raise UsageError(f"no run of {flow} has kept its rows", hint=again)
    run = history.resolve_run(name)
    if run.flow != flow:
        raise UsageError(f"{run.id} is a run of {run.flow}, not of {flow}")
    same = [one for one in runs if run.content_hash and one.content_hash == run.content_hash]
    if found := next(filter(None, (read(project, one) for one in (run, *same))), None):
        return found
    raise UsageError(
        f"{run.id} has kept no mapped rows: it ended before, or they were pruned",
        hint=f"see: etlrunner history {flow}; or {again}",
    )


def instead(asked: RunRecord, kept: Evidence) -> str:
    """Why another run's rows stand for the one that was asked for; empty where they are its own."""
    made = kept.run.id
    if asked.id == made:
        return ""
    how = {"approve": "let go", "resend": "sent once more"}.get(asked.trigger, "sent")
    if asked.archive_of == made:
        return f"{asked.id} {how} what {made} had made: the rows are those of {made}"
    if asked.content_hash and asked.content_hash == kept.run.content_hash:
        return f"{asked.id} has the same content as {made}, which kept its rows: those are shown"
    return f"{asked.id} came to no checks: the rows are those of {made}"


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise LocalTrouble(f"{path} cannot be read", hint=_ODD) from error


# ---------------------------------------------------------------- where files belong


def _inside(name: str) -> str:
    """The place of a file in the small project; a flow that was named by its path is a flow like others."""
    return f"flows/{Path(name).name}" if Path(name).is_absolute() else name


def _crosswalks(flow: Flow) -> Iterator[Path]:
    for mapping in flow.mapping.tables.values():
        yield from mapping.files


def _place(project: Project, path: Path) -> str | None:
    """Where a file of the project, or a shipped one, lies in a project; None for one outside of both."""
    path = path.resolve()
    if path.is_relative_to(project.root):
        place = path.relative_to(project.root)
    elif path.is_relative_to(shipped.folder("mappings")):
        place = Path("mappings") / path.relative_to(shipped.folder("mappings"))
    else:
        return None
    return None if any(part.startswith(".") for part in place.parts) else place.as_posix()


def _elsewhere(project: Project, flow: Flow) -> Iterator[tuple[str, str]]:
    """Files whose name in messages is not their place in the small project: shipped ones."""
    mappings = [one.path for one in flow.mapping.tables.values() if one.path is not None]
    for path in (*mappings, *_crosswalks(flow), flow.path):
        place, name = _place(project, path), project.shown(path)
        place = place or _inside(name)
        if place != name:
            yield place, name


def _write(top: Path, place: str, content: bytes) -> None:
    """Not flushed one by one as what counts for a delivery is: a dozen small files cost no time so."""
    path = top / place
    files.private_folder(path.parent)
    with files.trouble(path):
        path.touch(mode=files.PRIVATE_FILE)
        path.write_bytes(content)
