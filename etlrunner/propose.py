"""A crosswalk for a district whose SIS has new ids, written beside a held run for a person to review.

The files have the form that a flow's `crosswalks` takes, so that a review ends with a copy and a commit.
They hold identifiers and the columns by which two rows were found to be the same one, never a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from etlrunner import table
from etlrunner.lib import excel, files
from etlrunner.mapping import crosswalk
from etlrunner.model.flow import Flow

ROSTER = {
    "students": "users",
    "staff": "users",
    "classes": "classes",
    "courses": "courses",
    "locations": "orgs",
}
"""Target table -> the table of the roster whose ids its own are."""

Tables = Mapping[str, Path]


def propose(
    flow: Flow, pairs: Mapping[str, pl.DataFrame], raw: Tables, folder: Path
) -> dict[str, Path]:
    """Write `<flow>-<table>.csv` below `folder` for each table that has new ids; return them by table.

    `pairs` are the ids that look like others of the last delivery (`compare.Comparison.crosswalks`).

    A file has the lines of the crosswalk in use, too: it takes that one's place. Ids that the mapping
    does not take over as they are in the roster cannot be proposed, and are left out; so are those with
    a character that nobody can see, which no crosswalk may have.
    """
    found: dict[str, dict[str, tuple[str, str]]] = {}
    schools = _new_to_old(pairs.get("locations"))
    for name, rows in pairs.items():
        if ROSTER[name] not in raw:
            continue  # the mapping makes these rows from another table: their ids are its own
        known = _ids(raw, flow, ROSTER[name])
        for old, new, by in _as_in_the_roster(name, rows, known, schools):
            if not (excel.hidden(known[new]) or excel.hidden(old)):
                found.setdefault(ROSTER[name], {})[known[new]] = (old, by)
    made = {}
    for name, lines in found.items():
        used = crosswalk.read(flow.crosswalks[name]) if name in flow.crosswalks else {}
        again = {old for old, _ in lines.values()}  # an older id of the same one has had its day
        whole = {new: (old, "in use") for new, old in used.items() if old not in again} | lines
        path = folder / f"{flow.name}-{name}.csv"
        text = "".join(
            f"{_cell(new)},{_cell(old)},{by}\n" for new, (old, by) in sorted(whole.items())
        )
        files.private_folder(folder)
        files.write_private(path, f"{crosswalk.ON},{crosswalk.TAKE},matched_by\n{text}")
        made[name] = path
    return made


def _ids(raw: Tables, flow: Flow, name: str) -> dict[str, str]:
    """Each id of the roster as the mapping sees it -> as the SIS has it."""
    ids = table.collect(table.scan(raw[name]).frame.select("sourcedId"))["sourcedId"].to_list()
    used = crosswalk.read(flow.crosswalks[name]) if name in flow.crosswalks else {}
    return {used.get(each, each): each for each in ids}


def _as_in_the_roster(
    name: str, rows: pl.DataFrame, known: Mapping[str, str], schools: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    """The pairs as ids of the roster; a district's course is `id-school` at Apple, on both sides."""
    for old, new, by in rows.iter_rows():
        if new in known:
            yield old, new, by
        elif name == "courses":
            for stem, school in _splits(new):
                then = f"-{schools.get(school, school)}"
                if stem in known and old.endswith(then):
                    yield old.removesuffix(then), stem, by


def _splits(id: str) -> Iterator[tuple[str, str]]:
    """`a-b-c` as a, b-c and as a-b, c: ids have hyphens of their own."""
    parts = id.split("-")
    for place in range(1, len(parts)):
        yield "-".join(parts[:place]), "-".join(parts[place:])


def _new_to_old(pairs: pl.DataFrame | None) -> dict[str, str]:
    return {} if pairs is None else dict(pairs.select("new", "old").iter_rows())


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\r\n') else text
