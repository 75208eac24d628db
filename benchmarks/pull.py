"""How close a pull comes to what the server's latency allows, and to dlt's rest_api source doing the same.

    python benchmarks/pull.py [--rows 1400000] [--latency 0 50 200] [--concurrency 1 4 8] [--without-dlt]

A server in a process of its own waits so many milliseconds before each page of enrollments. The ideal is
pages x latency / concurrency; what is missing from it is the first page, which comes alone because it
states the total, and our own work: reading, checking, decoding, freezing. dlt reads the pages one after
the other; it only extracts here (its fastest stage), neither normalising nor loading. It is optional:
pip install 'etlrunner[benchmarks]'. Both run in processes of their own, so that peaks are their own.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.enrollment_server import ROOT, Server

PAGE = 1000


def etlrunner(port: int, rows: int, concurrency: int) -> int:
    """The records that our own pull brings."""
    from etlrunner.extract import extract
    from etlrunner.lib.clock import SystemClock
    from etlrunner.model.secrets import Secret
    from etlrunner.model.surroundings import SilentProgress
    from etlrunner.sources import rest

    options = {
        "type": "oneroster", "oneroster": "1.1", "domain": f"127.0.0.1:{port}", "allow_http": True,
        "key": Secret("k"), "secret": Secret("s"), "page_size": PAGE, "concurrency": concurrency,
    }  # fmt: skip
    clock, progress = SystemClock(), SilentProgress()
    with (
        tempfile.TemporaryDirectory() as folder,
        rest.connect(options, clock=clock, progress=progress) as connection,
    ):
        raw = extract(connection, ["enrollments"], Path(folder), clock=clock, progress=progress)
        return raw["enrollments"].rows


def dlt(port: int, rows: int, concurrency: int) -> int:
    """The records that dlt extracts; it has no pages side by side."""
    os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"}
    import dlt as tool
    from dlt.sources.rest_api import rest_api_source

    paginator = {
        "type": "offset", "limit": PAGE, "offset": 0, "total_path": None, "maximum_offset": rows,
        "stop_after_empty_page": False,
    }  # fmt: skip
    resource_: Any = {
        "name": "enrollments",
        "endpoint": {"path": "enrollments", "data_selector": "enrollments", "paginator": paginator},
    }
    source = rest_api_source(
        {
            "client": {
                "base_url": f"http://127.0.0.1:{port}{ROOT}/",
                "auth": {"type": "bearer", "token": "t"},
            },
            "resources": [resource_],
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        pipeline = tool.pipeline("pull", pipelines_dir=folder, destination="filesystem")
        pipeline.extract(source)
        [name] = pipeline.list_extracted_load_packages()
        metrics = pipeline.last_trace.last_extract_info.metrics[name][0]
        return int(metrics["table_metrics"]["enrollments"].items_count)


PULLS = {"etlrunner": etlrunner, "dlt": dlt}


def one(name: str, port: int, rows: int, concurrency: int) -> None:
    """In a process of its own: what one pull took, as JSON."""
    with Server(PAGE, 0) as small:
        PULLS[name](small, PAGE, 1)  # imports and first steps do not count
    began, worked = time.perf_counter(), time.process_time()
    came = PULLS[name](port, rows, concurrency)
    took, work = time.perf_counter() - began, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"took": took, "work": work, "rows": came, "peak": peak}))


def measured(name: str, port: int, rows: int, concurrency: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--one", name, str(port), str(rows), str(concurrency)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def show(name: str, rows: int, latency: float, concurrency: int, found: dict[str, float]) -> None:
    ideal = rows / PAGE * latency / concurrency
    of_ideal = f"{ideal / found['took']:.0%}" if ideal else ""
    assert found["rows"] >= rows, f"{name} brought {found['rows']} of {rows}"
    print(
        f"{latency * 1000:>6.0f} {concurrency:>11} {name:<10} {ideal:>8.2f} {found['took']:>8.2f} "
        f"{of_ideal:>8} {found['work']:>7.2f} {found['peak']:>8.0f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_400_000)
    parser.add_argument(
        "--latency", type=float, nargs="+", default=[0, 50, 200], help="ms per page"
    )
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4, 8])
    parser.add_argument("--without-dlt", action="store_true")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        name, port, rows, concurrency = given.one
        one(name, int(port), int(rows), int(concurrency))
        return
    has_dlt = importlib.util.find_spec("dlt") is not None and not given.without_dlt
    print(f"{given.rows:,} enrollments in pages of {PAGE}")
    print("    ms concurrency what        ideal s   took s of ideal   CPU s  peak MB")
    for latency in given.latency:
        with Server(given.rows, latency / 1000) as port:
            for concurrency in given.concurrency:
                found = measured("etlrunner", port, given.rows, concurrency)
                show("etlrunner", given.rows, latency / 1000, concurrency, found)
            if has_dlt:
                show("dlt", given.rows, latency / 1000, 1, measured("dlt", port, given.rows, 1))
    if not has_dlt:
        print("dlt was not compared with: pip install 'etlrunner[benchmarks]'")


if __name__ == "__main__":
    main()
