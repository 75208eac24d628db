"""The schools of a run, and which of them a record belongs to.

A row that is sent says it by its location ids, one that is not by the source's orgs. A roster row belongs to
the school of its class, a person to every school that the person has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from etlrunner import table
from etlrunner.table import ROW

Row = Mapping[str, Any]


@dataclass
class Schools:
    """Names of the schools that take part, and the ways from a record to them."""

    names: dict[str, str] = field(default_factory=dict)
    """Location id -> name."""
    by_org: dict[str, str] = field(default_factory=dict)
    """The source's id of a school that takes part -> location id."""
    org_names: dict[str, str] = field(default_factory=dict)
    classes: Path | None = None
    raw_classes: Path | None = None
    at_class: dict[str, str] = field(default_factory=dict)
    """Class of the delivery -> location id."""
    at_raw_class: dict[str, str] = field(default_factory=dict)
    """Class of the source -> org."""

    @classmethod
    def read(
        cls,
        finished: Mapping[str, Path],
        raw: Mapping[str, Path],
        sources: Mapping[str, str],
        fates: Mapping[str, Path],
        rejecting: Sequence[int],
    ) -> Schools:
        """A school takes part that is sent, or whose fate is one of `rejecting`: it should be sent."""
        sent = pl.scan_parquet(finished["locations"]).select("location_id", "location_name")
        names = dict(table.collect(sent).iter_rows())
        made = cls(names, classes=finished.get("classes"), raw_classes=raw.get("classes"))
        if "orgs" not in raw or sources.get("locations") != "orgs":
            made.by_org = {one: one for one in names}
            return made
        there = pl.scan_parquet(raw["orgs"])
        named = "name" if "name" in there.collect_schema().names() else "sourcedId"
        number = pl.col(ROW).cast(pl.UInt32)
        orgs = table.collect(there.select(number, "sourcedId", pl.col(named).alias("_name")))
        found = pl.scan_parquet(fates["locations"])
        taking = table.collect(found.filter(pl.col("fate").is_in([0, *rejecting])))
        taking = taking.filter(pl.col("key") != "").with_columns(number)
        both = taking.join(orgs, on=ROW, maintain_order="left")
        for key, org, name in both.select("key", "sourcedId", "_name").iter_rows():
            made.by_org[org] = key
            made.names.setdefault(key, name)
        made.org_names = dict(orgs.select("sourcedId", "_name").iter_rows())
        return made

    def learn(self, rosters: Iterable[Row]) -> None:
        """Look up the classes that these roster rows are of."""
        wanted = sorted(
            {str(row.get(c, "")) for row in rosters for c in ("class_id", "classSourcedId")}
        )
        if self.classes is not None:
            self.at_class |= _pairs(self.classes, "class_id", "location_id", wanted)
        if self.raw_classes is not None:
            self.at_raw_class |= _pairs(self.raw_classes, "sourcedId", "schoolSourcedId", wanted)

    def of(self, name: str, cells: Row, record: Row) -> tuple[str, ...]:
        """The location ids of a record, each once; none where its school is not known."""
        found = [one for one in self._of_cells(name, cells) if one in self.names]
        found = found or [
            self.by_org[one] for one in self._of_record(name, record) if one in self.by_org
        ]
        return tuple(dict.fromkeys(found))

    def _of_cells(self, name: str, cells: Row) -> list[str]:
        if name == "rosters":
            return [self.at_class.get(str(cells.get("class_id", "")), "")]
        return [str(cells[one]) for one in cells if one.startswith("location_id")]

    def _of_record(self, name: str, record: Row) -> list[str]:
        if name == "locations":
            return [str(record.get("sourcedId", ""))]
        if "orgSourcedIds" in record:
            return list(record["orgSourcedIds"])
        if "classSourcedId" in record:
            own = str(record.get("schoolSourcedId", ""))
            return [self.at_raw_class.get(str(record["classSourcedId"]), own)]
        return [str(record[one]) for one in ("schoolSourcedId", "orgSourcedId") if record.get(one)]


def _pairs(path: Path, key: str, value: str, wanted: Sequence[str]) -> dict[str, str]:
    frame = pl.scan_parquet(path).filter(pl.col(key).is_in(wanted)).select(key, value)
    return dict(table.collect(frame.unique(key, keep="first", maintain_order=True)).iter_rows())
