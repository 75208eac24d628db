"""What the long sweeps found, recorded by them and shown in docs/reliability.md."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "docs" / "sweeps.json"


def record(name: str, *, cases: int, violations: int, found: str, **seen: int) -> None:
    """Note the outcome of a sweep: how many cases, what was held against them, how they ended."""
    known = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    known[name] = {
        "date": datetime.now(UTC).date().isoformat(),
        "cases": cases,
        "violations": violations,
        "held against": found,
        "ended": dict(sorted(seen.items())),
    }
    text = json.dumps(dict(sorted(known.items())), indent=2, ensure_ascii=False) + "\n"
    FILE.write_text(text, encoding="utf-8")


def table() -> str:
    """The recorded results as they stand in the page."""
    known = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    lines = [
        "| sweep | cases | violations | what has to be true after each | how the runs ended | recorded |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, one in known.items():
        ended = ", ".join(f"{what}: {count:,}" for what, count in one["ended"].items())
        lines.append(
            f"| {name} | {one['cases']:,} | {one['violations']} | {one['held against']} | {ended} |"
            f" {one['date']} |"
        )
    return "\n".join(lines) + "\n"
