"""Run records as JSON text, and back: what they count here, identifiers apart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, date, datetime
from typing import Any

from etlrunner.lib import plain
from etlrunner.model.delivery import Delivery, Receipt
from etlrunner.model.run import RunRecord
from etlrunner.model.tables import Counts, StepCounts

_KNOWN = tuple(field.name for field in fields(RunRecord))
IDENTIFIERS = frozenset(
    field.name for field in fields(RunRecord) if "identifiers" in field.metadata
)
"""The fields that the history does not keep."""


def to_text(record: RunRecord) -> str:
    """The record as one JSON document."""
    return json.dumps(counts_of(record), ensure_ascii=True, separators=(",", ":"))


def counts_of(record: RunRecord) -> dict[str, Any]:
    """The record as plain data, without the identifiers in it."""
    return {name: plain.of(getattr(record, name)) for name in _KNOWN if name not in IDENTIFIERS}


def identifiers_of(record: RunRecord) -> dict[str, Any]:
    """Those fields that the history does not keep."""
    return {name: plain.of(getattr(record, name)) for name in _KNOWN if name in IDENTIFIERS}


def from_text(text: str) -> RunRecord:
    """The record again; fields that this version does not know are left out."""
    values: dict[str, Any] = {
        name: value for name, value in json.loads(text).items() if name in _KNOWN
    }
    values["started"] = datetime.fromisoformat(values["started"])
    if values.get("ended"):
        values["ended"] = datetime.fromisoformat(values["ended"])
    if values.get("scheduled_date"):
        values["scheduled_date"] = date.fromisoformat(values["scheduled_date"])
    values["counts"] = {name: _counts(each) for name, each in values.get("counts", {}).items()}
    values["changes"] = {name: tuple(each) for name, each in values.get("changes", {}).items()}
    values["holds"] = tuple(values.get("holds", ()))
    values["held_by"] = tuple(values.get("held_by", ()))
    values["sizes"] = {name: tuple(each) for name, each in values.get("sizes", {}).items()}
    if values.get("delivery"):
        values["delivery"] = Delivery(**_known(Delivery, values["delivery"]))
    if values.get("receipt"):
        values["receipt"] = _receipt(values["receipt"])
    return RunRecord(**values)


def identifiers_from(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `identifiers_of` again, of which this version knows the names."""
    known = {name: value for name, value in values.items() if name in IDENTIFIERS}
    if "held_at" in known:
        known["held_at"] = tuple(known["held_at"])
    if "sizes" in known:
        known["sizes"] = {name: tuple(each) for name, each in known["sizes"].items()}
    return known


def stamp(moment: datetime) -> str:
    """A time as text that sorts as the times do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _counts(values: Mapping[str, Any]) -> Counts:
    return Counts(
        **{**values, "steps": tuple(StepCounts(**one) for one in values.get("steps", ()))}
    )


def _receipt(values: Mapping[str, Any]) -> Receipt:
    kept = _known(Receipt, values)
    return Receipt(**{**kept, "sent_at": datetime.fromisoformat(kept["sent_at"])})


def _known(kind: type[Receipt] | type[Delivery], values: Mapping[str, Any]) -> dict[str, Any]:
    known = {field.name for field in fields(kind)}
    return {name: value for name, value in values.items() if name in known}
