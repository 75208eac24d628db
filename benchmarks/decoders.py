"""Which JSON decoder: the same page through json, orjson and msgspec, in one run.

    python benchmarks/decoders.py [--rows 1000] [--times 40]

`frame` is what a pull needs: the wanted columns of each record, the same frame from all of them, which is
compared. `whole` builds everything. `twice` is the check that no object says a wanted key twice, which only
json can do by itself. `by layout` is what a pull does from a table's third page on: one pass that takes nothing but
pages that look like the earlier ones, with a count of quotes in the place of `twice`. Times are CPU time of this
thread, of the best of `--times`; orjson is optional: pip install 'etlrunner[benchmarks]'.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import msgspec
import polars as pl

from benchmarks.enrollment_server import page
from etlrunner.lib import columns, repeated_keys
from etlrunner.lib.records import TableReader
from etlrunner.sources import definition
from etlrunner.table import schema_of

FIELDS = ("sourcedId", "status", "role", "primary", "beginDate", "endDate")
REFERENCES = ("user", "class", "school")


def picked(records: list[dict[str, Any]]) -> pl.DataFrame:
    """The wanted columns, from dicts."""
    cells = {name: [record.get(name) for record in records] for name in FIELDS}
    for name in REFERENCES:
        cells[f"{name}SourcedId"] = [
            (record.get(name) or {}).get("sourcedId") for record in records
        ]
    return columns.raw(cells, (), len(records))


def refusing(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key twice")
    return made


def contestants(body: bytes) -> Iterator[tuple[str, str, Callable[[], Any]]]:
    spec = definition.read("oneroster-1.1").tables["enrollments"]
    wanted = {name: spec.fields[name] for name in (*FIELDS, *(f"{n}SourcedId" for n in REFERENCES))}
    reader = TableReader("enrollments", wanted, spec.wrappers, schema_of(list(wanted)))
    for _ in range(2):
        reader.decode(body)  # it learns from the second page
    yield "json", "whole", lambda: json.loads(body)
    yield "json", "frame", lambda: picked(json.loads(body)["enrollments"])
    yield "json", "twice", lambda: json.loads(body, object_pairs_hook=refusing)
    try:
        import orjson
    except ImportError:
        print("orjson is not installed and not compared")
    else:
        yield "orjson", "whole", lambda: orjson.loads(body)
        yield "orjson", "frame", lambda: picked(orjson.loads(body)["enrollments"])
    yield "msgspec", "whole", lambda: msgspec.json.decode(body)
    yield "msgspec", "frame", lambda: picked(msgspec.json.decode(body)["enrollments"])
    yield "msgspec, typed", "frame", lambda: reader.raw(reader._decode(body))
    yield "msgspec", "twice", lambda: repeated_keys.repeated(body, {"sourcedId"})
    yield "by layout", "frame", lambda: reader.raw(reader._layout.read(body) or [])


def best(action: Callable[[], Any], times: int) -> float:
    """Milliseconds of CPU."""
    found = []
    for _ in range(times):
        began = time.thread_time()
        action()
        found.append(time.thread_time() - began)
    return min(found) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--times", type=int, default=40)
    given = parser.parse_args()
    body = page(0, given.rows)
    print(f"a page of {given.rows} enrollments, {len(body) / 1024:.0f} KiB; ms of CPU per page")
    frames: list[pl.DataFrame] = []
    for name, what, action in contestants(body):
        if what == "frame":
            frames.append(action())
            assert frames[-1].equals(frames[0]), f"{name} reads another frame than the first"
        print(f"{name:<16} {what:<6} {best(action, given.times):>7.2f}")


if __name__ == "__main__":
    main()
