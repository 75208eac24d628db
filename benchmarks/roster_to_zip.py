"""From OneRoster CSV to Apple's zip: the engine beside hand-written scripts, in time and peak memory.

    python benchmarks/roster_to_zip.py [--students 200000] [--only engine polars python petl] [--times 3]

The district is invented by the sandbox and kept in benchmarks/data/. Each contestant runs in a process of
its own; the best of `--times` counts, because a busy machine only ever makes a run slower. Afterwards the
rows of the zips are compared: a time counts for nothing if the result is another.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
AS_OF = date(2027, 3, 1)
GRADES = HERE.parent / "mappings" / "crosswalks" / "grades.csv"
RATES = {
    "odd_names": 0.08, "middle_names": 0.3, "deleted_users": 0.005, "emails_missing": 0.01,
    "emails_null": 0.002, "dual_enrolled": 0.005, "guardians": 0.1, "shared_staff": 0.02,
    "deleted_classes": 0.002, "co_taught_classes": 0.3, "crowded_classes": 0.005,
    "deleted_enrollments": 0.01, "dated_enrollments": 0.3, "returned_enrollments": 0.0005,
}  # fmt: skip
"""What is odd in the district; nothing on which a script and a flow could be of two minds."""

Stages = dict[str, float]


# ---------------------------------------------------------------- contestants


def engine(data: Path, out: Path) -> Stages:
    """The stages of a run, from the CSV files to the zip, without source, sink and history."""
    stages: Stages = {}
    with timed(stages, "import"):
        from etlrunner import check as checks
        from etlrunner import extract, package, registry
        from etlrunner.config import validate
        from etlrunner.config.project import Project
        from etlrunner.lib.clock import SystemClock
        from etlrunner.mapping import apply
        from etlrunner.model.components import Component
        from etlrunner.model.flow import Flow
        from etlrunner.model.surroundings import SilentProgress
        from etlrunner.sources import oneroster_csv
        from etlrunner.target import APPLE_SCHOOL_MANAGER
    clock, progress = SystemClock(), SilentProgress()
    with timed(stages, "read mapping"):
        mapping = validate.read_mapping_set(Project(HERE.parent), "apple-school-manager")
        flow = Flow("benchmark", data, Component("", {}), Component("", {}), mapping)
    with (
        timed(stages, "freeze"),
        oneroster_csv.connect({"path": data}, clock=clock, progress=progress) as connection,
    ):
        needed = apply.tables_needed(mapping)
        raw = extract.extract(connection, needed, out, clock=clock, progress=progress)
    with timed(stages, "map"):
        finished = apply.map_tables(
            flow,
            {name: one.path for name, one in raw.items()},
            out,
            as_of=AS_OF,
            resolve=partial(registry.component, "transforms"),
            progress=progress,
        )
    with timed(stages, "check"):
        modules = [registry.component("checks", name) for name in registry.CHECKS]
        found = checks.check(
            flow, APPLE_SCHOOL_MANAGER, finished, out, modules=modules, progress=progress
        )
    with timed(stages, "package"):
        paths = {name: one.path for name, one in found.finished.items()}
        package.package(APPLE_SCHOOL_MANAGER, paths, out / "roster.zip")
    return stages


def script(name: str, data: Path, out: Path) -> Stages:
    stages: Stages = {}
    with timed(stages, "import"):
        module = import_module(f"rivals.{name}")
    with timed(stages, "all"):
        module.main(data, GRADES, out / "roster.zip", AS_OF)
    return stages


CONTESTANTS: dict[str, Callable[[Path, Path], Stages]] = {
    "engine": engine,
    "polars": partial(script, "polars_script"),
    "python": partial(script, "plain_python"),
    "petl": partial(script, "petl_script"),
}


@contextmanager
def timed(stages: Stages, name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    stages[name] = round(time.perf_counter() - start, 3)


# ---------------------------------------------------------------- one run


def district(students: int) -> Path:
    """The district's CSV files, made once."""
    folder = HERE / "data" / f"district-{students}"
    if not (folder / "enrollments.csv").exists():
        from etlrunner.sandbox.district import District

        print(f"inventing a district of {students:,} students …", file=sys.stderr)
        folder.mkdir(parents=True, exist_ok=True)
        District(students, 1, AS_OF, clean=True, rates=RATES).write_csv(folder)
    return folder


def measured(name: str, data: Path, out: Path) -> dict[str, Any]:
    """Run one contestant in a fresh process: its stages, the time from start to end, its peak memory."""
    command = [sys.executable, __file__, "--work", name, str(data), str(out)]
    start = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, **json.loads(done.stdout.splitlines()[-1])}


def work(name: str, data: Path, out: Path) -> None:
    stages = CONTESTANTS[name](data, out)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu = usage.ru_utime + usage.ru_stime
    print(json.dumps({"stages": stages, "peak_mb": round(peak_mb()), "cpu": cpu}))


def peak_mb() -> float:
    """Of this program alone: what `getrusage` says may be the parent's peak, from before the exec."""
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+)", status.read_text())
        if found:
            return int(found[1]) / 1024
    scale = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


def rows(path: Path) -> dict[str, list[bytes]]:
    with zipfile.ZipFile(path) as archive:
        return {
            name: sorted(archive.read(name).splitlines()) for name in sorted(archive.namelist())
        }


def compare(ours: Path, theirs: Path) -> str:
    mine, other = rows(ours), rows(theirs)
    differing = [name for name in mine if mine[name] != other.get(name)]
    return f"differs in {', '.join(differing)}" if differing else "the same rows"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--students", type=int, default=200_000)
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    parser.add_argument("--times", type=int, default=3)
    asked = parser.parse_args()
    data = district(asked.students)
    with tempfile.TemporaryDirectory(prefix="roster-to-zip-") as scratch:
        best = {name: race(name, data, Path(scratch) / name, asked.times) for name in asked.only}
        print(report(best, Path(scratch)))


def race(name: str, data: Path, folder: Path, times: int) -> dict[str, Any]:
    runs = []
    for number in range(times):
        out = folder / str(number)
        out.mkdir(parents=True)
        runs.append({**measured(name, data, out), "zip": out / "roster.zip"})
    return min(runs, key=lambda run: run["seconds"])


def report(best: dict[str, Any], scratch: Path) -> str:
    lines = [f"{'':10}{'seconds':>9}{'cpu s':>7}{'× polars':>10}{'peak MB':>9}  result, stages"]
    base = best.get("polars", {}).get("seconds")
    for name, run in best.items():
        ratio = f"{run['seconds'] / base:.1f}" if base else "–"
        stages = ", ".join(f"{stage} {seconds:.2f}" for stage, seconds in run["stages"].items())
        result = "–"
        if name != "engine" and "engine" in best and run["zip"].exists():
            result = compare(best["engine"]["zip"], run["zip"])
        lines.append(
            f"{name:10}{run['seconds']:9.2f}{run['cpu']:7.1f}{ratio:>10}{run['peak_mb']:9}  {result}; {stages}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    else:
        main()
