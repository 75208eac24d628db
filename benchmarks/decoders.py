"""Which JSON decoder: the same page through json, orjson and msgspec, in one run.

    python benchmarks/decoders.py [--rows 1000] [--times 40]

`read` is what a pull needs: the wanted fields of each record. `whole` builds everything. `twice` is the
check that no object says a wanted key twice, which only json can do by itself. Times are CPU time of the
best of `--times`; orjson is optional: pip install 'etlrunner[benchmarks]'.
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

from benchmarks.enrollment_server import page
from etlrunner.lib import repeated_keys
from etlrunner.lib.records import TableReader
from etlrunner.sources import definition
from etlrunner.table import schema_of

FIELDS = ("sourcedId", "status", "role", "primary", "beginDate", "endDate")
REFERENCES = ("user", "class", "school")


def picked(records: list[dict[str, Any]]) -> list[list[Any]]:
    """The wanted columns, from dicts."""
    plain = [[record.get(name) for record in records] for name in FIELDS]
    refs = [
        [(record.get(name) or {}).get("sourcedId") for record in records] for name in REFERENCES
    ]
    return plain + refs


def refusing(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key twice")
    return made


def contestants(body: bytes) -> Iterator[tuple[str, str, Callable[[], Any]]]:
    spec = definition.read("oneroster-1.1").tables["enrollments"]
    reader = TableReader("enrollments", spec.fields, spec.wrappers, schema_of(list(spec.fields)))
    names = set(reader.names)
    yield "json", "whole", lambda: json.loads(body)
    yield "json", "read", lambda: picked(json.loads(body)["enrollments"])
    yield "json", "twice", lambda: json.loads(body, object_pairs_hook=refusing)
    try:
        import orjson
    except ImportError:
        print("orjson is not installed and not compared")
    else:
        yield "orjson", "whole", lambda: orjson.loads(body)
        yield "orjson", "read", lambda: picked(orjson.loads(body)["enrollments"])
    yield "msgspec", "whole", lambda: msgspec.json.decode(body)
    yield "msgspec", "read", lambda: picked(msgspec.json.decode(body)["enrollments"])
    yield "msgspec, typed", "read", lambda: reader.frame(reader._decode(body))
    yield "msgspec", "twice", lambda: repeated_keys.repeated(body, names)


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
    for name, what, action in contestants(body):
        print(f"{name:<16} {what:<6} {best(action, given.times):>7.2f}")


if __name__ == "__main__":
    main()
