"""What the safety of a delivery costs beside the mapping: checks, comparison and guard of a second day.

    python benchmarks/safety.py [--students 200000] [--days 3] [--grace]

An invented district is delivered once; then come further days with ordinary turnover (some join, leave,
change a class), each a run of its own process through the whole engine, from CSV files to a folder. Per
stage the least CPU and the least wall time of those days counts; the ratio is of CPU time within one run,
the median over the days, because another program's work would disturb the clock on the wall.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

from roster_to_zip import AS_OF, HERE, RATES

STAGES = {
    "extract": ("stages", "extract_roster"),
    "map": ("stages", "map_roster"),
    "mend": ("stages", "mend_tables"),
    "hold over": ("safety", "hold_over"),
    "check": ("stages", "judge_tables"),
    "compare": ("safety", "compare_tables"),
    "package": ("stages", "package_archive"),
    "guard": ("safety", "guard_delivery"),
    "record": ("delivery", "record_delivery"),
}
"""Stage -> the module and the function of the engine's that is timed."""
SAFETY = ("mend", "hold over", "check", "compare", "guard")
FLOW = """\
version: 1
source: {type: oneroster-csv, path: today}
mapping: apple-school-manager
sink: {type: local-folder, path: sent}
schedule: {hour: 2, timezone: US/Central}
safeguards: {expect: {students: 1, classes: 1}}
"""
GRACE = "grace: {students: {runs: 3, days: 5}, classes: {runs: 3, days: 5}}\n"


def rosters(students: int, days: int) -> list[Path]:
    """The district's CSV files, one folder a day, made once; each day grows out of the one before."""
    folders = [HERE / "data" / f"turnover-{students}-{number}" for number in range(days + 1)]
    if not all((folder / "manifest.csv").exists() for folder in folders):
        from etlrunner.sandbox.district import District

        print(f"inventing {days + 1} days of {students:,} students …", file=sys.stderr)
        district = District(students, 1, AS_OF, clean=True, rates=RATES)
        for number, folder in enumerate(folders):
            district = district.grown() if number else district
            folder.mkdir(parents=True, exist_ok=True)
            district.write_csv(folder)
    return folders


def prepare(project: Path, *, grace: bool) -> None:
    """A project with one flow."""
    (project / "flows").mkdir(parents=True)
    (project / "sent").mkdir()
    (project / "flows" / "district.yaml").write_text(FLOW + (GRACE if grace else ""))


def measured(project: Path, roster: Path) -> dict[str, tuple[float, float]]:
    """One run in a process of its own: stage -> CPU seconds, wall seconds."""
    today = project / "today"
    today.unlink(missing_ok=True)
    today.symlink_to(roster)
    command = [sys.executable, __file__, "--work", str(project)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)  # it has said why
    return dict(json.loads(done.stdout.splitlines()[-1]))


def work(folder: Path) -> None:
    """The run itself, with each stage's function timed."""
    from etlrunner import delivery, engine, safety, stages
    from etlrunner.config.project import Project
    from etlrunner.history.store import History
    from etlrunner.run import Request, Services

    project = Project(folder)
    spent: dict[str, tuple[float, float]] = {}
    modules = {"stages": stages, "safety": safety, "delivery": delivery}
    for name, (module, function) in STAGES.items():
        setattr(modules[module], function, timed(spent, name, getattr(modules[module], function)))
    request = Request(as_of=AS_OF)
    with closing(History.open(project.state)) as history:
        result = engine.run(project, "district", request, Services(history=history))
    if result.record.outcome != "delivered":
        raise SystemExit(f"{result.record.outcome}: {result.record.message}")
    print(json.dumps(spent))


def timed(spent: dict[str, Any], name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*given: Any, **named: Any) -> Any:
        cpu, wall = time.process_time(), time.perf_counter()
        result = function(*given, **named)
        spent[name] = (time.process_time() - cpu, time.perf_counter() - wall)
        return result

    return call


def report(runs: list[dict[str, tuple[float, float]]]) -> str:
    """Stage by stage, and the ratio of the safety's CPU time to the mapping's within each run."""
    lines = [f"{'stage':11}{'cpu s':>8}{'wall s':>8}"]
    for name in STAGES:
        found = [run[name] for run in runs if name in run]
        cpu, wall = (min(one[place] for one in found) for place in (0, 1))
        lines.append(f"{name:11}{cpu:8.2f}{wall:8.2f}")
    ratios = [sum(run[name][0] for name in SAFETY if name in run) / run["map"][0] for run in runs]
    each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    lines.append(f"({' + '.join(SAFETY)}) / map: {median(ratios):.2f} of CPU time ({each})")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--students", type=int, default=200_000)
    parser.add_argument("--days", type=int, default=3, help="days after the first delivery")
    parser.add_argument("--grace", action="store_true", help="with a flow that has days of grace")
    asked = parser.parse_args()
    given = rosters(asked.students, asked.days)
    with tempfile.TemporaryDirectory(prefix="safety-") as scratch:
        project = Path(scratch)
        prepare(project, grace=asked.grace)
        first, *later = [measured(project, roster) for roster in given]
        print(report(later or [first]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(Path(sys.argv[2]))
    else:
        main()
